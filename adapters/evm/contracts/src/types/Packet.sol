// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// What one application says to another.
/// @param sourcePort The sending application's port.
/// @param destPort The receiving application's port.
/// @param version The application's version of the value's meaning.
/// @param encoding How the value is written.
/// @param value The application's bytes; not empty.
struct Payload {
    string sourcePort;
    string destPort;
    string version;
    string encoding;
    bytes value;
}

/// The members of a payload that are not its value.
enum PayloadField {
    SourcePort,
    DestPort,
    Version,
    Encoding
}

/// An IBC v2 packet. Its commitment leaves out `sequence` and `sourceClient`: the path under which it lies binds them.
/// Source: ibc-go v10.3.0, modules/core/04-channel/v2/types/packet.go.
/// @param sequence From 1, counted for each source client.
/// @param sourceClient The id of the destination's client on the source chain.
/// @param destClient The id of the source's client on the destination chain.
/// @param timeoutTimestamp Seconds since 1970 on the destination chain; the packet is received strictly before it.
/// @param payloads Exactly one.
struct Packet {
    uint64 sequence;
    string sourceClient;
    string destClient;
    uint64 timeoutTimestamp;
    Payload[] payloads;
}

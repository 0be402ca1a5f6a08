//! Packets, acknowledgements and paths as ibc-go v10.3.0 computes them, byte for byte.
//!
//! `vectors/ibc-v2/packets_and_acknowledgements.json` was computed by ibc-go itself; its `origin` says by which modules.

use light_client::{
    ClientId, Packet, PacketError, Payload, Sequence, acknowledgement_commitment, acknowledgement_path,
    commitment_path, error_acknowledgement, receipt_path,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Cases that ibc-go refuses for the form of a port's name. Here the Router decides that, when a port is bound.
const REFUSED_FOR_THEIR_PORTS: [&str; 3] = ["ports_swapped_left", "ports_swapped_right", "utf8_version"];

fn vectors() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/ibc-v2/packets_and_acknowledgements.json");
    serde_json::from_slice(&fs::read(file).expect("the vectors are there")).expect("the vectors are JSON")
}

fn cases(vectors: &Value, kind: &str) -> Vec<Value> {
    vectors[kind].as_array().expect("a list of cases").clone()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_else(|| panic!("{field} of {case} is a text"))
}

fn number(case: &Value, field: &str) -> u64 {
    text(case, field).parse().expect("a decimal number")
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).expect("hex digits")
}

fn packet(case: &Value) -> Packet {
    let payload = |payload: &Value| Payload {
        source_port: text(payload, "source_port").to_owned(),
        destination_port: text(payload, "destination_port").to_owned(),
        version: text(payload, "version").to_owned(),
        encoding: text(payload, "encoding").to_owned(),
        value: bytes(payload, "value"),
    };
    let client = |field| -> ClientId { text(case, field).parse().expect("a client id") };
    Packet {
        sequence: Sequence::try_from(number(case, "sequence")).expect("a sequence"),
        source_client: client("source_client"),
        destination_client: client("destination_client"),
        timeout_seconds: number(case, "timeout_timestamp"),
        payloads: cases(case, "payloads").iter().map(payload).collect(),
    }
}

#[test]
fn commitments_and_paths_are_those_of_ibc_go() {
    let cases = cases(&vectors(), "packets");
    assert_eq!(cases.len(), 18);
    let mut commitments = BTreeSet::new();
    for case in &cases {
        let (name, packet) = (text(case, "name"), packet(case));
        assert_eq!(packet.commitment().as_bytes().as_slice(), bytes(case, "commitment"), "{name}");
        let paths = [
            ("commitment_path", commitment_path(&packet.source_client, packet.sequence)),
            ("receipt_path", receipt_path(&packet.destination_client, packet.sequence)),
            ("acknowledgement_path", acknowledgement_path(&packet.destination_client, packet.sequence)),
        ];
        for (field, path) in paths {
            assert_eq!(path.as_bytes(), bytes(case, field), "{field} of {name}");
        }
        assert!(commitments.insert(packet.commitment()), "{name} has the commitment of another case");
    }
}

#[test]
fn every_part_of_a_packet_is_in_its_commitment_or_its_path() {
    let vectors = vectors();
    let original = packet(&cases(&vectors, "packets")[0]);
    type Change = fn(&mut Packet);
    let changes: [(&str, Change); 7] = [
        ("destination client", |packet| packet.destination_client = "07-tendermint-2".parse().expect("a client id")),
        ("timeout", |packet| packet.timeout_seconds += 1),
        ("source port", |packet| packet.payloads[0].source_port.push('x')),
        ("destination port", |packet| packet.payloads[0].destination_port.push('x')),
        ("version", |packet| packet.payloads[0].version.push('x')),
        ("encoding", |packet| packet.payloads[0].encoding.push('x')),
        ("value", |packet| packet.payloads[0].value[0] ^= 1),
    ];
    for (part, change) in changes {
        let mut changed = original.clone();
        change(&mut changed);
        assert_ne!(changed.commitment(), original.commitment(), "{part}");
    }
    // Sequence and source client are the path's.
    let path = commitment_path(&original.source_client, original.sequence);
    let next = original.sequence.next().expect("a next one");
    assert_ne!(commitment_path(&original.source_client, next), path);
    assert_ne!(commitment_path(&original.destination_client, original.sequence), path);
}

#[test]
fn what_ibc_go_refuses_is_refused() {
    for case in cases(&vectors(), "packets") {
        let (name, verdict) = (text(&case, "name"), packet(&case).validate());
        match text(&case, "ibc_go_validation") {
            "ok" => assert_eq!(verdict, Ok(()), "{name}"),
            _ if REFUSED_FOR_THEIR_PORTS.contains(&name) => assert_eq!(verdict, Ok(()), "{name}"),
            reason => {
                let found = match verdict.expect_err(name) {
                    PacketError::PayloadCount { .. } => "payloads must contain exactly one",
                    PacketError::EmptyValue => "payload value cannot be empty",
                    PacketError::Blank { field: "version", .. } => "payload version cannot be empty",
                    PacketError::ZeroTimeout => "packet timeout timestamp cannot be 0",
                    other => panic!("{name}: {other}"),
                };
                assert!(reason.contains(found), "{name}: ibc-go says {reason}, here it is: {found}");
            }
        }
    }
}

#[test]
fn acknowledgements_are_those_of_ibc_go() {
    let vectors = vectors();
    assert_eq!(error_acknowledgement().as_slice(), bytes(&vectors, "error_acknowledgement"));
    let cases = cases(&vectors, "acknowledgements");
    assert_eq!(cases.len(), 9);
    for case in &cases {
        let parts: Vec<Vec<u8>> = case["app_acknowledgements"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|part| hex::decode(part.as_str().expect("a text")).expect("hex digits"))
            .collect();
        let (name, commitment) = (text(case, "name"), acknowledgement_commitment(&parts));
        assert_eq!(commitment.as_bytes().as_slice(), bytes(case, "commitment"), "{name}");
        if let Some(success) = case["success"].as_bool() {
            assert_eq!(success, parts[0] != error_acknowledgement(), "{name}");
        }
    }
}

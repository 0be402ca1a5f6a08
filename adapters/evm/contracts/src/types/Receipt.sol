// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Where a receipt descends from. Identifiers are opaque once born. Source: protocol `wr-1`, CROSS.
/// @param homeRef chainRef of the home chain.
/// @param uid This receipt.
/// @param rootUid Its first ancestor at home; `uid` itself when it was never split.
/// @param parentUid The receipt that it was split from; 0 for a root.
struct Lineage {
    bytes32 homeRef;
    bytes32 uid;
    bytes32 rootUid;
    bytes32 parentUid;
}

/// What changes only by an amending or endorsing verb.
/// @param custodianId The warehouse, as named in its admission.
/// @param slot Fungibility class, opaque.
/// @param unit Code of the unit of measure, left-aligned.
/// @param lossBps Natural loss allowed, in hundredths of a percent.
/// @param suite Hash suite of the document tree.
/// @param policy Policy bits.
/// @param issuedAt Seconds since 1970.
/// @param storageUntil Seconds since 1970; 0 when no end is agreed.
/// @param depth Splits between the root and this receipt.
/// @param docVersion Version of the document.
/// @param docRoot Root of the document's field tree.
/// @param rootsDigest Digest of the roots under every suite.
/// @param endorseHead Head of the chain of endorsements; 0 when there is none.
struct Facts {
    bytes32 custodianId;
    bytes32 slot;
    bytes4 unit;
    uint16 lossBps;
    uint8 suite;
    uint32 policy;
    uint64 issuedAt;
    uint64 storageUntil;
    uint16 depth;
    uint64 docVersion;
    bytes32 docRoot;
    bytes32 rootsDigest;
    bytes32 endorseHead;
}

/// What lies behind the record's content hash: SHA-256 of these 17 words. Injective: every member is one word.
struct Content {
    Lineage lineage;
    Facts facts;
}

/// An account on some chain.
/// @param kind 1 EVM, 2 Cosmos (20 bytes), 3 Cosmos (32 bytes), 4 BIF, 5 Fabric, 6 ChainMaker.
/// @param id Left-aligned and zero-padded; its length follows from the kind.
struct Account {
    uint8 kind;
    bytes32 id;
}

/// The fixed part of a CROSS body, in the order of the protocol: 24 words.
/// @param epoch Of this crossing.
/// @param nonce Verbs done on the receipt so far; a crossing is counted by the epoch and not here.
/// @param quantity Integer base units of `facts.unit`.
/// @param beneficiary Title, on the destination chain.
/// @param holder Control, on the destination chain.
struct Cross {
    Lineage lineage;
    uint64 epoch;
    uint64 nonce;
    uint128 quantity;
    Facts facts;
    Account beneficiary;
    Account holder;
}

/// What a record says of a crossing that begins.
/// @param epoch Of the crossing.
/// @param nonce Verbs done so far.
/// @param quantity Base units.
/// @param beneficiary Who has title here.
/// @param lane The bridge's number of the lane.
struct Departure {
    uint64 epoch;
    uint64 nonce;
    uint128 quantity;
    address beneficiary;
    uint32 lane;
}

/// Where a receipt is, as this chain knows it. A home record is Active, LockPending, Remote or Redeemed; a foreign one Live,
/// ReturnPending or Gone. It is live here when Active or Live.
enum Location {
    None,
    Active,
    LockPending,
    Remote,
    Live,
    ReturnPending,
    Gone,
    Redeemed
}

/// A stored receipt, unpacked. Three slots are in use while the beneficiary holds and nothing encumbers, five at most:
/// [contentHash] [nonce 64 | epoch 64 | quantity 128] [states 96 | beneficiary 160] [holder, 0 when the beneficiary holds] [encHash].
/// @param contentHash SHA-256 of `Content`.
/// @param quantity Integer base units.
/// @param epoch Crossings attempted so far.
/// @param nonce Verbs done so far.
/// @param beneficiary Who has title.
/// @param location Where it is.
/// @param encumbranceState 0 free; room for the pledge book.
/// @param freezeState 0 none; room for freeze orders.
/// @param goodsState 0 stored; room for delivery.
/// @param bridge Number of the bridge that it last crossed by; 0 when it never did.
/// @param lane That bridge's number of the lane.
/// @param holder Who has control (never 0 here: the beneficiary when the slot is empty).
/// @param encumbrancesHash SHA-256 of the encumbrances' words; 0 for the empty list.
struct Record {
    bytes32 contentHash;
    uint128 quantity;
    uint64 epoch;
    uint64 nonce;
    address beneficiary;
    Location location;
    uint8 encumbranceState;
    uint8 freezeState;
    uint8 goodsState;
    uint16 bridge;
    uint32 lane;
    address holder;
    bytes32 encumbrancesHash;
}

/// Why an arriving receipt, an acknowledgement or a refund was not applied. The short name in the comment is what an acknowledgement's
/// detail is the SHA-256 of.
enum Refusal {
    None,
    // Malformed or against policy: code 2, BENV.
    SourcePort, // source-port
    Version, // version
    Encoding, // encoding
    LaneUnknown, // lane-unknown
    KindUnknown, // kind-unknown
    KindUnsupported, // kind-unsupported
    Length, // length
    Offset, // offset
    Padding, // padding
    AccountKind, // account-kind
    AccountTail, // account-tail
    AccountForeign, // account-foreign
    AccountEmpty, // account-empty
    EncumbrancesUnsupported, // encumbrances-unsupported
    HomeMismatch, // home-mismatch
    QuantityZero, // quantity-zero
    EpochZero, // epoch-zero
    LineageInconsistent, // lineage-inconsistent
    // Contradicts what is known here: code 4, DISE.
    ReceiptUnknown, // receipt-unknown
    ReceiptLive, // receipt-live
    ReceiptEnded, // receipt-ended
    EpochStale, // epoch-stale
    EpochFar, // epoch-far
    NonceStale, // nonce-stale
    NonceFar, // nonce-far
    ContentChanged, // content-changed
    QuantityChanged, // quantity-changed
    LaneForeign, // lane-foreign
    EscrowShort, // escrow-short
    // Only of acknowledgements and refunds: these put the packet on hold.
    EpochMismatch, // epoch-mismatch
    NotInFlight, // not-in-flight
    AcknowledgementUnreadable // acknowledgement-unreadable
}

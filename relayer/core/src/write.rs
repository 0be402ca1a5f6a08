use crate::{Conflict, Direction, End, PacketRow, PassedOver, PathId, SignerId, Step, UnixMillis};
use light_client::{BlockHash, Height, Packet, Sequence, Timestamp};
use std::sync::Arc;

/// A state of a chain that the relayer's own light client verified, encoded as the light client's types are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The height.
    pub height: Height,
    /// The chain's time at that height.
    pub time: Timestamp,
    /// The encoded client state.
    pub client: Vec<u8>,
    /// The encoded consensus state.
    pub consensus: Vec<u8>,
}

/// One step of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The packet's direction.
    pub direction: Direction,
    /// Its number.
    pub sequence: Sequence,
    /// The step.
    pub step: Step,
}

/// What a batch is for; kept with the transactions that carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The path.
    pub path: PathId,
    /// The chain it is submitted to.
    pub host: End,
    /// The batch's number within the path.
    pub batch: u64,
    /// The height its client update leads to, if it has one.
    pub update: Option<Height>,
    /// The steps in the order of the calls.
    pub items: Vec<Item>,
}

/// What a transaction bids for gas, in the chain's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bid {
    /// One price.
    Legacy {
        /// The price.
        gas_price: u128,
    },
    /// A ceiling and a tip.
    Dynamic {
        /// The most that is paid in all.
        max_fee: u128,
        /// The most that is paid to the proposer.
        max_priority_fee: u128,
    },
}

/// A signed transaction; stored before it is first sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which attempt at its nonce, from 1.
    pub number: u32,
    /// The hash by which the chain names it.
    pub hash: [u8; 32],
    /// Its bytes as broadcast.
    pub raw: Vec<u8>,
    /// What it bids.
    pub bid: Bid,
    /// The most gas it may use.
    pub gas_limit: u64,
    /// Whether it does nothing but take up its nonce.
    pub cancels: bool,
    /// When it was signed.
    pub signed: UnixMillis,
}

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceEnd {
    /// One of its transactions is final.
    Included {
        /// Its hash.
        hash: [u8; 32],
        /// The block's height.
        height: Height,
        /// Whether it succeeded as a whole.
        success: bool,
        /// Gas used.
        gas_used: u64,
    },
    /// The chain moved past the nonce without any of them.
    Lost,
}

/// What kind of evidence is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKind {
    /// An update that the light client accepted; it holds the header.
    Update,
    /// A proof that the light client accepted.
    Proof,
}

impl EvidenceKind {
    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Proof => "proof",
        }
    }
}

/// A verified update or proof, kept by the hash of its bytes: it cannot be had again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// The end whose chain it proves.
    pub end: End,
    /// The height it is at.
    pub height: Height,
    /// The batch it went into.
    pub batch: u64,
    /// The step it proves; none for an update.
    pub step: Option<Step>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One change of what is remembered. A list of them is applied as a whole or not at all. Applying the same list twice is
/// the same as once, as long as it does not both take and settle a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A packet's row, new or changed.
    Packet {
        /// The path.
        path: PathId,
        /// The direction.
        direction: Direction,
        /// The row.
        row: PacketRow,
    },
    /// A packet that never was: an event told of it, and the proven next sequence says otherwise.
    Forget {
        /// The path.
        path: PathId,
        /// The direction.
        direction: Direction,
        /// Its number.
        sequence: Sequence,
    },
    /// A packet's body, in place of what was told before.
    Body {
        /// The path.
        path: PathId,
        /// The direction.
        direction: Direction,
        /// The body.
        packet: Arc<Packet>,
    },
    /// A packet's acknowledgement, in place of what was told before.
    Acknowledgement {
        /// The path.
        path: PathId,
        /// The direction.
        direction: Direction,
        /// The packet's number.
        sequence: Sequence,
        /// The application's acknowledgement.
        bytes: Arc<[u8]>,
    },
    /// A step took effect, proven at a height of the chain it was made on. Repeating it changes nothing.
    StepDone {
        /// The path.
        path: PathId,
        /// The packet and step.
        item: Item,
        /// The proven height.
        height: Height,
        /// When.
        at: UnixMillis,
    },
    /// Every packet up to this number is known.
    KnownThrough {
        /// The path.
        path: PathId,
        /// The direction.
        direction: Direction,
        /// The number; 0 for none.
        sequence: u64,
    },
    /// Events were read up to this height.
    Cursor {
        /// The path.
        path: PathId,
        /// The chain.
        end: End,
        /// The last height read.
        height: Height,
    },
    /// The latest state of a chain that was verified here.
    View {
        /// The path.
        path: PathId,
        /// The chain.
        end: End,
        /// The state.
        trusted: Trusted,
    },
    /// A verified update or proof.
    Evidence {
        /// The path.
        path: PathId,
        /// What is kept.
        evidence: Evidence,
    },
    /// Headers that contradict one another. Of a conflict that is kept already, the evidence and the moment of its submission
    /// change, and the headers as [`Conflict::improve`] says.
    Conflict {
        /// The path.
        path: PathId,
        /// What is kept.
        conflict: Conflict,
    },
    /// A conflict that made room for others: it is not kept any more.
    ForgetConflict {
        /// The path.
        path: PathId,
        /// The end that hosts the client.
        host: End,
        /// Its blocks, as [`Conflict::key`] has them.
        hashes: [BlockHash; 2],
    },
    /// The states that a hosted client stored were compared with what its chain leads to, up to this height.
    Compared {
        /// The path.
        path: PathId,
        /// The end that hosts the client.
        host: End,
        /// The height of the last state compared.
        height: Height,
    },
    /// Something was left out for good. Of what begins at the same height as something that is kept, the end, the reason and the
    /// moment change.
    PassedOver {
        /// The path.
        path: PathId,
        /// What it is.
        passed: PassedOver,
    },
    /// A nonce was taken for a purpose, or for none but filling a hole. The purpose's batch counts as given out.
    Nonce {
        /// The signer.
        signer: SignerId,
        /// The nonce.
        nonce: u64,
        /// What it is for.
        purpose: Option<Purpose>,
        /// When.
        at: UnixMillis,
    },
    /// A transaction was signed for a nonce.
    Attempt {
        /// The signer.
        signer: SignerId,
        /// The nonce.
        nonce: u64,
        /// The transaction.
        attempt: Attempt,
    },
    /// A nonce is settled.
    NonceEnd {
        /// The signer.
        signer: SignerId,
        /// The nonce.
        nonce: u64,
        /// How.
        end: NonceEnd,
        /// When.
        at: UnixMillis,
    },
    /// A settled nonce turned out not to be: the chain still asks for it.
    NonceReopened {
        /// The signer.
        signer: SignerId,
        /// The nonce.
        nonce: u64,
    },
}

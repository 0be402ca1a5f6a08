use crate::{End, UnixMillis};
use light_client::{BlockHash, Height};

/// The most conflicts of one hosted client that are kept of each [`ConflictKind`]; the oldest make room, for others of their
/// kind only.
pub const CONFLICTS_KEPT: usize = 64;

/// A header of a [`Conflict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictingHeader {
    /// Its height.
    pub height: Height,
    /// The hash of its block.
    pub hash: BlockHash,
    /// Who served it, without credentials: an endpoint, or whoever told the hosted client.
    pub origin: String,
    /// Whether the light client took it for certified when it was seen.
    pub certified: bool,
    /// The header with its signatures, in the encoding of evidence.
    pub bytes: Vec<u8>,
}

/// Two headers of one chain that contradict one another, and where they came from: they cannot be had again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The end that hosts the client they concern; they are of the other end's chain.
    pub host: End,
    /// The headers, sorted by the hashes of their blocks: one pair is one conflict, in whatever order they came.
    pub headers: [ConflictingHeader; 2],
    /// When this was first seen.
    pub seen: UnixMillis,
    /// The evidence that the light client accepted; `None` while the two do not make misbehaviour.
    pub evidence: Option<Vec<u8>>,
    /// When the evidence was last handed over to be submitted.
    pub submitted: Option<UnixMillis>,
}

/// How much a conflict shows. Anybody can make up any number of the first; each kind has places of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// At least one of the headers is not certified.
    Uncertified,
    /// Both are certified, and they do not make misbehaviour, or not yet.
    Certified,
    /// They make misbehaviour.
    Misbehaviour,
}

impl ConflictKind {
    /// Every kind, the one that shows least first.
    pub const ALL: [Self; 3] = [Self::Uncertified, Self::Certified, Self::Misbehaviour];
}

impl Conflict {
    /// Two headers that are not of one block, as they were seen.
    pub fn new(host: End, mut headers: [ConflictingHeader; 2], seen: UnixMillis) -> Self {
        headers.sort_by_key(|header| header.hash);
        Self { host, headers, seen, evidence: None, submitted: None }
    }

    /// What tells one conflict of a path from another.
    pub fn key(&self) -> (End, [BlockHash; 2]) {
        (self.host, self.headers.each_ref().map(|header| header.hash))
    }

    /// How much it shows.
    pub fn kind(&self) -> ConflictKind {
        match &self.evidence {
            Some(_) => ConflictKind::Misbehaviour,
            None if self.headers.iter().all(|header| header.certified) => ConflictKind::Certified,
            None => ConflictKind::Uncertified,
        }
    }

    /// Takes over, of a later sight of the same conflict, each header that is certified: a block that was first shown with bad
    /// signatures does not keep those out that count. What is not certified takes nobody's place.
    pub fn improve(&mut self, later: &Self) {
        for (kept, seen) in self.headers.iter_mut().zip(&later.headers) {
            if seen.certified {
                kept.clone_from(seen);
            }
        }
    }
}

/// Those among the conflicts of one hosted client that make room: of each kind the latest stay.
pub fn surplus<'a>(conflicts: impl IntoIterator<Item = &'a Conflict>) -> Vec<[BlockHash; 2]> {
    let mut all: Vec<&Conflict> = conflicts.into_iter().collect();
    all.sort_by_key(|conflict| (std::cmp::Reverse(conflict.seen), conflict.key().1));
    let of_kind = |kind| all.iter().filter(move |conflict| conflict.kind() == kind).skip(CONFLICTS_KEPT);
    ConflictKind::ALL.into_iter().flat_map(of_kind).map(|conflict| conflict.key().1).collect()
}

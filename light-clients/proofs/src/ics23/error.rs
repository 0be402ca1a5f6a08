use light_client::{CursorError, Fault, FaultKind, StateRoot};

/// Why a proof of ICS-23 does not bear out what is claimed: one variant for each rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ics23Error {
    /// The proof ends early.
    #[error("proof: {source}")]
    Truncated {
        /// What is missing.
        #[source]
        source: CursorError,
    },
    /// Its bytes are none of the forms of a proof.
    #[error("proof: expected {expected}, found {found}")]
    Malformed {
        /// The form it must have.
        expected: &'static str,
        /// What is there.
        found: u64,
    },
    /// Presence is claimed with a proof of absence, or the reverse.
    #[error("proof: expected one of {expected}, found one of {found}")]
    KindMismatch {
        /// What the claim says.
        expected: &'static str,
        /// What the proof shows.
        found: &'static str,
    },
    /// The path is longer than any.
    #[error("path: expected at most {maximum} steps, found {found}")]
    TooManySteps {
        /// The limit.
        maximum: usize,
        /// The steps found.
        found: usize,
    },
    /// What precedes the key in the leaf is not what the tree writes there.
    #[error("leaf prefix: expected {expected}")]
    LeafPrefixMalformed {
        /// The form it must have.
        expected: &'static str,
    },
    /// What surrounds the child's hash in a node is not what the tree writes there.
    #[error("step {number}: expected {expected}")]
    StepMalformed {
        /// The step's number from the leaf, from 1.
        number: usize,
        /// The form it must have.
        expected: &'static str,
    },
    /// The path leads to another root.
    #[error("root: expected {expected}, found {found}")]
    RootMismatch {
        /// The root proven under.
        expected: StateRoot,
        /// The root that the path leads to.
        found: StateRoot,
    },
    /// A neighbour's key is empty or longer than any.
    #[error("neighbour: expected a key of 1 to {maximum} bytes, found {found}")]
    NeighbourMalformed {
        /// The limit.
        maximum: usize,
        /// Its length.
        found: usize,
    },
    /// A proof of absence shows no leaf at all.
    #[error("neighbours: expected at least 1, found none")]
    NeighboursMissing,
    /// The key is not between the neighbours.
    #[error("key: expected it to be {expected}")]
    KeyNotBetween {
        /// On which side of which neighbour.
        expected: &'static str,
    },
    /// There is no left neighbour, and the right one is not the first leaf.
    #[error("right neighbour: expected the leftmost leaf, since no left one is given")]
    NotLeftmost,
    /// There is no right neighbour, and the left one is not the last leaf.
    #[error("left neighbour: expected the rightmost leaf, since no right one is given")]
    NotRightmost,
    /// There is room for leaves between the neighbours.
    #[error("neighbours: expected two leaves with none between them")]
    NotNeighbours,
    /// A node's answer is not the message that it must be.
    #[error("commitment proof, {field}: expected {expected}")]
    CommitmentProofMalformed {
        /// The field.
        field: &'static str,
        /// The form it must have.
        expected: &'static str,
    },
    /// A node's answer is about another key.
    #[error("commitment proof: expected key 0x{}, found 0x{}", hex(.expected), hex(.found))]
    KeyMismatch {
        /// The key claimed.
        expected: alloc::vec::Vec<u8>,
        /// The key proven.
        found: alloc::vec::Vec<u8>,
    },
    /// A node's answer shows another value.
    #[error("commitment proof: expected value 0x{}, found 0x{}", hex(.expected), hex(.found))]
    CommitmentValueMismatch {
        /// The value claimed.
        expected: alloc::vec::Vec<u8>,
        /// The value proven.
        found: alloc::vec::Vec<u8>,
    },
}

/// The first bytes of a text, for messages.
fn hex(bytes: &[u8]) -> alloc::string::String {
    bytes.iter().take(80).map(|byte| alloc::format!("{byte:02x}")).collect()
}

impl From<CursorError> for Ics23Error {
    fn from(source: CursorError) -> Self {
        Self::Truncated { source }
    }
}

impl Fault for Ics23Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Truncated { .. }
            | Self::Malformed { .. }
            | Self::TooManySteps { .. }
            | Self::LeafPrefixMalformed { .. }
            | Self::StepMalformed { .. }
            | Self::NeighbourMalformed { .. }
            | Self::CommitmentProofMalformed { .. } => FaultKind::Malformed,
            Self::KindMismatch { .. }
            | Self::RootMismatch { .. }
            | Self::NeighboursMissing
            | Self::KeyNotBetween { .. }
            | Self::NotLeftmost
            | Self::NotRightmost
            | Self::NotNeighbours
            | Self::KeyMismatch { .. }
            | Self::CommitmentValueMismatch { .. } => FaultKind::Rejected,
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "message-truncated",
            Self::Malformed { .. } => "proof-malformed",
            Self::KindMismatch { .. } => "proof-kind-mismatch",
            Self::TooManySteps { .. } => "too-many-steps",
            Self::LeafPrefixMalformed { .. } => "leaf-prefix-malformed",
            Self::StepMalformed { .. } => "step-malformed",
            Self::RootMismatch { .. } => "root-mismatch",
            Self::NeighbourMalformed { .. } => "neighbour-malformed",
            Self::NeighboursMissing => "neighbours-missing",
            Self::KeyNotBetween { .. } => "key-not-between",
            Self::NotLeftmost => "not-leftmost",
            Self::NotRightmost => "not-rightmost",
            Self::NotNeighbours => "not-neighbours",
            Self::CommitmentProofMalformed { .. } => "commitment-proof-malformed",
            Self::KeyMismatch { .. } => "key-mismatch",
            Self::CommitmentValueMismatch { .. } => "value-mismatch",
        }
    }
}

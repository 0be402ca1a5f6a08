use crate::rlp::RlpError;
use light_client::{CodeHash, Fault, FaultKind, StateRoot};

/// Why a proof does not bear out what is claimed: one variant for each rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no node at all though the trie is not the empty one.
    #[error("proof: expected the nodes under root {root}, found none")]
    Empty {
        /// The root.
        root: StateRoot,
    },
    /// The list ends where another node is needed.
    #[error("proof: expected a node with hash {expected}, found the end of the list")]
    NodeMissing {
        /// Its hash.
        expected: StateRoot,
    },
    /// Nodes are left over.
    #[error("proof: expected the end of the list, found {found} more bytes")]
    NodeUnused {
        /// The bytes left.
        found: usize,
    },
    /// The next node is another than the one its parent names.
    #[error("proof node: expected hash {expected}, found {found}")]
    NodeHashMismatch {
        /// The hash that the parent, or the root, names.
        expected: StateRoot,
        /// The node's hash.
        found: StateRoot,
    },
    /// The bytes are no node of a trie whose keys have one length.
    #[error("proof node: expected {expected}")]
    NodeMalformed {
        /// The rule of the node's form.
        expected: &'static str,
        /// What is wrong with its encoding, if that is it.
        #[source]
        source: Option<RlpError>,
    },
    /// The node is longer than any.
    #[error("proof node: expected at most {maximum} bytes, found {found}")]
    NodeTooLarge {
        /// The limit.
        maximum: usize,
        /// The node's length.
        found: usize,
    },
    /// The path through the nodes and the key differ in length.
    #[error("proof path: expected {expected} nibbles of the key to be left, found a node for {found}")]
    PathTooLong {
        /// The nibbles of the key that no node has used yet.
        expected: usize,
        /// The nibbles the node stands for.
        found: usize,
    },
    /// There is no claim: such a proof would prove anything.
    #[error("claims: expected at least 1, found 0")]
    ClaimsEmpty,
    /// More claims than one proof may carry.
    #[error("claims: expected at most {maximum}, found {found}")]
    TooManyClaims {
        /// The limit.
        maximum: usize,
        /// The claims found.
        found: usize,
    },
    /// A claim is about a value that no Router stores.
    #[error("claim: expected a value of 32 bytes that is not zero, found {found} bytes")]
    ClaimValueMalformed {
        /// The length of the value (32: all zero).
        found: usize,
    },
    /// Another value lies at the slot.
    #[error("value: expected {expected}, found {found}")]
    ValueMismatch {
        /// The value claimed.
        expected: StateRoot,
        /// The value proven.
        found: StateRoot,
    },
    /// Nothing lies at the slot.
    #[error("value: expected {expected}, found none")]
    ValueAbsent {
        /// The value claimed.
        expected: StateRoot,
    },
    /// Something lies at the slot.
    #[error("value: expected none, found {found}")]
    ValuePresent {
        /// The value proven.
        found: StateRoot,
    },
    /// A slot's value is not the encoding of a number from 1 to 2²⁵⁶ − 1.
    #[error("value: expected the encoding of a number from 1 to 2^256 - 1")]
    ValueNotCanonical {
        /// What is wrong with the encoding, if that is it.
        #[source]
        source: Option<RlpError>,
    },
    /// There is no such account.
    #[error("account: expected one, found none")]
    AccountAbsent,
    /// The leaf is not an account.
    #[error("account: expected nonce, balance, storage root and code hash, found something else")]
    AccountMalformed {
        /// What is wrong with the encoding, if that is it.
        #[source]
        source: Option<RlpError>,
    },
    /// The account holds other code.
    #[error("code hash: expected {expected}, found {found}")]
    CodeHashMismatch {
        /// The hash pinned.
        expected: CodeHash,
        /// The hash proven.
        found: CodeHash,
    },
}

impl ProofError {
    pub(crate) const fn malformed(expected: &'static str) -> Self {
        Self::NodeMalformed { expected, source: None }
    }

    pub(crate) fn node_rlp(source: RlpError) -> Self {
        Self::NodeMalformed { expected: "canonical rlp", source: Some(source) }
    }
}

impl Fault for ProofError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NodeMalformed { .. }
            | Self::NodeTooLarge { .. }
            | Self::PathTooLong { .. }
            | Self::ValueNotCanonical { .. }
            | Self::AccountMalformed { .. } => FaultKind::Malformed,
            Self::ClaimsEmpty | Self::TooManyClaims { .. } | Self::ClaimValueMalformed { .. } => FaultKind::Misuse,
            Self::Empty { .. }
            | Self::NodeMissing { .. }
            | Self::NodeUnused { .. }
            | Self::NodeHashMismatch { .. }
            | Self::ValueMismatch { .. }
            | Self::ValueAbsent { .. }
            | Self::ValuePresent { .. }
            | Self::AccountAbsent
            | Self::CodeHashMismatch { .. } => FaultKind::Rejected,
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "proof-empty",
            Self::NodeMissing { .. } => "proof-node-missing",
            Self::NodeUnused { .. } => "proof-node-unused",
            Self::NodeHashMismatch { .. } => "proof-node-hash-mismatch",
            Self::NodeMalformed { .. } => "proof-node-malformed",
            Self::NodeTooLarge { .. } => "node-too-large",
            Self::PathTooLong { .. } => "proof-path-too-long",
            Self::ClaimsEmpty => "claims-empty",
            Self::TooManyClaims { .. } => "too-many-claims",
            Self::ClaimValueMalformed { .. } => "claim-value-malformed",
            Self::ValueMismatch { .. } => "value-mismatch",
            Self::ValueAbsent { .. } => "value-absent",
            Self::ValuePresent { .. } => "value-present",
            Self::ValueNotCanonical { .. } => "value-not-canonical",
            Self::AccountAbsent => "account-absent",
            Self::AccountMalformed { .. } => "account-malformed",
            Self::CodeHashMismatch { .. } => "code-hash-mismatch",
        }
    }
}

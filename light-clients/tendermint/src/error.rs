use crate::{ConsensusHash, PublicKey, SetHash};
use alloc::string::String;
use light_client::{BlockHash, CursorError, Fault, FaultKind, Timestamp};
use light_client_crypto::VerifyError;
use light_client_proofs::ics23::Ics23Error;

/// Why the client says no: one variant for each rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Misbehaviour was shown to the client.
    #[error("client: expected one that is not frozen")]
    ClientFrozen,
    /// The state that a message rests on is too old.
    #[error("trusted state: expected use before {expiry}, found {now}")]
    TrustExpired {
        /// The end of the trusting period.
        expiry: Timestamp,
        /// The verifier's time.
        now: Timestamp,
    },
    /// A message ends early.
    #[error("message: {source}")]
    MessageTruncated {
        /// What is missing.
        #[source]
        source: CursorError,
    },
    /// Bytes are left over.
    #[error("message: expected the end, found {found} more bytes")]
    MessageTrailing {
        /// The bytes left.
        found: usize,
    },
    /// The header is not above the latest state, and not what is stored at its height.
    #[error("height: expected more than {latest}, found {found}")]
    NotNewer {
        /// The latest height.
        latest: u64,
        /// The header's.
        found: u64,
    },
    /// The consensus state given is not the one stored.
    #[error("consensus state: expected hash {expected}, found {found}")]
    ConsensusStateMismatch {
        /// The hash stored.
        expected: ConsensusHash,
        /// The hash of what is given.
        found: ConsensusHash,
    },
    /// No state is stored at that height, or another is the one that the rule asks for.
    #[error("consensus state: expected the one stored at height {expected:?}, found height {found:?} named")]
    ConsensusStateUnknown {
        /// The height that the rule asks for, if there is one.
        expected: Option<u64>,
        /// The height named, if one is.
        found: Option<u64>,
    },
    /// Time would stand still or run backwards.
    #[error("time: expected more than {trusted}, found {found}")]
    TimeNotAfterTrusted {
        /// The trusted header's time.
        trusted: Timestamp,
        /// The header's.
        found: Timestamp,
    },
    /// The header is of a time to come.
    #[error("time: expected less than {bound}, found {found}")]
    TimeInFuture {
        /// The verifier's time and the drift.
        bound: Timestamp,
        /// The header's.
        found: Timestamp,
    },
    /// The header is another chain's.
    #[error("chain id: expected {expected:?}, found {found:?}")]
    ChainIdMismatch {
        /// The client's.
        expected: String,
        /// The header's.
        found: String,
    },
    /// A leaf of the header is not the one encoding of what it must be.
    #[error("header, {field}: expected {expected}")]
    HeaderMalformed {
        /// The field, by the name of `tendermint.types.Header`.
        field: &'static str,
        /// The form it must have.
        expected: &'static str,
    },
    /// The application's hash is no root.
    #[error("app hash: expected 32 bytes, found {found}")]
    AppHashMalformed {
        /// Its length.
        found: usize,
    },
    /// A commit's numbers are out of their range.
    #[error("commit: expected {expected}, found {found}")]
    CommitMalformed {
        /// The range.
        expected: &'static str,
        /// The number.
        found: u64,
    },
    /// A vote's numbers are out of their range.
    #[error("vote of validator {index}: expected {expected}, found {found}")]
    VoteMalformed {
        /// The place of the validator, from 0.
        index: u16,
        /// The range.
        expected: &'static str,
        /// The number.
        found: u64,
    },
    /// The votes are not in the order of the set, or one validator voted twice.
    #[error("votes: expected each validator once and in order, found validator {found} out of it")]
    VoteOrder {
        /// The place of the validator.
        found: u16,
    },
    /// A vote is by nobody.
    #[error("votes: expected a validator below {count}, found {found}")]
    VoteIndexUnknown {
        /// How many there are.
        count: usize,
        /// The place named.
        found: u16,
    },
    /// A vote names another validator's place in the trusted set.
    #[error("vote of validator {index}: expected its own place in the trusted set, found {found}")]
    TrustedVoteMismatch {
        /// The place of the validator.
        index: u16,
        /// The place named.
        found: u16,
    },
    /// A validator's key type or power is out of its range.
    #[error("validator: expected {expected}, found {found}")]
    ValidatorMalformed {
        /// The range.
        expected: &'static str,
        /// The number.
        found: u64,
    },
    /// A set has no validator.
    #[error("validators: expected at least 1, found 0")]
    ValidatorSetEmpty,
    /// A set is larger than any that is verified.
    #[error("validators: expected at most {maximum}, found {found}")]
    TooManyValidators {
        /// The limit.
        maximum: usize,
        /// How many there are.
        found: usize,
    },
    /// A set has one key twice.
    #[error("validators: expected each key once, found {found:?} again")]
    ValidatorRepeated {
        /// The key.
        found: PublicKey,
    },
    /// The powers of a set are more than a chain allows.
    #[error("validators: expected a power of at most {maximum} in all, found {found}")]
    TotalPowerTooLarge {
        /// The limit.
        maximum: u64,
        /// The sum.
        found: u128,
    },
    /// A validator has a kind of key that the client does not take.
    #[error("validators: expected a kind of key that the client allows, found type {found}")]
    KeyTypeNotAllowed {
        /// Its number.
        found: u8,
    },
    /// The set given with a commit is not the one that is valid for the header.
    #[error("validators: expected a set with hash {expected}, found {found}")]
    ValidatorsHashMismatch {
        /// The hash of the set that must vote.
        expected: SetHash,
        /// The hash of the set given.
        found: SetHash,
    },
    /// The trusted set given is not the trusted one.
    #[error("trusted validators: expected a set with hash {expected}, found {found}")]
    TrustedSetMismatch {
        /// The trusted set's hash.
        expected: SetHash,
        /// The hash of the set given.
        found: SetHash,
    },
    /// A trusted set is given though the header's is the same.
    #[error("trusted validators: expected none, since the set has not changed, found {found}")]
    TrustedSetSuperfluous {
        /// How many are given.
        found: usize,
    },
    /// The set has changed and the trusted one is not given.
    #[error("trusted validators: expected the set with hash {expected}, since the header names {found}, found none")]
    TrustedSetMissing {
        /// The trusted set's hash.
        expected: SetHash,
        /// The hash of the header's set.
        found: SetHash,
    },
    /// The next height has another set than the trusted header says.
    #[error("next validators: expected a set with hash {expected}, found {found}")]
    NextSetMismatch {
        /// The hash that the trusted header names.
        expected: SetHash,
        /// The hash that the header names.
        found: SetHash,
    },
    /// A vote is not signed by its validator, or over something else.
    #[error("vote of validator {index}: {source}")]
    SignatureInvalid {
        /// The place of the validator.
        index: u16,
        /// What is wrong with the signature.
        #[source]
        source: VerifyError,
    },
    /// Too little of the trusted set voted.
    #[error("votes: expected a power of at least {expected} of the trusted {total}, found {found}")]
    NotEnoughTrust {
        /// What the trust level asks for.
        expected: u64,
        /// The power of those who voted.
        found: u64,
        /// The power of the trusted set.
        total: u64,
    },
    /// Too little of the header's set voted.
    #[error("votes: expected a power of at least {expected} of {total}, found {found}")]
    NotEnoughPower {
        /// The quorum.
        expected: u64,
        /// The power of those who voted.
        found: u64,
        /// The power of the set.
        total: u64,
    },
    /// The evidence is not the bytes that it must be.
    #[error("evidence: expected {expected}, found {found}")]
    EvidenceMalformed {
        /// The form it must have.
        expected: &'static str,
        /// What is there.
        found: u64,
    },
    /// The two headers are one block, whatever their votes.
    #[error("evidence: expected two blocks, found {found} twice")]
    HeadersIdentical {
        /// The block's hash.
        found: BlockHash,
    },
    /// Time runs forward from one header to the other.
    #[error("evidence: expected a second time of at most {first}, found {second}")]
    NoConflict {
        /// The time at the lower height.
        first: Timestamp,
        /// The time at the higher one.
        second: Timestamp,
    },
    /// The states named do not say by which set a header is judged, or the headers do not show that its votes count.
    #[error("evidence: expected the set with hash {expected} to be the valid one, found {found}")]
    SetUnknownAtHeight {
        /// The set that a stored state names.
        expected: SetHash,
        /// Another one.
        found: SetHash,
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
    /// A claim is about a value that the store cannot hold.
    #[error("claim: expected {expected}, found {found} bytes")]
    ClaimValueMalformed {
        /// The form it must have.
        expected: &'static str,
        /// The value's length.
        found: usize,
    },
    /// A path is not of the store.
    #[error("path: expected {expected}, found {found} elements")]
    PathMalformed {
        /// The form it must have.
        expected: &'static str,
        /// How many elements there are.
        found: usize,
    },
    /// The bytes are no client state.
    #[error("client state: expected {expected}, found {found}")]
    ClientStateMalformed {
        /// The form it must have.
        expected: &'static str,
        /// What is there.
        found: u64,
    },
    /// A store, or what lies in it, is not proven.
    #[error(transparent)]
    Proof(#[from] Ics23Error),
}

impl From<CursorError> for Error {
    fn from(source: CursorError) -> Self {
        match source {
            CursorError::Trailing { found, .. } => Self::MessageTrailing { found },
            _ => Self::MessageTruncated { source },
        }
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::MessageTruncated { .. }
            | Self::MessageTrailing { .. }
            | Self::HeaderMalformed { .. }
            | Self::CommitMalformed { .. }
            | Self::VoteMalformed { .. }
            | Self::ValidatorMalformed { .. }
            | Self::EvidenceMalformed { .. }
            | Self::ClientStateMalformed { .. } => FaultKind::Malformed,
            Self::NotNewer { .. }
            | Self::ConsensusStateMismatch { .. }
            | Self::ConsensusStateUnknown { .. }
            | Self::TimeNotAfterTrusted { .. }
            | Self::TimeInFuture { .. }
            | Self::ChainIdMismatch { .. }
            | Self::AppHashMalformed { .. }
            | Self::VoteOrder { .. }
            | Self::VoteIndexUnknown { .. }
            | Self::TrustedVoteMismatch { .. }
            | Self::ValidatorSetEmpty
            | Self::TooManyValidators { .. }
            | Self::ValidatorRepeated { .. }
            | Self::TotalPowerTooLarge { .. }
            | Self::KeyTypeNotAllowed { .. }
            | Self::ValidatorsHashMismatch { .. }
            | Self::TrustedSetMismatch { .. }
            | Self::TrustedSetSuperfluous { .. }
            | Self::TrustedSetMissing { .. }
            | Self::NextSetMismatch { .. }
            | Self::SignatureInvalid { .. }
            | Self::NotEnoughPower { .. }
            | Self::HeadersIdentical { .. }
            | Self::NoConflict { .. }
            | Self::SetUnknownAtHeight { .. } => FaultKind::Rejected,
            Self::NotEnoughTrust { .. } => FaultKind::InsufficientTrust,
            Self::TrustExpired { .. } => FaultKind::Expired,
            Self::ClientFrozen => FaultKind::Frozen,
            Self::ClaimsEmpty
            | Self::TooManyClaims { .. }
            | Self::ClaimValueMalformed { .. }
            | Self::PathMalformed { .. } => FaultKind::Misuse,
            Self::Proof(error) => error.kind(),
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::ClientFrozen => "client-frozen",
            Self::TrustExpired { .. } => "trust-expired",
            Self::MessageTruncated { .. } => "message-truncated",
            Self::MessageTrailing { .. } => "message-trailing",
            Self::NotNewer { .. } => "not-newer",
            Self::ConsensusStateMismatch { .. } => "consensus-state-mismatch",
            Self::ConsensusStateUnknown { .. } => "consensus-state-unknown",
            Self::TimeNotAfterTrusted { .. } => "time-not-after-trusted",
            Self::TimeInFuture { .. } => "time-in-future",
            Self::ChainIdMismatch { .. } => "chain-id-mismatch",
            Self::HeaderMalformed { .. } => "header-malformed",
            Self::AppHashMalformed { .. } => "app-hash-malformed",
            Self::CommitMalformed { .. } => "commit-malformed",
            Self::VoteMalformed { .. } => "vote-malformed",
            Self::VoteOrder { .. } => "vote-order",
            Self::VoteIndexUnknown { .. } => "vote-index-unknown",
            Self::TrustedVoteMismatch { .. } => "trusted-vote-mismatch",
            Self::ValidatorMalformed { .. } => "validator-malformed",
            Self::ValidatorSetEmpty => "validator-set-empty",
            Self::TooManyValidators { .. } => "too-many-validators",
            Self::ValidatorRepeated { .. } => "validator-repeated",
            Self::TotalPowerTooLarge { .. } => "total-power-too-large",
            Self::KeyTypeNotAllowed { .. } => "key-type-not-allowed",
            Self::ValidatorsHashMismatch { .. } => "validators-hash-mismatch",
            Self::TrustedSetMismatch { .. } => "trusted-set-mismatch",
            Self::TrustedSetSuperfluous { .. } => "trusted-set-superfluous",
            Self::TrustedSetMissing { .. } => "trusted-set-missing",
            Self::NextSetMismatch { .. } => "next-set-mismatch",
            Self::SignatureInvalid { .. } => "signature-invalid",
            Self::NotEnoughTrust { .. } => "not-enough-trust",
            Self::NotEnoughPower { .. } => "not-enough-power",
            Self::EvidenceMalformed { .. } => "evidence-malformed",
            Self::HeadersIdentical { .. } => "headers-identical",
            Self::NoConflict { .. } => "no-conflict",
            Self::SetUnknownAtHeight { .. } => "set-unknown-at-height",
            Self::ClaimsEmpty => "claims-empty",
            Self::TooManyClaims { .. } => "too-many-claims",
            Self::ClaimValueMalformed { .. } => "claim-value-malformed",
            Self::PathMalformed { .. } => "path-malformed",
            Self::ClientStateMalformed { .. } => "client-state-malformed",
            Self::Proof(error) => error.rule(),
        }
    }
}

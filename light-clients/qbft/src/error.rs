use crate::{ConsensusHash, SetHash};
use light_client::{BlockHash, CursorError, Fault, FaultKind, Height};
use light_client_crypto::{Address, RecoverError};
use light_client_proofs::{ProofError, rlp::RlpError};

/// Why the client says no: one variant for each rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The header is not the list of fields that it must be.
    #[error("header, {field}: expected {expected}")]
    HeaderMalformed {
        /// The field, by the name of the Yellow Paper.
        field: &'static str,
        /// The form it must have.
        expected: &'static str,
        /// What is wrong with its encoding, if that is it.
        #[source]
        source: Option<RlpError>,
    },
    /// The header is longer than any.
    #[error("header: expected at most {maximum} bytes, found {found}")]
    HeaderTooLarge {
        /// The limit.
        maximum: usize,
        /// Its length.
        found: usize,
    },
    /// The extra data is not what the protocol puts there.
    #[error("extra data, {element}: expected {expected}")]
    ExtraDataMalformed {
        /// The element.
        element: &'static str,
        /// The form it must have.
        expected: &'static str,
        /// What is wrong with its encoding, if that is it.
        #[source]
        source: Option<RlpError>,
    },
    /// A seal is no signature.
    #[error("seal {index}: expected 65 bytes, found {found}")]
    SealLength {
        /// The seal's place, from 0.
        index: usize,
        /// Its length.
        found: usize,
    },
    /// A seal's numbers are no signature.
    #[error("seal {index}: {source}")]
    SealMalformed {
        /// The seal's place, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: RecoverError,
    },
    /// A seal is the malleated form of another one.
    #[error("seal {index}: expected s in the lower half of the group's order, found it in the upper")]
    SealHighS {
        /// The seal's place, from 0.
        index: usize,
    },
    /// The mix hash is not the one by which these protocols mark their blocks.
    #[error("mix hash: expected {expected}, found {found}")]
    MixHashMismatch {
        /// The mark.
        expected: BlockHash,
        /// What is there.
        found: BlockHash,
    },
    /// The difficulty is not 1.
    #[error("difficulty: expected 1, found another number")]
    DifficultyNotOne,
    /// The nonce is not 0.
    #[error("nonce: expected 0, found {found}")]
    NonceNotZero {
        /// What is there.
        found: u64,
    },
    /// The block has ommers.
    #[error("ommers hash: expected {expected}, found {found}")]
    OmmersNotEmpty {
        /// The hash of no ommers.
        expected: BlockHash,
        /// What is there.
        found: BlockHash,
    },
    /// The header lists no validator (as headers of contract mode do).
    #[error("validators: expected at least 1, found 0")]
    ValidatorSetEmpty,
    /// The header lists one validator twice.
    #[error("validators: expected each once, found {found} again")]
    ValidatorRepeated {
        /// The address.
        found: Address,
    },
    /// A set is larger than any that is verified.
    #[error("validators: expected at most {maximum}, found {found}")]
    TooManyValidators {
        /// The limit.
        maximum: usize,
        /// How many there are.
        found: usize,
    },
    /// One validator sealed twice.
    #[error("seals: expected each signer once, found {found} again")]
    SignerRepeated {
        /// The signer.
        found: Address,
    },
    /// Somebody sealed who is not a validator.
    #[error("seals: expected validators only, found {found}")]
    SignerUnknown {
        /// The signer.
        found: Address,
    },
    /// Too few validators sealed.
    #[error("seals: expected at least {expected} by validators, found {found}")]
    TooFewSeals {
        /// The quorum.
        expected: u64,
        /// The seals.
        found: u64,
    },
    /// The addresses given are not the trusted set.
    #[error("trusted validators: expected a set with hash {expected}, found {found}")]
    TrustedSetMismatch {
        /// The trusted set's hash.
        expected: SetHash,
        /// The hash of the addresses given.
        found: SetHash,
    },
    /// Addresses are given though the set has not changed.
    #[error("trusted validators: expected none, since the set has not changed, found {found}")]
    TrustedSetSuperfluous {
        /// How many are given.
        found: usize,
    },
    /// The set has changed and the trusted one's addresses are not given.
    #[error("trusted validators: expected the set with hash {expected}, since the header lists {found}, found none")]
    TrustedSetMissing {
        /// The trusted set's hash.
        expected: SetHash,
        /// The hash of the header's set.
        found: SetHash,
    },
    /// The set has changed and too few of the trusted one sealed.
    #[error("seals: expected at least {expected} by the trusted validators, found {found}")]
    TooFewTrustedSeals {
        /// What the trust level asks for.
        expected: u64,
        /// The seals by members of the trusted set.
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
        expected: Option<Height>,
        /// The height named, if one is.
        found: Option<Height>,
    },
    /// The header is not above the latest state, and not what is stored at its height.
    #[error("height: expected more than {latest}, found {found}")]
    NotNewer {
        /// The latest height.
        latest: Height,
        /// The header's.
        found: Height,
    },
    /// Time would run backwards.
    #[error("time: expected at least {trusted}, found {found}")]
    TimeBeforeTrusted {
        /// The trusted state's time, in seconds.
        trusted: u64,
        /// The header's.
        found: u64,
    },
    /// The header is of a time to come.
    #[error("time: expected at most {maximum}, found {found}")]
    TimeInFuture {
        /// The verifier's time and the drift allowed, in seconds.
        maximum: u64,
        /// The header's.
        found: u64,
    },
    /// The latest state is too old to start from.
    #[error("latest state: expected use before {expiry}, found {now}")]
    TrustExpired {
        /// The end of the trusting period, in seconds.
        expiry: u64,
        /// The verifier's time.
        now: u64,
    },
    /// Misbehaviour was shown to the client.
    #[error("client: expected one that is not frozen")]
    ClientFrozen,
    /// The two headers are of different heights.
    #[error("evidence: expected two headers of one height, found {first} and {second}")]
    HeightsDiffer {
        /// The first header's height.
        first: Height,
        /// The second header's.
        second: Height,
    },
    /// The two headers are one block, whatever their rounds and seals.
    #[error("evidence: expected two blocks, found {found} twice")]
    HeadersIdentical {
        /// The block's hash.
        found: BlockHash,
    },
    /// Neither header lists the lower state's set, so that nothing shows that it was valid at their height.
    #[error("evidence: expected the set with hash {expected} in one of the headers, found {found}")]
    SetUnknownAtHeight {
        /// The lower state's set.
        expected: SetHash,
        /// Another one.
        found: SetHash,
    },
    /// The evidence is not the bytes that it must be.
    #[error("evidence: expected {expected}, found {found}")]
    EvidenceMalformed {
        /// The form it must have.
        expected: &'static str,
        /// What is there: the flag, an account proof's length, or how many bytes are left over.
        found: usize,
    },
    /// A message ends before its fixed part does.
    #[error("message: {source}")]
    MessageTruncated {
        /// What is missing.
        #[source]
        source: CursorError,
    },
    /// The bytes are no client state.
    #[error("client state: expected {expected}, found {found}")]
    ClientStateMalformed {
        /// The form it must have.
        expected: &'static str,
        /// What is there.
        found: u64,
    },
    /// A path through several stores: a Router has one.
    #[error("path: expected 1 element, found {found}")]
    PathMalformed {
        /// How many there are.
        found: usize,
    },
    /// The Router's account, or its storage, is not proven.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl From<CursorError> for Error {
    fn from(source: CursorError) -> Self {
        Self::MessageTruncated { source }
    }
}

impl Fault for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::HeaderMalformed { .. }
            | Self::HeaderTooLarge { .. }
            | Self::ExtraDataMalformed { .. }
            | Self::SealLength { .. }
            | Self::SealMalformed { .. }
            | Self::EvidenceMalformed { .. }
            | Self::MessageTruncated { .. }
            | Self::ClientStateMalformed { .. } => FaultKind::Malformed,
            Self::SealHighS { .. }
            | Self::MixHashMismatch { .. }
            | Self::DifficultyNotOne
            | Self::NonceNotZero { .. }
            | Self::OmmersNotEmpty { .. }
            | Self::ValidatorSetEmpty
            | Self::ValidatorRepeated { .. }
            | Self::TooManyValidators { .. }
            | Self::SignerRepeated { .. }
            | Self::SignerUnknown { .. }
            | Self::TooFewSeals { .. }
            | Self::TrustedSetMismatch { .. }
            | Self::TrustedSetSuperfluous { .. }
            | Self::TrustedSetMissing { .. }
            | Self::ConsensusStateMismatch { .. }
            | Self::ConsensusStateUnknown { .. }
            | Self::NotNewer { .. }
            | Self::TimeBeforeTrusted { .. }
            | Self::TimeInFuture { .. }
            | Self::HeightsDiffer { .. }
            | Self::HeadersIdentical { .. }
            | Self::SetUnknownAtHeight { .. } => FaultKind::Rejected,
            Self::TooFewTrustedSeals { .. } => FaultKind::InsufficientTrust,
            Self::TrustExpired { .. } => FaultKind::Expired,
            Self::ClientFrozen => FaultKind::Frozen,
            Self::PathMalformed { .. } => FaultKind::Misuse,
            Self::Proof(error) => error.kind(),
        }
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::HeaderMalformed { .. } => "header-malformed",
            Self::HeaderTooLarge { .. } => "header-too-large",
            Self::ExtraDataMalformed { .. } => "extra-data-malformed",
            Self::SealLength { .. } | Self::SealMalformed { .. } => "seal-malformed",
            Self::SealHighS { .. } => "seal-high-s",
            Self::MixHashMismatch { .. } => "mix-hash-mismatch",
            Self::DifficultyNotOne => "difficulty-not-one",
            Self::NonceNotZero { .. } => "nonce-not-zero",
            Self::OmmersNotEmpty { .. } => "ommers-not-empty",
            Self::ValidatorSetEmpty => "validator-set-empty",
            Self::ValidatorRepeated { .. } => "validator-repeated",
            Self::TooManyValidators { .. } => "too-many-validators",
            Self::SignerRepeated { .. } => "signer-repeated",
            Self::SignerUnknown { .. } => "signer-unknown",
            Self::TooFewSeals { .. } => "too-few-seals",
            Self::TrustedSetMismatch { .. } => "trusted-set-mismatch",
            Self::TrustedSetSuperfluous { .. } => "trusted-set-superfluous",
            Self::TrustedSetMissing { .. } => "trusted-set-missing",
            Self::TooFewTrustedSeals { .. } => "too-few-trusted-seals",
            Self::ConsensusStateMismatch { .. } => "consensus-state-mismatch",
            Self::ConsensusStateUnknown { .. } => "consensus-state-unknown",
            Self::NotNewer { .. } => "not-newer",
            Self::TimeBeforeTrusted { .. } => "time-before-trusted",
            Self::TimeInFuture { .. } => "time-in-future",
            Self::TrustExpired { .. } => "trust-expired",
            Self::ClientFrozen => "client-frozen",
            Self::HeightsDiffer { .. } => "heights-differ",
            Self::HeadersIdentical { .. } => "headers-identical",
            Self::SetUnknownAtHeight { .. } => "set-unknown-at-height",
            Self::EvidenceMalformed { .. } => "evidence-malformed",
            Self::MessageTruncated { .. } => "message-truncated",
            Self::ClientStateMalformed { .. } => "client-state-malformed",
            Self::PathMalformed { .. } => "path-malformed",
            Self::Proof(error) => error.rule(),
        }
    }
}

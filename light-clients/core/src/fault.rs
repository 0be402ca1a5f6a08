use core::error::Error;

/// Who is at fault when verification says no; the relayer decides by this and never by text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum FaultKind {
    /// The bytes cannot be parsed.
    Malformed,
    /// The message parses and breaks a rule.
    Rejected,
    /// The trusted state vouches for too few of the signers: a nearer height may do.
    InsufficientTrust,
    /// The trusted state is older than the trusting period.
    Expired,
    /// The client has seen misbehaviour.
    Frozen,
    /// Our own caller is wrong; never the consequence of untrusted data.
    Misuse,
}

/// An error that names its rule and whose fault it is.
pub trait Fault: Error {
    /// Who is at fault.
    fn kind(&self) -> FaultKind;

    /// The rule broken, in kebab case: the name that vectors, the Solidity errors and the command line use.
    fn rule(&self) -> &'static str;
}

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest name of a path, in bytes.
pub const MAX_PATH_ID_BYTES: usize = 64;

/// Why a text does not name a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path id: expected 1 to {MAX_PATH_ID_BYTES} lower-case letters, digits or '-', found {found:?}")]
pub struct PathIdError {
    /// The text.
    pub found: String,
}

/// The operator's name of a path: two chains and the two clients by which they follow each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PathId(String);

impl PathId {
    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathId {
    type Err = PathIdError;
    fn from_str(text: &str) -> Result<Self, PathIdError> {
        let fits = (1..=MAX_PATH_ID_BYTES).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(PathIdError { found: text.chars().take(80).collect() })
        }
    }
}

impl TryFrom<String> for PathId {
    type Error = PathIdError;
    fn try_from(text: String) -> Result<Self, PathIdError> {
        text.parse()
    }
}

impl From<PathId> for String {
    fn from(id: PathId) -> String {
        id.0
    }
}

impl fmt::Display for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of the two chains of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The first chain of the configuration.
    A,
    /// The second.
    B,
}

impl End {
    /// Both ends, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The chain on the other side.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way of a packet from its source to its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Sent on `a`.
    #[serde(rename = "a-to-b")]
    AToB,
    /// Sent on `b`.
    #[serde(rename = "b-to-a")]
    BToA,
}

impl Direction {
    /// Both directions, in order.
    pub const BOTH: [Self; 2] = [Self::AToB, Self::BToA];

    /// The direction of packets sent on `source`.
    pub const fn from_source(source: End) -> Self {
        match source {
            End::A => Self::AToB,
            End::B => Self::BToA,
        }
    }

    /// The direction of packets received on `destination`.
    pub const fn to_destination(destination: End) -> Self {
        Self::from_source(destination.other())
    }

    /// Where packets are sent, acknowledged and timed out.
    pub const fn source(self) -> End {
        match self {
            Self::AToB => End::A,
            Self::BToA => End::B,
        }
    }

    /// Where packets are received.
    pub const fn destination(self) -> End {
        self.source().other()
    }

    /// `a-to-b` or `b-to-a`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AToB => "a-to-b",
            Self::BToA => "b-to-a",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who signs on a chain: one account of one chain, whichever paths it serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignerId {
    /// The chain's name in the configuration.
    pub chain: String,
    /// The account in the chain's own notation.
    pub account: String,
}

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain, self.account)
    }
}

/// A moment of the relayer's own clock: milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The moment `millis` milliseconds after 1970.
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The later moment, or the last one.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The earlier moment, or 1970.
    pub const fn minus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds from `earlier` to here, or 0.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A batch of calls that one transaction makes; the number counts up for each path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// The path whose work it is.
    pub path: PathId,
    /// The chain it is submitted to.
    pub host: End,
    /// Its number within the path.
    pub number: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_ids_are_plain() {
        for good in ["a", "hub-0", "shfe-to-bank"] {
            assert!(good.parse::<PathId>().is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "a_b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<PathId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn directions_and_ends_fit() {
        for end in End::BOTH {
            assert_eq!(Direction::from_source(end).source(), end);
            assert_eq!(Direction::to_destination(end).destination(), end);
            assert_eq!(end.other().other(), end);
        }
    }
}

use alloc::{borrow::ToOwned, string::String};
use core::{fmt, num::NonZeroU64, str::FromStr};

/// The longest client identifier, in bytes.
///
/// Source: the Router's surface, row "ids".
pub const MAX_CLIENT_ID_BYTES: usize = 64;
const MAX_CHAIN_ID_BYTES: usize = 64;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty or longer than the limit.
    #[error("{what}: expected 1 to {max} bytes, found {found}")]
    Length {
        /// The kind of identifier.
        what: &'static str,
        /// The greatest length in bytes.
        max: usize,
        /// The length found.
        found: usize,
    },
    /// The text breaks the pattern of its kind.
    #[error("{what}: expected {expected}, found {found:?}")]
    Pattern {
        /// The kind of identifier.
        what: &'static str,
        /// The pattern in words.
        expected: &'static str,
        /// The text found.
        found: String,
    },
    /// Sequences count from 1.
    #[error("sequence: expected at least 1, found 0")]
    ZeroSequence,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "String", try_from = "String"))]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// The identifier of a client on the chain that hosts it: `[a-z0-9]+(-[a-z0-9]+)*-[0-9]+`, at most 64 bytes.
    ///
    /// The pattern leaves out every byte below 0x20, so that a path (identifier, one prefix byte, sequence) parses one
    /// way only. Source: ICS-024, narrowed as ibc-go v10 does for IBC v2 (`{string}-{number}`).
    ClientId, |text| {
        length("client id", text, MAX_CLIENT_ID_BYTES)?;
        let words = || text.split('-');
        let well_formed = words().count() >= 2
            && words().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && words().next_back().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        pattern(well_formed, "client id", "lower-case words joined by '-', the last one a number (like qbft-0)", text)
    }
}

text_id! {
    /// The kind of a light client: `qbft`, `ibft2`, …; lower-case words joined by `-`.
    ClientType, |text| {
        length("client type", text, MAX_CLIENT_ID_BYTES)?;
        let well_formed =
            text.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        pattern(well_formed, "client type", "lower-case words joined by '-'", text)
    }
}

text_id! {
    /// What a chain calls itself: the decimal chain id of an EVM chain, the chain id of a Tendermint chain.
    ChainId, |text| {
        length("chain id", text, MAX_CHAIN_ID_BYTES)?;
        pattern(text.bytes().all(|b| b.is_ascii_graphic()), "chain id", "printable ASCII without spaces", text)
    }
}

fn length(what: &'static str, text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() || text.len() > max {
        return Err(IdError::Length { what, max, found: text.len() });
    }
    Ok(())
}

fn pattern(holds: bool, what: &'static str, expected: &'static str, text: &str) -> Result<(), IdError> {
    if holds { Ok(()) } else { Err(IdError::Pattern { what, expected, found: text.to_owned() }) }
}

/// The number of a packet on its source client, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "u64", try_from = "u64"))]
pub struct Sequence(NonZeroU64);

impl Sequence {
    /// The first packet's number.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The number as such.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The number after this one, or `None` at the end.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl TryFrom<u64> for Sequence {
    type Error = IdError;
    fn try_from(number: u64) -> Result<Self, IdError> {
        NonZeroU64::new(number).map(Self).ok_or(IdError::ZeroSequence)
    }
}

impl From<Sequence> for u64 {
    fn from(sequence: Sequence) -> u64 {
        sequence.get()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_follow_the_pattern() {
        for good in ["qbft-0", "07-tendermint-12", "a-b-c-3", "x-00"] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", "qbft", "qbft-", "-0", "qbft--0", "Qbft-0", "qbft-x", "qbft 0", "qbft-0\u{1}", "qb/ft-0"] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad:?}");
        }
        assert!(alloc::format!("{}-1", "a".repeat(62)).parse::<ClientId>().is_ok());
        assert!(alloc::format!("{}-1", "a".repeat(63)).parse::<ClientId>().is_err());
    }

    #[test]
    fn sequences_count_from_one() {
        assert_eq!(Sequence::try_from(0), Err(IdError::ZeroSequence));
        assert_eq!(Sequence::FIRST.next().map(Sequence::get), Some(2));
        assert_eq!(Sequence::try_from(u64::MAX).ok().and_then(Sequence::next), None);
    }
}

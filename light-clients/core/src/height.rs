use core::fmt;

/// A chain's own order of states: the revision first, then the number within it.
///
/// Slots, block numbers and views stay inside a client; outside it they are all heights. Chains that cannot fork
/// their numbering (every chain of this version) have revision 0.
///
/// Source: ICS-002, `Height`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Height {
    // The derived order compares the fields in this order.
    revision: u64,
    number: u64,
}

impl Height {
    /// Height `number` of revision 0.
    pub const fn new(number: u64) -> Self {
        Self { revision: 0, number }
    }

    /// Height `number` of the given revision.
    pub const fn with_revision(revision: u64, number: u64) -> Self {
        Self { revision, number }
    }

    /// The revision of the chain's numbering.
    pub const fn revision(self) -> u64 {
        self.revision
    }

    /// The number within the revision.
    pub const fn number(self) -> u64 {
        self.number
    }

    /// The next height of the same revision, or `None` at the end of the numbers.
    pub const fn next(self) -> Option<Self> {
        match self.number.checked_add(1) {
            Some(number) => Some(Self { revision: self.revision, number }),
            None => None,
        }
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.revision == 0 { write!(f, "{}", self.number) } else { write!(f, "{}-{}", self.revision, self.number) }
    }
}

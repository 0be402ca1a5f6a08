use core::{fmt, time::Duration};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A moment in Unix time (UTC), in whole seconds and the nanoseconds beyond them.
///
/// Every conversion names its unit. Nothing in this crate reads a clock: `now` is always an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp {
    seconds: u64,
    nanos: u32,
}

impl Timestamp {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self { seconds: millis / 1000, nanos: (millis % 1000) as u32 * 1_000_000 }
    }

    /// The moment `nanos` nanoseconds after 1970-01-01T00:00:00Z.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self { seconds: nanos / NANOS_PER_SECOND as u64, nanos: (nanos % NANOS_PER_SECOND as u64) as u32 }
    }

    /// Whole seconds since 1970, rounded down: the unit of packet timeouts and EVM headers.
    pub const fn unix_seconds(self) -> u64 {
        self.seconds
    }

    /// The nanoseconds beyond the whole seconds, below 10⁹.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// The later moment, or the last representable one when the sum does not fit.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = self.nanos + duration.subsec_nanos();
        let carry = u64::from(nanos / NANOS_PER_SECOND);
        match self.seconds.checked_add(duration.as_secs()).and_then(|seconds| seconds.checked_add(carry)) {
            Some(seconds) => Self { seconds, nanos: nanos % NANOS_PER_SECOND },
            None => Self { seconds: u64::MAX, nanos: NANOS_PER_SECOND - 1 },
        }
    }

    /// The time from `earlier` to `self`, or zero when `earlier` is not earlier.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        if self <= earlier {
            return Duration::ZERO;
        }
        let (borrow, nanos) = if self.nanos >= earlier.nanos {
            (0, self.nanos - earlier.nanos)
        } else {
            (1, self.nanos + NANOS_PER_SECOND - earlier.nanos)
        };
        Duration::new(self.seconds - earlier.seconds - borrow, nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 { write!(f, "{}", self.seconds) } else { write!(f, "{}.{:09}", self.seconds, self.nanos) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_carry() {
        let a = Timestamp::from_unix_nanos(1_900_000_000);
        let b = a.saturating_add(Duration::from_nanos(200_000_000));
        assert_eq!(b, Timestamp::from_unix_nanos(2_100_000_000));
        assert_eq!(b.saturating_since(a), Duration::from_nanos(200_000_000));
        assert_eq!(a.saturating_since(b), Duration::ZERO);
        assert!(
            Timestamp::from_unix_seconds(u64::MAX).saturating_add(Duration::from_secs(1))
                >= Timestamp::from_unix_seconds(u64::MAX)
        );
        assert_eq!(Timestamp::from_unix_millis(1_999).unix_seconds(), 1);
    }
}

use relayer_core::UnixMillis;

/// No wait is longer, in milliseconds.
pub(super) const LONGEST_MILLIS: u64 = 3_600_000;

/// How long something that came to nothing is waited with: twice as long each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wait {
    times: u32,
    until: UnixMillis,
}

impl Wait {
    /// Until then, as if once before it had come to nothing.
    pub(super) fn until(until: UnixMillis) -> Self {
        Self { times: 1, until }
    }

    /// Whether it is over. One that was begun by a clock that was ahead does not last longer than any other.
    pub(super) fn is_over(&self, now: UnixMillis) -> bool {
        now >= self.until || self.until.millis_since(now) > LONGEST_MILLIS
    }

    /// Once more it came to nothing: `first` milliseconds the first time, `last` at most.
    pub(super) fn lengthen(&mut self, first: u64, last: u64, now: UnixMillis) {
        let doublings = self.times.min(32);
        self.times = self.times.saturating_add(1);
        self.until = now.plus_millis(first.saturating_mul(1 << doublings).min(last).min(LONGEST_MILLIS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let at = UnixMillis::new;
        let mut wait = Wait::default();
        assert!(wait.is_over(at(0)));
        let mut waited = Vec::new();
        for _ in 0..70 {
            wait.lengthen(30_000, u64::MAX, at(1_000));
            waited.push(wait.until.millis_since(at(1_000)));
            assert!(!wait.is_over(at(1_000)) && wait.is_over(wait.until));
        }
        assert_eq!(waited[..4], [30_000, 60_000, 120_000, 240_000]);
        assert_eq!((waited[8], waited[69]), (LONGEST_MILLIS, LONGEST_MILLIS));
        wait = Wait::default();
        wait.lengthen(1_000, 1_500, at(0));
        wait.lengthen(1_000, 1_500, at(0));
        assert_eq!(wait.until, at(1_500));
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_make_it_wait_for_ever() {
        let wait = Wait::until(UnixMillis::new(u64::MAX));
        assert!(wait.is_over(UnixMillis::new(5)));
        let wait = Wait::until(UnixMillis::new(LONGEST_MILLIS));
        assert!(!wait.is_over(UnixMillis::new(5)));
    }
}

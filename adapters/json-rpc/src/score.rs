use std::time::{Duration, Instant};

/// How long an endpoint rests after its first failure; doubled for each further one.
const FAILURE_REST: Duration = Duration::from_secs(2);
/// How long an endpoint rests after its first lie; doubled for each further one.
const LIE_REST: Duration = Duration::from_secs(60);
const MAX_FAILURE_REST: Duration = Duration::from_secs(120);
const MAX_LIE_REST: Duration = Duration::from_secs(3600);
/// An endpoint whose head has stood still this long while another's moved counts as stuck.
pub(super) const STALL: Duration = Duration::from_secs(30);
/// Blocks behind the best endpoint that do not count against one.
pub(super) const TOLERATED_LAG: u64 = 3;

/// What an endpoint has done so far.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) lies: u32,
    pub(super) failures_total: u64,
    failures_in_row: u32,
    pub(super) lag: u64,
    pub(super) head: Option<(u64, Instant)>,
    rest_until: Option<Instant>,
}

impl Score {
    pub(super) fn new() -> Self {
        Self { lies: 0, failures_total: 0, failures_in_row: 0, lag: 0, head: None, rest_until: None }
    }

    pub(super) fn answered(&mut self) {
        self.failures_in_row = 0;
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures_total = self.failures_total.saturating_add(1);
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.rest(now, FAILURE_REST, self.failures_in_row, MAX_FAILURE_REST);
    }

    pub(super) fn lied(&mut self, now: Instant) {
        self.lies = self.lies.saturating_add(1);
        self.rest(now, LIE_REST, self.lies, MAX_LIE_REST);
    }

    pub(super) fn saw_head(&mut self, number: u64, now: Instant) {
        if self.head.is_none_or(|(known, _)| number > known) {
            self.head = Some((number, now));
        }
    }

    pub(super) fn is_resting(&self, now: Instant) -> bool {
        self.rest_until.is_some_and(|until| now < until)
    }

    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.head.is_some_and(|(_, since)| now.duration_since(since) > STALL)
    }

    /// Smaller is better: first those that do not rest, then those that never lied, then those that keep up.
    pub(super) fn rank(&self, now: Instant) -> (bool, u32, bool, u32) {
        (self.is_resting(now), self.lies, self.lag > TOLERATED_LAG, self.failures_in_row)
    }

    fn rest(&mut self, now: Instant, first: Duration, count: u32, max: Duration) {
        let factor = 1_u32 << count.saturating_sub(1).min(12);
        let until = now + first.saturating_mul(factor).min(max);
        self.rest_until = Some(self.rest_until.map_or(until, |known| known.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn liars_rest_longer_than_the_absent_and_come_last() {
        let now = Instant::now();
        let (mut liar, mut absent, honest) = (Score::new(), Score::new(), Score::new());
        liar.lied(now);
        absent.failed(now);
        assert!(honest.rank(now) < absent.rank(now) && absent.rank(now) < liar.rank(now));
        let later = now + FAILURE_REST;
        assert!(!absent.is_resting(later) && liar.is_resting(later));
        // Even rested, one that has lied is asked after those that have not.
        assert!(honest.rank(now + MAX_LIE_REST) < liar.rank(now + MAX_LIE_REST));
    }

    #[test]
    fn rests_grow_and_are_bounded() {
        let now = Instant::now();
        let mut score = Score::new();
        for _ in 0..100 {
            score.failed(now);
        }
        assert!(score.is_resting(now + MAX_FAILURE_REST - Duration::from_millis(1)));
        assert!(!score.is_resting(now + MAX_FAILURE_REST));
    }
}

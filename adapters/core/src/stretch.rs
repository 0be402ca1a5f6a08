use std::time::{Duration, Instant};

/// The most updates of one call.
const MAX_UPDATES: usize = 256;
/// How long one call goes on once it has something to show: less than anybody waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// How far one call of [`crate::Prover::updates`] goes. A long way is gone in several calls, each of which is in time: who
/// gives up the whole for being late begins anew each time.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    begun: Instant,
}

impl Stretch {
    /// Begins now.
    pub fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Whether this many updates are enough for one call.
    pub fn is_over(&self, updates: usize) -> bool {
        updates >= MAX_UPDATES || (updates > 0 && self.begun.elapsed() >= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_over_by_number_or_by_time_and_never_empty() {
        let stretch = Stretch::begin();
        assert!(!stretch.is_over(0) && !stretch.is_over(MAX_UPDATES - 1) && stretch.is_over(MAX_UPDATES));
        let late = Stretch { begun: Instant::now().checked_sub(PATIENCE).unwrap() };
        assert!(!late.is_over(0) && late.is_over(1));
    }
}

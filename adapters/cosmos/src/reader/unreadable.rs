//! Blocks of which no node gives an answer that can be read.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a block is tried before it is passed over.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often at least.
const MIN_TRIES: u32 = 3;
/// The most blocks that are being tried.
const MAX_BLOCKS: usize = 64;
/// The most blocks that were passed over and are remembered.
const MAX_PASSED_OVER: usize = 32;

/// The blocks that could not be read so far: since when, and how often they were tried.
pub(super) struct Unreadable {
    patience: Duration,
    tried: Mutex<BTreeMap<u64, (Instant, u32)>>,
    /// Those passed over, with why.
    passed_over: Mutex<VecDeque<(u64, String)>>,
}

impl Unreadable {
    pub(super) fn new() -> Self {
        Self { patience: PATIENCE, tried: Mutex::default(), passed_over: Mutex::default() }
    }

    /// Notes that a block could not be read, and says whether it was tried long enough: what a node garbles for a while is
    /// not worth a block, what no answer can hold would be waited for in vain for ever.
    pub(super) fn is_given_up(&self, block: u64, now: Instant) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() >= MAX_BLOCKS && !tried.contains_key(&block) {
            // Blocks are read in order: the lowest was read meanwhile, or is not asked for any more.
            tried.pop_first();
        }
        let (since, tries) = tried.entry(block).or_insert((now, 0));
        *tries = tries.saturating_add(1);
        *tries >= MIN_TRIES && now.duration_since(*since) >= self.patience
    }

    /// Remembers that the block is passed over.
    pub(super) fn pass_over(&self, block: u64, reason: String) {
        let mut passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        passed_over.retain(|(known, _)| *known != block);
        if passed_over.len() >= MAX_PASSED_OVER {
            passed_over.pop_front();
        }
        passed_over.push_back((block, reason));
    }

    pub(super) fn passed_over(&self) -> Vec<(u64, String)> {
        self.passed_over.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The block was read.
    pub(super) fn forget(&self, block: u64) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).remove(&block);
    }
}

#[cfg(test)]
impl Unreadable {
    /// With another patience.
    pub(super) fn with_patience(patience: Duration) -> Self {
        Self { patience, ..Self::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_given_up_after_a_while_and_some_tries() {
        let (unreadable, start) = (Unreadable::new(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!unreadable.is_given_up(5, start));
        assert!(!unreadable.is_given_up(5, after(100)), "tried twice");
        assert!(unreadable.is_given_up(5, after(100)));
        assert!((0..10).all(|_| !unreadable.is_given_up(6, after(100))), "no time has passed");
        unreadable.forget(5);
        assert!(!unreadable.is_given_up(5, after(200)));
    }

    #[test]
    fn not_more_blocks_are_remembered_than_may_be() {
        let (unreadable, now) = (Unreadable::with_patience(Duration::ZERO), Instant::now());
        for block in 0..1_000 {
            unreadable.is_given_up(block, now);
        }
        (0..1_000).for_each(|block| unreadable.pass_over(block, String::new()));
        unreadable.pass_over(999, "again".to_owned());
        let passed_over = unreadable.passed_over();
        assert_eq!((passed_over.len(), passed_over.last()), (MAX_PASSED_OVER, Some(&(999, "again".to_owned()))));
        assert_eq!(unreadable.tried.lock().unwrap().len(), MAX_BLOCKS);
        assert!(!unreadable.is_given_up(999, now));
        assert!(unreadable.is_given_up(999, now), "the latest are");
    }
}

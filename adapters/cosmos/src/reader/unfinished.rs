//! Blocks that are read transaction by transaction, as far as they were read: a block may have more than there is time for.

use adapter::{MAX_EVENT_BYTES, PacketEvent};
use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, PoisonError},
};

/// The most readings that are kept; their events are no longer together than those of one block may be.
const MAX_READINGS: usize = 16;

/// What one node told so far of a block's transactions.
#[derive(Default)]
pub(super) struct Progress {
    /// The events of each transaction, by its place in the block.
    pub(super) found: BTreeMap<u64, Vec<PacketEvent>>,
    /// How long they are together.
    pub(super) bytes: usize,
    /// How many kinds of event were searched for to the end.
    pub(super) searched: usize,
    /// How many transactions with the next kind were asked for.
    pub(super) pages: u64,
    /// Whether the last of them was too much for an answer.
    pub(super) was_too_much: bool,
}

/// The readings that were cut off, by block and node: what one node tells is not mixed with what another does.
pub(super) struct Unfinished(Mutex<BTreeMap<(u64, String), Progress>>);

/// A reading under way. Whatever cuts it off, it is gone on with later.
pub(super) struct Reading<'a> {
    pub(super) progress: Progress,
    unfinished: &'a Unfinished,
    block: u64,
    node: &'a str,
    is_finished: bool,
}

impl Unfinished {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Goes on where one node's telling of a block was cut off.
    pub(super) fn resume<'a>(&'a self, block: u64, node: &'a str) -> Reading<'a> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = kept.remove(&(block, node.to_owned())).unwrap_or_default();
        Reading { progress, unfinished: self, block, node, is_finished: false }
    }

    /// The block was read. Blocks are read in order: those below were too, or are not asked for any more.
    pub(super) fn forget(&self, block: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(at, _), _| *at > block);
    }

    fn keep(&self, block: u64, node: &str, progress: Progress) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((block, node.to_owned()), progress);
        let mut bytes = kept.values().fold(0_usize, |sum, progress| sum.saturating_add(progress.bytes));
        // The lowest block is the one that the others wait for.
        while (kept.len() > MAX_READINGS || bytes > MAX_EVENT_BYTES)
            && let Some((_, dropped)) = kept.pop_last()
        {
            bytes = bytes.saturating_sub(dropped.bytes);
        }
    }
}

impl Reading<'_> {
    /// All was told: the events in the block's order.
    pub(super) fn finish(mut self) -> Vec<PacketEvent> {
        self.is_finished = true;
        mem::take(&mut self.progress.found).into_values().flatten().collect()
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let is_begun = (self.progress.searched, self.progress.pages) != (0, 0);
        if is_begun && !self.is_finished {
            self.unfinished.keep(self.block, self.node, mem::take(&mut self.progress));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_off(unfinished: &Unfinished, block: u64, node: &str, bytes: usize) {
        let mut reading = unfinished.resume(block, node);
        reading.progress.pages += 1;
        reading.progress.bytes = bytes;
    }

    fn pages(unfinished: &Unfinished, block: u64, node: &str) -> u64 {
        unfinished.resume(block, node).progress.pages
    }

    #[test]
    fn each_nodes_telling_of_a_block_is_gone_on_with() {
        let unfinished = Unfinished::new();
        for (block, node) in [(5, "a"), (5, "b"), (5, "a"), (6, "a")] {
            cut_off(&unfinished, block, node, 1);
        }
        let kept = [(5, "a"), (5, "b"), (6, "a"), (6, "b")].map(|(block, node)| pages(&unfinished, block, node));
        assert_eq!(kept, [2, 1, 1, 0]);
        unfinished.resume(6, "a").finish();
        assert_eq!(pages(&unfinished, 6, "a"), 0, "that was all");
        unfinished.forget(5);
        assert_eq!(pages(&unfinished, 5, "a"), 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_lowest_block_is_kept() {
        let unfinished = Unfinished::new();
        for block in (0..1_000).rev() {
            cut_off(&unfinished, block, "a", 1);
        }
        assert_eq!(unfinished.0.lock().unwrap().len(), MAX_READINGS);
        cut_off(&unfinished, 1_000, "a", MAX_EVENT_BYTES);
        cut_off(&unfinished, 0, "a", MAX_EVENT_BYTES);
        assert_eq!((pages(&unfinished, 0, "a"), pages(&unfinished, 1, "a")), (2, 0));
        assert_eq!(unfinished.0.lock().unwrap().len(), 1);
    }
}

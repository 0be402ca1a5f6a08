//! What was left out for good: kept, so that status and metrics show it after the log is gone.

use super::Watcher;
use crate::{conflict::printable, shared::ends};
use light_client::Height;
use relayer_core::{End, PASSED_OVER_KEPT, PassedOver, PassedOverKind, PathId, Write};

/// What was left out of a hosted client's states, and of the blocks of the chain that it follows.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Of each kind in the order in which it came.
    kept: Vec<PassedOver>,
    unwritten: Vec<PassedOver>,
}

impl Passed {
    /// As another process left it, the newest first.
    pub(super) fn recall(&mut self, mut kept: Vec<PassedOver>, host: End) {
        kept.retain(|passed| passed.end == end_of(passed.kind, host));
        kept.reverse();
        self.kept = kept;
    }

    fn knows(&self, kind: PassedOverKind, first: Height) -> bool {
        self.kept.iter().any(|known| (known.kind, known.first) == (kind, first))
    }

    /// Takes what is new, or goes on.
    fn note(&mut self, passed: PassedOver) {
        let is_other = |known: &PassedOver| (known.kind, known.first) != (passed.kind, passed.first);
        self.kept.retain(is_other);
        self.unwritten.retain(is_other);
        self.kept.push(passed.clone());
        self.unwritten.push(passed.clone());
        // As the store does.
        let of_kind = |known: &PassedOver| known.kind == passed.kind;
        if self.kept.iter().filter(|known| of_kind(known)).count() > PASSED_OVER_KEPT
            && let Some(oldest) = self.kept.iter().position(of_kind)
        {
            self.kept.remove(oldest);
        }
    }

    pub(super) fn shown(&self) -> Vec<PassedOver> {
        self.kept.clone()
    }

    pub(super) fn writes(&self, path: &PathId) -> Vec<Write> {
        let write = |passed: &PassedOver| Write::PassedOver { path: path.clone(), passed: passed.clone() };
        self.unwritten.iter().map(write).collect()
    }

    pub(super) fn written(&mut self) {
        self.unwritten.clear();
    }
}

impl Watcher {
    /// Takes over which blocks of the followed chain its reader has left out.
    pub(super) fn note_unread_blocks(&mut self) {
        let (_, there) = ends(&self.context.path, self.host);
        for block in there.reader.passed_over() {
            if !self.passed.knows(PassedOverKind::Block, block.height) {
                self.pass_over(PassedOverKind::Block, [block.height; 2], &block.value);
            }
        }
    }

    /// Keeps that something was left out.
    pub(super) fn pass_over(&mut self, kind: PassedOverKind, [first, last]: [Height; 2], reason: &str) {
        let (end, reason, at) = (end_of(kind, self.host), printable(reason), self.now());
        self.passed.note(PassedOver { end, kind, first, last, reason, at });
    }
}

/// The end that something of this kind is of, where `host` hosts the client.
const fn end_of(kind: PassedOverKind, host: End) -> End {
    match kind {
        PassedOverKind::Block => host.other(),
        PassedOverKind::States => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relayer_core::UnixMillis;

    fn passed(kind: PassedOverKind, first: u64, last: u64) -> PassedOver {
        let (first, last) = (Height::new(first), Height::new(last));
        PassedOver { end: end_of(kind, End::A), kind, first, last, reason: String::new(), at: UnixMillis::new(1) }
    }

    #[test]
    fn what_goes_on_is_one_and_the_oldest_of_a_kind_make_room() {
        let mut all = Passed::default();
        all.note(passed(PassedOverKind::States, 3, 3));
        all.note(passed(PassedOverKind::States, 3, 5));
        assert_eq!(all.shown(), [passed(PassedOverKind::States, 3, 5)]);
        assert_eq!(all.writes(&"a-to-b".parse().unwrap()).len(), 1);
        let count = PASSED_OVER_KEPT as u64 + 5;
        (0..count).for_each(|number| all.note(passed(PassedOverKind::Block, number, number)));
        assert_eq!(all.shown().len(), PASSED_OVER_KEPT + 1);
        assert!(all.knows(PassedOverKind::Block, Height::new(5)) && !all.knows(PassedOverKind::Block, Height::new(4)));
        assert!(all.knows(PassedOverKind::States, Height::new(3)));
        all.written();
        assert!(all.writes(&"a-to-b".parse().unwrap()).is_empty());
    }

    #[test]
    fn each_watcher_recalls_what_it_kept() {
        let (block, states) = (passed(PassedOverKind::Block, 7, 7), passed(PassedOverKind::States, 3, 5));
        for (host, expected) in [(End::A, vec![states.clone(), block.clone()]), (End::B, Vec::new())] {
            let mut all = Passed::default();
            all.recall(vec![block.clone(), states.clone()], host);
            assert_eq!(all.shown(), expected);
        }
    }
}

//! What is kept of headers that contradict one another, and what is done with it.

use super::{Unanswered, Watcher, wait::Wait};
use crate::{
    accusation::{Accusation, NotAccused, Reach, accuse, lease_name},
    codec, conflict,
    path_task::{LEASE_MILLIS, RESTART},
    shared::{ends, with_causes},
};
use adapter::{ChainHeader, Message};
use light_client::{BlockHash, Height};
use relayer_core::{CONFLICTS_KEPT, Conflict, ConflictKind, ConflictingHeader, Event, HostedClient, UnixMillis, Write};
use relayer_store::{Guard, StoreError};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// After this long, in milliseconds, evidence is submitted again that did not freeze the client, or another piece of it; and two
/// certified headers of which the light client was not convinced are shown to it again. Each time it is twice as long.
const AGAIN_MILLIS: u64 = 30_000;
/// After this long what could not be asked is asked again, and at the latest after this long.
const ASK_AGAIN_MILLIS: u64 = 1_000;
const ASK_AGAIN_LAST_MILLIS: u64 = 60_000;
/// Pairs of headers that are tried as evidence in one round; and of those that are not both certified, which anybody can
/// make up.
const TRIED_A_ROUND: usize = 8;
const UNCERTIFIED_A_ROUND: usize = 1;
/// Of the certified ones those that lack something which an endpoint has to be asked for each time. Where the validators' keys
/// seal another network too, there is one at each height that never becomes evidence.
const PARTIAL_A_ROUND: usize = 2;
/// How far states were compared is written after this long, in milliseconds: what is lost is compared again.
const WRITE_PROGRESS_MILLIS: u64 = 10_000;

/// A conflict that is kept, and what was tried with it.
pub(super) struct Kept {
    conflict: Conflict,
    /// Whether both headers come with all that evidence takes about them.
    whole: bool,
    /// How often it was tried.
    tries: u32,
    /// The client's latest height when the light client was not convinced.
    refused: Option<Height>,
    /// Until when nothing more is tried with it.
    wait: Wait,
    /// Whether the store has it as it is here, and whether it has it at all.
    stored: bool,
    in_store: bool,
}

impl Kept {
    fn new(conflict: Conflict, whole: bool) -> Self {
        Self { conflict, whole, tries: 0, refused: None, wait: Wait::default(), stored: false, in_store: false }
    }

    /// As another process left it.
    fn recalled(conflict: Conflict, whole: bool, now: UnixMillis) -> Self {
        let submitted = conflict.submitted.filter(|at| *at <= now);
        let wait = submitted.map_or(Wait::default(), |at| Wait::until(at.plus_millis(AGAIN_MILLIS)));
        Self { wait, stored: true, in_store: true, ..Self::new(conflict, whole) }
    }

    /// Whether it was tried, and has not made misbehaviour yet.
    fn in_vain(&self) -> bool {
        self.conflict.evidence.is_none() && self.tries > 0
    }

    /// Once more it was tried.
    fn tried(&mut self, first: u64, last: u64, now: UnixMillis) {
        self.tries = self.tries.saturating_add(1);
        self.wait.lengthen(first, last, now);
    }

    /// Whether it is worth trying now. What is not certified shows nothing new before the client moves.
    fn is_due(&self, latest: Height, now: UnixMillis) -> bool {
        let is_news = self.conflict.kind() > ConflictKind::Uncertified || self.refused != Some(latest);
        is_news && self.wait.is_over(now)
    }
}

/// The pairs to be tried now: those that were tried least often, of these the ones that show most, and of these the latest. What
/// is not certified or not whole has places of its own.
fn due(kept: &BTreeMap<[BlockHash; 2], Kept>, latest: Height, now: UnixMillis) -> Vec<[BlockHash; 2]> {
    let mut due: Vec<_> = kept.iter().filter(|(_, kept)| kept.is_due(latest, now)).collect();
    due.sort_by_key(|(_, kept)| (kept.tries, Reverse((kept.conflict.kind(), kept.conflict.seen))));
    let (proving, other): (Vec<_>, Vec<_>) =
        due.into_iter().partition(|(_, kept)| kept.conflict.kind() > ConflictKind::Uncertified);
    let (whole, partial): (Vec<_>, Vec<_>) = proving.into_iter().partition(|(_, kept)| kept.whole);
    let tried = whole.into_iter().take(TRIED_A_ROUND);
    let tried =
        tried.chain(partial.into_iter().take(PARTIAL_A_ROUND)).chain(other.into_iter().take(UNCERTIFIED_A_ROUND));
    tried.map(|(key, _)| *key).collect()
}

/// Those that make room where there are too many of a kind: first what is not whole, of that what was tried in vain, and of that
/// the oldest.
fn surplus(kept: &BTreeMap<[BlockHash; 2], Kept>) -> Vec<[BlockHash; 2]> {
    let mut all: Vec<_> = kept.iter().collect();
    all.sort_by_key(|(_, kept)| (!kept.whole, kept.in_vain(), Reverse(kept.conflict.seen)));
    let of_kind = |kind| all.iter().filter(move |(_, kept)| kept.conflict.kind() == kind).skip(CONFLICTS_KEPT);
    ConflictKind::ALL.into_iter().flat_map(of_kind).map(|(key, _)| **key).collect()
}

impl Watcher {
    /// What was kept before this process.
    pub(super) async fn recall(&mut self) {
        loop {
            match self.read_kept().await {
                Ok(()) => return self.show(),
                Err(error) => {
                    let path = &self.context.path.id;
                    tracing::warn!(%path, error = %with_causes(&error), "kept headers cannot be read");
                    tokio::time::sleep(RESTART).await;
                }
            }
        }
    }

    async fn read_kept(&mut self) -> Result<(), StoreError> {
        let (path, now) = (&self.context.path.id, self.now());
        let conflicts = self.context.store.conflicts(path).await?;
        let compared = self.context.store.compared(path).await?;
        let passed = self.context.store.passed_over(path).await?;
        let ours = conflicts.into_iter().filter(|conflict| conflict.host == self.host);
        let recalled = |conflict: Conflict| {
            let whole = self.is_whole(&conflict);
            (conflict.key().1, Kept::recalled(conflict, whole, now))
        };
        self.kept = ours.map(recalled).collect();
        self.passed.recall(passed, self.host);
        self.progress.recall(compared[crate::shared::index(self.host)]);
        Ok(())
    }

    /// Takes conflicts that are new, or show more than what is kept of them, and tells of them.
    pub(super) fn keep(&mut self, conflicts: Vec<Conflict>) {
        let context = Arc::clone(&self.context);
        let (_, there) = ends(&context.path, self.host);
        for conflict in conflicts {
            let (_, key) = conflict.key();
            let shown = match self.kept.get(&key) {
                None => Some(conflict),
                Some(known) => {
                    let is_whole = |header: &[u8]| there.prover.is_whole(header);
                    conflict::improved(&known.conflict, known.in_vain(), is_whole, conflict)
                }
            };
            let Some(conflict) = shown else { continue };
            let whole = self.is_whole(&conflict);
            let in_store = self.kept.get(&key).is_some_and(|known| known.in_store);
            let kept = Kept { in_store, ..Kept::new(conflict, whole) };
            let message = conflict::described(&there.chain, &kept.conflict);
            let about = conflict::about(&kept.conflict);
            self.kept.insert(key, kept);
            self.has_news = true;
            self.alert(&about, message);
        }
        for key in surplus(&self.kept) {
            if self.kept.remove(&key).is_some_and(|kept| kept.in_store) {
                self.dropped.push(key);
            }
        }
    }

    fn is_whole(&self, conflict: &Conflict) -> bool {
        let (_, there) = ends(&self.context.path, self.host);
        conflict.headers.iter().all(|header| there.prover.is_whole(&header.bytes))
    }

    /// As [`Watcher::accuse`], when something was found since.
    pub(super) async fn accuse_of_news(&mut self, client: &HostedClient) {
        if self.has_news {
            self.accuse(client).await;
        }
    }

    /// Shows the client what makes misbehaviour, one pair at a time: the first that is accepted freezes it.
    pub(super) async fn accuse(&mut self, client: &HostedClient) {
        let (now, latest) = (self.now(), client.latest.height);
        self.has_news = false;
        if self.accused_at.replace(latest).is_some_and(|before| before != latest) {
            // Other states are stored by now: what they say of a pair, or a chain of a call, may be something else.
            self.kept.values_mut().for_each(|kept| kept.wait = Wait::default());
        }
        let submitted = self.kept.values().filter_map(|kept| kept.conflict.submitted).filter(|at| *at <= now).max();
        if submitted.is_some_and(|at| now.millis_since(at) < AGAIN_MILLIS) {
            return;
        }
        for key in due(&self.kept, latest, now) {
            let Some((conflict, tries)) = self.kept.get(&key).map(|kept| (kept.conflict.clone(), kept.tries)) else {
                continue;
            };
            let accusation = self.accusation(&conflict, tries).await;
            let Some(kept) = self.kept.get_mut(&key) else { continue };
            match accusation {
                Ok(accusation) => {
                    kept.tried(AGAIN_MILLIS, u64::MAX, now);
                    kept.conflict.evidence = Some(accusation.evidence);
                    kept.conflict.submitted = Some(now);
                    kept.stored = false;
                    self.save().await;
                    return self.submit(&conflict, accusation.messages, accusation.update).await;
                }
                Err(Some(verdict)) => {
                    tracing::debug!(path = %self.context.path.id, %verdict, "no misbehaviour");
                    kept.refused = Some(latest);
                    kept.tried(AGAIN_MILLIS, u64::MAX, now);
                }
                // Nobody has said that it is none.
                Err(None) => kept.tried(ASK_AGAIN_MILLIS, ASK_AGAIN_LAST_MILLIS, now),
            }
        }
    }

    /// # Errors
    /// The light client's verdict; `None` when it could not be asked for.
    async fn accusation(&self, conflict: &Conflict, tries: u32) -> Result<Accusation, Option<String>> {
        let header = |kept: &ConflictingHeader| {
            let (height, hash, bytes) = (kept.height, kept.hash, kept.bytes.clone());
            ChainHeader { height, hash, bytes }
        };
        let [first, second] = conflict.headers.each_ref().map(header);
        let reach = match conflict.kind() {
            ConflictKind::Uncertified => Reach::Stored,
            ConflictKind::Certified | ConflictKind::Misbehaviour => Reach::Nearer,
        };
        let accused = accuse(&self.context.path, self.host, [&first, &second], reach, tries, self.timestamp());
        let judged = async {
            match accused.await {
                Ok(accusation) => Ok(Ok(accusation)),
                Err(NotAccused::Refused(error)) => Ok(Err(with_causes(&error))),
                Err(NotAccused::Failed(error)) => Err(error),
            }
        };
        match self.call("making evidence of two headers", judged).await {
            Ok(verdict) => verdict.map_err(Some),
            Err(Unanswered::Late | Unanswered::Failed(_)) => Err(None),
        }
    }

    async fn submit(&mut self, conflict: &Conflict, messages: Vec<Message>, update: Option<Height>) {
        let (here, there) = ends(&self.context.path, self.host);
        let [first, second] = &conflict.headers;
        let message = format!(
            "{} certified two blocks: {} at height {} ({}) and {} at height {} ({}); client {} on {} is shown both",
            there.chain,
            first.hash,
            first.height,
            first.origin,
            second.hash,
            second.height,
            second.origin,
            here.client,
            here.chain,
        );
        match codec::encode(&messages) {
            Ok(messages) => {
                // A path that is gone has stopped; then this task is about to stop too.
                let _ = self.machine.send(Event::Misbehaviour { host: self.host, messages, update }).await;
            }
            Err(error) => tracing::error!(path = %self.context.path.id, %error, "evidence cannot be encoded"),
        }
        self.alert("misbehaviour", message);
    }

    /// Writes what is not written yet, and shows what is kept.
    pub(super) async fn save(&mut self) {
        let (path, now) = (self.context.path.id.clone(), self.now());
        let unsaved = self.kept.values().filter(|kept| !kept.stored);
        let write = |kept: &Kept| Write::Conflict { path: path.clone(), conflict: kept.conflict.clone() };
        let mut conflicts: Vec<(UnixMillis, Write)> = unsaved.map(|kept| (kept.conflict.seen, write(kept))).collect();
        // In the order of time, so that the store makes room for the same ones.
        conflicts.sort_by_key(|(seen, _)| *seen);
        // Those that made room go first: then the store has room.
        let forget =
            |hashes: &[BlockHash; 2]| Write::ForgetConflict { path: path.clone(), host: self.host, hashes: *hashes };
        let mut writes: Vec<Write> = self.dropped.iter().map(forget).collect();
        writes.extend(conflicts.into_iter().map(|(_, write)| write));
        writes.extend(self.passed.writes(&path));
        let progress = self.progress.unwritten(now, WRITE_PROGRESS_MILLIS);
        writes.extend(progress.map(|height| Write::Compared { path: path.clone(), host: self.host, height }));
        if !writes.is_empty() {
            match self.store(&writes).await {
                Ok(()) => {
                    self.kept.values_mut().for_each(|kept| (kept.stored, kept.in_store) = (true, true));
                    self.dropped.clear();
                    self.passed.written();
                    if let Some(height) = progress {
                        self.progress.written(height, now);
                    }
                }
                Err(error) => {
                    tracing::error!(%path, error = %with_causes(&error), "headers that conflict cannot be kept");
                }
            }
        }
        self.show();
    }

    async fn store(&self, writes: &[Write]) -> Result<(), StoreError> {
        let store = &self.context.store;
        let lease = lease_name(&self.context.path, self.host);
        let fence = store.lease(&lease, &self.owner, self.now(), LEASE_MILLIS).await?.fence;
        store.apply(&Guard { lease, fence }, writes).await
    }

    fn show(&self) {
        let conflicts = self.kept.values().map(|kept| kept.conflict.clone()).collect();
        self.context.shared.conflicts(&self.context.path.id, self.host, conflicts);
        self.context.shared.passed_over(&self.context.path.id, self.host, self.passed.shown());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relayer_core::End;

    fn kept(certified: bool) -> Kept {
        let header = |block: u8| ConflictingHeader {
            height: Height::new(5),
            hash: BlockHash::new([block; 32]),
            origin: "a node".to_owned(),
            certified,
            bytes: vec![block],
        };
        Kept::new(Conflict::new(End::A, [header(1), header(2)], UnixMillis::new(0)), true)
    }

    fn numbered(number: u64, whole: bool, seen: UnixMillis) -> ([BlockHash; 2], Kept) {
        let mut conflict = kept(true).conflict;
        conflict.headers[1].hash = BlockHash::new([9; 32]);
        conflict.headers[0].hash =
            BlockHash::new([[0; 24].as_slice(), &number.to_be_bytes()].concat().try_into().unwrap());
        conflict.seen = seen;
        (conflict.key().1, Kept::new(conflict, whole))
    }

    /// Another network of the same validators shows a certified pair at each height, of which nobody proves the account.
    #[test]
    fn pairs_that_lack_something_neither_hold_up_a_whole_one_nor_displace_it() {
        const A_ROUND: u64 = 8;
        let mut all = BTreeMap::new();
        let latest = Height::new(3);
        let mut now = UnixMillis::new(1_000_000);
        let mut most = 0;
        let mut flood = |all: &mut BTreeMap<_, _>, numbers: std::ops::Range<u64>| {
            for first in numbers.step_by(A_ROUND as usize) {
                all.extend((first..first + A_ROUND).map(|number| numbered(number, false, now)));
                for key in surplus(all) {
                    all.remove(&key);
                }
                let keys = due(all, latest, now);
                most = most.max(keys.iter().filter(|key| !all[*key].whole).count());
                keys.iter()
                    .for_each(|key| all.get_mut(key).unwrap().tried(ASK_AGAIN_MILLIS, ASK_AGAIN_LAST_MILLIS, now));
                now = now.plus_millis(1_000);
            }
            now
        };
        let later = flood(&mut all, 0..1_000);
        assert_eq!(all.len(), CONFLICTS_KEPT);
        let (key, genuine) = numbered(7_777, true, later);
        all.insert(key, genuine);
        assert_eq!(surplus(&all).len(), 1);
        assert_eq!(due(&all, latest, later).first(), Some(&key));
        flood(&mut all, 10_000..11_000);
        assert!(all.contains_key(&key) && all.len() == CONFLICTS_KEPT);
        assert!(all[&key].tries > 2, "tried again and again: {}", all[&key].tries);
        assert_eq!(most, PARTIAL_A_ROUND);
    }

    #[test]
    fn what_was_tried_least_often_comes_first_and_what_was_tried_in_vain_goes_first() {
        let (latest, now) = (Height::new(3), UnixMillis::new(5_000_000));
        let count = CONFLICTS_KEPT as u64 + 1;
        let mut all: BTreeMap<_, _> =
            (0..count).map(|number| numbered(number, true, UnixMillis::new(number))).collect();
        let [oldest, latest_one] = [0, count - 1].map(|number| numbered(number, true, now).0);
        assert_eq!(surplus(&all), [oldest]);
        assert_eq!(due(&all, latest, now).first(), Some(&latest_one));
        all.get_mut(&latest_one).unwrap().tried(1, 1, UnixMillis::new(0));
        assert_eq!(surplus(&all), [latest_one]);
        assert!(!due(&all, latest, now).contains(&latest_one));
        // What makes misbehaviour was not tried in vain, and is of another kind.
        all.get_mut(&latest_one).unwrap().conflict.evidence = Some(vec![1]);
        assert!(surplus(&all).is_empty());
    }

    #[test]
    fn what_is_not_certified_is_tried_again_when_the_client_has_moved() {
        let (before, after, now) = (Height::new(3), Height::new(4), UnixMillis::new(9));
        for certified in [false, true] {
            let mut kept = kept(certified);
            assert!(kept.is_due(before, now));
            kept.refused = Some(before);
            assert_eq!((kept.is_due(before, now), kept.is_due(after, now)), (certified, true));
            kept.tried(AGAIN_MILLIS, u64::MAX, now);
            assert!(!kept.is_due(after, now));
            assert!(kept.is_due(after, now.plus_millis(AGAIN_MILLIS)) && kept.in_vain());
        }
    }

    #[test]
    fn evidence_that_another_process_handed_over_is_waited_for_and_no_longer() {
        let mut conflict = kept(true).conflict;
        let (at, now) = (UnixMillis::new(100_000), UnixMillis::new(110_000));
        conflict.submitted = Some(at);
        let due = |kept: &Kept, now| kept.is_due(Height::new(3), now);
        let recalled = Kept::recalled(conflict.clone(), true, now);
        assert!(!due(&recalled, now) && due(&recalled, at.plus_millis(AGAIN_MILLIS)) && recalled.stored);
        // By a clock that was ahead.
        assert!(due(&Kept::recalled(conflict, true, UnixMillis::new(99_999)), UnixMillis::new(99_999)));
    }
}

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
use relayer_core::{Conflict, ConflictKind, ConflictingHeader, Event, HostedClient, UnixMillis, Write, surplus};
use relayer_store::{Guard, StoreError};

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
/// How far states were compared is written after this long, in milliseconds: what is lost is compared again.
const WRITE_PROGRESS_MILLIS: u64 = 10_000;

/// A conflict that is kept, and what was tried with it.
pub(super) struct Kept {
    conflict: Conflict,
    /// The client's latest height when the light client was not convinced.
    refused: Option<Height>,
    /// Until when nothing more is tried with it.
    wait: Wait,
    stored: bool,
}

impl Kept {
    fn new(conflict: Conflict) -> Self {
        Self { conflict, refused: None, wait: Wait::default(), stored: false }
    }

    /// As another process left it.
    fn recalled(conflict: Conflict, now: UnixMillis) -> Self {
        let submitted = conflict.submitted.filter(|at| *at <= now);
        let wait = submitted.map_or(Wait::default(), |at| Wait::until(at.plus_millis(AGAIN_MILLIS)));
        Self { conflict, refused: None, wait, stored: true }
    }

    /// Whether it was tried, and has not made misbehaviour yet.
    fn in_vain(&self) -> bool {
        self.conflict.evidence.is_none() && self.wait != Wait::default()
    }

    /// Whether it is worth trying now. What is not certified shows nothing new before the client moves.
    fn is_due(&self, latest: Height, now: UnixMillis) -> bool {
        let is_news = self.conflict.kind() > ConflictKind::Uncertified || self.refused != Some(latest);
        is_news && self.wait.is_over(now)
    }
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
        let ours = conflicts.into_iter().filter(|conflict| conflict.host == self.host);
        self.kept = ours.map(|conflict| (conflict.key().1, Kept::recalled(conflict, now))).collect();
        self.progress.recall(compared[crate::shared::index(self.host)]);
        Ok(())
    }

    /// Takes conflicts that are new, or show more than what is kept of them, and tells of them.
    pub(super) fn keep(&mut self, conflicts: Vec<Conflict>) {
        for conflict in conflicts {
            let (_, key) = conflict.key();
            let kept = match self.kept.get(&key) {
                None => Kept::new(conflict),
                Some(known) => match conflict::improved(&known.conflict, known.in_vain(), conflict) {
                    Some(better) => Kept::new(better),
                    None => continue,
                },
            };
            let (_, there) = ends(&self.context.path, self.host);
            let message = conflict::described(&there.chain, &kept.conflict);
            let about = conflict::about(&kept.conflict);
            self.kept.insert(key, kept);
            self.alert(&about, message);
        }
        // As the store does.
        let surplus = surplus(self.kept.values().map(|kept| &kept.conflict));
        self.kept.retain(|key, _| !surplus.contains(key));
    }

    /// Shows the client what makes misbehaviour, one pair at a time: the first that is accepted freezes it.
    pub(super) async fn accuse(&mut self, client: &HostedClient) {
        let (now, latest) = (self.now(), client.latest.height);
        if self.accused_at.replace(latest).is_some_and(|before| before != latest) {
            // Other states are stored by now: what they say of a pair, or a chain of a call, may be something else.
            self.kept.values_mut().for_each(|kept| kept.wait = Wait::default());
        }
        let submitted = self.kept.values().filter_map(|kept| kept.conflict.submitted).filter(|at| *at <= now).max();
        if submitted.is_some_and(|at| now.millis_since(at) < AGAIN_MILLIS) {
            return;
        }
        for key in self.due(latest, now) {
            let Some(conflict) = self.kept.get(&key).map(|kept| kept.conflict.clone()) else { continue };
            let accusation = self.accusation(&conflict).await;
            let Some(kept) = self.kept.get_mut(&key) else { continue };
            match accusation {
                Ok(accusation) => {
                    kept.wait.lengthen(AGAIN_MILLIS, u64::MAX, now);
                    kept.conflict.evidence = Some(accusation.evidence);
                    kept.conflict.submitted = Some(now);
                    kept.stored = false;
                    self.save().await;
                    return self.submit(&conflict, accusation.messages, accusation.update).await;
                }
                Err(Some(verdict)) => {
                    tracing::debug!(path = %self.context.path.id, %verdict, "no misbehaviour");
                    kept.refused = Some(latest);
                    kept.wait.lengthen(AGAIN_MILLIS, u64::MAX, now);
                }
                // Nobody has said that it is none.
                Err(None) => kept.wait.lengthen(ASK_AGAIN_MILLIS, ASK_AGAIN_LAST_MILLIS, now),
            }
        }
    }

    /// The pairs to be tried now, those that show most first, and of these the latest.
    fn due(&self, latest: Height, now: UnixMillis) -> Vec<[BlockHash; 2]> {
        let mut due: Vec<_> = self.kept.iter().filter(|(_, kept)| kept.is_due(latest, now)).collect();
        due.sort_by_key(|(_, kept)| std::cmp::Reverse((kept.conflict.kind(), kept.conflict.seen)));
        let (proving, other): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|(_, kept)| kept.conflict.kind() > ConflictKind::Uncertified);
        let tried = proving.into_iter().take(TRIED_A_ROUND).chain(other.into_iter().take(UNCERTIFIED_A_ROUND));
        tried.map(|(key, _)| *key).collect()
    }

    /// # Errors
    /// The light client's verdict; `None` when it could not be asked for.
    async fn accusation(&self, conflict: &Conflict) -> Result<Accusation, Option<String>> {
        let header = |kept: &ConflictingHeader| {
            let (height, hash, bytes) = (kept.height, kept.hash, kept.bytes.clone());
            ChainHeader { height, hash, bytes }
        };
        let [first, second] = conflict.headers.each_ref().map(header);
        let reach = match conflict.kind() {
            ConflictKind::Uncertified => Reach::Stored,
            ConflictKind::Certified | ConflictKind::Misbehaviour => Reach::Nearer,
        };
        let accused = accuse(&self.context.path, self.host, [&first, &second], reach, self.timestamp());
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
        let mut writes: Vec<Write> = conflicts.into_iter().map(|(_, write)| write).collect();
        let progress = self.progress.unwritten(now, WRITE_PROGRESS_MILLIS);
        writes.extend(progress.map(|height| Write::Compared { path: path.clone(), host: self.host, height }));
        if !writes.is_empty() {
            match self.store(&writes).await {
                Ok(()) => {
                    self.kept.values_mut().for_each(|kept| kept.stored = true);
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
        Kept::new(Conflict::new(End::A, [header(1), header(2)], UnixMillis::new(0)))
    }

    #[test]
    fn what_is_not_certified_is_tried_again_when_the_client_has_moved() {
        let (before, after, now) = (Height::new(3), Height::new(4), UnixMillis::new(9));
        for certified in [false, true] {
            let mut kept = kept(certified);
            assert!(kept.is_due(before, now));
            kept.refused = Some(before);
            assert_eq!((kept.is_due(before, now), kept.is_due(after, now)), (certified, true));
            kept.wait.lengthen(AGAIN_MILLIS, u64::MAX, now);
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
        let recalled = Kept::recalled(conflict.clone(), now);
        assert!(!due(&recalled, now) && due(&recalled, at.plus_millis(AGAIN_MILLIS)) && recalled.stored);
        // By a clock that was ahead.
        assert!(due(&Kept::recalled(conflict, UnixMillis::new(99_999)), UnixMillis::new(99_999)));
    }
}

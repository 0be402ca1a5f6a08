use crate::{
    AttemptView, Guard, MAX_PAGE, PacketQuery, PacketView, Store, StoreError, store::check_row, store::direction_index,
    store::end_index,
};
use async_trait::async_trait;
use light_client::{BlockHash, Height, Packet, Sequence, sha256};
use relayer_core::{
    Attempt, CLOSED_NONCES_KEPT, Conflict, Direction, End, Evidence, EvidenceKind, Item, Lease, LeaseDecision,
    NonceEnd, OpenStart, PASSED_OVER_KEPT, PacketRow, PacketState, PassedOver, PassedOverKind, PathId, PathStart,
    Purpose, SignerId, SignerStart, Step, Trusted, UnixMillis, Write, decide_lease, surplus,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A store that forgets everything when it is dropped: for simulations and tests. It never waits.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

type PacketKey = (PathId, Direction, Sequence);
/// Path, host and the hashes of the blocks.
type ConflictKey = (PathId, End, [BlockHash; 2]);
/// Path, end, kind and the first height in text, which is the order in which they are told.
type PassedOverKey = (PathId, End, PassedOverKind, String);
/// Path, batch, kind, step, hash of the bytes.
type EvidenceKey = (PathId, u64, EvidenceKind, Option<Step>, [u8; 32]);

#[derive(Clone, Debug, Default)]
struct State {
    leases: BTreeMap<String, Lease>,
    packets: BTreeMap<PacketKey, PacketRow>,
    bodies: BTreeMap<PacketKey, Arc<Packet>>,
    acknowledgements: BTreeMap<PacketKey, Arc<[u8]>>,
    steps: BTreeMap<(PacketKey, Step), (Height, UnixMillis)>,
    known_through: BTreeMap<(PathId, Direction), u64>,
    cursors: BTreeMap<(PathId, End), Height>,
    views: BTreeMap<(PathId, End), Trusted>,
    last_batch: BTreeMap<PathId, u64>,
    evidence: BTreeMap<EvidenceKey, Evidence>,
    conflicts: BTreeMap<ConflictKey, Conflict>,
    compared: BTreeMap<(PathId, End), Height>,
    passed_over: BTreeMap<PassedOverKey, PassedOver>,
    nonces: BTreeMap<(SignerId, u64), Nonce>,
}

#[derive(Clone, Debug)]
struct Nonce {
    purpose: Option<Purpose>,
    attempts: Vec<Attempt>,
    end: Option<NonceEnd>,
    /// Once settled, now only to be taken up again by anything.
    reopened: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole or not at all, so a panic elsewhere leaves it sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn lease(&self, name: &str, owner: &str, now: UnixMillis, ttl_millis: u64) -> Result<Lease, StoreError> {
        let mut state = self.lock();
        match decide_lease(state.leases.get(name), owner, now, ttl_millis) {
            LeaseDecision::Granted(lease) => {
                state.leases.insert(name.to_owned(), lease.clone());
                Ok(lease)
            }
            LeaseDecision::Held(held) => Err(StoreError::LeaseHeld { lease: name.to_owned(), held }),
        }
    }

    async fn release(&self, guard: &Guard) -> Result<(), StoreError> {
        let mut state = self.lock();
        if let Some(lease) = state.leases.get_mut(&guard.lease)
            && lease.fence == guard.fence
        {
            lease.expires = UnixMillis::new(0);
        }
        Ok(())
    }

    async fn apply(&self, guard: &Guard, writes: &[Write]) -> Result<(), StoreError> {
        let mut state = self.lock();
        let found = state.leases.get(&guard.lease).map(|lease| lease.fence);
        if found != Some(guard.fence) {
            return Err(StoreError::Fenced { lease: guard.lease.clone(), expected: guard.fence, found });
        }
        state.check(writes)?;
        writes.iter().for_each(|write| state.apply(write));
        Ok(())
    }

    async fn path(&self, path: &PathId) -> Result<PathStart, StoreError> {
        let state = self.lock();
        let mut start =
            PathStart { last_batch: state.last_batch.get(path).copied().unwrap_or(0), ..PathStart::default() };
        for direction in Direction::BOTH {
            let through = state.known_through.get(&(path.clone(), direction)).copied().unwrap_or(0);
            start.directions[direction_index(direction)].known_through = through;
        }
        for ((_, direction, sequence), row) in state.packets_of(path) {
            let record = &mut start.directions[direction_index(*direction)];
            let through = record.known_through;
            if !row.state.is_settled() {
                record.pending.push(row.clone());
            }
            // What is proven counts as known.
            if row.state >= PacketState::Sent && sequence.get() > through {
                record.known_beyond.push(sequence.get());
            }
            count(&mut record.counts, row.state);
        }
        for end in End::BOTH {
            let key = (path.clone(), end);
            start.cursors[end_index(end)] = state.cursors.get(&key).copied().unwrap_or_default();
            start.views[end_index(end)] = state.views.get(&key).cloned();
        }
        let open = state.nonces.values().filter(|nonce| nonce.end.is_none() && !nonce.reopened);
        start.open = open.filter_map(|nonce| nonce.purpose.clone()).filter(|purpose| purpose.path == *path).collect();
        start.open.sort_by_key(|purpose| purpose.batch);
        Ok(start)
    }

    async fn signer(&self, signer: &SignerId) -> Result<SignerStart, StoreError> {
        let state = self.lock();
        let mut start = SignerStart::default();
        for ((_, nonce), entry) in state.nonces_of(signer) {
            start.last_nonce = Some(*nonce);
            match entry.end {
                None => start.open.push(OpenStart {
                    nonce: *nonce,
                    purpose: entry.purpose.clone().filter(|_| !entry.reopened),
                    attempts: entry.attempts.clone(),
                }),
                Some(_) => start.closed.push((*nonce, entry.attempts.last().map_or(0, |attempt| attempt.number))),
            }
        }
        let excess = start.closed.len().saturating_sub(CLOSED_NONCES_KEPT);
        start.closed.drain(..excess);
        Ok(start)
    }

    async fn bodies(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Packet>>, StoreError> {
        let state = self.lock();
        let body = |sequence: &Sequence| {
            state.bodies.get(&(path.clone(), direction, *sequence)).map(|packet| Packet::clone(packet))
        };
        Ok(sequences.iter().map(body).collect())
    }

    async fn acknowledgements(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let state = self.lock();
        let bytes = |sequence: &Sequence| {
            state.acknowledgements.get(&(path.clone(), direction, *sequence)).map(|bytes| bytes.to_vec())
        };
        Ok(sequences.iter().map(bytes).collect())
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        let state = self.lock();
        let mut found: Vec<(&PacketKey, &PacketRow)> =
            state.packets.iter().filter(|(key, row)| matches(query, key, row)).collect();
        found.sort_by(|(a, _), (b, _)| (b.2, &a.0, a.1).cmp(&(a.2, &b.0, b.1)));
        found.truncate(query.limit.min(MAX_PAGE) as usize);
        let view = |(key, row): (&PacketKey, &PacketRow)| PacketView {
            path: key.0.clone(),
            direction: key.1,
            row: row.clone(),
            packet: state.bodies.get(key).map(|packet| Packet::clone(packet)),
            acknowledgement: state.acknowledgements.get(key).map(|bytes| bytes.to_vec()),
            steps: [Step::Receive, Step::Acknowledge, Step::Timeout]
                .into_iter()
                .filter_map(|step| state.steps.get(&(key.clone(), step)).map(|(height, at)| (step, *height, *at)))
                .collect(),
        };
        Ok(found.into_iter().map(view).collect())
    }

    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        let state = self.lock();
        let mut views = Vec::new();
        for ((signer, nonce), entry) in &state.nonces {
            let Some(purpose) = entry.purpose.as_ref().filter(|purpose| purpose.path == *path) else { continue };
            for item in purpose.items.iter().filter(|item| item.direction == direction && item.sequence == sequence) {
                for attempt in &entry.attempts {
                    views.push(AttemptView {
                        signer: signer.clone(),
                        nonce: *nonce,
                        step: item.step,
                        attempt: attempt.clone(),
                        end: entry.end,
                    });
                }
            }
        }
        views.sort_by(|a, b| {
            (b.attempt.signed, b.nonce, b.attempt.number).cmp(&(a.attempt.signed, a.nonce, a.attempt.number))
        });
        views.truncate(MAX_PAGE as usize);
        Ok(views)
    }

    async fn evidence(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<Evidence>, StoreError> {
        let state = self.lock();
        let mut steps: Vec<(u64, Step)> = Vec::new();
        for purpose in state.nonces.values().filter_map(|nonce| nonce.purpose.as_ref()) {
            let items = purpose.items.iter().filter(|_| purpose.path == *path);
            let ours = items.filter(|item| item.direction == direction && item.sequence == sequence);
            steps.extend(ours.map(|item: &Item| (purpose.batch, item.step)));
        }
        let fits = |evidence: &Evidence| {
            steps
                .iter()
                .any(|(batch, step)| evidence.batch == *batch && evidence.step.is_none_or(|proven| proven == *step))
        };
        let ours = state.evidence.iter().filter(|((owner, ..), evidence)| owner == path && fits(evidence));
        Ok(ours.map(|(_, evidence)| evidence.clone()).take(MAX_PAGE as usize).collect())
    }

    async fn conflicts(&self, path: &PathId) -> Result<Vec<Conflict>, StoreError> {
        let state = self.lock();
        let mut found: Vec<Conflict> =
            state.conflicts.iter().filter(|((owner, ..), _)| owner == path).map(|(_, kept)| kept.clone()).collect();
        found.sort_by(|a, b| (b.seen, a.key()).cmp(&(a.seen, b.key())));
        Ok(found)
    }

    async fn passed_over(&self, path: &PathId) -> Result<Vec<PassedOver>, StoreError> {
        let state = self.lock();
        let ours = state.passed_over.iter().filter(|((owner, ..), _)| owner == path);
        let mut found: Vec<PassedOver> = ours.map(|(_, passed)| passed.clone()).collect();
        // Stable: among those of one moment the order of the keys.
        found.sort_by_key(|passed| Reverse(passed.at));
        Ok(found)
    }

    async fn compared(&self, path: &PathId) -> Result<[Option<Height>; 2], StoreError> {
        let state = self.lock();
        Ok(End::BOTH.map(|host| state.compared.get(&(path.clone(), host)).copied()))
    }

    async fn counts(&self, path: &PathId) -> Result<[[u64; PacketState::ALL.len()]; 2], StoreError> {
        let state = self.lock();
        let mut counts = [[0; PacketState::ALL.len()]; 2];
        for ((_, direction, _), row) in state.packets_of(path) {
            count(&mut counts[direction_index(*direction)], row.state);
        }
        Ok(counts)
    }
}

impl State {
    /// What would make a list of writes impossible; nothing has changed when it is refused.
    fn check(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut taken: Vec<(&SignerId, u64)> = Vec::new();
        for write in writes {
            match write {
                Write::Packet { row, .. } => check_row(row)?,
                Write::Nonce { signer, nonce, .. } => taken.push((signer, *nonce)),
                Write::Attempt { signer, nonce, attempt } => {
                    let entry = self.nonces.get(&(signer.clone(), *nonce));
                    if entry.is_none() && !taken.contains(&(signer, *nonce)) {
                        return Err(StoreError::Misuse {
                            expected: "a nonce before its attempts",
                            found: format!("{signer} {nonce}"),
                        });
                    }
                    let stored = entry.and_then(|entry| entry.attempts.iter().find(|old| old.number == attempt.number));
                    if stored.is_some_and(|stored| stored.hash != attempt.hash) {
                        return Err(StoreError::Misuse {
                            expected: "one transaction for each signer, nonce and attempt",
                            found: format!("{signer} {nonce} {}", attempt.number),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Packet { path, direction, row } => {
                self.packets.insert((path.clone(), *direction, row.sequence), row.clone());
            }
            Write::Forget { path, direction, sequence } => {
                let key = (path.clone(), *direction, *sequence);
                self.packets.remove(&key);
                self.bodies.remove(&key);
                self.acknowledgements.remove(&key);
            }
            Write::Body { path, direction, packet } => {
                self.bodies.insert((path.clone(), *direction, packet.sequence), packet.clone());
            }
            Write::Acknowledgement { path, direction, sequence, bytes } => {
                self.acknowledgements.insert((path.clone(), *direction, *sequence), bytes.clone());
            }
            Write::StepDone { path, item, height, at } => {
                let key = (path.clone(), item.direction, item.sequence);
                self.steps.entry((key, item.step)).or_insert((*height, *at));
            }
            Write::KnownThrough { path, direction, sequence } => {
                self.known_through.insert((path.clone(), *direction), *sequence);
            }
            Write::Cursor { path, end, height } => {
                self.cursors.insert((path.clone(), *end), *height);
            }
            Write::View { path, end, trusted } => {
                self.views.insert((path.clone(), *end), trusted.clone());
            }
            Write::Evidence { path, evidence } => {
                let key = (path.clone(), evidence.batch, evidence.kind, evidence.step, sha256(&[&evidence.bytes]));
                self.evidence.insert(key, evidence.clone());
            }
            Write::Conflict { path, conflict } => self.keep_conflict(path, conflict),
            Write::ForgetConflict { path, host, hashes } => {
                self.conflicts.remove(&(path.clone(), *host, *hashes));
            }
            Write::PassedOver { path, passed } => self.pass_over(path, passed),
            Write::Compared { path, host, height } => {
                self.compared.insert((path.clone(), *host), *height);
            }
            Write::Nonce { signer, nonce, purpose, .. } => {
                let Entry::Vacant(entry) = self.nonces.entry((signer.clone(), *nonce)) else { return };
                entry.insert(Nonce { purpose: purpose.clone(), attempts: Vec::new(), end: None, reopened: false });
                if let Some(purpose) = purpose {
                    let last = self.last_batch.entry(purpose.path.clone()).or_default();
                    *last = (*last).max(purpose.batch);
                }
            }
            Write::Attempt { signer, nonce, attempt } => {
                if let Some(entry) = self.nonces.get_mut(&(signer.clone(), *nonce))
                    && entry.attempts.iter().all(|old| old.number != attempt.number)
                {
                    entry.attempts.push(attempt.clone());
                    entry.attempts.sort_by_key(|attempt| attempt.number);
                }
            }
            Write::NonceEnd { signer, nonce, end, .. } => {
                if let Some(entry) = self.nonces.get_mut(&(signer.clone(), *nonce)) {
                    entry.end = Some(*end);
                }
            }
            Write::NonceReopened { signer, nonce } => {
                if let Some(entry) = self.nonces.get_mut(&(signer.clone(), *nonce)) {
                    entry.end = None;
                    entry.reopened = true;
                }
            }
        }
    }

    fn keep_conflict(&mut self, path: &PathId, conflict: &Conflict) {
        let (host, hashes) = conflict.key();
        let kept = self.conflicts.entry((path.clone(), host, hashes)).or_insert_with(|| conflict.clone());
        kept.improve(conflict);
        kept.evidence.clone_from(&conflict.evidence);
        kept.submitted = conflict.submitted;
        let of_client = self.conflicts.iter().filter(|((owner, end, _), _)| owner == path && *end == host);
        for hashes in surplus(of_client.map(|(_, kept)| kept)) {
            self.conflicts.remove(&(path.clone(), host, hashes));
        }
    }

    fn pass_over(&mut self, path: &PathId, passed: &PassedOver) {
        let (end, kind) = (passed.end, passed.kind);
        self.passed_over.insert((path.clone(), end, kind, passed.first.to_string()), passed.clone());
        let of_kind =
            self.passed_over.iter().filter(|((owner, ..), one)| (owner, one.end, one.kind) == (path, end, kind));
        let mut kept: Vec<_> = of_kind.map(|(key, passed)| (Reverse(passed.at), key.clone())).collect();
        kept.sort();
        for (_, key) in kept.into_iter().skip(PASSED_OVER_KEPT) {
            self.passed_over.remove(&key);
        }
    }

    fn packets_of(&self, path: &PathId) -> impl Iterator<Item = (&PacketKey, &PacketRow)> {
        let from = (path.clone(), Direction::AToB, Sequence::FIRST);
        self.packets.range(from..).take_while(move |((owner, ..), _)| owner == path)
    }

    fn nonces_of(&self, signer: &SignerId) -> impl Iterator<Item = (&(SignerId, u64), &Nonce)> {
        self.nonces.range((signer.clone(), 0)..).take_while(move |((owner, _), _)| owner == signer)
    }
}

fn count(counts: &mut [u64; PacketState::ALL.len()], state: PacketState) {
    for (kind, count) in PacketState::ALL.iter().zip(counts) {
        *count += u64::from(*kind == state);
    }
}

fn matches(query: &PacketQuery, (path, direction, sequence): &PacketKey, row: &PacketRow) -> bool {
    query.path.as_ref().is_none_or(|wanted| wanted == path)
        && query.direction.is_none_or(|wanted| wanted == *direction)
        && query.state.is_none_or(|wanted| wanted == row.state)
        && query.waiting.is_none_or(|wanted| wanted == row.waiting)
        && (!query.pending || !row.state.is_settled())
        && query.sequence.is_none_or(|wanted| wanted == *sequence)
        && query.before.is_none_or(|before| sequence.get() < before)
}

//! Performs what a path's machine asks for: adapter calls, each within its time, each ending in one event.

use crate::{
    PathEnd, PathHandles, codec,
    shared::{Shared, ends, index},
};
use adapter::{AdapterError, Message, PacketEvent, Plan, TrustedState, VerifiedUpdate};
use light_client::{
    Claim, ClientId, CommitmentHash, ErasedTrusted, Height, MerklePath, Packet, Sequence, Status, StorePath, Timestamp,
    acknowledgement_commitment, acknowledgement_path, commitment_path, next_sequence_send_path, receipt_path,
};
use relayer_core::{
    Action, BatchOutcome, Call, Direction, End, Event, Evidence, EvidenceKind, Failure, HostedClient, Item,
    ItemToProve, Limits, Observed, Prepared, Question, Step, Task, Trusted, Wanted,
};
use relayer_store::{Store, StoreError};
use std::{future::Future, sync::Arc, time::Duration};

/// What the tasks of one path share.
pub(crate) struct Context {
    pub(crate) path: PathHandles,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) call_timeout: Duration,
}

/// Which task an action is, and on which chain it depends.
pub(crate) const fn task_of(action: &Action) -> Option<Task> {
    Some(match action {
        Action::ReadEvents { end, .. } => Task::Events(*end),
        Action::ReadClient(host) => Task::Client(*host),
        Action::ReadNextSequence(direction) => Task::NextSequence(*direction),
        Action::Verify { end, .. } => Task::Verify(*end),
        Action::Look { end, .. } => Task::Look(*end),
        Action::Prepare { host, batch, .. } => Task::Prepare(*host, *batch),
        Action::Find { direction, sequence, wanted } => Task::Find(*direction, *sequence, *wanted),
        Action::Persist(_) | Action::Submit(_) | Action::Withdraw(_) | Action::Alert(_) => return None,
    })
}

impl Context {
    /// Performs an action that is a task; whatever happens, the answer is an event.
    pub(crate) async fn perform(self: Arc<Self>, task: Task, action: Action) -> Event {
        match self.attempt(action).await {
            Ok(event) => event,
            Err(failure) => Event::Failed(task, failure),
        }
    }

    async fn attempt(&self, action: Action) -> Result<Event, Failure> {
        match action {
            Action::ReadEvents { end, from, to } => self.read_events(end, from, to).await,
            Action::ReadClient(host) => self.read_client(host).await,
            Action::ReadNextSequence(direction) => {
                let (source, _) = ends(&self.path, direction.source());
                let next = self
                    .call(&source.chain, "reading the next sequence", source.reader.next_sequence_send(&source.client))
                    .await?;
                Ok(Event::NextSequence(direction, next.value))
            }
            Action::Verify { end, trusted, target } => {
                let (updates, trusted) = self.updates(end, &trusted, target).await?;
                tracing::debug!(path = %self.path.id, %end, height = %trusted.height, updates, "verified");
                Ok(Event::Verified(end, trusted))
            }
            Action::Look { end, trusted, questions } => self.look(end, trusted, questions).await,
            Action::Prepare { host, batch, trusted, target, items } => {
                let prepared = self.prepare(host, batch, trusted, target, items).await?;
                Ok(Event::Prepared { host, batch, prepared })
            }
            Action::Find { direction, sequence, wanted } => self.find(direction, sequence, wanted).await,
            Action::Persist(_) | Action::Submit(_) | Action::Withdraw(_) | Action::Alert(_) => {
                Err(Failure::Configuration)
            }
        }
    }

    /// A batch that a signer saw included: its height, like those of events, is from now on the first at which what it did
    /// can be proven.
    pub(crate) fn provable(&self, event: Event) -> Event {
        match event {
            Event::Finished { host, batch, outcome: BatchOutcome::Included { height, success, failed } } => {
                let height = ends(&self.path, host).0.prover.provable_from(height);
                Event::Finished { host, batch, outcome: BatchOutcome::Included { height, success, failed } }
            }
            other => other,
        }
    }

    /// One call of an adapter: in time, or it failed.
    async fn call<T>(
        &self,
        chain: &str,
        operation: &'static str,
        call: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.call_timeout, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.shared.failed(chain, operation, &error)),
            Err(_) => Err(self.shared.late(chain, operation)),
        }
    }

    async fn read_events(&self, end: End, from: Height, to: Height) -> Result<Event, Failure> {
        let (here, there) = ends(&self.path, end);
        let events = self.call(&here.chain, "reading events", here.reader.packet_events(from, to)).await?;
        let ours = events.into_iter().filter_map(|event| observed(event, here, &there.client)).collect();
        Ok(Event::Events { end, from, to, events: ours })
    }

    async fn read_client(&self, host: End) -> Result<Event, Failure> {
        let (here, there) = ends(&self.path, host);
        let client = self.call(&here.chain, "reading the client", here.reader.client(&here.client)).await?;
        let misfit = |expected: String, found: String| {
            let error = AdapterError::Config { key: "client", expected, found };
            Err(self.shared.failed(&here.chain, "reading the client", &error))
        };
        let Some(client) = client.value else {
            let error = AdapterError::ClientUnknown { client: here.client.clone(), chain: here.chain.clone() };
            return Err(self.shared.failed(&here.chain, "reading the client", &error));
        };
        if client.counterparty != there.client {
            return misfit(format!("the counterparty {}", there.client), client.counterparty.to_string());
        }
        if client.counterparty_prefix != there.store_prefix {
            return misfit(format!("the prefix {:?}", there.store_prefix), format!("{:?}", client.counterparty_prefix));
        }
        let latest = Trusted {
            height: client.latest_height,
            time: client.latest_time,
            client: client.client,
            consensus: client.consensus,
        };
        let expires = self.expiry(host.other(), &latest);
        let adapter::HostedClient { status, updates_from_any_state, .. } = client;
        Ok(Event::Client(host, HostedClient { status, latest, expires, updates_from_any_state }))
    }

    /// When a client in this state expires: the first second at which the light client says so, found by halving.
    fn expiry(&self, followed: End, latest: &Trusted) -> Option<Timestamp> {
        // A client that lives longer than this need not be watched.
        const HORIZON_SECONDS: u64 = 100 * 365 * 24 * 3600;
        let (followed, _) = ends(&self.path, followed);
        let light_client = followed.prover.light_client();
        let expired = |seconds: u64| {
            let trusted = ErasedTrusted { height: latest.height, client: &latest.client, consensus: &latest.consensus };
            light_client.status(trusted, Timestamp::from_unix_seconds(seconds)).ok() == Some(Status::Expired)
        };
        let mut alive = latest.time.unix_seconds();
        let mut dead = alive.saturating_add(HORIZON_SECONDS);
        if expired(alive) || !expired(dead) {
            return None;
        }
        while dead - alive > 1 {
            let middle = alive + (dead - alive) / 2;
            if expired(middle) { dead = middle } else { alive = middle }
        }
        Some(Timestamp::from_unix_seconds(dead))
    }

    /// Verifies the way from what is trusted towards a height, as far as one call goes, and says how many updates it took.
    async fn updates(&self, end: End, trusted: &Trusted, target: Height) -> Result<(usize, Trusted), Failure> {
        let (here, _) = ends(&self.path, end);
        let state = state_of(trusted);
        let now = self.now();
        let updates = self.call(&here.chain, "verifying headers", here.prover.updates(&state, target, now)).await?;
        self.shared.verified(&here.chain);
        let count = updates.len();
        Ok((count, updates.into_iter().last().map_or_else(|| trusted.clone(), |last| trusted_of(last.next, last.time))))
    }

    async fn look(&self, end: End, trusted: Trusted, questions: Vec<Question>) -> Result<Event, Failure> {
        let (here, _) = ends(&self.path, end);
        let mut asked: Vec<(Question, Claim)> =
            questions.into_iter().map(|question| (question, self.claim_of(question))).collect();
        asked.sort_by_cached_key(|(_, claim)| here.prover.sort_key(&claim.path));
        let (questions, claims): (Vec<Question>, Vec<Claim>) = asked.into_iter().unzip();
        let state = state_of(&trusted);
        let answers = self.call(&here.chain, "looking at proven state", here.prover.decide(&state, &claims)).await?;
        self.shared.verified(&here.chain);
        let answers = questions.into_iter().zip(answers).collect();
        Ok(Event::Looked { end, height: trusted.height, time: trusted.time, answers })
    }

    fn claim_of(&self, question: Question) -> Claim {
        match question {
            Question::Commitment(direction, sequence, commitment) => {
                Claim::present(self.commitment_path(direction, sequence), *commitment.as_bytes())
            }
            Question::NoCommitment(direction, sequence) => Claim::absent(self.commitment_path(direction, sequence)),
            Question::NoReceipt(direction, sequence) => Claim::absent(self.receipt_path(direction, sequence)),
            Question::NextSequence(direction, next) => {
                let (source, _) = ends(&self.path, direction.source());
                let value = source.prover.stored_number(next);
                Claim::present(self.full(direction.source(), &next_sequence_send_path(&source.client)), value)
            }
        }
    }

    fn full(&self, proven: End, path: &StorePath) -> MerklePath {
        MerklePath::new(&ends(&self.path, proven).0.store_prefix, path)
    }

    fn commitment_path(&self, direction: Direction, sequence: Sequence) -> MerklePath {
        let (source, _) = ends(&self.path, direction.source());
        self.full(direction.source(), &commitment_path(&source.client, sequence))
    }

    fn receipt_path(&self, direction: Direction, sequence: Sequence) -> MerklePath {
        let (destination, _) = ends(&self.path, direction.destination());
        self.full(direction.destination(), &receipt_path(&destination.client, sequence))
    }

    async fn prepare(
        &self,
        host: End,
        batch: u64,
        from: Trusted,
        target: Option<Height>,
        mut items: Vec<ItemToProve>,
    ) -> Result<Prepared, Failure> {
        let (here, proven) = ends(&self.path, host);
        let mut messages = Vec::new();
        let mut calls = Vec::new();
        let mut evidence = Vec::new();
        let mut state = from;
        if let Some(target) = target {
            let (trusted, now) = (state_of(&state), self.now());
            let updates =
                self.call(&proven.chain, "verifying headers", proven.prover.updates(&trusted, target, now)).await?;
            self.shared.verified(&proven.chain);
            if updates.is_empty() && state.height < target {
                tracing::error!(path = %self.path.id, at = %state.height, %target, "a prover knows no way and does not say so");
                return Err(Failure::Inconsistent);
            }
            for update in within_a_batch(&self.path.limits, updates) {
                evidence.push(Evidence {
                    kind: EvidenceKind::Update,
                    end: host.other(),
                    height: update.next.height,
                    batch,
                    step: None,
                    bytes: update.update.clone(),
                });
                calls.push(Call::Update(update.next.height));
                messages.push(Message::UpdateClient { client: here.client.clone(), update: update.update });
                state = trusted_of(update.next, update.time);
            }
        }
        let steps = items.iter().map(|to_prove| to_prove.item.step);
        let is_too_much = is_too_much(&self.path.limits, messages.len(), steps);
        let is_partway = target.is_some_and(|target| state.height < target) || is_too_much;
        if is_partway {
            // What the packets' steps rest on need not be proven yet where the updates end, or not all goes together.
            items.clear();
        }
        let mut disproven = Vec::new();
        for step in [Step::Receive, Step::Acknowledge, Step::Timeout] {
            let ours: Vec<ItemToProve> = items.extract_if(.., |to_prove| to_prove.item.step == step).collect();
            if ours.is_empty() {
                continue;
            }
            let claims = self.claims(step, ours, &mut disproven).await?;
            let Some(proof) = self.prove(host.other(), &state, claims, &mut disproven).await? else { continue };
            evidence.push(Evidence {
                kind: EvidenceKind::Proof,
                end: host.other(),
                height: state.height,
                batch,
                step: Some(step),
                bytes: proof.bytes.clone(),
            });
            calls.push(Call::Packets(step, proof.claims.iter().map(|claimed| claimed.item.sequence).collect()));
            messages.push(message_of(step, proof, state.height));
        }
        let messages = codec::encode(&messages).map_err(|error| {
            tracing::error!(path = %self.path.id, %error, "a batch cannot be encoded");
            Failure::Configuration
        })?;
        Ok(Prepared { messages, calls, height: state.height, time: state.time, is_partway, disproven, evidence })
    }

    /// What has to be proven for each packet of a step. A packet of which the needed part is not known is reported as
    /// disproven: it has to be found again.
    async fn claims(
        &self,
        step: Step,
        mut items: Vec<ItemToProve>,
        lost: &mut Vec<Item>,
    ) -> Result<Vec<Claimed>, Failure> {
        let Some(direction) = items.first().map(|to_prove| to_prove.item.direction) else { return Ok(Vec::new()) };
        self.recall(step, direction, &mut items).await?;
        let (destination, _) = ends(&self.path, direction.destination());
        let mut claims = Vec::with_capacity(items.len());
        for ItemToProve { item, packet, acknowledgement } in items {
            let claim = match (step, &packet, &acknowledgement) {
                (Step::Receive, Some(packet), _) => Some(Claim::present(
                    self.commitment_path(direction, item.sequence),
                    *packet.commitment().as_bytes(),
                )),
                (Step::Acknowledge, Some(_), Some(bytes)) => {
                    let commitment: CommitmentHash = acknowledgement_commitment(&[bytes]);
                    let store_path = acknowledgement_path(&destination.client, item.sequence);
                    Some(Claim::present(self.full(direction.destination(), &store_path), *commitment.as_bytes()))
                }
                (Step::Timeout, Some(_), _) => Some(Claim::absent(self.receipt_path(direction, item.sequence))),
                _ => None,
            };
            match (claim, packet) {
                (Some(claim), Some(packet)) => {
                    let acknowledgement = acknowledgement.as_deref().map_or(Vec::new(), <[u8]>::to_vec);
                    let packet = Arc::unwrap_or_clone(packet);
                    claims.push(Claimed { item, packet, acknowledgement, claim });
                }
                _ => lost.push(item),
            }
        }
        Ok(claims)
    }

    /// Reads from the store what does not come with the items.
    async fn recall(&self, step: Step, direction: Direction, items: &mut [ItemToProve]) -> Result<(), Failure> {
        let path = &self.path.id;
        let stored = |error: StoreError| {
            tracing::error!(%path, error = %crate::shared::with_causes(&error), "the store does not answer");
            Failure::Transient
        };
        let bodiless = items.iter_mut().filter(|to_prove| to_prove.packet.is_none());
        let (sequences, places): (Vec<Sequence>, Vec<_>) =
            bodiless.map(|to_prove| (to_prove.item.sequence, &mut to_prove.packet)).unzip();
        if !sequences.is_empty() {
            let packets = self.store.bodies(path, direction, &sequences).await.map_err(stored)?;
            places.into_iter().zip(packets).for_each(|(place, packet)| *place = packet.map(Arc::new));
        }
        let unanswered =
            items.iter_mut().filter(|to_prove| step == Step::Acknowledge && to_prove.acknowledgement.is_none());
        let (sequences, places): (Vec<Sequence>, Vec<_>) =
            unanswered.map(|to_prove| (to_prove.item.sequence, &mut to_prove.acknowledgement)).unzip();
        if !sequences.is_empty() {
            let found = self.store.acknowledgements(path, direction, &sequences).await.map_err(stored)?;
            places.into_iter().zip(found).for_each(|(place, bytes)| *place = bytes.map(Arc::from));
        }
        Ok(())
    }

    /// Proves claims together. When they do not all hold, those that do not are told apart and left out.
    async fn prove(
        &self,
        proven: End,
        state: &Trusted,
        mut claims: Vec<Claimed>,
        disproven: &mut Vec<Item>,
    ) -> Result<Option<Proof>, Failure> {
        let (here, _) = ends(&self.path, proven);
        claims.sort_by_cached_key(|claimed| here.prover.sort_key(&claimed.claim.path));
        let trusted = state_of(state);
        for attempt in 0..2 {
            if claims.is_empty() {
                return Ok(None);
            }
            let list: Vec<Claim> = claims.iter().map(|claimed| claimed.claim.clone()).collect();
            match self.call(&here.chain, "planning a proof", here.prover.plan(&list, state.height)).await? {
                Plan::Ready(height) if height <= state.height => {}
                Plan::Ready(height) => {
                    tracing::debug!(path = %self.path.id, %height, at = %state.height, "cannot be proven yet");
                    return Err(Failure::Transient);
                }
                Plan::Needs(_) => {
                    tracing::error!(path = %self.path.id, "this version cannot submit what a proof first needs");
                    return Err(Failure::Configuration);
                }
            }
            let proof = tokio::time::timeout(self.call_timeout, here.prover.prove(&trusted, &list)).await;
            match proof {
                Ok(Ok(proof)) => {
                    self.shared.verified(&here.chain);
                    return Ok(Some(Proof { claims, bytes: proof.proof }));
                }
                Ok(Err(AdapterError::Verification { .. })) if attempt == 0 => {
                    let holds =
                        self.call(&here.chain, "telling claims apart", here.prover.decide(&trusted, &list)).await?;
                    let mut holds = holds.into_iter();
                    claims.retain(|claimed| {
                        let kept = holds.next().unwrap_or(false);
                        if !kept {
                            disproven.push(claimed.item);
                        }
                        kept
                    });
                }
                Ok(Err(error)) => return Err(self.shared.failed(&here.chain, "proving packets", &error)),
                Err(_) => return Err(self.shared.late(&here.chain, "proving packets")),
            }
        }
        Err(Failure::Inconsistent)
    }

    async fn find(&self, direction: Direction, sequence: Sequence, wanted: Wanted) -> Result<Event, Failure> {
        let (source, destination) = ends(&self.path, direction.source());
        let event = match wanted {
            Wanted::Sent => {
                let found = source.reader.sent_packet(&source.client, sequence);
                let found = self.call(&source.chain, "looking for a packet", found).await?;
                let since = |height| source.prover.provable_from(height);
                found.map(|at| Observed::Sent { height: since(at.height), packet: at.value })
            }
            Wanted::Acknowledgement => {
                let found = destination.reader.written_acknowledgement(&destination.client, sequence);
                let found = self.call(&destination.chain, "looking for an acknowledgement", found).await?;
                let since = |height| destination.prover.provable_from(height);
                found.map(|at| Observed::Acknowledged { height: since(at.height), sequence, acknowledgement: at.value })
            }
        };
        Ok(Event::Found { direction, sequence, wanted, event })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.shared.now().get())
    }
}

/// The first updates that go into one batch: at least one.
fn within_a_batch(limits: &Limits, updates: Vec<VerifiedUpdate>) -> impl Iterator<Item = VerifiedUpdate> {
    let Limits { batch_bytes, batch_gas, update_gas, .. } = *limits;
    let (mut bytes, mut gas) = (0_usize, 0_u64);
    updates
        .into_iter()
        .enumerate()
        .take_while(move |(index, update)| {
            bytes = bytes.saturating_add(update.update.len());
            gas = gas.saturating_add(update_gas);
            *index == 0 || (bytes <= batch_bytes as usize && gas <= batch_gas)
        })
        .map(|(_, update)| update)
}

/// Whether so many updates leave too little gas of a batch for these steps. One update was reckoned with when they were chosen.
fn is_too_much(limits: &Limits, updates: usize, steps: impl Iterator<Item = Step>) -> bool {
    let updates_gas = limits.update_gas.saturating_mul(updates as u64);
    let gas = steps.map(|step| limits.step_gas(step)).fold(updates_gas, u64::saturating_add);
    updates > 1 && gas > limits.batch_gas
}

/// A packet and the claim that its step rests on.
struct Claimed {
    item: Item,
    packet: Packet,
    acknowledgement: Vec<u8>,
    claim: Claim,
}

/// Claims that hold, in the order of their proof.
struct Proof {
    claims: Vec<Claimed>,
    bytes: Vec<u8>,
}

fn message_of(step: Step, proof: Proof, proof_height: Height) -> Message {
    let mut packets = Vec::with_capacity(proof.claims.len());
    let mut acknowledgements = Vec::with_capacity(proof.claims.len());
    for claimed in proof.claims {
        packets.push(claimed.packet);
        acknowledgements.push(claimed.acknowledgement);
    }
    let proof = proof.bytes;
    match step {
        Step::Receive => Message::ReceivePackets { packets, proof_height, proof },
        Step::Acknowledge => Message::AcknowledgePackets { packets, acknowledgements, proof_height, proof },
        Step::Timeout => Message::TimeoutPackets { packets, proof_height, proof },
    }
}

/// An event of this path, or nothing: a Router tells of all its clients. `here` is the chain that tells. Its height is from
/// now on the first at which what happened can be proven.
fn observed(event: PacketEvent, here: &PathEnd, there: &ClientId) -> Option<Observed> {
    let since = here.prover.provable_from(event.height());
    match event {
        PacketEvent::Sent { packet, .. }
            if packet.source_client == here.client && packet.destination_client == *there =>
        {
            Some(Observed::Sent { height: since, packet })
        }
        PacketEvent::Received { destination_client, sequence, .. } if destination_client == here.client => {
            Some(Observed::Received { height: since, sequence })
        }
        PacketEvent::Acknowledged { destination_client, sequence, acknowledgement, .. }
            if destination_client == here.client =>
        {
            Some(Observed::Acknowledged { height: since, sequence, acknowledgement })
        }
        PacketEvent::Settled { source_client, sequence, .. } if source_client == here.client => {
            Some(Observed::Settled { height: since, sequence })
        }
        _ => None,
    }
}

fn state_of(trusted: &Trusted) -> TrustedState {
    TrustedState { height: trusted.height, client: trusted.client.clone(), consensus: trusted.consensus.clone() }
}

fn trusted_of(state: TrustedState, time: Timestamp) -> Trusted {
    Trusted { height: state.height, time, client: state.client, consensus: state.consensus }
}

/// Which chain a task depends on.
pub(crate) fn chain_of(path: &PathHandles, task: Task) -> &str {
    let end = match task {
        Task::Events(end) | Task::Client(end) | Task::Verify(end) | Task::Look(end) => end,
        Task::Prepare(host, _) => host.other(),
        Task::NextSequence(direction) | Task::Find(direction, _, Wanted::Sent) => direction.source(),
        Task::Find(direction, _, Wanted::Acknowledgement) => direction.destination(),
    };
    [&path.a.chain, &path.b.chain][index(end)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::repeat_n;

    fn updates(lengths: &[usize]) -> Vec<VerifiedUpdate> {
        let update = |(number, length): (u64, &usize)| VerifiedUpdate {
            update: vec![0; *length],
            next: TrustedState { height: Height::new(number), client: Vec::new(), consensus: Vec::new() },
            time: Timestamp::default(),
        };
        (1..).zip(lengths).map(update).collect()
    }

    #[test]
    fn as_many_updates_go_together_as_bytes_and_gas_allow() {
        let limits = Limits { batch_bytes: 100, batch_gas: 1_000, update_gas: 250, ..Limits::default() };
        let count = |limits: &Limits, lengths: &[usize]| {
            let within: Vec<u64> =
                within_a_batch(limits, updates(lengths)).map(|update| update.next.height.number()).collect();
            assert_eq!(within, Vec::from_iter((1..).take(within.len())), "the first ones, in their order");
            within.len()
        };
        assert_eq!(count(&limits, &[50, 50, 1]), 2, "by bytes");
        assert_eq!(count(&limits, &[50, 51]), 1, "by bytes");
        assert_eq!(count(&limits, &[1; 10]), 4, "by gas");
        assert_eq!(count(&Limits { batch_gas: 999, ..limits.clone() }, &[1; 10]), 3, "by gas");
        // Without the first there is no way at all.
        assert_eq!(count(&limits, &[101, 1]), 1);
        assert_eq!(count(&Limits { update_gas: 1_001, ..limits.clone() }, &[1, 1]), 1);
        assert_eq!(count(&Limits { update_gas: u64::MAX, ..limits.clone() }, &[1, 1]), 1);
        assert_eq!(count(&limits, &[]), 0);
    }

    #[test]
    fn steps_wait_where_updates_leave_no_gas_for_them() {
        let limits =
            Limits { batch_gas: 1_000, update_gas: 250, receive_gas: 100, timeout_gas: 50, ..Limits::default() };
        let is_too_much = |updates, receives, timeouts| {
            is_too_much(&limits, updates, repeat_n(Step::Receive, receives).chain(repeat_n(Step::Timeout, timeouts)))
        };
        assert!(!is_too_much(2, 5, 0) && is_too_much(2, 5, 1), "2 * 250 + 5 * 100, and 50 more");
        assert!(!is_too_much(3, 2, 1) && is_too_much(3, 3, 0));
        // They were chosen beside one update; alone they are cut elsewhere.
        assert!(!is_too_much(1, 100, 0) && !is_too_much(0, 100, 0));
        assert!(!is_too_much(4, 0, 0) && is_too_much(5, 0, 0));
    }
}

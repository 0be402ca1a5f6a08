//! The nodes: they perform what the machines ask for, from the truth of the model chains, or they fail, or they lie.
//! Lies are about claims only: what is verified and proven cannot be forged, so there a lie is an error.

use crate::{
    chain::{Call as ChainCall, Chain, ChainEvent, Slot, TRUSTING_SECONDS, Transaction},
    check,
    world::{Job, World, index},
};
use futures::FutureExt as _;
use light_client::{Height, Packet, Sequence, Status, Timestamp};
use relayer_core::{
    Action, Bid, Call, End, Event, Evidence, EvidenceKind, Failure, HostedClient, Item, ItemToProve, Observed,
    Prepared, Question, SignerAction, SignerEvent, SignerTask, Step, Task, TransactionOutcome, Trusted, Wanted,
};
use relayer_store::Store as _;

/// In which way a claim is false.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    Low,
    High,
}

/// The state of a chain that a light client verified; its bytes stand for what only verification can produce.
pub(crate) fn trusted(chain: &Chain, height: u64) -> Trusted {
    Trusted {
        height: chain.height_of(height),
        time: Timestamp::from_unix_seconds(chain.time_at(height).unwrap_or(0)),
        client: Vec::new(),
        consensus: format!("{} {height}", chain.end).into_bytes(),
    }
}

impl World {
    pub(crate) fn answer_path(&mut self, path: usize, action: Action) -> Result<(), String> {
        let task = match &action {
            Action::ReadEvents { end, .. } => Task::Events(*end),
            Action::ReadClient(end) => Task::Client(*end),
            Action::ReadNextSequence(direction) => Task::NextSequence(*direction),
            Action::Verify { end, .. } => Task::Verify(*end),
            Action::Look { end, .. } => Task::Look(*end),
            Action::Prepare { host, batch, .. } => Task::Prepare(*host, *batch),
            Action::Find { direction, sequence, wanted } => Task::Find(*direction, *sequence, *wanted),
            Action::Persist(_) | Action::Submit(_) | Action::Withdraw(_) | Action::Alert(_) => return Ok(()),
        };
        if self.random.chance(self.faults.unanswered + self.faults.answer_lost) {
            self.jobs.push(Job::PathEvent(path, Event::Failed(task, Failure::Transient)));
            return Ok(());
        }
        let answer = self.path_answer(path, action).unwrap_or_else(|failure| Event::Failed(task, failure));
        self.jobs.push(Job::PathEvent(path, answer));
        Ok(())
    }

    fn path_answer(&mut self, path: usize, action: Action) -> Result<Event, Failure> {
        match action {
            Action::ReadEvents { end, from, to } => {
                let chain = &self.chains[index(end)];
                let mut events = Vec::new();
                for height in from.number()..=to.number().min(chain.height()) {
                    let told = chain.events.get(&height).into_iter().flatten();
                    events.extend(told.filter_map(|event| observe(event, path, chain.provable_from(height))));
                }
                match self.lie() {
                    Some(Lie::Low) => {
                        let keep = self.random.below(1000);
                        events.retain(|_| self.random.chance(keep));
                    }
                    Some(Lie::High) => events.push(self.false_event(path, end, to)),
                    None => {}
                }
                if self.random.chance(self.faults.twice) {
                    events.extend(events.clone());
                }
                Ok(Event::Events { end, from, to, events })
            }
            Action::ReadClient(host) => {
                let followed = &self.chains[index(host.other())];
                let client = self.chains[index(host)].clients.get(&path).ok_or(Failure::Configuration)?;
                let mut latest = trusted(followed, client.latest);
                let half = trusted(followed, client.latest / 2);
                let high = followed.height_of(client.latest + 100);
                let expires = client.latest_time + TRUSTING_SECONDS;
                let updates_from_any_state = client.updates_from_any_state;
                let expired = self.chains[index(host)].time() >= expires;
                match self.lie() {
                    Some(Lie::Low) => latest = half,
                    Some(Lie::High) => latest.height = high,
                    None => {}
                }
                Ok(Event::Client(
                    host,
                    HostedClient {
                        status: if expired { Status::Expired } else { Status::Active },
                        latest,
                        expires: Some(Timestamp::from_unix_seconds(expires)),
                        updates_from_any_state,
                    },
                ))
            }
            Action::ReadNextSequence(direction) => {
                let next = self.chains[index(direction.source())].next_sequence(path);
                let next = match self.lie() {
                    Some(Lie::Low) => next.saturating_sub(1),
                    Some(Lie::High) => next + 1 + self.random.below(5),
                    None => next,
                };
                Ok(Event::NextSequence(direction, next))
            }
            Action::Verify { end, trusted: from, target } => {
                let target = self.reached(end, &from, target);
                let chain = &self.chains[index(end)];
                self.verify(chain, &from, target)?;
                Ok(Event::Verified(end, trusted(chain, target.number())))
            }
            Action::Look { end, trusted, questions } => {
                let chain = &self.chains[index(end)];
                self.verify(chain, &trusted, trusted.height)?;
                if self.lie().is_some() {
                    return Err(Failure::Inconsistent);
                }
                let chain = &self.chains[index(end)];
                let height = trusted.height.number();
                let answer = |question: &Question| {
                    let value = |slot| chain.proven_at((path, slot), height);
                    match *question {
                        Question::Commitment(_, sequence, commitment) => {
                            value(Slot::Commitment(sequence.get())) == commitment.as_bytes()
                        }
                        Question::NoCommitment(_, sequence) => value(Slot::Commitment(sequence.get())).is_empty(),
                        Question::NoReceipt(_, sequence) => value(Slot::Receipt(sequence.get())).is_empty(),
                        Question::NextSequence(_, next) => value(Slot::NextSequence) == next.to_be_bytes(),
                    }
                };
                let answers = questions.iter().map(|question| (*question, answer(question))).collect();
                Ok(Event::Looked { end, height: trusted.height, time: trusted.time, answers })
            }
            Action::Prepare { host, batch, trusted, target, items } => {
                let prepared = self.prepare(path, host, batch, &trusted, target, &items)?;
                Ok(Event::Prepared { host, batch, prepared })
            }
            Action::Find { direction, sequence, wanted } => {
                let end = match wanted {
                    Wanted::Sent => direction.source(),
                    Wanted::Acknowledgement => direction.destination(),
                };
                let chain = &self.chains[index(end)];
                let all =
                    chain.events.iter().flat_map(|(height, events)| events.iter().map(move |event| (height, event)));
                let found = all.filter_map(|(height, event)| observe(event, path, chain.provable_from(*height))).find(
                    |event| match event {
                        Observed::Sent { packet, .. } => wanted == Wanted::Sent && packet.sequence == sequence,
                        Observed::Acknowledged { sequence: found, .. } => {
                            wanted == Wanted::Acknowledgement && *found == sequence
                        }
                        _ => false,
                    },
                );
                let event = if self.lie().is_some() { None } else { found };
                Ok(Event::Found { direction, sequence, wanted, event })
            }
            Action::Persist(_) | Action::Submit(_) | Action::Withdraw(_) | Action::Alert(_) => {
                Err(Failure::Configuration)
            }
        }
    }

    /// What the light client does: only a genuine state leads on, and only to a block that exists.
    fn verify(&self, chain: &Chain, from: &Trusted, target: Height) -> Result<(), Failure> {
        let genuine = trusted(chain, from.height.number());
        if *from != genuine || target.number() > chain.height() {
            return Err(Failure::Inconsistent);
        }
        Ok(())
    }

    /// How far a prover comes: now and then the way is longer than it goes in one call.
    fn reached(&mut self, end: End, from: &Trusted, target: Height) -> Height {
        let (from, to) = (from.height.number(), target.number());
        let half = from + to.saturating_sub(from) / 2;
        if half > from && self.random.chance(50) { self.chains[index(end)].height_of(half) } else { target }
    }

    fn prepare(
        &mut self,
        path: usize,
        host: End,
        batch: u64,
        from: &Trusted,
        target: Option<Height>,
        items: &[ItemToProve],
    ) -> Result<Prepared, Failure> {
        if self.lie().is_some() {
            return Err(Failure::Inconsistent);
        }
        let meant = target;
        let target = target.map(|target| self.reached(host.other(), from, target));
        let is_partway = target < meant;
        let items = if is_partway { &[] } else { items };
        let proven = &self.chains[index(host.other())];
        let height = target.unwrap_or(from.height);
        self.verify(proven, from, height)?;
        let number = height.number();
        let time = proven.time_at(number).unwrap_or(0);
        let mut prepared = Prepared {
            messages: Vec::new(),
            calls: Vec::new(),
            height,
            time: Timestamp::from_unix_seconds(time),
            is_partway,
            disproven: Vec::new(),
            evidence: Vec::new(),
        };
        let mut calls = Vec::new();
        if let Some(target) = target {
            calls.push(ChainCall::Update { path, trusted: from.height.number(), target: target.number() });
            prepared.calls.push(Call::Update(target));
        }
        for step in [Step::Receive, Step::Acknowledge, Step::Timeout] {
            let mut carried: Vec<Sequence> = Vec::new();
            let (mut packets, mut acknowledgements) = (Vec::new(), Vec::new());
            for to_prove in items.iter().filter(|to_prove| to_prove.item.step == step) {
                let item = &to_prove.item;
                let told = to_prove.acknowledgement.as_deref().map(<[u8]>::to_vec);
                let bytes = told.or_else(|| self.acknowledgement(path, item));
                let told = to_prove.packet.as_deref().cloned();
                let packet = told.or_else(|| self.body(path, item)).ok_or(Failure::Inconsistent)?;
                let value = |slot| proven.proven_at((path, slot), number);
                let sequence = item.sequence.get();
                let holds = match step {
                    Step::Receive => value(Slot::Commitment(sequence)) == packet.commitment().as_bytes(),
                    Step::Acknowledge => {
                        bytes.as_ref().is_some_and(|bytes| value(Slot::Acknowledgement(sequence)) == *bytes)
                    }
                    Step::Timeout => value(Slot::Receipt(sequence)).is_empty(),
                };
                if !holds {
                    prepared.disproven.push(*item);
                    continue;
                }
                carried.push(item.sequence);
                packets.push(packet);
                acknowledgements.extend(bytes);
            }
            if carried.is_empty() {
                continue;
            }
            prepared.calls.push(Call::Packets(step, carried));
            let evidence = Evidence {
                kind: EvidenceKind::Proof,
                end: host.other(),
                height,
                batch,
                step: Some(step),
                bytes: format!("{step} {number} {}", packets.len()).into_bytes(),
            };
            prepared.evidence.push(evidence);
            calls.push(match step {
                Step::Receive => ChainCall::Receive { path, packets, height: number },
                Step::Acknowledge => ChainCall::Acknowledge { path, packets, acknowledgements, height: number },
                Step::Timeout => ChainCall::Timeout { path, packets, height: number },
            });
        }
        let id = self.id();
        prepared.messages = id.to_be_bytes().to_vec();
        self.calls.insert(id, calls);
        Ok(prepared)
    }

    fn body(&self, path: usize, item: &Item) -> Option<Packet> {
        let bodies = self.store.bodies(&self.paths[path], item.direction, &[item.sequence]).now_or_never()?.ok()?;
        bodies.into_iter().next().flatten()
    }

    fn acknowledgement(&self, path: usize, item: &Item) -> Option<Vec<u8>> {
        let sequences = [item.sequence];
        let asked = self.store.acknowledgements(&self.paths[path], item.direction, &sequences);
        asked.now_or_never()?.ok()?.into_iter().next().flatten()
    }

    /// Something that never happened: a packet, an acknowledgement or a settlement.
    fn false_event(&mut self, path: usize, end: End, height: Height) -> Observed {
        let next = self.chains[index(end)].next_sequence(path);
        let sequence = Sequence::try_from(1 + self.random.below(next + 2)).unwrap_or(Sequence::FIRST);
        match self.random.below(4) {
            0 => Observed::Settled { height, sequence },
            1 => Observed::Acknowledged { height, sequence, acknowledgement: b"false".to_vec() },
            2 => Observed::Received { height, sequence },
            _ => {
                let template = self.chains[index(end)].events.values().flatten().find_map(|event| match event {
                    ChainEvent::Sent { path: of, packet } if *of == path => Some(packet.clone()),
                    _ => None,
                });
                match template {
                    Some(packet) => {
                        let timeout_seconds = packet.timeout_seconds + self.random.below(3);
                        Observed::Sent { height, packet: Packet { sequence, timeout_seconds, ..packet } }
                    }
                    None => Observed::Settled { height, sequence },
                }
            }
        }
    }

    pub(crate) fn answer_signer(&mut self, end: End, action: SignerAction) -> Result<(), String> {
        let task = match &action {
            SignerAction::ReadNonces => SignerTask::Nonces,
            SignerAction::Sign { nonce, .. }
            | SignerAction::SignAgain { nonce, .. }
            | SignerAction::SignCancel { nonce, .. } => SignerTask::Sign(*nonce),
            SignerAction::Broadcast { nonce, attempt } => SignerTask::Broadcast(*nonce, attempt.number),
            SignerAction::ReadOutcome { nonce, number, .. } => SignerTask::Outcome(*nonce, *number),
            SignerAction::Persist(_) | SignerAction::Finish(..) | SignerAction::Alert(_) => return Ok(()),
        };
        if let SignerAction::Broadcast { nonce, attempt } = &action {
            check::stored_before_sent(self, end, *nonce, attempt)?;
        }
        let answer = if self.random.chance(self.faults.unanswered) {
            Err(Failure::Transient)
        } else {
            self.signer_answer(end, action)
        };
        // The answer may be lost although the node did what was asked.
        let answer = if self.random.chance(self.faults.answer_lost) { Err(Failure::Transient) } else { answer };
        let event = answer.unwrap_or_else(|failure| SignerEvent::Failed(task, failure));
        self.jobs.push(Job::SignerEvent(end, event));
        Ok(())
    }

    fn signer_answer(&mut self, end: End, action: SignerAction) -> Result<SignerEvent, Failure> {
        match action {
            SignerAction::ReadNonces => {
                let next = self.chains[index(end)].nonce;
                let next_final = match self.lie() {
                    Some(Lie::Low) => next.saturating_sub(1 + self.random.below(2)),
                    Some(Lie::High) => next + 1,
                    None => next,
                };
                Ok(SignerEvent::Nonces { next_final, balance: 1 })
            }
            SignerAction::Sign { nonce, messages } => {
                let calls = self.calls.get(&number_of(&messages)).cloned().unwrap_or_default();
                self.sign(end, nonce, calls, None)
            }
            SignerAction::SignAgain { nonce, raw, replaces } => {
                let (_, transaction) = self.transactions.get(&number_of(&raw)).ok_or(Failure::Refused)?;
                let calls = transaction.calls.clone();
                self.sign(end, nonce, calls, Some(replaces))
            }
            SignerAction::SignCancel { nonce, replaces } => self.sign(end, nonce, Vec::new(), replaces),
            SignerAction::Broadcast { nonce, attempt } => {
                let id = number_of(&attempt.hash);
                let (_, transaction) = self.transactions.get(&id).cloned().ok_or(Failure::Refused)?;
                let chain = &mut self.chains[index(end)];
                let known = chain.mempool.iter().any(|waiting| waiting.id == id) || chain.included.contains_key(&id);
                let outbid =
                    chain.mempool.iter().any(|waiting| waiting.nonce == nonce && waiting.price >= transaction.price);
                if !known && (nonce < chain.nonce || outbid) {
                    return Err(Failure::Refused);
                }
                if !known {
                    chain.mempool.push(transaction);
                }
                Ok(SignerEvent::Sent(nonce, attempt.number))
            }
            SignerAction::ReadOutcome { nonce, number, hash } => {
                let id = number_of(&hash);
                let chain = &self.chains[index(end)];
                let outcome = match chain.included.get(&id) {
                    Some(included) => TransactionOutcome::Included {
                        height: chain.height_of(included.height),
                        success: included.success,
                        gas_used: 1,
                        failed: included.failed.clone(),
                    },
                    None if chain.mempool.iter().any(|waiting| waiting.id == id) => TransactionOutcome::Pending,
                    None => TransactionOutcome::Unknown,
                };
                let outcome = match self.lie() {
                    Some(Lie::Low) => TransactionOutcome::Unknown,
                    Some(Lie::High) => {
                        let chain = &self.chains[index(end)];
                        let height = chain.height_of(chain.height());
                        TransactionOutcome::Included { height, success: true, gas_used: 1, failed: Vec::new() }
                    }
                    None => outcome,
                };
                Ok(SignerEvent::Outcome(nonce, number, outcome))
            }
            SignerAction::Persist(_) | SignerAction::Finish(..) | SignerAction::Alert(_) => Err(Failure::Configuration),
        }
    }

    fn sign(
        &mut self,
        end: End,
        nonce: u64,
        calls: Vec<ChainCall>,
        replaces: Option<Bid>,
    ) -> Result<SignerEvent, Failure> {
        let [a, b] = &self.chains;
        let (chain, other) = if end == End::A { (a, b) } else { (b, a) };
        if !calls.is_empty() && !chain.would_do(&calls, other) {
            return Err(Failure::Refused);
        }
        let asked = chain.price;
        let price = match replaces {
            Some(Bid::Legacy { gas_price }) => asked.max(gas_price + 1),
            _ => asked,
        };
        let id = self.id();
        let single = calls.len() == 1;
        self.transactions.insert(id, (end, Transaction { id, nonce, price, calls, single }));
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&id.to_be_bytes());
        let (raw, bid) = (id.to_be_bytes().to_vec(), Bid::Legacy { gas_price: price });
        Ok(SignerEvent::Signed { nonce, hash, raw, bid, gas_limit: 1 })
    }
}

/// The number in the first eight bytes: what stands for calls or a transaction here.
fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// `height`: the first at which what happened can be proven.
fn observe(event: &ChainEvent, wanted: usize, height: Height) -> Option<Observed> {
    let number = |sequence: &u64| Sequence::try_from(*sequence).ok();
    match event {
        ChainEvent::Sent { path, packet } if *path == wanted => Some(Observed::Sent { height, packet: packet.clone() }),
        ChainEvent::Received { path, sequence } if *path == wanted => {
            Some(Observed::Received { height, sequence: number(sequence)? })
        }
        ChainEvent::Acknowledged { path, sequence, bytes } if *path == wanted => {
            Some(Observed::Acknowledged { height, sequence: number(sequence)?, acknowledgement: bytes.clone() })
        }
        ChainEvent::Settled { path, sequence } if *path == wanted => {
            Some(Observed::Settled { height, sequence: number(sequence)? })
        }
        _ => None,
    }
}

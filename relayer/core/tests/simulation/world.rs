//! One run: two chains, the relayer's machines, and everything that can go wrong between them, in an order that the
//! seed decides. Only chains and store survive a crash of the relayer.

use crate::{
    answers::Lie,
    chain::{Call as ChainCall, Chain, Consensus, TRUSTING_SECONDS, Transaction},
    check,
    outage::Outages,
    random::Random,
};
use futures::FutureExt as _;
use light_client::{ClientId, Timestamp};
use relayer_core::{
    Action, Alert, BatchId, BatchOutcome, Direction, End, Event, Head, Limits, PacketState, PathId, PathMachine,
    SignerAction, SignerEvent, SignerId, SignerMachine, UnixMillis, Write,
};
use relayer_store::{Guard, MemoryStore, Store};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

const START_SECONDS: u64 = 1_700_000_000;
const LEASE: &str = "relayer";

/// How much goes wrong, per thousand chances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) crash: u64,
    pub(crate) unanswered: u64,
    pub(crate) answer_lost: u64,
    pub(crate) lie: u64,
    pub(crate) twice: u64,
    pub(crate) dropped: u64,
    pub(crate) price: u64,
    pub(crate) foreign: u64,
    /// The store refuses a write.
    pub(crate) store: u64,
}

impl Faults {
    /// A weight for each kind, so that runs differ in what they suffer from; every eighth run suffers nothing.
    pub(crate) fn drawn(random: &mut Random) -> Self {
        if random.chance(125) {
            return Self::default();
        }
        let mut weight = |most: u64| if random.chance(600) { random.below(most + 1) } else { 0 };
        Self {
            crash: weight(12),
            unanswered: weight(200),
            answer_lost: weight(200),
            lie: weight(150),
            twice: weight(200),
            dropped: weight(100),
            price: weight(60),
            foreign: weight(8),
            store: weight(60),
        }
    }

    pub(crate) fn none(&self) -> bool {
        let all = [self.crash, self.unanswered, self.answer_lost, self.lie, self.dropped, self.price, self.foreign];
        all.iter().sum::<u64>() + self.store == 0
    }
}

/// What waits to be done by the executor.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Path(usize, Action),
    Signer(End, SignerAction),
    PathEvent(usize, Event),
    SignerEvent(End, SignerEvent),
}

pub(crate) struct World {
    seed: u64,
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) millis: u64,
    pub(crate) chains: [Chain; 2],
    pub(crate) paths: Vec<PathId>,
    pub(crate) store: MemoryStore,
    guard: Guard,
    limits: Limits,
    pub(crate) machines: Vec<PathMachine>,
    pub(crate) signers: Vec<SignerMachine>,
    pub(crate) outages: Outages,
    pub(crate) jobs: Vec<Job>,
    /// What encoded calls and raw transactions stand for.
    pub(crate) calls: BTreeMap<u64, Vec<ChainCall>>,
    pub(crate) transactions: BTreeMap<u64, (End, Transaction)>,
    next_id: u64,
    issued: u64,
    pub(crate) quiet: bool,
    /// Nothing goes wrong in this run.
    pub(crate) clean: bool,
    pub(crate) crashes: u64,
    trace: DefaultHasher,
    pub(crate) log: Vec<String>,
    pub(crate) verbose: bool,
    /// Every list that was persisted, for replay through other stores.
    pub(crate) persisted: Vec<Vec<Write>>,
    pub(crate) alerts: BTreeSet<String>,
}

pub(crate) fn limits() -> Limits {
    Limits {
        batch_packets: 8,
        batches_in_flight: 3,
        open_nonces: 3,
        queued_batches: 6,
        event_blocks: 4,
        look_packets: 16,
        missing_packets: 8,
        back_off_first_millis: 200,
        back_off_last_millis: 8_000,
        event_patience_millis: 2_000,
        gap_check_millis: 4_000,
        client_read_millis: 10_000,
        outcome_millis: 300,
        stuck_millis: 5_000,
        nonce_attempts: 8,
        refusals_before_parking: 6,
        ..Limits::default()
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let faults = Faults::drawn(&mut random);
        let count = if random.chance(300) { 2 } else { 1 };
        // Pairs of one kind, and mixed ones.
        let kinds = [(); 2].map(|()| if random.chance(500) { Consensus::StateAfter } else { Consensus::StateBefore });
        let paths: Vec<PathId> = (0..count).map(|path| format!("path-{path}").parse().expect("a path id")).collect();
        let store = MemoryStore::new();
        let lease = store.lease(LEASE, "simulation", UnixMillis::new(0), u64::MAX).now_or_never();
        let lease = lease.expect("memory never waits").expect("a free lease");
        let mut world = Self {
            seed,
            clean: faults.none(),
            faults,
            millis: START_SECONDS * 1000,
            chains: [(End::A, kinds[0]), (End::B, kinds[1])]
                .map(|(end, kind)| Chain::new(end, kind, random.chance(300), count, START_SECONDS)),
            store,
            guard: Guard { lease: LEASE.into(), fence: lease.fence },
            limits: limits(),
            machines: Vec::new(),
            signers: Vec::new(),
            outages: Outages::default(),
            jobs: Vec::new(),
            calls: BTreeMap::new(),
            transactions: BTreeMap::new(),
            next_id: 0,
            issued: 0,
            quiet: false,
            crashes: 0,
            trace: DefaultHasher::new(),
            log: Vec::new(),
            verbose: false,
            persisted: Vec::new(),
            alerts: BTreeSet::new(),
            random,
            paths,
        };
        world.start();
        world
    }

    /// Runs until everything is settled. What happened is in the hash.
    ///
    /// # Errors
    /// What was violated.
    pub(crate) fn run(mut self) -> Result<Summary, (String, Vec<String>)> {
        match self.steps() {
            Ok(()) => Ok(Summary {
                hash: self.trace.finish(),
                crashes: self.crashes,
                outages: self.outages.count,
                packets: self.packets(),
                alerts: self.alerts,
                persisted: self.persisted,
                paths: self.paths,
            }),
            Err(violation) => Err((violation, self.log)),
        }
    }

    fn steps(&mut self) -> Result<(), String> {
        let busy = 1_500 + self.random.below(1_500);
        for _ in 0..busy {
            self.step()?;
        }
        self.quiet = true;
        self.faults = Faults::default();
        // Perhaps dearer than what was bid before: then only a replacement gets through.
        let price = 1 + u128::from(self.random.below(5));
        self.chains.iter_mut().for_each(|chain| chain.price = price);
        for round in 0..400_000_u32 {
            self.step()?;
            // Packets that person had parked are let go, as an operator would once the cause is gone.
            if round % 2_000 == 1_999 {
                self.resume_parked()?;
            }
            if round % 64 == 0 && self.is_settled() {
                check::settled(self)?;
                return self.idle();
            }
        }
        let left: Vec<String> = self.pending().iter().map(|row| format!("{row:?}")).collect();
        Err(format!("liveness: faults ended, and this is not settled: {}", left.join("\n")))
    }

    /// Nothing is sent for longer than a client lives: the relayer alone keeps the clients alive.
    fn idle(&mut self) -> Result<(), String> {
        if !self.seed.is_multiple_of(8) {
            return Ok(());
        }
        let until = self.millis + 2_500 * TRUSTING_SECONDS;
        while self.millis < until {
            self.millis += self.random.below(300);
            self.step()?;
        }
        check::alive(self)
    }

    fn step(&mut self) -> Result<(), String> {
        self.millis += self.random.below(40);
        self.end_outages()?;
        match self.random.below(100) {
            0..10 => self.block()?,
            10..16 => self.head(),
            16..24 => self.tick()?,
            24..28 if !self.quiet => self.send(),
            28..30 if self.random.chance(self.faults.foreign) => self.foreign(),
            _ => {
                if self.random.chance(self.faults.crash) {
                    self.crash();
                } else if !self.jobs.is_empty() {
                    let index = self.random.pick(self.jobs.len());
                    let job = self.jobs.swap_remove(index);
                    self.perform(job)?;
                }
            }
        }
        Ok(())
    }

    fn perform(&mut self, job: Job) -> Result<(), String> {
        match job {
            Job::PathEvent(path, event) => self.tell_path(path, event),
            Job::SignerEvent(end, event) => self.tell_signer(end, event),
            Job::Path(path, action) => self.answer_path(path, action),
            Job::Signer(end, action) => self.answer_signer(end, action),
        }
    }

    pub(crate) fn tell_path(&mut self, path: usize, event: Event) -> Result<(), String> {
        if self.outages.has_path(path) {
            if !matches!(event, Event::Tick) {
                self.jobs.push(Job::PathEvent(path, event));
            }
            return Ok(());
        }
        self.note(|| format!("path {path} <- {event:?}"));
        let now = UnixMillis::new(self.millis);
        let Some(machine) = self.machines.get_mut(path) else { return Ok(()) };
        for action in machine.handle(event, now) {
            self.note(|| format!("path {path} -> {action:?}"));
            match action {
                Action::Persist(_) if self.random.chance(self.faults.store) => {
                    self.path_fails(path);
                    return Ok(());
                }
                Action::Persist(writes) => self.persist(writes)?,
                Action::Submit(submission) => {
                    let end = submission.purpose.host;
                    self.jobs.push(Job::SignerEvent(end, SignerEvent::Submit(submission)));
                }
                Action::Withdraw(batch) => {
                    self.jobs.push(Job::SignerEvent(batch.host, SignerEvent::Withdraw(batch)));
                }
                Action::Alert(alert) => self.alert(&alert)?,
                action => self.jobs.push(Job::Path(path, action)),
            }
            if self.random.chance(self.faults.crash) {
                self.crash();
                return Ok(());
            }
        }
        Ok(())
    }

    pub(crate) fn tell_signer(&mut self, end: End, event: SignerEvent) -> Result<(), String> {
        if self.outages.has_signer(end) {
            if !matches!(event, SignerEvent::Tick) {
                self.jobs.push(Job::SignerEvent(end, event));
            }
            return Ok(());
        }
        self.note(|| format!("signer {end} <- {event:?}"));
        let now = UnixMillis::new(self.millis);
        let Some(machine) = self.signers.get_mut(index(end)) else { return Ok(()) };
        for action in machine.handle(event, now) {
            self.note(|| format!("signer {end} -> {action:?}"));
            match action {
                SignerAction::Persist(_) if self.random.chance(self.faults.store) => {
                    self.signer_fails(end);
                    return Ok(());
                }
                SignerAction::Persist(writes) => self.persist(writes)?,
                SignerAction::Finish(BatchId { path, host, number }, outcome) => {
                    let Some(path) = self.paths.iter().position(|id| *id == path) else { continue };
                    let outcome = provable(&self.chains[index(host)], outcome);
                    self.jobs.push(Job::PathEvent(path, Event::Finished { host, batch: number, outcome }));
                }
                SignerAction::Alert(alert) => self.alert(&alert)?,
                action => self.jobs.push(Job::Signer(end, action)),
            }
            if self.random.chance(self.faults.crash) {
                self.crash();
                return Ok(());
            }
        }
        Ok(())
    }

    fn persist(&mut self, writes: Vec<Write>) -> Result<(), String> {
        let applied = self.store.apply(&self.guard, &writes).now_or_never().ok_or("memory waited")?;
        applied.map_err(|error| format!("store: {error}"))?;
        let believes = writes.iter().any(|write| matches!(write, Write::Packet { .. } | Write::KnownThrough { .. }));
        self.persisted.push(writes);
        if believes { check::beliefs(self) } else { Ok(()) }
    }

    fn alert(&mut self, alert: &Alert) -> Result<(), String> {
        let text = format!("{alert:?}");
        let kind = text.split('(').next().unwrap_or_default().to_owned();
        if matches!(alert, Alert::ClientUnusable(..) | Alert::ViewReplaced(_)) && self.faults.lie == 0 {
            return Err(format!("a client was not refreshed in time: {text}"));
        }
        self.alerts.insert(kind);
        Ok(())
    }

    /// Everything but chains and store is gone; the relayer starts again. Now and then it is stopped in good order.
    fn crash(&mut self) {
        self.note(|| "crash".to_owned());
        self.crashes += 1;
        if self.random.chance(200) {
            let up = |path: &usize| !self.outages.has_path(*path);
            let paths: Vec<usize> = (0..self.paths.len()).filter(up).collect();
            let ends: Vec<End> = End::BOTH.into_iter().filter(|end| !self.outages.has_signer(*end)).collect();
            let left = paths.into_iter().map(|path| self.machines[path].unwritten());
            let mut left: Vec<Vec<Write>> = left.collect();
            left.extend(ends.into_iter().map(|end| self.signers[index(end)].unwritten()));
            left.into_iter().for_each(|writes| self.persist(writes).expect("memory takes what is right"));
        }
        self.jobs.clear();
        self.outages.end();
        self.start();
    }

    fn start(&mut self) {
        self.machines = (0..self.paths.len()).map(|path| self.path_machine(path, 0)).collect();
        self.signers = End::BOTH.iter().map(|end| self.signer_machine(*end)).collect();
    }

    /// A path's machine as it starts from what is stored, not giving out again the batch numbers up to `last_batch`.
    pub(crate) fn path_machine(&self, number: usize, last_batch: u64) -> PathMachine {
        let path = &self.paths[number];
        let mut start = self.store.path(path).now_or_never().and_then(Result::ok).expect("memory answers");
        start.last_batch = start.last_batch.max(last_batch);
        for end in End::BOTH {
            // What people agreed to trust when the clients were linked.
            let genesis = || crate::answers::trusted(&self.chains[index(end)], 0);
            start.views[index(end)].get_or_insert_with(genesis);
        }
        let clients = End::BOTH.map(|end| client_id(end, number));
        PathMachine::new(path.clone(), clients, self.limits.clone(), 7, start, UnixMillis::new(self.millis))
    }

    /// A signer's machine as it starts from what is stored.
    pub(crate) fn signer_machine(&self, end: End) -> SignerMachine {
        let id = signer_id(end);
        let start = self.store.signer(&id).now_or_never().and_then(Result::ok).expect("memory answers");
        SignerMachine::new(id, self.limits.clone(), 7, start, UnixMillis::new(self.millis))
    }

    fn block(&mut self) -> Result<(), String> {
        let [a, b] = &mut self.chains;
        let (chain, other) = if self.random.chance(500) { (a, &*b) } else { (b, &*a) };
        chain.open_block(self.millis / 1000);
        if self.random.chance(self.faults.price) {
            chain.price = 1 + u128::from(self.random.below(4));
        }
        if self.random.chance(self.faults.dropped) {
            chain.mempool.clear();
        }
        chain.fill_block(other, 1 + self.random.pick(4));
        let (end, height) = (chain.end, chain.height());
        self.note(|| format!("block {end} {height}"));
        check::receipts(self)
    }

    /// A node tells of its head, perhaps falsely.
    fn head(&mut self) {
        let end = if self.random.chance(500) { End::A } else { End::B };
        let chain = &self.chains[index(end)];
        let (mut height, mut time) = (chain.height(), chain.time());
        match self.lie() {
            None => {}
            Some(Lie::Low) => height = height.saturating_sub(1 + self.random.below(8)),
            Some(Lie::High) => {
                height += 1 + self.random.below(200);
                time += self.random.below(10_000);
            }
        }
        let height = self.chains[index(end)].height_of(height);
        let head = Head { height, time: Timestamp::from_unix_seconds(time) };
        for path in 0..self.paths.len() {
            self.jobs.push(Job::PathEvent(path, Event::Head(end, head)));
        }
    }

    fn tick(&mut self) -> Result<(), String> {
        for path in 0..self.paths.len() {
            self.tell_path(path, Event::Tick)?;
        }
        for end in End::BOTH {
            self.tell_signer(end, SignerEvent::Tick)?;
        }
        Ok(())
    }

    /// A person sends a receipt, a new one or one that came before; or redeems one.
    fn send(&mut self) {
        if self.packets() >= 60 {
            return;
        }
        let end = if self.random.chance(500) { End::A } else { End::B };
        let path = self.random.pick(self.paths.len());
        let kind = match self.random.below(20) {
            0 => crate::chain::LATE,
            1 => crate::chain::REFUSED,
            2 => crate::chain::POISON,
            _ => crate::chain::WELL,
        };
        let patience = if self.random.chance(300) { 1 + self.random.below(20) } else { 60 + self.random.below(600) };
        let issue = self.random.chance(600);
        let chain = &mut self.chains[index(end)];
        if issue || chain.live.is_empty() {
            self.issued += 1;
            chain.live.insert(self.issued);
        }
        let choice = self.random.pick(chain.live.len());
        let Some(receipt) = chain.live.iter().nth(choice).copied() else { return };
        if self.random.chance(50) {
            chain.live.remove(&receipt);
            chain.redeemed.insert(receipt);
        } else {
            chain.open_block(self.millis / 1000);
            let timeout = chain.time() + patience;
            chain.send(path, receipt, kind, timeout);
        }
    }

    /// Another program uses the relayer's key.
    fn foreign(&mut self) {
        let end = if self.random.chance(500) { End::A } else { End::B };
        let chain = &mut self.chains[index(end)];
        chain.nonce += 1;
        let nonce = chain.nonce;
        chain.mempool.retain(|waiting| waiting.nonce >= nonce);
    }

    fn resume_parked(&mut self) -> Result<(), String> {
        for path in 0..self.paths.len() {
            for direction in Direction::BOTH {
                let start = self.store.path(&self.paths[path]).now_or_never().and_then(Result::ok);
                let rows = start.ok_or("memory answers")?.directions[usize::from(direction == Direction::BToA)].clone();
                for row in rows.pending.iter().filter(|row| row.parked.is_some()) {
                    self.tell_path(path, Event::Resume(direction, row.sequence))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn lie(&mut self) -> Option<Lie> {
        let lies = self.random.chance(self.faults.lie);
        lies.then(|| if self.random.chance(500) { Lie::Low } else { Lie::High })
    }

    pub(crate) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    fn packets(&self) -> u64 {
        let sent = |chain: &Chain| (0..self.paths.len()).map(|path| chain.next_sequence(path) - 1).sum::<u64>();
        self.chains.iter().map(sent).sum()
    }

    fn pending(&self) -> Vec<relayer_core::PacketRow> {
        let starts = self.paths.iter().filter_map(|path| self.store.path(path).now_or_never()?.ok());
        starts.flat_map(|start| start.directions).flat_map(|direction| direction.pending).collect()
    }

    /// Whether every packet that a chain knows is settled in the store, and no transaction is open.
    fn is_settled(&self) -> bool {
        let settled = self.paths.iter().enumerate().all(|(number, path)| {
            let Some(Ok(start)) = self.store.path(path).now_or_never() else { return false };
            End::BOTH.iter().all(|end| {
                let sent = self.chains[index(*end)].next_sequence(number) - 1;
                let record = &start.directions[index(*end)];
                let done = record.counts.iter().zip(PacketState::ALL).filter(|(_, state)| state.is_settled());
                record.pending.is_empty() && done.map(|(count, _)| *count).sum::<u64>() == sent
            })
        });
        let open = End::BOTH.iter().any(|end| {
            let start = self.store.signer(&signer_id(*end)).now_or_never().and_then(Result::ok);
            start.is_none_or(|start| !start.open.is_empty())
        });
        settled && !open
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        line.hash(&mut self.trace);
        self.millis.hash(&mut self.trace);
        if self.verbose {
            self.log.push(format!("{} {line}", self.millis - START_SECONDS * 1000));
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) hash: u64,
    pub(crate) crashes: u64,
    pub(crate) outages: u64,
    pub(crate) packets: u64,
    pub(crate) alerts: BTreeSet<String>,
    pub(crate) persisted: Vec<Vec<Write>>,
    pub(crate) paths: Vec<PathId>,
}

pub(crate) const fn index(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

pub(crate) fn signer_id(end: End) -> SignerId {
    SignerId { chain: end.to_string(), account: "signer".into() }
}

pub(crate) fn client_id(end: End, path: usize) -> ClientId {
    format!("model-{end}-{path}").parse().expect("a client id")
}

/// As the engine does where a batch's end comes to its path: from the height of a block to the first that proves it.
fn provable(host: &Chain, outcome: BatchOutcome) -> BatchOutcome {
    match outcome {
        BatchOutcome::Included { height, success, failed } => {
            BatchOutcome::Included { height: host.provable_from(height.number()), success, failed }
        }
        other => other,
    }
}

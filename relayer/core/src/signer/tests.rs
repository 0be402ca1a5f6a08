use super::*;
use crate::{End, Evidence, EvidenceKind};

fn machine(last_nonce: Option<u64>) -> SignerMachine {
    let id = SignerId { chain: "a".to_owned(), account: "x".to_owned() };
    let start = SignerStart { last_nonce, ..SignerStart::default() };
    SignerMachine::new(id, Limits::default(), 1, start, UnixMillis::new(0))
}

fn submission(path: &str, batch: u64) -> SignerEvent {
    let path = path.parse().expect("a path id");
    let purpose = Purpose { path, host: End::A, batch, update: None, items: Vec::new() };
    SignerEvent::Submit(Submission { purpose, messages: vec![1], evidence: Vec::new() })
}

fn signed_nonce(actions: &[SignerAction]) -> Option<u64> {
    actions.iter().find_map(|action| match action {
        SignerAction::Sign { nonce, .. } => Some(*nonce),
        _ => None,
    })
}

#[test]
fn a_nonce_comes_from_the_chain_or_the_outbox_whichever_is_further() {
    for (last, counted, expected) in [(None, 0, 0), (None, 7, 7), (Some(3), 9, 9), (Some(9), 3, 10)] {
        let mut machine = machine(last);
        assert_eq!(signed_nonce(&machine.handle(submission("p", 1), UnixMillis::new(0))), None, "not counted yet");
        let event = SignerEvent::Nonces { next_final: counted, balance: 0 };
        assert_eq!(signed_nonce(&machine.handle(event, UnixMillis::new(1))), Some(expected));
    }
}

#[test]
fn a_transaction_is_stored_before_it_is_sent() {
    let mut machine = machine(None);
    machine.handle(SignerEvent::Nonces { next_final: 0, balance: 0 }, UnixMillis::new(0));
    machine.handle(submission("p", 1), UnixMillis::new(0));
    let bid = Bid::Legacy { gas_price: 0 };
    let signed = SignerEvent::Signed { nonce: 0, hash: [1; 32], raw: vec![2], bid, gas_limit: 1 };
    let actions = machine.handle(signed, UnixMillis::new(1));
    let position = |wanted: fn(&SignerAction) -> bool| actions.iter().position(wanted);
    let stored = position(|action| matches!(action, SignerAction::Persist(_)));
    let sent = position(|action| matches!(action, SignerAction::Broadcast { .. }));
    assert!(stored.is_some() && sent.is_some() && stored < sent, "{actions:?}");
}

#[test]
fn the_proofs_of_a_batch_are_stored_with_its_nonce() {
    let mut machine = machine(None);
    machine.handle(SignerEvent::Nonces { next_final: 0, balance: 0 }, UnixMillis::new(0));
    let SignerEvent::Submit(mut submission) = submission("p", 7) else { panic!("a submission") };
    let evidence = Evidence {
        kind: EvidenceKind::Update,
        end: End::B,
        height: Height::new(3),
        batch: 7,
        step: None,
        bytes: vec![1, 2],
    };
    submission.evidence.push(evidence.clone());
    machine.handle(SignerEvent::Submit(submission), UnixMillis::new(0));
    let bid = Bid::Legacy { gas_price: 0 };
    let signed = SignerEvent::Signed { nonce: 0, hash: [1; 32], raw: vec![2], bid, gas_limit: 1 };
    let actions = machine.handle(signed, UnixMillis::new(1));
    let Some(SignerAction::Persist(writes)) = actions.first() else { panic!("{actions:?}") };
    let stored = |wanted: &Write| writes.contains(wanted);
    assert!(stored(&Write::Evidence { path: "p".parse().unwrap(), evidence }), "{writes:?}");
    assert!(writes.iter().any(|write| matches!(write, Write::Nonce { .. })), "{writes:?}");
}

#[test]
fn how_a_nonce_ended_waits_for_the_next_write_or_for_its_time() {
    let hold = Limits::default().hold_millis;
    for next_batch in [false, true] {
        let mut world = World::new(machine(None), 0);
        world.run(0, 1, []);
        let mut actions = world.machine.handle(submission("p", 1), UnixMillis::new(1_000));
        let mut ends = 0;
        let mut now = 1_000;
        while !actions.iter().any(|action| matches!(action, SignerAction::Finish(..))) {
            now += 50;
            let mut events: Vec<SignerEvent> = actions.drain(..).filter_map(|action| world.answer(action)).collect();
            events.push(SignerEvent::Tick);
            for event in events {
                actions.extend(world.machine.handle(event, UnixMillis::new(now)));
            }
            assert!(now < 20_000);
        }
        let count = |actions: &[SignerAction]| {
            let lists = actions.iter().filter_map(|action| match action {
                SignerAction::Persist(writes) => Some(writes),
                _ => None,
            });
            lists.flatten().filter(|write| matches!(write, Write::NonceEnd { .. })).count()
        };
        ends += count(&actions);
        assert_eq!(ends, 0, "the path is told at once, the store later");
        if next_batch {
            let actions = world.machine.handle(submission("p", 2), UnixMillis::new(now));
            let event = actions.into_iter().find_map(|action| match action {
                action @ SignerAction::Sign { .. } => world.answer(action),
                _ => None,
            });
            assert_eq!(count(&world.machine.handle(event.expect("a signature"), UnixMillis::new(now))), 1);
        } else {
            assert_eq!(count(&world.machine.handle(SignerEvent::Tick, UnixMillis::new(now + hold - 1))), 0);
            assert_eq!(count(&world.machine.handle(SignerEvent::Tick, UnixMillis::new(now + hold))), 1);
        }
    }
}

#[test]
fn a_stuck_transaction_is_signed_again_from_its_last_bytes_above_its_last_bid() {
    let stuck = Limits::default().stuck_millis;
    let mut machine = machine(None);
    machine.handle(SignerEvent::Nonces { next_final: 0, balance: 1 }, UnixMillis::new(0));
    machine.handle(submission("p", 1), UnixMillis::new(0));
    let mut now = 0;
    for attempt in 1_u8..4 {
        let bid = Bid::Legacy { gas_price: u128::from(attempt) * 10 };
        let signed = SignerEvent::Signed { nonce: 0, hash: [attempt; 32], raw: vec![attempt; 3], bid, gas_limit: 1 };
        machine.handle(signed, UnixMillis::new(now));
        let early = machine.handle(SignerEvent::Tick, UnixMillis::new(now + stuck - 1));
        assert!(!early.iter().any(|action| matches!(action, SignerAction::SignAgain { .. })), "{early:?}");
        now += stuck;
        let actions = machine.handle(SignerEvent::Tick, UnixMillis::new(now));
        let expected = SignerAction::SignAgain { nonce: 0, raw: vec![attempt; 3], replaces: bid };
        assert!(actions.contains(&expected), "{actions:?}");
    }
}

#[test]
fn a_clock_set_back_does_not_hold_ends_longer() {
    let hold = Limits::default().hold_millis;
    let mut machine = machine(None);
    let late = |millis: u64| UnixMillis::new(1_000_000 + millis);
    machine.handle(SignerEvent::Nonces { next_final: 0, balance: 1 }, late(0));
    machine.handle(submission("p", 1), late(0));
    let bid = Bid::Legacy { gas_price: 1 };
    machine.handle(SignerEvent::Signed { nonce: 0, hash: [1; 32], raw: vec![1], bid, gas_limit: 1 }, late(1));
    let outcome =
        TransactionOutcome::Included { height: Height::new(1), success: true, gas_used: 1, failed: Vec::new() };
    let persists = |actions: &[SignerAction]| actions.iter().any(|action| matches!(action, SignerAction::Persist(_)));
    assert!(!persists(&machine.handle(SignerEvent::Outcome(0, 1, outcome), late(2))));
    assert!(!persists(&machine.handle(SignerEvent::Tick, UnixMillis::new(0))));
    assert!(persists(&machine.handle(SignerEvent::Tick, UnixMillis::new(hold))));
}

#[test]
fn how_a_batch_ended_is_told_before_anything_is_written() {
    // When the store fails the rest of the list is dropped, and nobody would answer for the batch any more.
    let mut machine = machine(None);
    machine.handle(SignerEvent::Nonces { next_final: 0, balance: 1 }, UnixMillis::new(0));
    machine.handle(submission("p", 1), UnixMillis::new(0));
    let bid = Bid::Legacy { gas_price: 1 };
    let signed = SignerEvent::Signed { nonce: 0, hash: [1; 32], raw: vec![1], bid, gas_limit: 1 };
    machine.handle(signed, UnixMillis::new(1));
    machine.handle(submission("p", 2), UnixMillis::new(2));
    let outcome =
        TransactionOutcome::Included { height: Height::new(1), success: true, gas_used: 1, failed: Vec::new() };
    machine.handle(SignerEvent::Outcome(0, 1, outcome), UnixMillis::new(300));
    let later = UnixMillis::new(300 + Limits::default().hold_millis);
    let actions = machine.handle(SignerEvent::Failed(SignerTask::Sign(1), Failure::Transient), later);
    let position = |wanted: fn(&SignerAction) -> bool| actions.iter().position(wanted);
    let told = position(|action| matches!(action, SignerAction::Finish(..)));
    let written = position(|action| matches!(action, SignerAction::Persist(_)));
    assert!(told.is_some() && written.is_some() && told < written, "{actions:?}");
}

#[test]
fn paths_take_turns() {
    let mut machine = machine(None);
    for batch in 1..=3 {
        machine.handle(submission("busy", batch), UnixMillis::new(0));
    }
    machine.handle(submission("calm", 1), UnixMillis::new(0));
    let order: Vec<String> = std::iter::from_fn(|| machine.next_submission())
        .map(|submission| submission.purpose.path.to_string())
        .collect();
    assert_eq!(order, ["busy", "calm", "busy", "busy"]);
}

/// A chain that takes the transactions that `takes` says, and the machine before it. Batches that came to nothing are
/// submitted again.
struct World {
    machine: SignerMachine,
    /// The chain's count; `lie` is told instead.
    count: u64,
    lie: Option<u64>,
    takes: fn(&Attempt) -> bool,
    pool: BTreeMap<u64, u32>,
    /// Whether it knows what is in its blocks, and not only that it has counted it.
    indexes: bool,
}

impl World {
    fn new(machine: SignerMachine, count: u64) -> Self {
        Self { machine, count, lie: None, takes: |_| true, pool: BTreeMap::new(), indexes: true }
    }

    /// Lets time pass from one second on; returns how batches ended.
    fn run(&mut self, from: u64, seconds: u64, batches: impl IntoIterator<Item = SignerEvent>) -> Vec<BatchOutcome> {
        let mut events: VecDeque<SignerEvent> = batches.into_iter().collect();
        let mut ended = Vec::new();
        for tick in 0..seconds * 5 {
            events.push_back(SignerEvent::Tick);
            while let Some(event) = events.pop_front() {
                for action in self.machine.handle(event, UnixMillis::new(from * 1000 + tick * 200)) {
                    if let SignerAction::Finish(batch, outcome) = &action {
                        if !matches!(outcome, BatchOutcome::Included { .. }) {
                            events.push_back(submission(batch.path.as_str(), batch.number));
                        }
                        ended.push(outcome.clone());
                    }
                    events.extend(self.answer(action));
                }
            }
        }
        ended
    }

    fn answer(&mut self, action: SignerAction) -> Option<SignerEvent> {
        while self.pool.contains_key(&self.count) {
            self.count += 1;
        }
        Some(match action {
            SignerAction::ReadNonces => SignerEvent::Nonces { next_final: self.lie.unwrap_or(self.count), balance: 0 },
            SignerAction::Sign { nonce, .. }
            | SignerAction::SignAgain { nonce, .. }
            | SignerAction::SignCancel { nonce, .. } => {
                let bid = Bid::Legacy { gas_price: 0 };
                SignerEvent::Signed { nonce, hash: [1; 32], raw: vec![2], bid, gas_limit: 1 }
            }
            SignerAction::Broadcast { nonce, attempt } if (self.takes)(&attempt) => {
                self.pool.insert(nonce, attempt.number);
                SignerEvent::Sent(nonce, attempt.number)
            }
            SignerAction::Broadcast { nonce, attempt } => {
                SignerEvent::Failed(SignerTask::Broadcast(nonce, attempt.number), Failure::Refused)
            }
            SignerAction::ReadOutcome { nonce, number, .. } => {
                let is_final = self.indexes && nonce < self.count && self.pool.get(&nonce) == Some(&number);
                let included = TransactionOutcome::Included {
                    height: Height::new(1),
                    success: true,
                    gas_used: 1,
                    failed: Vec::new(),
                };
                let outcome = if is_final { included } else { TransactionOutcome::Unknown };
                SignerEvent::Outcome(nonce, number, outcome)
            }
            SignerAction::Persist(_) | SignerAction::Finish(..) | SignerAction::Alert(_) => return None,
        })
    }
}

fn is_included(outcome: &BatchOutcome) -> bool {
    matches!(outcome, BatchOutcome::Included { .. })
}

#[test]
fn a_count_that_was_a_lie_does_not_stop_the_signer_for_ever() {
    // A node tells of a count beyond anything, and what is signed is for a nonce that never comes.
    let lie = 1 << 60;
    let mut world = World::new(machine(Some(4)), 5);
    world.lie = Some(lie);
    assert!(!world.run(0, 10, [submission("p", 1)]).iter().any(is_included));
    assert!(world.machine.open.contains_key(&lie));
    world.lie = None;
    let ended = world.run(10, 120, []);
    assert!(ended.iter().any(is_included), "{ended:?}");
    assert_eq!(world.count, 6, "no hole has to be filled");
    // Nor does a restart bring it back: what is remembered is the greatest nonce ever taken.
    let start = SignerStart { last_nonce: Some(lie), closed: vec![(5, 1), (lie, 1)], open: Vec::new() };
    let id = SignerId { chain: "a".to_owned(), account: "x".to_owned() };
    world.machine = SignerMachine::new(id, Limits::default(), 1, start, UnixMillis::new(400_000));
    let ended = world.run(400, 120, [submission("p", 2)]);
    assert!(ended.iter().any(is_included), "{ended:?}");
}

#[test]
fn a_transaction_that_no_node_takes_gives_its_nonce_back() {
    // Too large for any pool, or beyond the block's gas: its sender must not hold up everybody else.
    let mut world = World::new(machine(None), 0);
    world.takes = |attempt| attempt.cancels;
    let ended = world.run(0, 60, [submission("poisoned", 1), submission("calm", 1)]);
    assert!(ended.contains(&BatchOutcome::Refused), "{ended:?}");
    assert!(world.count >= 2, "the nonces are used up: {}", world.count);
}

#[test]
fn a_transaction_is_not_lost_while_nodes_may_still_index_its_block() {
    let patience = LOST_MILLIS / 1_000;
    let mut world = World::new(machine(None), 0);
    world.indexes = false;
    assert_eq!(world.run(0, patience - 1, [submission("p", 1)]), []);
    world.indexes = true;
    let ended = world.run(patience - 1, 5, []);
    assert!(matches!(ended.as_slice(), [BatchOutcome::Included { .. }]), "{ended:?}");
    // What nobody knows in the end is lost.
    world.indexes = false;
    let ended = world.run(patience + 10, patience + 18, [submission("p", 2)]);
    assert_eq!(ended, [BatchOutcome::Lost]);
}

#[test]
fn a_clock_set_back_holds_nothing_up() {
    let mut world = World::new(machine(None), 0);
    assert_eq!(world.run(10_000, 10, [submission("p", 1)]).len(), 1);
    // An hour back.
    let ended = world.run(6_400, 20, [submission("p", 2)]);
    assert!(matches!(ended.as_slice(), [BatchOutcome::Included { .. }]), "{ended:?}");
}

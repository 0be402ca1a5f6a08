//! Only proofs move a packet: what chains tell, and what is said of transactions, says where to look and no more.

use light_client::{Height, Packet, Payload, Sequence, Status, Timestamp};
use relayer_core::{
    Action, BatchOutcome, Call, Direction, End, Event, Head, HostedClient, Item, Limits, Observed, PacketRow,
    PacketState, PathMachine, PathStart, Prepared, Question, Step, Trusted, UnixMillis, Wanted, Write,
};

const DIRECTION: Direction = Direction::AToB;
const SEQUENCE: Sequence = Sequence::FIRST;

struct Run {
    machine: PathMachine,
    now: u64,
    /// Batches that it asked for.
    asked: Vec<(End, u64, Vec<Item>)>,
    carried: usize,
}

impl Run {
    fn new() -> Self {
        let clients = ["qbft-0", "qbft-1"].map(|id| id.parse().unwrap());
        let start = PathStart { views: [Some(trusted(10)), Some(trusted(10))], ..PathStart::default() };
        let now = 1_700_000_000_000;
        let id = "shfe-to-bank".parse().unwrap();
        // What an event leads to shows at once.
        let limits = Limits { hold_millis: 0, ..Limits::default() };
        let machine = PathMachine::new(id, clients, limits, 1, start, UnixMillis::new(now));
        Self { machine, now, asked: Vec::new(), carried: 0 }
    }

    /// What an event leads to being remembered: the packet's rows and the steps said to be done.
    fn tell(&mut self, event: Event) -> (Vec<PacketRow>, Vec<(Step, Height)>) {
        self.now += 10;
        let (mut rows, mut steps) = (Vec::new(), Vec::new());
        for action in self.machine.handle(event, UnixMillis::new(self.now)) {
            let writes = match action {
                Action::Persist(writes) => writes,
                Action::Prepare { host, batch, items, .. } => {
                    self.asked.push((host, batch, items.into_iter().map(|to_prove| to_prove.item).collect()));
                    continue;
                }
                _ => continue,
            };
            for write in writes {
                match write {
                    Write::Packet { row, .. } => rows.push(row),
                    Write::StepDone { item, height, .. } => steps.push((item.step, height)),
                    Write::Forget { .. } => panic!("a packet that is proven is forgotten"),
                    _ => {}
                }
            }
        }
        (rows, steps)
    }

    /// Makes the batches that it asked for, of the steps whose claims hold in this state, and says that each is in a block.
    fn carry(&mut self, state: PacketState) -> (Vec<PacketRow>, Vec<(Step, Height)>) {
        let (mut rows, mut steps) = (Vec::new(), Vec::new());
        for (host, batch, items) in std::mem::take(&mut self.asked) {
            let height = Height::new(12);
            let holds = |item: &Item| item.step == Step::Receive || state >= PacketState::Delivered;
            let (items, disproven): (Vec<Item>, Vec<Item>) = items.into_iter().partition(holds);
            let prepared = Prepared {
                messages: vec![1],
                calls: items.iter().map(|item| Call::Packets(item.step, vec![item.sequence])).collect(),
                height,
                time: trusted(12).time,
                is_partway: false,
                disproven,
                evidence: Vec::new(),
            };
            let outcome = BatchOutcome::Included { height, success: true, failed: Vec::new() };
            for event in [Event::Prepared { host, batch, prepared }, Event::Finished { host, batch, outcome }] {
                let (more_rows, more_steps) = self.tell(event);
                rows.extend(more_rows);
                steps.extend(more_steps);
            }
            self.carried += items.len();
        }
        (rows, steps)
    }

    fn look(&mut self, end: End, height: u64, question: Question, yes: bool) -> (Vec<PacketRow>, Vec<(Step, Height)>) {
        let time = Timestamp::from_unix_seconds(1_700_000_000);
        self.tell(Event::Looked { end, height: Height::new(height), time, answers: vec![(question, yes)] })
    }
}

fn trusted(height: u64) -> Trusted {
    let time = Timestamp::from_unix_seconds(1_700_000_000);
    Trusted { height: Height::new(height), time, client: vec![1], consensus: vec![2] }
}

fn packet() -> Packet {
    let payload = Payload {
        source_port: "receipt".to_owned(),
        destination_port: "receipt".to_owned(),
        version: "wr-1".to_owned(),
        encoding: "application/x-solidity-abi".to_owned(),
        value: vec![7],
    };
    let [source_client, destination_client] = ["qbft-0", "qbft-1"].map(|id| id.parse().unwrap());
    let timeout_seconds = 1_700_003_600;
    Packet { sequence: SEQUENCE, source_client, destination_client, timeout_seconds, payloads: vec![payload] }
}

/// Everything that a node may say of the packet's life, true or not.
fn claims() -> Vec<Event> {
    let height = Height::new(10);
    let events = |end, events| Event::Events { end, from: Height::new(1), to: height, events };
    let sequence = SEQUENCE;
    let acknowledged = || Observed::Acknowledged { height, sequence, acknowledgement: vec![1] };
    let mut claims = vec![
        events(End::A, vec![Observed::Sent { height: Height::new(3), packet: packet() }]),
        events(End::B, vec![Observed::Received { height, sequence }]),
        events(End::B, vec![acknowledged()]),
        events(End::A, vec![Observed::Settled { height, sequence }]),
        Event::NextSequence(DIRECTION, 9),
        Event::Head(End::A, head(12)),
        Event::Head(End::B, head(12)),
        Event::Verified(End::A, trusted(12)),
        Event::Verified(End::B, trusted(12)),
        Event::Tick,
    ];
    let found = |wanted, event| Event::Found { direction: DIRECTION, sequence, wanted, event: Some(event) };
    claims.push(found(Wanted::Sent, Observed::Sent { height: Height::new(3), packet: packet() }));
    claims.push(found(Wanted::Acknowledgement, acknowledged()));
    for host in End::BOTH {
        let client =
            HostedClient { status: Status::Active, latest: trusted(12), expires: None, updates_from_any_state: false };
        claims.push(Event::Client(host, client));
        for batch in 1..4 {
            for success in [true, false] {
                let outcome = BatchOutcome::Included { height, success, failed: Vec::new() };
                claims.push(Event::Finished { host, batch, outcome });
            }
        }
    }
    claims
}

fn head(height: u64) -> Head {
    Head { height: Height::new(height), time: Timestamp::from_unix_seconds(1_700_000_000) }
}

/// Tells everything, several times over, and finds the packet where it was.
fn nothing_moves(run: &mut Run, state: PacketState) {
    for round in 0..3 {
        for claim in claims() {
            let (rows, steps) = run.tell(claim.clone());
            assert!(rows.iter().all(|row| row.state == state), "{claim:?} in round {round}: {rows:?}");
            assert!(steps.is_empty(), "{claim:?} in round {round}: {steps:?}");
        }
        if state >= PacketState::Sent {
            // A batch that was made rests on a proof that the packet is where it is. Its inclusion is a node's word.
            let (rows, steps) = run.carry(state);
            assert!(rows.iter().all(|row| row.state == state), "in a block, it is said, in round {round}: {rows:?}");
            assert!(steps.is_empty(), "in a block, it is said, in round {round}: {steps:?}");
        }
    }
}

#[test]
fn only_proofs_move_a_packet() {
    let mut run = Run::new();
    run.tell(Event::Head(End::A, head(10)));
    run.tell(Event::Head(End::B, head(10)));
    nothing_moves(&mut run, PacketState::Announced);

    let commitment = Question::Commitment(DIRECTION, SEQUENCE, packet().commitment());
    let (rows, steps) = run.look(End::A, 12, commitment, true);
    assert!(rows.iter().any(|row| row.state == PacketState::Sent), "{rows:?}");
    assert!(steps.is_empty(), "{steps:?}");
    nothing_moves(&mut run, PacketState::Sent);

    // Not received, at a height that is proven: it stays where it is.
    let (rows, steps) = run.look(End::B, 13, Question::NoReceipt(DIRECTION, SEQUENCE), true);
    assert!(rows.iter().all(|row| row.state == PacketState::Sent) && steps.is_empty(), "{rows:?} {steps:?}");
    nothing_moves(&mut run, PacketState::Sent);

    // It is looked for once more, because it is proven to lie on the source still.
    run.look(End::A, 14, Question::NoCommitment(DIRECTION, SEQUENCE), false);
    let (rows, steps) = run.look(End::B, 14, Question::NoReceipt(DIRECTION, SEQUENCE), false);
    assert!(rows.iter().any(|row| row.state == PacketState::Delivered), "{rows:?}");
    assert_eq!(steps, [(Step::Receive, Height::new(14))]);
    nothing_moves(&mut run, PacketState::Delivered);

    assert!(run.carried > 0, "no batch was ever under way");
    let (rows, steps) = run.look(End::A, 15, Question::NoCommitment(DIRECTION, SEQUENCE), false);
    assert!(rows.iter().all(|row| row.state == PacketState::Delivered) && steps.is_empty(), "{rows:?} {steps:?}");
    let (rows, steps) = run.look(End::A, 16, Question::NoCommitment(DIRECTION, SEQUENCE), true);
    assert!(rows.iter().all(|row| row.state == PacketState::Acknowledged), "{rows:?}");
    assert_eq!(steps, [(Step::Acknowledge, Height::new(16))]);
    // Settled is settled, and is no longer held: it is neither told again nor tried again.
    for claim in claims() {
        let (rows, steps) = run.tell(claim);
        assert!(rows.is_empty() && steps.is_empty(), "{rows:?} {steps:?}");
    }
}

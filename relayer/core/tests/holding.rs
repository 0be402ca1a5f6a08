//! What is remembered, when: changes wait a little so that many cost one write, and nothing rests on what waits.

use light_client::{Height, Packet, Payload, Sequence, Status, Timestamp};
use relayer_core::{
    Action, BatchOutcome, Direction, End, Event, Head, HostedClient, Item, Limits, Observed, PacketState, PathMachine,
    PathStart, Prepared, Purpose, Question, Step, Submission, Trusted, UnixMillis, Write,
};
use relayer_store::{Guard, MemoryStore, Store as _};

const NOW: u64 = 1_700_000_000_000;

fn machine(start: PathStart) -> PathMachine {
    machine_within(Limits::default(), start)
}

fn machine_within(limits: Limits, start: PathStart) -> PathMachine {
    let clients = ["qbft-0", "qbft-1"].map(|id| id.parse().unwrap());
    let start = PathStart { views: [Some(trusted(10)), Some(trusted(10))], ..start };
    PathMachine::new("a-b".parse().unwrap(), clients, limits, 1, start, UnixMillis::new(NOW))
}

fn trusted(height: u64) -> Trusted {
    let time = Timestamp::from_unix_seconds(NOW / 1_000);
    Trusted { height: Height::new(height), time, client: vec![1], consensus: vec![2] }
}

fn packet(sequence: u64) -> Packet {
    packet_of(Direction::AToB, sequence, 600)
}

fn packet_of(direction: Direction, sequence: u64, bytes: usize) -> Packet {
    let payload = Payload {
        source_port: "receipt".to_owned(),
        destination_port: "receipt".to_owned(),
        version: "wr-1".to_owned(),
        encoding: "application/x-solidity-abi".to_owned(),
        value: vec![7; bytes],
    };
    let mut clients = ["qbft-0", "qbft-1"];
    if direction == Direction::BToA {
        clients.reverse();
    }
    let [source_client, destination_client] = clients.map(|id| id.parse().unwrap());
    let sequence = Sequence::try_from(sequence).unwrap();
    let timeout_seconds = NOW / 1_000 + 3_600;
    Packet { sequence, source_client, destination_client, timeout_seconds, payloads: vec![payload] }
}

fn sent(count: u64) -> Event {
    let height = Height::new(9);
    let events = (1..=count).map(|number| Observed::Sent { height, packet: packet(number) }).collect();
    Event::Events { end: End::A, from: Height::new(1), to: Height::new(10), events }
}

/// Packets of the numbers, told in the blocks after `after`, with payloads of so many bytes.
fn sent_later(direction: Direction, after: u64, numbers: std::ops::RangeInclusive<u64>, bytes: usize) -> Event {
    let height = Height::new(after + 1);
    let told = |number| Observed::Sent { height, packet: packet_of(direction, number, bytes) };
    let to = Height::new(after + 10);
    Event::Events { end: direction.source(), from: height, to, events: numbers.map(told).collect() }
}

/// The source's state at a height holds these packets.
fn committed(direction: Direction, height: u64, numbers: std::ops::RangeInclusive<u64>) -> Event {
    let question = |number| {
        let packet = packet_of(direction, number, 600);
        (Question::Commitment(direction, packet.sequence, packet.commitment()), true)
    };
    let answers = numbers.map(question).collect();
    Event::Looked { end: direction.source(), height: Height::new(height), time: trusted(10).time, answers }
}

fn at(millis: u64) -> UnixMillis {
    UnixMillis::new(NOW + millis)
}

fn persisted(actions: &[Action]) -> Option<&[Write]> {
    match actions.first() {
        Some(Action::Persist(writes)) => Some(writes),
        _ => {
            assert!(!actions.iter().any(|action| matches!(action, Action::Persist(_))), "not before what follows");
            None
        }
    }
}

/// Both heads, and the client that B hosts: batches for B can be made.
fn ready(machine: &mut PathMachine) {
    for end in End::BOTH {
        let head = Head { height: Height::new(10), time: trusted(10).time };
        machine.handle(Event::Head(end, head), at(0));
    }
    let client = hosted(10, false);
    machine.handle(Event::Client(End::B, client), at(0));
}

fn hosted(latest: u64, updates_from_any_state: bool) -> HostedClient {
    HostedClient { status: Status::Active, latest: trusted(latest), expires: None, updates_from_any_state }
}

fn prepare(actions: &[Action]) -> Option<(u64, Vec<(Item, bool)>)> {
    actions.iter().find_map(|action| match action {
        Action::Prepare { batch, items, .. } => {
            Some((*batch, items.iter().map(|wanted| (wanted.item, wanted.packet.is_some())).collect()))
        }
        _ => None,
    })
}

#[test]
fn changes_wait_and_go_together() {
    let mut machine = machine(PathStart::default());
    let hold = Limits::default().hold_millis;
    assert!(persisted(&machine.handle(sent(3), at(0))).is_none());
    assert!(persisted(&machine.handle(Event::Tick, at(hold - 1))).is_none());
    let actions = machine.handle(Event::Tick, at(hold));
    let writes = persisted(&actions).expect("held long enough");
    let rows = writes.iter().filter(|write| matches!(write, Write::Packet { .. })).count();
    let bodies = writes.iter().filter(|write| matches!(write, Write::Body { .. })).count();
    let cursors = writes.iter().filter(|write| matches!(write, Write::Cursor { .. })).count();
    assert_eq!((rows, bodies, cursors), (3, 3, 1), "{writes:?}");
    assert!(persisted(&machine.handle(Event::Tick, at(10 * hold))).is_none(), "once");
}

#[test]
fn a_clock_set_back_does_not_hold_changes_longer() {
    let mut machine = machine(PathStart::default());
    let hold = Limits::default().hold_millis;
    machine.handle(sent(1), at(1_000_000));
    machine.handle(Event::Tick, at(0));
    assert!(persisted(&machine.handle(Event::Tick, at(hold))).is_some());
}

#[test]
fn much_does_not_wait() {
    let mut machine = machine(PathStart::default());
    // A body has more than 600 bytes: these are more than are held back, and what was held goes with them.
    let actions = machine.handle(sent(2_000), at(0));
    let writes = persisted(&actions).expect("more than is held back");
    assert_eq!(writes.iter().filter(|write| matches!(write, Write::Body { .. })).count(), 2_000);
}

#[test]
fn many_changes_do_not_wait_however_small() {
    // Two changes for each packet and one for the cursor, of some 300 bytes together: 1,024 are too many.
    let told = |count| machine(PathStart::default()).handle(sent_later(Direction::AToB, 0, 1..=count, 0), at(0));
    assert!(persisted(&told(511)).is_none());
    assert!(persisted(&told(512)).is_some());
}

#[test]
fn large_changes_do_not_wait_however_few() {
    // 30,332 bytes are reckoned for each: 35 are more than 1 MiB.
    let told = |count| machine(PathStart::default()).handle(sent_later(Direction::AToB, 0, 1..=count, 30_000), at(0));
    assert!(persisted(&told(34)).is_none());
    assert!(persisted(&told(35)).is_some());
}

#[test]
fn what_comes_after_a_write_waits_anew() {
    let hold = Limits::default().hold_millis;
    let mut machine = machine(PathStart::default());
    machine.handle(sent_later(Direction::AToB, 0, 1..=30, 30_000), at(0));
    assert!(persisted(&machine.handle(Event::Tick, at(hold))).is_some());
    // Neither the time nor the bytes of what is written count for it.
    assert!(persisted(&machine.handle(sent_later(Direction::AToB, 10, 31..=40, 30_000), at(hold + 1))).is_none());
    assert!(persisted(&machine.handle(Event::Tick, at(2 * hold))).is_none());
    assert!(persisted(&machine.handle(Event::Tick, at(2 * hold + 1))).is_some());
}

#[test]
fn of_what_has_one_place_the_last_change_is_written() {
    let mut machine = machine(PathStart::default());
    machine.handle(sent_later(Direction::AToB, 0, 1..=1, 600), at(0));
    machine.handle(sent_later(Direction::BToA, 0, 1..=1, 600), at(0));
    machine.handle(sent_later(Direction::AToB, 10, 2..=3, 600), at(1));
    machine.handle(committed(Direction::AToB, 12, 1..=1), at(2));
    machine.handle(committed(Direction::AToB, 12, 2..=3), at(2));
    machine.handle(committed(Direction::BToA, 12, 1..=1), at(2));
    for (end, height) in [(End::A, 11), (End::B, 21), (End::A, 12)] {
        machine.handle(Event::Verified(end, trusted(height)), at(3));
    }
    let left = machine.unwritten();
    let place = |write: &Write| match write {
        Write::Cursor { end, height, .. } => Some((format!("cursor {end}"), height.number())),
        Write::View { end, trusted, .. } => Some((format!("view {end}"), trusted.height.number())),
        Write::KnownThrough { direction, sequence, .. } => Some((format!("known {direction}"), *sequence)),
        _ => None,
    };
    let mut places: Vec<(String, u64)> = left.iter().filter_map(place).collect();
    places.sort();
    let expected =
        [("cursor a", 20), ("cursor b", 10), ("known a-to-b", 3), ("known b-to-a", 1), ("view a", 12), ("view b", 21)];
    assert_eq!(places, expected.map(|(place, value)| (place.to_owned(), value)));
}

/// A packet is told of, disproven, and told of again before anything is written: what is stored in the end is the last.
#[tokio::test]
async fn a_packet_that_was_forgotten_and_told_of_again_is_stored() {
    let mut machine = machine(PathStart::default());
    ready(&mut machine);
    machine.handle(sent(1), at(1));
    let direction = Direction::AToB;
    let answers =
        vec![(Question::NextSequence(direction, 1), true), (Question::NoCommitment(direction, Sequence::FIRST), true)];
    machine.handle(Event::Looked { end: End::A, height: Height::new(10), time: trusted(10).time, answers }, at(2));
    assert!(machine.row(direction, Sequence::FIRST).is_none(), "it was proven not to be there");
    machine.handle(sent_later(direction, 10, 1..=1, 600), at(3));
    let left = machine.unwritten();
    assert!(left.iter().any(|write| matches!(write, Write::Forget { .. })), "{left:?}");

    let store = MemoryStore::new();
    let lease = store.lease("a", "x", at(0), 1_000).await.unwrap();
    store.apply(&Guard { lease: "a".to_owned(), fence: lease.fence }, &left).await.unwrap();
    let path = "a-b".parse().unwrap();
    let start = store.path(&path).await.unwrap();
    let [there, _] = start.directions;
    assert_eq!(there.pending.iter().map(|row| row.sequence).collect::<Vec<_>>(), [Sequence::FIRST]);
    assert_eq!(store.bodies(&path, direction, &[Sequence::FIRST]).await.unwrap(), [Some(packet(1))]);
}

#[test]
fn what_is_left_is_handed_out_at_a_stop() {
    let mut machine = machine(PathStart::default());
    machine.handle(sent(2), at(0));
    let left = machine.unwritten();
    assert!(left.iter().any(|write| matches!(write, Write::Cursor { .. })), "{left:?}");
    assert!(machine.unwritten().is_empty());
}

#[test]
fn a_batch_is_made_of_packets_that_are_not_stored_yet() {
    let mut machine = machine(PathStart::default());
    ready(&mut machine);
    let actions = machine.handle(sent(2), at(1));
    assert!(persisted(&actions).is_none());
    let (batch, items) = prepare(&actions).expect("nothing is in its way");
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|(_, told)| *told), "they come with the packets: {items:?}");

    // Nor does it wait for a write to be handed over; the proofs go with it, to be stored with its nonce.
    let sequences = items.iter().map(|(item, _)| item.sequence).collect();
    let evidence = relayer_core::Evidence {
        kind: relayer_core::EvidenceKind::Proof,
        end: End::A,
        height: Height::new(10),
        batch,
        step: Some(Step::Receive),
        bytes: vec![5],
    };
    let prepared = Prepared {
        messages: vec![1],
        calls: vec![relayer_core::Call::Packets(Step::Receive, sequences)],
        height: Height::new(10),
        time: trusted(10).time,
        is_partway: false,
        disproven: Vec::new(),
        evidence: vec![evidence.clone()],
    };
    let actions = machine.handle(Event::Prepared { host: End::B, batch, prepared }, at(2));
    assert!(persisted(&actions).is_none());
    let submitted = actions.iter().find_map(|action| match action {
        Action::Submit(Submission { evidence, .. }) => Some(evidence),
        _ => None,
    });
    assert_eq!(submitted, Some(&vec![evidence]));
    // What is stored in the end is the last of each row's changes.
    let left = machine.unwritten();
    let states: Vec<PacketState> = left
        .iter()
        .filter_map(|write| match write {
            Write::Packet { row, .. } => Some(row.state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [PacketState::Sent, PacketState::Sent]);
}

#[test]
fn a_way_that_is_longer_than_a_batch_is_gone_in_parts() {
    let mut machine = machine(PathStart::default());
    ready(&mut machine);
    let (batch, items) = prepare(&machine.handle(sent(2), at(1))).expect("nothing is in its way");
    assert_eq!(items.len(), 2);
    let partway = |is_partway| Prepared {
        messages: vec![1],
        calls: vec![relayer_core::Call::Update(Height::new(7))],
        height: Height::new(7),
        time: trusted(7).time,
        is_partway,
        disproven: Vec::new(),
        evidence: Vec::new(),
    };
    let submits = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Submit(submission) => Some(submission.purpose.clone()),
            _ => None,
        })
    };
    // An update of which nothing of the batch's own is left is not paid for; one that leads on is.
    let mut other = self::machine(PathStart::default());
    ready(&mut other);
    let (same, _) = prepare(&other.handle(sent(2), at(1))).unwrap();
    let prepared = Event::Prepared { host: End::B, batch: same, prepared: partway(false) };
    assert_eq!(submits(&other.handle(prepared, at(2))), None);
    let prepared = Event::Prepared { host: End::B, batch, prepared: partway(true) };
    let purpose = submits(&machine.handle(prepared, at(2))).expect("it leads on");
    assert_eq!((purpose.update, purpose.items), (Some(Height::new(7)), Vec::new()));
    // The packets go with the next one, and have not failed.
    let outcome = BatchOutcome::Included { height: Height::new(10), success: true, failed: Vec::new() };
    machine.handle(Event::Finished { host: End::B, batch, outcome }, at(3));
    let client = hosted(7, false);
    let (_, items) = prepare(&machine.handle(Event::Client(End::B, client), at(4))).expect("it goes on from there");
    assert_eq!(items.len(), 2);
}

/// What goes to B in two batches that are prepared one after the other, while neither is through: the numbers of the
/// packets of each, and the update that each brings.
fn two_batches(updates_from_any_state: bool) -> Vec<(Vec<u64>, Option<Height>)> {
    let limits = Limits { batch_packets: 2, ..Limits::default() };
    let mut machine = machine_within(limits, PathStart::default());
    ready(&mut machine);
    machine.handle(Event::Client(End::B, hosted(5, updates_from_any_state)), at(0));
    let mut actions = machine.handle(sent(3), at(1));
    let mut batches = Vec::new();
    while let Some(prepare) = actions.iter().find_map(|action| match action {
        Action::Prepare { batch, items, target, trusted, .. } => Some((*batch, items.clone(), *target, trusted.height)),
        _ => None,
    }) {
        let (batch, items, target, trusted) = prepare;
        assert_eq!(trusted, Height::new(5), "the state that the client is known to have");
        let sequences: Vec<Sequence> = items.iter().map(|to_prove| to_prove.item.sequence).collect();
        batches.push((sequences.iter().map(|sequence| sequence.get()).collect(), target));
        let mut calls: Vec<relayer_core::Call> = target.map(relayer_core::Call::Update).into_iter().collect();
        calls.push(relayer_core::Call::Packets(Step::Receive, sequences));
        let height = target.unwrap_or(trusted);
        let prepared = Prepared {
            messages: vec![1],
            calls,
            height,
            time: trusted_time(),
            is_partway: false,
            disproven: Vec::new(),
            evidence: Vec::new(),
        };
        // The next batch is made a block later.
        let head = Head { height: Height::new(11), time: trusted_time() };
        machine.handle(Event::Head(End::A, head), at(2));
        actions = machine.handle(Event::Prepared { host: End::B, batch, prepared }, at(3));
    }
    batches
}

fn trusted_time() -> Timestamp {
    trusted(10).time
}

#[test]
fn an_update_under_way_is_waited_for_where_the_next_one_starts_from_it() {
    let update = |height| Some(Height::new(height));
    assert_eq!(two_batches(false), [(vec![1, 2], update(10))]);
    assert_eq!(two_batches(true), [(vec![1, 2], update(10)), (vec![3], update(11))]);
}

#[test]
fn a_stretch_that_carries_nothing_is_waited_for_by_any_client() {
    let mut machine = machine(PathStart::default());
    ready(&mut machine);
    machine.handle(Event::Client(End::B, hosted(5, true)), at(0));
    let (batch, _) = prepare(&machine.handle(sent(2), at(1))).expect("nothing is in its way");
    let prepared = Prepared {
        messages: vec![1],
        calls: vec![relayer_core::Call::Update(Height::new(7))],
        height: Height::new(7),
        time: trusted_time(),
        is_partway: true,
        disproven: Vec::new(),
        evidence: Vec::new(),
    };
    let actions = machine.handle(Event::Prepared { host: End::B, batch, prepared }, at(2));
    assert!(actions.iter().any(|action| matches!(action, Action::Submit(_))), "{actions:?}");
    assert_eq!(prepare(&actions), None);
    assert_eq!(prepare(&machine.handle(Event::Tick, at(5_000))), None, "the same stretch again");
    let outcome = BatchOutcome::Included { height: Height::new(10), success: true, failed: Vec::new() };
    let actions = machine.handle(Event::Finished { host: End::B, batch, outcome }, at(5_001));
    assert_eq!(prepare(&actions), None, "the client is read first");
    let actions = machine.handle(Event::Client(End::B, hosted(7, true)), at(5_002));
    assert!(prepare(&actions).is_some(), "{actions:?}");
}

#[test]
fn a_packet_in_a_remembered_batch_is_not_put_into_another() {
    // The transaction is stored with its signer, and the process ended before the packet was.
    let sequence = Sequence::FIRST;
    let item = Item { direction: Direction::AToB, sequence, step: Step::Receive };
    let path = "a-b".parse().unwrap();
    let purpose = Purpose { path, host: End::B, batch: 4, update: None, items: vec![item] };
    let mut machine = machine(PathStart { open: vec![purpose], ..PathStart::default() });
    ready(&mut machine);
    let (_, items) = prepare(&machine.handle(sent(2), at(1))).expect("the other one can be tried");
    let sequences: Vec<u64> = items.iter().map(|(item, _)| item.sequence.get()).collect();
    assert_eq!(sequences, [2]);
}

#[test]
fn a_packet_of_a_remembered_batch_that_ended_is_tried_again() {
    let sequence = Sequence::FIRST;
    let item = Item { direction: Direction::AToB, sequence, step: Step::Receive };
    let purpose = Purpose { path: "a-b".parse().unwrap(), host: End::B, batch: 4, update: None, items: vec![item] };
    let mut machine = machine(PathStart { open: vec![purpose], ..PathStart::default() });
    ready(&mut machine);
    machine.handle(Event::Finished { host: End::B, batch: 4, outcome: BatchOutcome::Lost }, at(1));
    // Nobody carries it any more, though it was in a batch when this began.
    let (_, items) = prepare(&machine.handle(sent(1), at(2))).expect("it is tried");
    assert_eq!(items.iter().map(|(item, _)| *item).collect::<Vec<_>>(), [item]);
}

#[test]
fn what_a_remembered_batch_delivered_is_not_what_a_node_tells_afterwards() {
    let sequence = Sequence::FIRST;
    let item = Item { direction: Direction::AToB, sequence, step: Step::Receive };
    let purpose = Purpose { path: "a-b".parse().unwrap(), host: End::B, batch: 4, update: None, items: vec![item] };
    let mut machine = machine(PathStart { open: vec![purpose], ..PathStart::default() });
    ready(&mut machine);
    // Perhaps false: nothing of it was proven in this process.
    machine.handle(sent(1), at(1));
    let outcome = BatchOutcome::Included { height: Height::new(10), success: true, failed: Vec::new() };
    machine.handle(Event::Finished { host: End::B, batch: 4, outcome }, at(2));
    let answers = vec![(Question::NoReceipt(Direction::AToB, sequence), false)];
    let looked = Event::Looked { end: End::B, height: Height::new(10), time: trusted(10).time, answers };
    machine.handle(looked, at(3));
    let row = machine.row(Direction::AToB, sequence).expect("it is not settled");
    assert_eq!(row.state, PacketState::Announced, "a packet receipt says that something arrived, and not what");
}

#[test]
fn a_packet_in_a_remembered_batch_is_no_gap() {
    let sequence = Sequence::FIRST;
    let item = Item { direction: Direction::AToB, sequence, step: Step::Receive };
    let purpose = Purpose { path: "a-b".parse().unwrap(), host: End::B, batch: 4, update: None, items: vec![item] };
    let mut machine = machine(PathStart { open: vec![purpose], cursors: [Height::new(10); 2], ..PathStart::default() });
    ready(&mut machine);
    let answers = vec![(Question::NextSequence(Direction::AToB, 3), true)];
    machine.handle(Event::Looked { end: End::A, height: Height::new(10), time: trusted(10).time, answers }, at(1));
    assert!(machine.row(Direction::AToB, sequence).is_none());
    assert!(machine.row(Direction::AToB, Sequence::try_from(2).unwrap()).is_some(), "the other one is looked for");
}

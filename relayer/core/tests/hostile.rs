//! A path whose nodes tell whatever they like, and whose clock does what it likes.

use light_client::{ClientId, Height, Packet, Payload, Sequence, Timestamp};
use relayer_core::{
    Action, Direction, DirectionStart, End, Event, Failure, Head, Limits, Observed, PacketRow, PacketState,
    PathMachine, PathStart, Question, Task, Told, Trusted, UnixMillis,
};

fn machine(limits: Limits, start: PathStart, now: UnixMillis) -> PathMachine {
    let client: ClientId = "qbft-0".parse().expect("a client id");
    let path = "a-b".parse().expect("a path id");
    PathMachine::new(path, [client.clone(), client], limits, 1, start, now)
}

fn head(height: u64) -> Head {
    Head { height: Height::new(height), time: Timestamp::from_unix_seconds(1_700_000_000 + height) }
}

fn packet(sequence: u64) -> Packet {
    let client: ClientId = "qbft-0".parse().expect("a client id");
    let payload = Payload {
        source_port: "receipt".to_owned(),
        destination_port: "receipt".to_owned(),
        version: "wr-1".to_owned(),
        encoding: "application/x-solidity-abi".to_owned(),
        value: vec![1; 32],
    };
    Packet {
        sequence: Sequence::try_from(sequence).expect("from 1"),
        source_client: client.clone(),
        destination_client: client,
        timeout_seconds: 1_800_000_000,
        payloads: vec![payload],
    }
}

#[test]
fn packets_that_a_node_makes_up_do_not_fill_the_memory() {
    let limits = Limits { announced_packets: 500, ..Limits::default() };
    let mut machine = machine(limits.clone(), PathStart::default(), UnixMillis::new(0));
    let (mut sequence, mut height) = (0, 1_000_000);
    let mut reads = 0;
    for tick in 0..2_000_u64 {
        height += 1;
        let mut events = vec![Event::Tick, Event::Head(End::A, head(height))];
        while let Some(event) = events.pop() {
            for action in machine.handle(event, UnixMillis::new(tick * 100)) {
                if let Action::ReadEvents { end: End::A, from, to } = action {
                    reads += 1;
                    let told = (1..=100).map(|number| Observed::Sent { height: to, packet: packet(sequence + number) });
                    events.push(Event::Events { end: End::A, from, to, events: told.collect() });
                    sequence += 100;
                }
            }
        }
    }
    assert!(reads > 0);
    // What one answer holds may come on top.
    assert!(machine.pending() <= limits.announced_packets as usize + 100, "{} packets kept", machine.pending());
}

#[test]
fn blocks_that_are_too_much_for_one_answer_are_asked_for_in_fewer() {
    let mut machine =
        machine(Limits { event_blocks: 8, ..Limits::default() }, PathStart::default(), UnixMillis::new(0));
    let mut events = vec![Event::Tick, Event::Head(End::A, head(100))];
    let mut asked = Vec::new();
    for tick in 0..2_000_u64 {
        let mut answers = Vec::new();
        for event in events.drain(..) {
            for action in machine.handle(event, UnixMillis::new(tick * 100)) {
                if let Action::ReadEvents { end: End::A, from, to } = action {
                    let blocks = to.number() - from.number() + 1;
                    asked.push(blocks);
                    answers.push(if blocks > 2 && from.number() < 20 {
                        Event::Failed(Task::Events(End::A), Failure::Transient)
                    } else {
                        Event::Events { end: End::A, from, to, events: Vec::new() }
                    });
                }
            }
        }
        events = answers;
        events.push(Event::Tick);
    }
    assert_eq!(asked.get(..4), Some(&[8, 4, 2, 4][..]), "halved until it succeeds, and then more again");
    assert_eq!(asked.iter().rev().nth(1), Some(&8), "and all of it where the answers are small: {asked:?}");
}

#[test]
fn a_head_that_was_claimed_too_high_keeps_no_packet_waiting() {
    let trusted = |height| Trusted { height, time: head(height.number()).time, client: vec![1], consensus: vec![2] };
    let start =
        PathStart { views: [Some(trusted(Height::new(10))), Some(trusted(Height::new(10)))], ..PathStart::default() };
    let mut machine = machine(Limits::default(), start, UnixMillis::new(0));
    let sent = vec![Observed::Sent { height: Height::new(9), packet: packet(1) }];
    let told = Event::Events { end: End::A, from: Height::new(1), to: Height::new(10), events: sent };
    let holds = (Question::Commitment(Direction::AToB, Sequence::FIRST, packet(1).commitment()), true);
    let proven = Event::Looked { end: End::A, height: Height::new(10), time: head(10).time, answers: vec![holds] };
    // While B's head is what a liar says it is noted from where on B's state tells what became of the packet.
    let mut events = vec![proven, told, Event::Head(End::B, head(1 << 40)), Event::Head(End::A, head(20))];
    let wanted = Question::NoReceipt(Direction::AToB, Sequence::FIRST);
    let mut looked = None;
    for second in 0..60 {
        while let Some(event) = events.pop() {
            for action in machine.handle(event, UnixMillis::new(second * 1_000)) {
                match action {
                    Action::Verify { end, target, .. } if target.number() > 1_000 => {
                        events.push(Event::Failed(Task::Verify(end), Failure::Transient));
                    }
                    Action::Verify { end, target, .. } => events.push(Event::Verified(end, trusted(target))),
                    Action::Look { end, trusted: Trusted { height, time, .. }, questions } => {
                        if questions.contains(&wanted) {
                            looked = looked.or(Some(second));
                        }
                        let answers = questions.into_iter().map(|question| (question, true)).collect();
                        events.push(Event::Looked { end, height, time, answers });
                    }
                    _ => {}
                }
            }
        }
        events = vec![Event::Tick, Event::Head(End::B, head(20 + second))];
    }
    assert!(looked.is_some_and(|second| second <= 15), "{looked:?}");
}

#[test]
fn a_state_from_before_a_packet_is_not_looked_at_again_and_again() {
    let trusted = |height| Trusted { height, time: head(950).time, client: vec![1], consensus: vec![2] };
    let told = Told {
        commitment: packet(1).commitment(),
        timeout_seconds: packet(1).timeout_seconds,
        body_bytes: 600,
        height: Height::new(1_003),
    };
    let mut row = PacketRow::announced(Sequence::FIRST, told, UnixMillis::new(0));
    row.state = PacketState::Sent;
    let mut start =
        PathStart { views: [950, 950].map(|height| Some(trusted(Height::new(height)))), ..PathStart::default() };
    start.directions[0].pending = vec![row];
    // Long after the packet was proven the only node that answers is behind.
    let now = UnixMillis::new(1_000_000);
    let mut machine = machine(Limits::default(), start, now);
    let mut events = vec![Event::Head(End::B, head(950)), Event::Head(End::A, head(950))];
    let mut looks = 0;
    while let Some(event) = events.pop() {
        for action in machine.handle(event, now) {
            match action {
                Action::Verify { end, target, .. } => events.push(Event::Verified(end, trusted(target))),
                Action::Look { end: End::A, trusted: Trusted { height, time, .. }, questions } => {
                    looks += 1;
                    assert!(looks < 10, "there is no end to it");
                    let answers = questions.into_iter().map(|question| (question, true)).collect();
                    events.push(Event::Looked { end: End::A, height, time, answers });
                }
                _ => {}
            }
        }
    }
    assert!(looks > 0);
}

#[test]
fn a_clock_set_back_holds_nothing_up() {
    let mut machine = machine(Limits::default(), PathStart::default(), UnixMillis::new(10_000_000_000));
    let asks = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::ReadClient(End::A)));
    assert!(asks(&machine.handle(Event::Tick, UnixMillis::new(10_000_000_000))));
    let failed = Event::Failed(Task::Client(End::A), Failure::Transient);
    machine.handle(failed, UnixMillis::new(10_000_000_100));
    // An hour back: it is tried again as soon as it would have been.
    let back = 10_000_000_000 - 3_600_000;
    machine.handle(Event::Tick, UnixMillis::new(back));
    assert!(asks(&machine.handle(Event::Tick, UnixMillis::new(back + 1_000))));
}

#[test]
fn a_packet_planned_by_a_wrong_clock_is_tried_all_the_same() {
    // A clock that was years ahead planned the next try; it was set right while the relayer did not run.
    let sequence = Sequence::FIRST;
    let row = PacketRow::missing(sequence, UnixMillis::new(1_900_000_000_000));
    let direction = DirectionStart { pending: vec![row], ..DirectionStart::default() };
    let start = PathStart { directions: [direction, DirectionStart::default()], ..PathStart::default() };
    let now = 1_800_000_000_000;
    let mut machine = machine(Limits::default(), start, UnixMillis::new(now));
    machine.handle(Event::Tick, UnixMillis::new(now));
    let actions = machine.handle(Event::Tick, UnixMillis::new(now + Limits::default().back_off_last_millis));
    let finds = |action: &Action| matches!(action, Action::Find { direction: Direction::AToB, sequence: s, .. } if *s == sequence);
    assert!(actions.iter().any(finds), "{actions:?}");
}

//! A chain that certified two blocks: the evidence goes out at once, and the path waits in both directions.

use light_client::{Height, Packet, Payload, Sequence, Status, Timestamp};
use relayer_core::{
    Action, BatchOutcome, Direction, End, Event, Head, HostedClient, Limits, Observed, PathMachine, PathStart, Trusted,
    UnixMillis, Waiting,
};

const NOW: u64 = 1_700_000_000_000;

fn machine(limits: Limits) -> PathMachine {
    let clients = ["qbft-0", "qbft-1"].map(|id| id.parse().unwrap());
    let start = PathStart { views: [Some(trusted(10)), Some(trusted(10))], ..PathStart::default() };
    let mut machine = PathMachine::new("a-b".parse().unwrap(), clients, limits, 1, start, at(0));
    for end in End::BOTH {
        let head = Head { height: Height::new(20), time: trusted(20).time };
        machine.handle(Event::Head(end, head), at(0));
    }
    machine
}

fn trusted(height: u64) -> Trusted {
    let time = Timestamp::from_unix_seconds(NOW / 1_000);
    Trusted { height: Height::new(height), time, client: vec![1], consensus: vec![2] }
}

fn client(status: Status) -> HostedClient {
    let expires = Some(Timestamp::from_unix_seconds(NOW / 1_000 + 1_000));
    HostedClient { status, latest: trusted(10), expires, updates_from_any_state: false }
}

fn at(millis: u64) -> UnixMillis {
    UnixMillis::new(NOW + millis)
}

fn sent(direction: Direction) -> Event {
    let mut clients = ["qbft-0", "qbft-1"];
    if direction == Direction::BToA {
        clients.reverse();
    }
    let [source_client, destination_client] = clients.map(|id| id.parse().unwrap());
    let text = || "receipt".to_owned();
    let payload =
        Payload { source_port: text(), destination_port: text(), version: text(), encoding: text(), value: vec![1] };
    let timeout_seconds = NOW / 1_000 + 3_600;
    let sequence = Sequence::FIRST;
    let packet = Packet { sequence, source_client, destination_client, timeout_seconds, payloads: vec![payload] };
    let events = vec![Observed::Sent { height: Height::new(9), packet }];
    Event::Events { end: direction.source(), from: Height::new(1), to: Height::new(10), events }
}

/// For which chain a batch is prepared, and of how many packets.
fn prepared(actions: &[Action]) -> Vec<(End, usize)> {
    let batch = |action: &Action| match action {
        Action::Prepare { host, items, .. } => Some((*host, items.len())),
        _ => None,
    };
    actions.iter().filter_map(batch).collect()
}

#[test]
fn evidence_goes_to_the_signer_at_once_and_the_client_is_read_again() {
    for update in [None, Some(Height::new(15))] {
        let mut machine = machine(Limits::default());
        machine.handle(Event::Client(End::A, client(Status::Active)), at(0));
        let last = machine.last_batch();
        let event = Event::Misbehaviour { host: End::A, messages: vec![7, 7], update };
        let actions = machine.handle(event, at(1));
        let Some(Action::Submit(submission)) = actions.iter().find(|action| matches!(action, Action::Submit(_))) else {
            panic!("{actions:?}");
        };
        assert_eq!(submission.messages, [7, 7]);
        let purpose = &submission.purpose;
        assert_eq!((purpose.host, purpose.batch, purpose.update), (End::A, last + 1, update));
        assert!(purpose.items.is_empty(), "no packet rests on it");

        let outcome = BatchOutcome::Included { height: Height::new(12), success: true, failed: Vec::new() };
        let actions = machine.handle(Event::Finished { host: End::A, batch: last + 1, outcome }, at(2));
        assert!(actions.contains(&Action::ReadClient(End::A)), "{actions:?}");
    }
}

#[test]
fn packets_wait_both_ways_once_a_client_is_frozen() {
    // The client on A is frozen: it follows B, which is not to be given anything either.
    let mut machine = machine(Limits::default());
    machine.handle(Event::Client(End::A, client(Status::Frozen)), at(0));
    machine.handle(Event::Client(End::B, client(Status::Active)), at(0));
    for direction in Direction::BOTH {
        let actions = machine.handle(sent(direction), at(1));
        assert_eq!(prepared(&actions), [], "{actions:?}");
        let row = machine.row(direction, Sequence::FIRST).expect("it is not given up");
        assert_eq!((row.waiting, row.parked), (Waiting::Client, None), "{direction}");
    }
    // People have chosen a branch: it goes on.
    let actions = machine.handle(Event::Client(End::A, client(Status::Active)), at(2));
    assert_eq!(prepared(&actions), [(End::A, 1), (End::B, 1)], "{actions:?}");
}

#[test]
fn the_client_that_is_well_is_kept_alive_meanwhile() {
    let mut machine = machine(Limits::default());
    machine.handle(Event::Client(End::A, client(Status::Frozen)), at(0));
    machine.handle(Event::Client(End::B, client(Status::Active)), at(0));
    machine.handle(sent(Direction::AToB), at(1));
    // Half of its life has passed.
    let actions = machine.handle(Event::Tick, at(500_000));
    assert_eq!(prepared(&actions), [(End::B, 0)], "{actions:?}");
}

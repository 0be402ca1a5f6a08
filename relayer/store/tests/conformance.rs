//! What every store must do, run against each of them: the one in memory, SQLite, and whoever joins.
//!
//! Most of it is one sentence: whatever is written, all stores answer every question alike. The one in memory is simple
//! enough to be read; the others are held to it with writes drawn from a seed.

use light_client::{BlockHash, CommitmentHash, Height, Packet, Payload, Sequence, Timestamp};
use relayer_core::{
    Attempt, Bid, CONFLICTS_KEPT, Conflict, ConflictKind, ConflictingHeader, Direction, End, Evidence, EvidenceKind,
    Item, NonceEnd, PASSED_OVER_KEPT, PacketRow, PacketState, Parked, PassedOver, PassedOverKind, PathId, PathStart,
    Purpose, SignerId, Step, Told, Trusted, UnixMillis, Waiting, Write,
};
use relayer_store::{Guard, MemoryStore, PacketQuery, SqliteStore, Store, StoreError};
use tempfile::TempDir;

const LEASE: &str = "path/shfe-to-bank";
const NOW: UnixMillis = UnixMillis::new(1_000);

async fn sqlite() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("relayer.db"), "test").await.unwrap();
    (store, folder)
}

async fn guard(store: &dyn Store) -> Guard {
    let lease = store.lease(LEASE, "x", NOW, 1_000).await.unwrap();
    Guard { lease: LEASE.to_owned(), fence: lease.fence }
}

macro_rules! for_each_store {
    ($($name:ident),+ $(,)?) => {
        mod memory { $(#[tokio::test] async fn $name() { super::$name(&super::MemoryStore::new()).await; })+ }
        mod sqlite { $(#[tokio::test] async fn $name() { let (store, _folder) = super::sqlite().await; super::$name(&store).await; })+ }
    };
}

for_each_store!(
    leases_are_exclusive_and_fenced,
    a_write_under_a_lost_lease_changes_nothing,
    a_refused_list_changes_nothing,
    applying_twice_is_applying_once,
    an_attempt_is_unique,
    of_a_conflict_the_first_sight_stays,
    a_certified_header_takes_the_place_of_one_that_was_not,
    conflicts_are_bounded_and_none_displaces_what_shows_more,
    a_conflict_that_makes_room_is_gone,
    how_far_states_were_compared_is_kept,
    what_was_passed_over_is_kept_within_bounds,
);

async fn leases_are_exclusive_and_fenced(store: &dyn Store) {
    let first = store.lease(LEASE, "x", NOW, 1_000).await.unwrap();
    assert!(
        matches!(store.lease(LEASE, "y", NOW, 1_000).await, Err(StoreError::LeaseHeld { held, .. }) if held.owner == "x")
    );
    let renewed = store.lease(LEASE, "x", UnixMillis::new(1_500), 1_000).await.unwrap();
    assert_eq!((renewed.fence, renewed.expires), (first.fence, UnixMillis::new(2_500)));
    store.release(&Guard { lease: LEASE.to_owned(), fence: renewed.fence + 1 }).await.unwrap();
    assert!(store.lease(LEASE, "y", NOW, 1_000).await.is_err(), "another fence gives nothing back");
    store.release(&Guard { lease: LEASE.to_owned(), fence: renewed.fence }).await.unwrap();
    assert_eq!(store.lease(LEASE, "y", NOW, 1_000).await.unwrap().fence, renewed.fence + 1);
}

async fn a_write_under_a_lost_lease_changes_nothing(store: &dyn Store) {
    let old = guard(store).await;
    store.lease(LEASE, "y", UnixMillis::new(10_000), 1_000).await.unwrap();
    let write = Write::KnownThrough { path: path(0), direction: Direction::AToB, sequence: 7 };
    assert!(matches!(store.apply(&old, &[write]).await, Err(StoreError::Fenced { expected: 1, found: Some(2), .. })));
    assert_eq!(store.path(&path(0)).await.unwrap(), PathStart::default());
}

async fn a_refused_list_changes_nothing(store: &dyn Store) {
    let guard = guard(store).await;
    let writes = [
        Write::KnownThrough { path: path(0), direction: Direction::AToB, sequence: 7 },
        Write::Attempt { signer: signer(0), nonce: 3, attempt: attempt(1, 1) },
    ];
    assert!(matches!(store.apply(&guard, &writes).await, Err(StoreError::Misuse { .. })));
    assert_eq!(store.path(&path(0)).await.unwrap(), PathStart::default());
}

async fn applying_twice_is_applying_once(store: &dyn Store) {
    let guard = guard(store).await;
    let mut random = Random(7);
    for _ in 0..20 {
        let mut writes = random.writes(30);
        // No list both takes and settles a nonce.
        writes.retain(|write| !matches!(write, Write::NonceEnd { .. } | Write::NonceReopened { .. }));
        if store.apply(&guard, &writes).await.is_ok() {
            let once = answers(store).await;
            store.apply(&guard, &writes).await.unwrap();
            assert_eq!(answers(store).await, once);
        }
    }
}

async fn an_attempt_is_unique(store: &dyn Store) {
    let guard = guard(store).await;
    let nonce = Write::Nonce { signer: signer(0), nonce: 0, purpose: None, at: NOW };
    let first = Write::Attempt { signer: signer(0), nonce: 0, attempt: attempt(1, 1) };
    store.apply(&guard, &[nonce, first.clone()]).await.unwrap();
    store.apply(&guard, &[first]).await.unwrap();
    let other = Write::Attempt { signer: signer(0), nonce: 0, attempt: attempt(1, 2) };
    assert!(matches!(store.apply(&guard, &[other]).await, Err(StoreError::Misuse { .. })));
    assert_eq!(store.signer(&signer(0)).await.unwrap().open[0].attempts, [attempt(1, 1)]);
}

async fn of_a_conflict_the_first_sight_stays(store: &dyn Store) {
    let guard = guard(store).await;
    let keep = |conflict: &Conflict| Write::Conflict { path: path(0), conflict: conflict.clone() };
    let first = conflict(1, 2, 100);
    store.apply(&guard, &[keep(&first)]).await.unwrap();
    let later =
        |header: ConflictingHeader| ConflictingHeader { origin: "later".to_owned(), certified: false, ..header };
    let [a, b] = first.headers.clone().map(later);
    let mut again = Conflict::new(End::A, [b, a], UnixMillis::new(500));
    assert_eq!(again.key(), first.key(), "the order in which they came does not matter");
    again.evidence = Some(vec![9, 9]);
    again.submitted = Some(UnixMillis::new(600));
    store.apply(&guard, &[keep(&again)]).await.unwrap();
    let expected = Conflict { evidence: again.evidence, submitted: again.submitted, ..first };
    assert_eq!(store.conflicts(&path(0)).await.unwrap(), [expected]);
    assert!(store.conflicts(&path(1)).await.unwrap().is_empty());
}

async fn a_certified_header_takes_the_place_of_one_that_was_not(store: &dyn Store) {
    let guard = guard(store).await;
    let sight = |first: bool, second: bool, origin: &str, seen: u64| {
        let mut conflict = conflict(1, 2, seen);
        for (header, certified) in conflict.headers.iter_mut().zip([first, second]) {
            (header.certified, header.origin) = (certified, origin.to_owned());
            header.bytes = format!("{certified} {origin}").into_bytes();
        }
        conflict
    };
    let keep = |conflict: &Conflict| Write::Conflict { path: path(0), conflict: conflict.clone() };
    let kept = async || store.conflicts(&path(0)).await.unwrap().remove(0);
    let bad = sight(true, false, "a liar", 100);
    store.apply(&guard, &[keep(&bad)]).await.unwrap();
    store.apply(&guard, &[keep(&sight(false, false, "nobody", 200))]).await.unwrap();
    assert_eq!(kept().await, bad, "what is not certified takes nobody's place");
    let good = sight(false, true, "a node", 300);
    store.apply(&guard, &[keep(&good)]).await.unwrap();
    let mut expected = bad;
    expected.headers[1].clone_from(&good.headers[1]);
    assert_eq!(kept().await, expected);
    let again = sight(true, true, "another", 400);
    store.apply(&guard, &[keep(&again)]).await.unwrap();
    assert_eq!(kept().await, Conflict { seen: UnixMillis::new(100), ..again });
}

async fn conflicts_are_bounded_and_none_displaces_what_shows_more(store: &dyn Store) {
    let guard = guard(store).await;
    let mut proven = conflict(250, 251, 1);
    proven.evidence = Some(vec![1]);
    let certified = conflict(248, 252, 2);
    assert_eq!(
        [&proven, &certified, &conflict(0, 255, 0)].map(Conflict::kind),
        [ConflictKind::Misbehaviour, ConflictKind::Certified, ConflictKind::Uncertified]
    );
    let mut writes: Vec<Write> =
        [&proven, &certified].map(|conflict| Write::Conflict { path: path(0), conflict: conflict.clone() }).into();
    let count = CONFLICTS_KEPT as u8 + 20;
    let many = (0..count).map(|number| conflict(number, 255, 1_000 + u64::from(number)));
    writes.extend(many.map(|conflict| Write::Conflict { path: path(0), conflict }));
    store.apply(&guard, &writes).await.unwrap();
    let kept = store.conflicts(&path(0)).await.unwrap();
    assert_eq!(kept.len(), CONFLICTS_KEPT + 2);
    assert_eq!(kept.first().map(|conflict| conflict.seen.get()), Some(1_000 + u64::from(count) - 1), "newest first");
    assert_eq!(kept.get(CONFLICTS_KEPT - 1).map(|conflict| conflict.seen.get()), Some(1_020), "the oldest made room");
    assert_eq!(kept[CONFLICTS_KEPT..], [certified, proven]);
}

async fn a_conflict_that_makes_room_is_gone(store: &dyn Store) {
    let guard = guard(store).await;
    let (first, second) = (conflict(1, 2, 100), conflict(3, 4, 200));
    let keep = |conflict: &Conflict| Write::Conflict { path: path(0), conflict: conflict.clone() };
    let forget = |path, host| Write::ForgetConflict { path, host, hashes: first.key().1 };
    store.apply(&guard, &[keep(&first), keep(&second)]).await.unwrap();
    store.apply(&guard, &[forget(path(1), End::A), forget(path(0), End::B)]).await.unwrap();
    assert_eq!(store.conflicts(&path(0)).await.unwrap().len(), 2, "of another client");
    store.apply(&guard, &[forget(path(0), End::A)]).await.unwrap();
    assert_eq!(store.conflicts(&path(0)).await.unwrap(), [second]);
}

async fn how_far_states_were_compared_is_kept(store: &dyn Store) {
    let guard = guard(store).await;
    assert_eq!(store.compared(&path(0)).await.unwrap(), [None, None]);
    let to = |host, height| Write::Compared { path: path(0), host, height };
    let (first, second) = (Height::new(7), Height::with_revision(3, u64::MAX));
    store.apply(&guard, &[to(End::B, first)]).await.unwrap();
    assert_eq!(store.compared(&path(0)).await.unwrap(), [None, Some(first)]);
    store.apply(&guard, &[to(End::A, second), to(End::B, second)]).await.unwrap();
    assert_eq!(store.compared(&path(0)).await.unwrap(), [Some(second); 2]);
    assert_eq!(store.compared(&path(1)).await.unwrap(), [None, None]);
}

async fn what_was_passed_over_is_kept_within_bounds(store: &dyn Store) {
    let guard = guard(store).await;
    let write = |passed: &PassedOver| Write::PassedOver { path: path(0), passed: passed.clone() };
    let states = passed_over(End::B, PassedOverKind::States, 5, 100);
    store.apply(&guard, &[write(&states)]).await.unwrap();
    // It goes on.
    let longer = PassedOver { last: Height::new(9), reason: "another".to_owned(), at: UnixMillis::new(200), ..states };
    store.apply(&guard, &[write(&longer)]).await.unwrap();
    assert_eq!(store.passed_over(&path(0)).await.unwrap(), std::slice::from_ref(&longer));
    assert!(store.passed_over(&path(1)).await.unwrap().is_empty());
    let count = PASSED_OVER_KEPT as u64 + 7;
    let blocks = |end| (0..count).map(move |number| passed_over(end, PassedOverKind::Block, number, 1_000 + number));
    let writes: Vec<Write> = End::BOTH.into_iter().flat_map(blocks).map(|passed| write(&passed)).collect();
    store.apply(&guard, &writes).await.unwrap();
    let kept = store.passed_over(&path(0)).await.unwrap();
    assert_eq!((kept.len(), kept.last()), (2 * PASSED_OVER_KEPT + 1, Some(&longer)), "each has places of its own");
    assert_eq!(kept.first().map(|passed| passed.at.get()), Some(1_000 + count - 1), "newest first");
    assert!(kept.iter().all(|passed| passed.at.get() < 1_000 || passed.at.get() >= 1_007), "the oldest made room");
}

fn passed_over(end: End, kind: PassedOverKind, first: u64, at: u64) -> PassedOver {
    let (first, reason, at) = (Height::new(first), format!("too long {at}"), UnixMillis::new(at));
    PassedOver { end, kind, first, last: first, reason, at }
}

fn conflict(a: u8, b: u8, seen: u64) -> Conflict {
    let header = |byte: u8| ConflictingHeader {
        height: Height::new(7),
        hash: BlockHash::new([byte; 32]),
        origin: format!("endpoint {byte}"),
        certified: byte.is_multiple_of(2),
        bytes: vec![byte; 3],
    };
    Conflict::new(End::A, [header(b), header(a)], UnixMillis::new(seen))
}

/// Every store answers as the one in memory does, whatever was written.
#[tokio::test]
async fn all_stores_answer_alike() {
    for seed in 0..40 {
        let memory = MemoryStore::new();
        let (sqlite, _folder) = sqlite().await;
        let guards = [guard(&memory).await, guard(&sqlite).await];
        let mut random = Random(seed);
        for round in 0..12 {
            let count = 1 + random.below(40);
            let writes = random.writes(count);
            let expected = memory.apply(&guards[0], &writes).await;
            let found = sqlite.apply(&guards[1], &writes).await;
            assert_eq!(format!("{expected:?}"), format!("{found:?}"), "seed {seed}, round {round}: {writes:#?}");
            assert_eq!(answers(&memory).await, answers(&sqlite).await, "seed {seed}, round {round}: {writes:#?}");
        }
    }
}

/// What was acknowledged is there after the process is gone.
#[tokio::test]
async fn sqlite_remembers_across_openings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relayer.db");
    let store = SqliteStore::open(&file, "first").await.unwrap();
    let guard = guard(&store).await;
    let mut random = Random(3);
    for _ in 0..10 {
        let writes = random.writes(30);
        let _ = store.apply(&guard, &writes).await;
    }
    let before = answers(&store).await;
    // Dropped without closing, as when the process is killed.
    drop(store);
    let store = loop {
        // The runtime drops the connections' threads in its own time; the lock file is free at once.
        match SqliteStore::open(&file, "second").await {
            Ok(store) => break store,
            Err(StoreError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(answers(&store).await, before);
}

/// Everything that can be asked of what the generator below writes.
async fn answers(store: &dyn Store) -> Vec<String> {
    let mut answers = Vec::new();
    let sequences: Vec<Sequence> = (1..=SEQUENCES).filter_map(|number| Sequence::try_from(number).ok()).collect();
    for path in [path(0), path(1)] {
        answers.push(format!("{:?}", store.path(&path).await.unwrap()));
        answers.push(format!("{:?}", store.counts(&path).await.unwrap()));
        answers.push(format!("{:?}", store.conflicts(&path).await.unwrap()));
        answers.push(format!("{:?}", store.compared(&path).await.unwrap()));
        answers.push(format!("{:?}", store.passed_over(&path).await.unwrap()));
        for direction in Direction::BOTH {
            answers.push(format!("{:?}", store.bodies(&path, direction, &sequences).await.unwrap()));
            answers.push(format!("{:?}", store.acknowledgements(&path, direction, &sequences).await.unwrap()));
            for sequence in &sequences {
                answers.push(format!("{:?}", store.attempts(&path, direction, *sequence).await.unwrap()));
                answers.push(format!("{:?}", store.evidence(&path, direction, *sequence).await.unwrap()));
            }
            let query = PacketQuery {
                path: Some(path.clone()),
                direction: Some(direction),
                limit: 5,
                before: Some(6),
                ..PacketQuery::default()
            };
            answers.push(format!("{:?}", store.packets(&query).await.unwrap()));
        }
        for pending in [false, true] {
            let query = PacketQuery { path: Some(path.clone()), pending, limit: 100, ..PacketQuery::default() };
            answers.push(format!("{:?}", store.packets(&query).await.unwrap()));
        }
    }
    for state in PacketState::ALL {
        let query = PacketQuery { state: Some(*state), limit: 100, ..PacketQuery::default() };
        answers.push(format!("{:?}", store.packets(&query).await.unwrap()));
    }
    let query = PacketQuery {
        waiting: Some(Waiting::Person),
        sequence: Some(sequences[2]),
        limit: 100,
        ..PacketQuery::default()
    };
    answers.push(format!("{:?}", store.packets(&query).await.unwrap()));
    for signer in [signer(0), signer(1)] {
        answers.push(format!("{:?}", store.signer(&signer).await.unwrap()));
    }
    answers
}

const SEQUENCES: u64 = 8;

/// Writes drawn from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn writes(&mut self, count: u64) -> Vec<Write> {
        (0..count).map(|_| self.write()).collect()
    }

    fn write(&mut self) -> Write {
        let path = path(self.below(2));
        let direction = self.pick(&Direction::BOTH);
        let end = self.pick(&End::BOTH);
        let sequence = self.sequence();
        let signer = signer(self.below(2));
        let nonce = self.below(6);
        match self.below(20) {
            0..=3 => Write::Packet { path, direction, row: self.row(sequence) },
            4 => Write::Forget { path, direction, sequence },
            5 => Write::Body { path, direction, packet: self.packet(sequence).into() },
            6 => Write::Acknowledgement { path, direction, sequence, bytes: self.bytes().into() },
            7 => Write::StepDone { path, item: self.item(), height: self.height(), at: self.millis() },
            8 => Write::KnownThrough { path, direction, sequence: self.below(SEQUENCES) },
            9 => Write::Cursor { path, end, height: self.height() },
            10 => Write::View { path, end, trusted: self.trusted() },
            11 => Write::Cursor { path, end, height: self.height() },
            12 => Write::Evidence { path, evidence: self.evidence(end) },
            13 => Write::Nonce { signer, nonce, purpose: self.purpose(path, end), at: self.millis() },
            14 => {
                let number = 1 + self.below(3) as u32;
                Write::Attempt { signer, nonce, attempt: attempt(number, number as u8) }
            }
            15 => Write::Conflict { path, conflict: self.conflict(end) },
            16 => Write::Compared { path, host: end, height: self.height() },
            17 => Write::ForgetConflict { path, host: end, hashes: self.conflict(end).key().1 },
            18 => Write::PassedOver { path, passed: self.passed_over(end) },
            _ if self.below(3) == 0 => Write::NonceReopened { signer, nonce },
            _ => Write::NonceEnd { signer, nonce, end: self.nonce_end(), at: self.millis() },
        }
    }

    fn row(&mut self, sequence: Sequence) -> PacketRow {
        let told = Told {
            commitment: CommitmentHash::new([self.below(256) as u8; 32]),
            // Also what no database number holds without care: a node may tell anything.
            timeout_seconds: self.next(),
            body_bytes: self.below(u64::from(u32::MAX)) as u32,
            height: self.height(),
        };
        let mut row = PacketRow::announced(sequence, told, self.millis());
        row.state = self.pick(PacketState::ALL);
        row.waiting = self.pick(Waiting::ALL);
        // What is settled waits for nothing, and nothing else does: every store insists on it, and mostly it is so.
        if self.below(100) > 0 {
            row.waiting = match row.waiting {
                _ if row.state.is_settled() => Waiting::Nothing,
                Waiting::Nothing => Waiting::Turn,
                waiting => waiting,
            };
        }
        row.parked = (row.waiting == Waiting::Person).then(|| self.pick(Parked::ALL));
        row.acknowledgement_height = (self.below(2) == 0).then(|| self.height());
        row.tries = self.below(9) as u32;
        row.refusals = self.below(9) as u32;
        row
    }

    fn packet(&mut self, sequence: Sequence) -> Packet {
        let payload = |random: &mut Self| Payload {
            source_port: "receipt".to_owned(),
            destination_port: "receipt".to_owned(),
            version: "wr-1".to_owned(),
            encoding: "application/x-\"solidity\"-abi\u{1f4e6}".to_owned(),
            value: random.bytes(),
        };
        let payloads = (0..self.below(3)).map(|_| payload(self)).collect();
        let clients = ["qbft-0", "qbft-1"].map(|id| id.parse().unwrap());
        let [source_client, destination_client] = clients;
        Packet { sequence, source_client, destination_client, timeout_seconds: self.next(), payloads }
    }

    fn item(&mut self) -> Item {
        let step = self.pick(&[Step::Receive, Step::Acknowledge, Step::Timeout]);
        Item { direction: self.pick(&Direction::BOTH), sequence: self.sequence(), step }
    }

    fn purpose(&mut self, path: PathId, host: End) -> Option<Purpose> {
        if self.below(4) == 0 {
            return None;
        }
        let items = (0..self.below(4)).map(|_| self.item()).collect();
        let update = (self.below(2) == 0).then(|| self.height());
        // A batch has one purpose: its number is drawn from many.
        Some(Purpose { path, host, batch: self.below(1_000_000), update, items })
    }

    fn evidence(&mut self, end: End) -> Evidence {
        let kind = self.pick(&[EvidenceKind::Update, EvidenceKind::Proof]);
        let step = (kind == EvidenceKind::Proof).then(|| self.item().step);
        Evidence { kind, end, height: self.height(), batch: self.below(4), step, bytes: vec![self.below(3) as u8; 5] }
    }

    fn conflict(&mut self, host: End) -> Conflict {
        let first = self.below(4) as u8;
        let mut conflict = conflict(first, 4 + self.below(4) as u8, self.below(5));
        conflict.host = host;
        for header in &mut conflict.headers {
            header.certified = self.below(2) == 0;
            header.origin = format!("endpoint {}", self.below(1_000));
            header.bytes = self.bytes();
        }
        conflict.evidence = (self.below(3) == 0).then(|| self.bytes());
        conflict.submitted = conflict.evidence.as_ref().map(|_| self.millis());
        conflict
    }

    fn passed_over(&mut self, end: End) -> PassedOver {
        let kind = self.pick(&PassedOverKind::ALL);
        passed_over(end, kind, self.below(9), self.below(9))
    }

    fn nonce_end(&mut self) -> NonceEnd {
        if self.below(2) == 0 {
            return NonceEnd::Lost;
        }
        NonceEnd::Included { hash: [1; 32], height: self.height(), success: self.below(2) == 0, gas_used: self.next() }
    }

    fn trusted(&mut self) -> Trusted {
        let time = Timestamp::from_unix_nanos(self.next());
        Trusted { height: self.height(), time, client: self.bytes(), consensus: self.bytes() }
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.below(256) as u8).collect()
    }

    fn height(&mut self) -> Height {
        Height::with_revision(self.below(2), self.next())
    }

    fn millis(&mut self) -> UnixMillis {
        UnixMillis::new(self.below(1 << 40))
    }

    fn sequence(&mut self) -> Sequence {
        Sequence::try_from(1 + self.below(SEQUENCES)).unwrap()
    }
}

fn attempt(number: u32, hash: u8) -> Attempt {
    let bid = if number == 1 {
        Bid::Legacy { gas_price: u128::MAX }
    } else {
        Bid::Dynamic { max_fee: 7, max_priority_fee: 0 }
    };
    Attempt {
        number,
        hash: [hash; 32],
        raw: vec![hash; 9],
        bid,
        gas_limit: u64::MAX,
        cancels: number == 3,
        signed: UnixMillis::new(u64::from(number)),
    }
}

fn path(index: u64) -> PathId {
    ["shfe-to-bank", "bank-to-port"][index as usize].parse().unwrap()
}

fn signer(index: u64) -> SignerId {
    SignerId { chain: "shfe".to_owned(), account: ["0xaa", "0xbb"][index as usize].to_owned() }
}

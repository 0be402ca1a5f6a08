//! Two blocks where there should be one: who serves them is found out, the client is shown them, and its path alone stops.

use crate::{
    Relayer, config,
    endpoint::Endpoint,
    issue,
    link::{Side, linked, node, now, path_end},
    lock, misled,
    nodes::{Forgetful, Miscounting},
    path_id, start_with,
};
use adapter::{AdapterError, ChainHeader, ChainReader as _, ChainWriter, Prover, ServedHeader};
use adapter_devchain::{Fault, FaultRule, Forgery, NodeHandle};
use adapter_evm::{EndpointConfig, EvmChain, EvmConfig};
use light_client::{Height, Status};
use relayer_core::{Conflict, ConflictingHeader, End, Limits, NonceEnd, PacketState, PathId, SignerId, Waiting, Write};
use relayer_engine::{
    ByHandError, Clock as _, ConflictStatus, EngineConfig, PathHandles, PathStatus, ShownByHand, SystemClock,
    submit_by_hand,
};
use relayer_store::{Guard, PacketQuery, SqliteStore, Store as _};
use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};
use tempfile::TempDir;

const PATIENCE_MILLIS: u64 = 60_000;

/// Looks until it is so.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = SystemClock.now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(SystemClock.now().millis_since(started) < PATIENCE_MILLIS, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `b` is served by its own node and by one more endpoint.
async fn with_a_second_endpoint(b: &mut Side) -> Endpoint {
    let endpoint = Endpoint::start(&b.node).await;
    serve_by(b, [&b.node.url.clone(), &endpoint.url]).await;
    endpoint
}

/// A chain is served by its own node, and before it by one more endpoint, which everybody would ask first.
pub(crate) async fn with_a_front(side: &mut Side) -> Endpoint {
    let front = Endpoint::start(&side.node).await;
    serve_by(side, [&front.url, &side.node.url.clone()]).await;
    front
}

async fn serve_by(side: &mut Side, urls: [&String; 2]) {
    let endpoints = urls.map(|url| EndpointConfig::new(url.as_str())).to_vec();
    let chain = EvmChain::connect(EvmConfig { endpoints, ..side.chain.config().clone() }).await.unwrap();
    side.end = path_end(side.name, &chain, &side.client).await;
}

pub(crate) fn path(relayer: &Relayer, id: &PathId) -> PathStatus {
    relayer.handle.status().paths.into_iter().find(|path| path.id == *id).unwrap()
}

/// The client on `a`, which follows `b`.
pub(crate) async fn status_on_a(sides: &[Side; 2]) -> Status {
    let [a, _] = sides;
    a.chain.reader().unwrap().client(&a.client).await.unwrap().value.unwrap().status
}

async fn settled_on(relayer: &Relayer, id: &PathId, count: usize) {
    until("packets settle", async || {
        let query = PacketQuery { path: Some(id.clone()), limit: 100, ..PacketQuery::default() };
        let packets = relayer.store.packets(&query).await.unwrap();
        (packets.len() == count && packets.iter().all(|packet| packet.row.state == PacketState::Acknowledged))
            .then_some(())
    })
    .await;
}

pub(crate) async fn pair(a: u64, b: u64) -> ([Side; 2], Endpoint) {
    let nodes: [NodeHandle; 2] = [node(a).await, node(b).await];
    let [first, second] = nodes;
    let mut sides = linked(first, second).await;
    let endpoint = with_a_second_endpoint(&mut sides[1]).await;
    (sides, endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_certified_blocks_freeze_the_client_and_stop_that_path_alone() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_101, 92_102).await;
    let [a, b] = &sides;
    let mut others = linked(node(92_103).await, node(92_104).await).await;
    for (side, name) in others.iter_mut().zip(["c", "d"]) {
        side.end = path_end(name, &side.chain, &side.client).await;
    }
    let [c, d] = &others;
    let other: PathId = "c-to-d".parse().unwrap();
    let both = || {
        let mut config: EngineConfig = config(&sides);
        config.paths.push(PathHandles {
            id: other.clone(),
            a: c.end.clone(),
            b: d.end.clone(),
            limits: Limits::default(),
        });
        config
    };
    let relayer = start_with(both(), folder.path()).await;
    let there = issue(a, 1).await;
    lock(a, b, &there.content, now() + 3_600).await;
    let elsewhere = issue(c, 1).await;
    lock(c, d, &elsewhere.content, now() + 3_600).await;
    settled_on(&relayer, &path_id(), 1).await;
    settled_on(&relayer, &other, 1).await;
    assert!(path(&relayer, &path_id()).conflicts.is_empty() && path(&relayer, &path_id()).stopped.is_none());

    // One endpoint shows a second block at each height, certified by the same validators.
    endpoint.set_faults(vec![FaultRule::always(Fault::Equivocate)]);
    let stopped = until("the path stops and says why", async || {
        let path = path(&relayer, &path_id());
        path.stopped.clone().filter(|_| path.clients[0].frozen_by.is_some())
    })
    .await;
    assert_eq!(status_on_a(&sides).await, Status::Frozen);
    let status = path(&relayer, &path_id());
    let by = status.clients[0].frozen_by.clone().unwrap();
    assert_eq!(by.submitter, a.end.writer.signer(), "the relayer did it");
    let [(height, first), (same, second)] = by.blocks.as_slice() else { panic!("{by:?}") };
    assert!(height == same && first != second, "{by:?}");
    for part in [&by.transaction, &by.submitter, &first.to_string(), &second.to_string(), "two blocks of b"] {
        assert!(stopped.contains(part), "{part}: {stopped}");
    }
    // Who served what is kept, without credentials.
    let kept = relayer.store.conflicts(&path_id()).await.unwrap();
    let shown = kept.iter().find(|conflict| conflict.evidence.is_some()).unwrap();
    assert!(shown.submitted.is_some() && shown.headers.iter().all(|header| header.certified), "{shown:?}");
    let origins = shown.headers.each_ref().map(|header| header.origin.as_str());
    let of = |endpoint: &str| origins.iter().filter(|origin| origin.contains(endpoint)).count();
    assert_eq!((of("#0 http://127.0.0.1"), of("#1 http://127.0.0.1")), (1, 1), "{origins:?}");
    assert!(status.conflicts_kept[0].misbehaviour > 0 && status.conflicts_kept[1].misbehaviour == 0, "{status:?}");

    // Packets of that path wait; those of another go on. (On `a` the Router lets nothing out through a frozen client.)
    let waits = issue(b, 2).await;
    lock(b, a, &waits.content, now() + 3_600).await;
    let goes = issue(c, 2).await;
    lock(c, d, &goes.content, now() + 3_600).await;
    settled_on(&relayer, &other, 2).await;
    until("the packet waits for a client", async || {
        let query = PacketQuery { path: Some(path_id()), pending: true, limit: 10, ..PacketQuery::default() };
        let packets = relayer.store.packets(&query).await.unwrap();
        packets.first().filter(|packet| packet.row.waiting == Waiting::Client).map(|_| ())
    })
    .await;
    assert!(path(&relayer, &other).stopped.is_none());
    relayer.handle.stop().await;
    drop(relayer.store);

    // Another process finds what was kept, and learns from the chain by what the client was frozen.
    endpoint.set_faults(Vec::new());
    let relayer = start_with(both(), folder.path()).await;
    let again =
        until("the path says why once more", async || path(&relayer, &path_id()).clients[0].frozen_by.clone()).await;
    assert_eq!(again, by);
    assert_eq!(relayer.store.conflicts(&path_id()).await.unwrap(), kept);
    let hashes = |conflicts: &[ConflictStatus]| conflicts.iter().map(|one| one.headers[0].hash).collect::<Vec<_>>();
    assert_eq!(hashes(&path(&relayer, &path_id()).conflicts), hashes(&status.conflicts));
    relayer.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_nobody_certified_is_kept_and_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_111, 92_112).await;
    let [a, b] = &sides;
    let relayer = start_with(config(&sides), folder.path()).await;
    let one = b.node.chain().validators()[0].address;
    endpoint.forge(Some(Forgery {
        receipts_root: Some([7; 32].into()),
        signers: Some(vec![one]),
        ..Forgery::default()
    }));
    let conflict = until("the lie is kept", async || path(&relayer, &path_id()).conflicts.first().cloned()).await;
    let [certified, lie]: [_; 2] = {
        let mut headers = conflict.headers.clone();
        headers.sort_by_key(|header| !header.certified);
        headers
    };
    assert!(certified.certified && certified.origin.contains("#0 "), "{conflict:?}");
    assert!(!lie.certified && lie.origin.contains("#1 http://127.0.0.1"), "{conflict:?}");

    // Packets go on meanwhile, and nothing is submitted however long it goes on.
    for number in 1..=2 {
        let receipt = issue(a, number).await;
        lock(a, b, &receipt.content, now() + 3_600).await;
    }
    settled_on(&relayer, &path_id(), 2).await;
    until("more heights are compared", async || {
        (path(&relayer, &path_id()).conflicts_kept[0].unproven >= 4).then_some(())
    })
    .await;
    let kept = relayer.store.conflicts(&path_id()).await.unwrap();
    assert!(kept.iter().all(|conflict| conflict.evidence.is_none() && conflict.submitted.is_none()), "{kept:?}");
    assert_eq!(status_on_a(&sides).await, Status::Active);
    assert!(path(&relayer, &path_id()).stopped.is_none());
    relayer.handle.stop().await;
    drop(relayer.store);

    endpoint.forge(None);
    let relayer = start_with(config(&sides), folder.path()).await;
    until("what was kept is shown again", async || path(&relayer, &path_id()).conflicts.first().cloned()).await;
    relayer.handle.stop().await;
}

/// Two blocks of one height, each certified; nobody answers at first when evidence is to be made of them.
#[tokio::test(flavor = "multi_thread")]
async fn silence_is_no_verdict_on_two_headers() {
    const HEIGHTS: u64 = 4;
    const SILENT: usize = 2 * HEIGHTS as usize;
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_141, 92_142).await;
    let [_, b] = &sides;
    let prover = Arc::new(Forgetful::new(Arc::clone(&b.end.prover)));
    prover.silent.store(SILENT, Ordering::SeqCst);
    let mut config = config(&sides);
    config.paths[0].b.prover = Arc::clone(&prover) as Arc<dyn Prover>;
    // At a few heights and no more: no other pair comes after those for which nobody answers.
    let first = b.node.chain().latest() + 3;
    let last = first + HEIGHTS - 1;
    let equivocate = FaultRule::always(Fault::Equivocate);
    endpoint.set_faults(vec![FaultRule { from_height: first, to_height: Some(last), ..equivocate }]);
    let relayer = start_with(config, folder.path()).await;
    until("the client is frozen all the same", async || path(&relayer, &path_id()).clients[0].frozen_by.clone()).await;
    assert_eq!(prover.silent.load(Ordering::SeqCst), 0);
    relayer.handle.stop().await;
}

/// What another process handed over was handed over by a clock that was ahead.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_does_not_hold_evidence_back() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_151, 92_152).await;
    let [first, second] = two_headers(&sides, &endpoint).await;
    endpoint.set_faults(Vec::new());
    let later = SystemClock.now().plus_millis(1 << 40);
    let mut conflict = Conflict::new(End::A, [kept(first), kept(second)], later);
    conflict.evidence = Some(vec![1]);
    conflict.submitted = Some(later);
    kept_before(&folder, conflict).await;
    let relayer = start_with(config(&sides), folder.path()).await;
    until("the client is frozen", async || path(&relayer, &path_id()).clients[0].frozen_by.clone()).await;
    relayer.handle.stop().await;
}

/// A conflict that another process kept, so that it stands ready.
async fn kept_before(folder: &TempDir, conflict: Conflict) {
    let store = SqliteStore::open(&folder.path().join("relayer.db"), "before").await.unwrap();
    let fence = store.lease("before", "before", SystemClock.now(), 1_000).await.unwrap().fence;
    let guard = Guard { lease: "before".to_owned(), fence };
    store.apply(&guard, &[Write::Conflict { path: path_id(), conflict }]).await.unwrap();
    store.close().await;
}

fn kept(served: ServedHeader) -> ConflictingHeader {
    let ChainHeader { height, hash, bytes } = served.header;
    ConflictingHeader { height, hash, origin: served.endpoint, certified: served.certified, bytes }
}

/// The endpoints of the chain hang when headers are asked for; what stands ready is shown all the same.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_hang_hold_back_no_evidence_that_is_there() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_211, 92_212).await;
    let headers = two_headers(&sides, &endpoint).await.map(kept);
    endpoint.set_faults(Vec::new());
    kept_before(&folder, Conflict::new(End::A, headers, SystemClock.now())).await;
    let prover = Arc::new(Forgetful::new(Arc::clone(&sides[1].end.prover)));
    prover.hangs.store(true, Ordering::SeqCst);
    let mut config = config(&sides);
    config.paths[0].b.prover = prover;
    config.call_timeout = Duration::from_millis(2 * PATIENCE_MILLIS);
    let relayer = start_with(config, folder.path()).await;
    until("the client is frozen", async || (status_on_a(&sides).await == Status::Frozen).then_some(())).await;
    relayer.handle.stop().await;
}

/// The node of the host that everybody would ask first tells of another set of validators than the client trusts.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_front_that_tells_of_false_states_holds_back_no_evidence() {
    let folder = TempDir::new().unwrap();
    let (mut sides, endpoint) = pair(92_221, 92_222).await;
    let front = with_a_front(&mut sides[0]).await;
    let trusted = misled::trusted_on_a(&sides).await;
    let mut other = trusted.consensus.clone();
    *other.last_mut().unwrap() ^= 1;
    front.lie(misled::instead(trusted.height, &trusted.consensus, &other));
    let headers = two_headers(&sides, &endpoint).await.map(kept);
    endpoint.set_faults(Vec::new());
    kept_before(&folder, Conflict::new(End::A, headers, SystemClock.now())).await;
    let [a, _] = &sides;
    let height = trusted.height;
    let told = a.end.reader.every_stored_states(&a.client, height).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|stored| stored.states).collect();
    assert!(told.contains(&vec![(height, other)]) && told.contains(&vec![(height, trusted.consensus)]), "{told:?}");
    let relayer = start_with(config(&sides), folder.path()).await;
    until("the client is frozen", async || path(&relayer, &path_id()).clients[0].frozen_by.clone()).await;
    relayer.handle.stop().await;
}

/// Two certified headers of one height, the second of which only this endpoint serves.
async fn two_headers(sides: &[Side; 2], endpoint: &Endpoint) -> [ServedHeader; 2] {
    let [_, b] = sides;
    let head = b.chain.reader().unwrap().head().await.unwrap();
    let trusted = misled::trusted_on_a(sides).await;
    endpoint.set_faults(vec![FaultRule::always(Fault::Equivocate)]);
    let now_is = light_client::Timestamp::from_unix_seconds(now());
    let served = b.end.prover.served_headers(&trusted, head.height, now_is).await.unwrap();
    let served: [ServedHeader; 2] = served.try_into().unwrap();
    let [first, second] = &served;
    assert!(first.certified && second.certified && first.header.hash != second.header.hash, "{served:?}");
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_shows_the_client_headers_obtained_elsewhere() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_131, 92_132).await;
    let [first, second] = two_headers(&sides, &endpoint).await;

    let store = SqliteStore::open(&folder.path().join("relayer.db"), "a person").await.unwrap();
    let path = &config(&sides).paths[0];
    let show = async |first: &[u8], second: &[u8]| {
        let headers = [(first, "a letter".to_owned()), (second, "another letter".to_owned())];
        submit_by_hand(&store, "a person", path, End::A, headers, SystemClock.now()).await
    };
    let refused = show(&first.header.bytes, &first.header.bytes).await;
    assert!(matches!(&refused, Err(ByHandError::Chain(AdapterError::Verification { .. }))), "{refused:?}");
    assert!(show(&first.header.bytes, b"{}").await.is_err() && show(b"", &second.header.bytes).await.is_err());
    assert_eq!(status_on_a(&sides).await, Status::Active);
    assert!(store.conflicts(&path_id()).await.unwrap().is_empty());

    let shown = show(&first.header.bytes, &second.header.bytes).await.unwrap();
    assert!(matches!(shown, ShownByHand::Included { success: true, .. }), "{shown:?}");
    assert_eq!(status_on_a(&sides).await, Status::Frozen);
    let kept = store.conflicts(&path_id()).await.unwrap();
    assert!(kept.len() == 1 && kept[0].evidence.is_some() && kept[0].submitted.is_some(), "{kept:?}");
    store.close().await;
}

/// Whatever is not sent under the number that comes next would take the place of something else, or wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_by_hand_under_a_number_that_is_not_the_next_one() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_251, 92_252).await;
    let headers = two_headers(&sides, &endpoint).await.map(|served| served.header.bytes);
    let store = SqliteStore::open(&folder.path().join("relayer.db"), "a person").await.unwrap();
    let mut config = config(&sides);
    let writer = Arc::new(Miscounting { inner: Arc::clone(&sides[0].end.writer), counts: Mutex::default() });
    config.paths[0].a.writer = Arc::clone(&writer) as Arc<dyn ChainWriter>;
    let show = async |counts: &[u64]| {
        *writer.counts.lock().unwrap() = counts.to_vec().into();
        let headers = headers.each_ref().map(|bytes| (bytes.as_slice(), "a letter".to_owned()));
        submit_by_hand(&store, "a person", &config.paths[0], End::A, headers, SystemClock.now()).await.unwrap()
    };
    let next = writer.nonces().await.unwrap().next_final;
    // Another program sent from the account while this was signed.
    let taken = ShownByHand::NumberTaken { expected: next + 1, found: next };
    assert_eq!(show(&[next, next + 1]).await, taken);

    // The relayer knows of a later transaction than the node does.
    let signer = SignerId { chain: "a".to_owned(), account: writer.signer().to_owned() };
    let at = SystemClock.now();
    let fence = store.lease("before", "before", at, 60_000).await.unwrap().fence;
    let guard = Guard { lease: "before".to_owned(), fence };
    let nonce = Write::Nonce { signer: signer.clone(), nonce: next, purpose: None, at };
    store.apply(&guard, &[nonce]).await.unwrap();
    assert_eq!(show(&[]).await, ShownByHand::Busy { open: 1 });
    let end = NonceEnd::Included { hash: [1; 32], height: Height::new(1), success: true, gas_used: 1 };
    store.apply(&guard, &[Write::NonceEnd { signer, nonce: next, end, at }]).await.unwrap();
    assert_eq!(show(&[]).await, taken);

    // Nothing of all that was sent or kept; under the next number it is.
    assert_eq!((writer.nonces().await.unwrap().next_final, status_on_a(&sides).await), (next, Status::Active));
    assert!(store.conflicts(&path_id()).await.unwrap().is_empty());
    store.close().await;
    let store = SqliteStore::open(&folder.path().join("another.db"), "a person").await.unwrap();
    let headers = headers.each_ref().map(|bytes| (bytes.as_slice(), "a letter".to_owned()));
    let shown = submit_by_hand(&store, "a person", &config.paths[0], End::A, headers, SystemClock.now()).await.unwrap();
    assert!(matches!(shown, ShownByHand::Included { success: true, .. }), "{shown:?}");
    assert_eq!(status_on_a(&sides).await, Status::Frozen);
    store.close().await;
}

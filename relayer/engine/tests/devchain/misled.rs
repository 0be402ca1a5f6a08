//! A client that was told of another block than the chain's own: found out by the states that it stored, whatever the
//! transaction looks like that told it, and however long ago that was.

use crate::{
    Relayer, config,
    endpoint::Endpoint,
    evidence::{pair, path, status_on_a, until, with_a_front},
    issue,
    link::{Side, key, now},
    nodes::{Forgetful, Liar},
    path_id, start_with,
};
use adapter::{ChainReader as _, ChainWriter as _, Message, Outcome, Prover, TransactionHash, TrustedState};
use adapter_devchain::Forgery;
use adapter_evm::{Address, ClientParams, EndpointConfig, EvmChain, EvmConfig};
use light_client::{ClientId, Height, Status, Timestamp, sha256};
use relayer_core::{ConflictKind, End};
use relayer_engine::{EngineConfig, Notice, PassedOverStatus};
use relayer_store::Store as _;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tempfile::TempDir;
use tokio::sync::broadcast;

/// `updateClient(string,bytes)` of a Router.
const UPDATE_CLIENT: [u8; 4] = [0x6f, 0xbf, 0x80, 0x79];

/// The client on `a` at its latest state.
pub(crate) async fn trusted_on_a(sides: &[Side; 2]) -> TrustedState {
    let [a, _] = sides;
    let hosted = a.chain.reader().unwrap().client(&a.client).await.unwrap().value.unwrap();
    TrustedState { height: hosted.latest_height, client: hosted.client, consensus: hosted.consensus }
}

/// Chain `b` as one endpoint shows it.
async fn prover_at(b: &Side, endpoint: &Endpoint) -> Arc<dyn Prover> {
    let only = EvmConfig { endpoints: vec![EndpointConfig::new(&endpoint.url)], ..b.chain.config().clone() };
    Arc::new(EvmChain::connect(only).await.unwrap().prover(ClientParams::default()).unwrap())
}

/// An update of the client on `a` to this height, and the state after it.
async fn update(prover: &dyn Prover, from: &TrustedState, to: Height) -> (Vec<u8>, TrustedState) {
    let mut updates = prover.updates(from, to, Timestamp::from_unix_seconds(now())).await.unwrap();
    assert_eq!(updates.len(), 1, "{to}");
    let update = updates.remove(0);
    (update.update, update.next)
}

/// Somebody who has nothing to do with the relayer tells the client, in one transaction.
async fn tell(a: &Side, updates: Vec<Vec<u8>>) -> (String, TransactionHash) {
    let stranger = a.chain.writer(key(a.chain.config().chain_id, 2)).unwrap();
    let call = |update| Message::UpdateClient { client: a.client.clone(), update };
    let messages: Vec<Message> = updates.into_iter().map(call).collect();
    let nonce = stranger.nonces().await.unwrap().next_final;
    let signed = stranger.sign(&messages, nonce).await.unwrap();
    stranger.broadcast(&signed).await.unwrap();
    until("the client is told", async || match stranger.outcome(signed.hash).await.unwrap() {
        Outcome::Included { success, .. } => {
            assert!(success);
            Some(())
        }
        _ => None,
    })
    .await;
    (stranger.signer().to_owned(), signed.hash)
}

/// A block that only its receipts tell from the chain's own: nothing that a client stores of it is another.
fn alike() -> Forgery {
    Forgery { receipts_root: Some([9; 32].into()), ..Forgery::default() }
}

/// Lies by which one consensus state stands wherever the host tells of another one at a height: in the hash that it stores, in
/// the event, and in the time of the latest state.
pub(crate) fn instead(height: Height, truth: &[u8], lie: &[u8]) -> Vec<(String, String)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // Root, time and set, each a word of the event.
    let words =
        |state: &[u8]| [state[..32].to_vec(), [&[0; 24], &state[32..40]].concat(), state[40..].to_vec()].concat();
    let hash = |state: &[u8]| sha256(&[state]);
    let latest = |state: &[u8]| [[0; 24].as_slice(), &height.number().to_be_bytes(), &words(state)[32..64]].concat();
    let pair = |of: &dyn Fn(&[u8]) -> Vec<u8>| (hex(&of(truth)), hex(&of(lie)));
    vec![pair(&|state| hash(state).to_vec()), pair(&words), pair(&latest)]
}

/// Chain `b` grows by this many blocks at least.
async fn grow(b: &Side, blocks: u8) {
    for number in 0..blocks {
        issue(b, 100 + number).await;
    }
}

fn after(height: Height, count: u64) -> Height {
    Height::new(height.number() + count)
}

async fn found_out(relayer: &Relayer, sides: &[Side; 2]) -> relayer_engine::FrozenBy {
    let by = until("it is found out", async || path(relayer, &path_id()).clients[0].frozen_by.clone()).await;
    assert_eq!(status_on_a(sides).await, Status::Frozen);
    by
}

fn alerts(notices: &mut broadcast::Receiver<Notice>, into: &mut Vec<String>) {
    while let Ok(notice) = notices.try_recv() {
        if let Notice::Alert { message, .. } = notice {
            into.push(message);
        }
    }
}

/// The validators certify a second block and show it to the client behind everybody's back.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_misled_is_found_out_and_frozen() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_121, 92_122).await;
    let [a, b] = &sides;
    endpoint.forge(Some(alike()));
    let accomplice = prover_at(b, &endpoint).await;
    let head = b.chain.reader().unwrap().head().await.unwrap().height;
    let (forged, _) = update(&*accomplice, &trusted_on_a(&sides).await, head).await;
    let hash = accomplice.header_of_update(&forged).unwrap().hash;
    let (signer, transaction) = tell(a, vec![forged]).await;
    // Nobody serves that block any more: only the client's own state shows it.
    endpoint.forge(None);
    let relayer = start_with(config(&sides), folder.path()).await;
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.iter().all(|(height, _)| *height == head), "{by:?}");
    assert!(by.blocks.iter().any(|(_, block)| *block == hash), "{by:?}");
    let kept = relayer.store.conflicts(&path_id()).await.unwrap();
    let told = format!("by {signer} in {transaction}");
    assert!(kept.iter().any(|one| one.headers.iter().any(|header| header.origin.contains(&told))), "{kept:?}");
    relayer.handle.stop().await;
}

/// In one transaction an update that the client refuses, with the chain's own header, and then the one that it takes.
#[tokio::test(flavor = "multi_thread")]
async fn the_update_that_counted_is_found_among_others() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_161, 92_162).await;
    let [a, b] = &sides;
    let head = b.chain.reader().unwrap().head().await.unwrap().height;
    let from = trusted_on_a(&sides).await;
    let (mut refused, _) = update(&*b.end.prover, &from, head).await;
    // A bit of the account proof: the header is as good as ever.
    *refused.last_mut().unwrap() ^= 1;
    endpoint.forge(Some(alike()));
    let (forged, _) = update(&*prover_at(b, &endpoint).await, &from, head).await;
    tell(a, vec![refused, forged]).await;
    endpoint.forge(None);
    let relayer = start_with(config(&sides), folder.path()).await;
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.iter().all(|(height, _)| *height == head), "{by:?}");
    relayer.handle.stop().await;
}

/// First it is shown with one seal, which proves nothing; later the client is told it with a quorum's.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_badly_first_is_evidence_all_the_same() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_171, 92_172).await;
    let [a, b] = &sides;
    let relayer = start_with(config(&sides), folder.path()).await;
    let one = b.node.chain().validators()[0].address;
    endpoint.forge(Some(Forgery { signers: Some(vec![one]), ..alike() }));
    let shown = until("the lie is kept", async || path(&relayer, &path_id()).conflicts.first().cloned()).await;
    endpoint.forge(None);
    let lie = shown.headers.iter().find(|header| !header.certified).unwrap().clone();
    assert_eq!(status_on_a(&sides).await, Status::Active);

    // By an endpoint that the relayer does not know.
    let elsewhere = Endpoint::start(&b.node).await;
    elsewhere.forge(Some(alike()));
    let accomplice = prover_at(b, &elsewhere).await;
    let (forged, _) = update(&*accomplice, &trusted_on_a(&sides).await, lie.height).await;
    assert_eq!(accomplice.header_of_update(&forged).unwrap().hash, lie.hash);
    tell(a, vec![forged]).await;
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.contains(&(lie.height, lie.hash)), "{by:?}");
    let kept = relayer.store.conflicts(&path_id()).await.unwrap();
    let conflict = kept.iter().find(|conflict| conflict.evidence.is_some()).unwrap();
    assert_eq!((conflict.kind(), conflict.seen), (ConflictKind::Misbehaviour, shown.seen_millis));
    let origin = &conflict.headers.iter().find(|header| header.hash == lie.hash).unwrap().origin;
    assert!(origin.starts_with("told to the client") && origin.contains("#1 http://127.0.0.1"), "{origin}");
    relayer.handle.stop().await;
}

/// The calldata of a Router's update: the offsets of the two, and each behind its length.
fn calldata(client: &ClientId, update: &[u8]) -> Vec<u8> {
    let word = |number: usize| [vec![0; 24], (number as u64).to_be_bytes().to_vec()].concat();
    let padded = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes
    };
    let id = client.as_str().as_bytes();
    let first = [word(id.len()), padded(id)].concat();
    let second = [word(update.len()), padded(update)].concat();
    [UPDATE_CLIENT.to_vec(), word(64), word(64 + first.len()), first, second].concat()
}

/// The code that creates a contract which passes everything on to another.
fn passing_on_to(target: Address) -> Vec<u8> {
    // CALLDATACOPY all; CALL the target with it; JUMPI over a REVERT.
    let head = [0x36, 0x60, 0, 0x60, 0, 0x37, 0x60, 0, 0x60, 0, 0x36, 0x60, 0, 0x60, 0, 0x73];
    let tail = [0x5a, 0xf1, 0x60, 46, 0x57, 0x60, 0, 0x60, 0, 0xfd, 0x5b, 0];
    let code = [&head[..], target.as_slice(), &tail].concat();
    assert_eq!(code[46], 0x5b, "where the jump goes");
    // CODECOPY what follows, and RETURN it.
    let length = u8::try_from(code.len()).unwrap();
    let create = [0x60, length, 0x60, 12, 0x60, 0, 0x39, 0x60, length, 0x60, 0, 0xf3];
    [create.to_vec(), code].concat()
}

/// Another contract makes the calls, so that no transaction shows an update. While the client stores what the chain leads to
/// that is nothing; when it stores something else the operator is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_nothing_explains_is_told() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_181, 92_182).await;
    let [a, b] = &sides;
    grow(b, 4).await;
    let stranger = a.chain.account(key(a.chain.config().chain_id, 2));
    let router = a.chain.config().router.unwrap();
    let other = stranger.send(None, passing_on_to(router)).await.unwrap().contract.unwrap();
    let (honest, next) = {
        let from = trusted_on_a(&sides).await;
        update(&*b.end.prover, &from, after(from.height, 1)).await
    };
    assert!(stranger.send(Some(other), calldata(&a.client, &honest)).await.unwrap().success);
    assert_eq!(trusted_on_a(&sides).await.consensus, next.consensus);

    // Another time makes another state.
    let height = after(next.height, 1);
    endpoint.forge(Some(Forgery { timestamp: Some(now() + 1), ..Forgery::default() }));
    let (forged, false_next) = update(&*prover_at(b, &endpoint).await, &next, height).await;
    let told = stranger.send(Some(other), calldata(&a.client, &forged)).await.unwrap();
    assert!(told.success);
    endpoint.forge(None);
    let (_, own_next) = update(&*b.end.prover, &next, height).await;
    assert_ne!(own_next.consensus, false_next.consensus);

    let relayer = start_with(config(&sides), folder.path()).await;
    let mut notices = relayer.handle.notices();
    let mut told_of = Vec::new();
    until("it is compared", async || {
        alerts(&mut notices, &mut told_of);
        (relayer.store.compared(&path_id()).await.unwrap()[0] >= Some(height)).then_some(())
    })
    .await;
    alerts(&mut notices, &mut told_of);
    let [alert] = told_of.as_slice() else { panic!("{told_of:?}") };
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for part in [
        format!("client {} on a stores a state at height {height} that b does not lead to", a.client),
        format!("by {} in {}", stranger.address().to_checksum(None), told.hash),
        hexadecimal(&own_next.consensus),
        hexadecimal(&false_next.consensus),
    ] {
        assert!(alert.contains(&part), "{part}: {alert}");
    }
    assert!(relayer.store.conflicts(&path_id()).await.unwrap().is_empty());
    assert_eq!(status_on_a(&sides).await, Status::Active);
    relayer.handle.stop().await;
}

/// The node of the host that everybody would ask first tells of the chain's own state where the client stores a false one, and
/// of another update than the one that led to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_front_hides_no_false_state() {
    let folder = TempDir::new().unwrap();
    let (mut sides, endpoint) = pair(92_231, 92_232).await;
    let front = with_a_front(&mut sides[0]).await;
    let [a, b] = &sides;
    grow(b, 2).await;
    let from = trusted_on_a(&sides).await;
    let height = after(from.height, 1);
    let (honest, own) = update(&*b.end.prover, &from, height).await;
    endpoint.forge(Some(Forgery { timestamp: Some(now() + 1), ..Forgery::default() }));
    let (forged, false_one) = update(&*prover_at(b, &endpoint).await, &from, height).await;
    tell(a, vec![forged.clone()]).await;
    endpoint.forge(None);
    assert_ne!(own.consensus, false_one.consensus);
    let mut lies = instead(height, &false_one.consensus, &own.consensus);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let length = forged.len().min(honest.len());
    lies.push((hex(&forged[..length]), hex(&honest[..length])));
    front.lie(lies);
    let stored = a.end.reader.every_stored_states(&a.client, height).await.unwrap();
    let told: Vec<_> = stored.iter().filter_map(|stored| stored.states.last()).map(|(_, state)| state).collect();
    assert!(told.contains(&&own.consensus) && told.contains(&&false_one.consensus), "{told:?}");
    assert_eq!(a.end.reader.accepted_updates(&a.client, height).await.unwrap().len(), 2);

    let relayer = start_with(config(&sides), folder.path()).await;
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.iter().all(|(at, _)| *at == height), "{by:?}");
    relayer.handle.stop().await;
}

/// That node tells of a false state where the client stores what its chain leads to.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_front_makes_no_state_unexplained() {
    let folder = TempDir::new().unwrap();
    let (mut sides, _endpoint) = pair(92_241, 92_242).await;
    let front = with_a_front(&mut sides[0]).await;
    let [a, b] = &sides;
    grow(b, 3).await;
    let from = trusted_on_a(&sides).await;
    let (first, state) = update(&*b.end.prover, &from, after(from.height, 1)).await;
    let (second, last) = update(&*b.end.prover, &state, after(from.height, 2)).await;
    tell(a, vec![first, second]).await;
    let mut other = state.consensus.clone();
    other[0] ^= 1;
    front.lie(instead(state.height, &state.consensus, &other));
    let relayer = start_with(config(&sides), folder.path()).await;
    let mut notices = relayer.handle.notices();
    let mut told_of = Vec::new();
    until("all is compared", async || {
        alerts(&mut notices, &mut told_of);
        (relayer.store.compared(&path_id()).await.unwrap()[0] >= Some(last.height)).then_some(())
    })
    .await;
    alerts(&mut notices, &mut told_of);
    let is_of_nodes = |alert: &String| alert.starts_with("nodes of a contradict one another: by one of them, client");
    assert!(!told_of.is_empty() && told_of.iter().all(is_of_nodes), "{told_of:?}");
    assert!(relayer.store.conflicts(&path_id()).await.unwrap().is_empty());
    relayer.handle.stop().await;
}

/// The client is misled while no relayer runs, and goes on far from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_last_one_stopped() {
    const LATER: u64 = 24;
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_191, 92_192).await;
    let [a, b] = &sides;
    grow(b, LATER as u8 + 4).await;
    let from = trusted_on_a(&sides).await;
    let relayer = start_with(config(&sides), folder.path()).await;
    until("what is there is compared", async || {
        (relayer.store.compared(&path_id()).await.unwrap()[0] == Some(from.height)).then_some(())
    })
    .await;
    relayer.handle.stop().await;
    drop(relayer.store);

    endpoint.forge(Some(alike()));
    let misled_at = after(from.height, 1);
    let (forged, mut state) = update(&*prover_at(b, &endpoint).await, &from, misled_at).await;
    endpoint.forge(None);
    let mut updates = vec![forged];
    for _ in 0..LATER {
        let to = after(state.height, 1);
        let (honest, next) = update(&*b.end.prover, &state, to).await;
        updates.push(honest);
        state = next;
    }
    for part in updates.chunks(8) {
        tell(a, part.to_vec()).await;
    }
    assert_eq!(trusted_on_a(&sides).await.height, after(misled_at, LATER));
    let relayer = start_with(config(&sides), folder.path()).await;
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.iter().all(|(height, _)| *height == misled_at), "{by:?}");
    relayer.handle.stop().await;
}

/// Nodes have thrown away what it takes to compare the first states: that is told, and the later ones are compared.
#[tokio::test(flavor = "multi_thread")]
async fn states_that_cannot_be_compared_are_told_and_passed_by() {
    let folder = TempDir::new().unwrap();
    let (sides, endpoint) = pair(92_201, 92_202).await;
    let [a, b] = &sides;
    grow(b, 8).await;
    let from = trusted_on_a(&sides).await;
    let (mut state, mut updates) = (from.clone(), Vec::new());
    for _ in 0..3 {
        let to = after(state.height, 1);
        let (honest, next) = update(&*b.end.prover, &state, to).await;
        updates.push(honest);
        state = next;
    }
    let last_gone = state.height;
    endpoint.forge(Some(alike()));
    let misled_at = after(last_gone, 1);
    let (forged, _) = update(&*prover_at(b, &endpoint).await, &state, misled_at).await;
    endpoint.forge(None);
    updates.push(forged);
    tell(a, updates).await;

    let prover = Arc::new(Forgetful::new(Arc::clone(&b.end.prover)));
    prover.first_kept.store(misled_at.number(), Ordering::SeqCst);
    let mut config: EngineConfig = config(&sides);
    config.paths[0].b.prover = prover;
    let liar = Liar {
        inner: Arc::clone(&b.end.reader),
        tale: |_, _| Vec::new(),
        client: b.client.clone(),
        lies: Arc::new(AtomicBool::new(true)),
    };
    config.paths[0].b.reader = Arc::new(liar);
    let relayer = start_with(config.clone(), folder.path()).await;
    let mut notices = relayer.handle.notices();
    let by = found_out(&relayer, &sides).await;
    assert!(by.blocks.iter().all(|(height, _)| *height == misled_at), "{by:?}");
    let mut told_of = Vec::new();
    alerts(&mut notices, &mut told_of);
    let range = format!("from height {} to {last_gone} were not compared with b", after(from.height, 1));
    let alert = told_of.iter().find(|alert| alert.contains(&range));
    assert!(alert.is_some_and(|alert| alert.contains("is pruned")), "{told_of:?}");
    let conflict = relayer.store.conflicts(&path_id()).await.unwrap().remove(0);
    assert_eq!(conflict.host, End::A);

    // Status shows it, and what was not read of a chain; also after a restart, when nobody tells of it any more.
    let first = after(from.height, 1);
    let is_shown = |relayer: &Relayer| {
        let [states, block] = <[_; 2]>::try_from(in_order(path(relayer, &path_id()).passed_over)).ok()?;
        assert_eq!((states.chain.as_str(), states.client.as_ref()), ("a", Some(&a.client)));
        assert_eq!((states.first, states.last, states.reason.contains("is pruned")), (first, last_gone, true));
        assert_eq!((block.chain.as_str(), block.client, block.first), ("b", None, Height::new(2)));
        assert_eq!((block.last, block.reason.as_str()), (Height::new(2), "garbled\\n"));
        Some(())
    };
    until("both are shown", async || is_shown(&relayer)).await;
    relayer.handle.stop().await;
    drop(relayer.store);
    config.paths[0].b.reader = Arc::clone(&b.end.reader);
    let relayer = start_with(config, folder.path()).await;
    until("both are shown again", async || is_shown(&relayer)).await;
    relayer.handle.stop().await;
}

fn in_order(mut passed: Vec<PassedOverStatus>) -> Vec<PassedOverStatus> {
    passed.sort_by_key(|passed| std::cmp::Reverse(passed.kind));
    passed
}

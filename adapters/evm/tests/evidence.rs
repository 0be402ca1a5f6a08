//! Evidence against a QBFT client: each header comes with the Router's account under its state root, wherever that is to be
//! had, and with the seals of those alone who judge it.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{
    AdapterError, AdapterErrorKind, ChainHeader, ChainReader as _, Message, Outcome, Prover as _, ServedHeader,
    StoredStates, TrustedState,
};
use adapter_devchain::{Chain, Fault, FaultRule, Fork, Reply, Rpc};
use adapter_evm::{ClientParams, EndpointConfig, EvmChain, EvmConfig, QbftProver};
use light_client::{Codec as _, Fault as _, Height, Status};
use light_client_proofs::rlp::{Reader, write_bytes, write_list};
use light_client_qbft::{Evidence, Header, Kind, MAX_VALIDATORS};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    Side,
    liar::{Act, Liar},
    linked, node, timestamp, update_messages,
};

/// Two linked chains; the first is served by an honest endpoint and by one on another branch.
struct Stage {
    a: Side,
    b: Side,
    honest: Liar,
    branch: Liar,
    chain: EvmChain,
}

impl Stage {
    async fn new(ids: u64) -> Self {
        let (a, b) = linked(node(ids, Fork::London).await, node(ids + 1, Fork::London).await).await;
        let honest = Liar::start(&a.node, Act::honest()).await;
        let branch = Liar::start(&a.node, on_a_branch(a.node.chain(), true)).await;
        let chain = through(&a, &[&honest.url, &branch.url]).await;
        Self { a, b, honest, branch, chain }
    }

    fn prover(&self) -> QbftProver {
        self.chain.prover(ClientParams::default()).unwrap()
    }

    async fn trusted(&self) -> TrustedState {
        let hosted = self.b.reader.client(&self.b.client).await.unwrap().value.unwrap();
        TrustedState { height: hosted.latest_height, client: hosted.client, consensus: hosted.consensus }
    }

    async fn stored(&self, height: Height) -> StoredStates {
        self.b.reader.stored_states(&self.b.client, height).await.unwrap().unwrap()
    }

    /// What both endpoints serve at the head.
    async fn served(&self) -> [ServedHeader; 2] {
        let (trusted, head) = (self.trusted().await, self.a.head().await);
        let served = self.prover().served_headers(&trusted, head, timestamp()).await.unwrap();
        let [first, second] = <[ServedHeader; 2]>::try_from(served).unwrap();
        assert!(first.certified && second.certified && first.header.hash != second.header.hash);
        [first, second]
    }

    async fn evidence(&self, height: Height, headers: [&[u8]; 2]) -> Result<Vec<u8>, AdapterError> {
        self.prover().evidence(&self.stored(height).await, headers, timestamp()).await
    }

    /// The client on `b` takes it.
    async fn freezes(&self, evidence: Vec<u8>) {
        let message = Message::SubmitMisbehaviour { client: self.b.client.clone(), evidence };
        let (_, outcome) = self.b.submit(&[message]).await;
        assert!(matches!(outcome, Outcome::Included { success: true, .. }), "{outcome:?}");
        let client = self.b.reader.client(&self.b.client).await.unwrap().value.unwrap();
        assert_eq!(client.status, Status::Frozen);
    }

    fn assert_nobody_lied(&self) {
        assert!(self.chain.endpoints().iter().all(|report| report.lies == 0), "{:?}", self.chain.endpoints());
    }
}

async fn through(side: &Side, urls: &[&str]) -> EvmChain {
    let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
    EvmChain::connect(EvmConfig { endpoints, ..side.chain.config().clone() }).await.unwrap()
}

/// Shows another block at each height, sealed by the same validators; and, where it keeps them, proofs of its state.
fn on_a_branch(chain: &Arc<Chain>, with_state: bool) -> Act {
    let branch = Rpc::new(Arc::clone(chain), false, vec![FaultRule::always(Fault::Equivocate)]);
    Act::change(move |method, params, answer| match method {
        "eth_getProof" if !with_state => pruned(answer),
        "eth_getBlockByNumber" | "eth_getProof" => {
            let request = json!({"jsonrpc": "2.0", "id": answer["id"], "method": method, "params": params});
            let Reply::Answer { body, .. } = branch.handle(request.to_string().as_bytes()) else {
                panic!("it answers")
            };
            *answer = serde_json::from_slice(&body).unwrap();
        }
        _ => {}
    })
}

/// A node that has forgotten the states that it is asked for.
fn without_state() -> Act {
    Act::change(|method, _, answer| {
        if method == "eth_getProof" {
            pruned(answer);
        }
    })
}

fn pruned(answer: &mut Value) {
    let error = json!({"code": -32000, "message": "missing trie node"});
    *answer = json!({"jsonrpc": "2.0", "id": answer["id"], "error": error});
}

/// The header without what is behind it.
fn bare(bytes: &[u8]) -> &[u8] {
    Reader::new(bytes).item().unwrap().raw
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_differ_are_kept_with_their_account_proofs() {
    let stage = Stage::new(97_101).await;
    let [first, second] = stage.served().await;
    for one in [&first, &second] {
        assert!(bare(&one.header.bytes).len() < one.header.bytes.len(), "{}", one.endpoint);
        assert_eq!(stage.prover().header(&one.header.bytes).unwrap(), one.header);
    }
    // From now on nobody serves a state: what was kept is enough.
    stage.honest.set(without_state());
    stage.branch.set(without_state());
    let headers = [first.header.bytes.as_slice(), second.header.bytes.as_slice()];
    let evidence = stage.evidence(first.header.height, headers).await.unwrap();
    assert_eq!(stage.prover().headers_of_evidence(&evidence).unwrap(), [first.header, second.header]);
    stage.assert_nobody_lied();
    stage.freezes(evidence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_agree_are_served_without() {
    let stage = Stage::new(97_111).await;
    stage.branch.set(Act::honest());
    let (trusted, head) = (stage.trusted().await, stage.a.head().await);
    let served = stage.prover().served_headers(&trusted, head, timestamp()).await.unwrap();
    assert_eq!(served.len(), 2);
    assert!(served.iter().all(|one| bare(&one.header.bytes) == one.header.bytes), "{served:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_counts_whoever_shows_the_set_that_is_trusted() {
    let stage = Stage::new(97_191).await;
    let (trusted, chain) = (stage.trusted().await, stage.a.node.chain());
    // A validator joins, so that a header's own set is not the trusted one any more.
    let originals = chain.validators_at(chain.latest()).unwrap();
    let keys = chain.config().validator_keys();
    let candidate = keys.iter().map(|key| key.address()).find(|address| !originals.contains(address)).unwrap();
    chain.propose(candidate, true, None).unwrap();
    while chain.validators_at(chain.latest()).unwrap() == originals {
        stage.a.node.step_block().unwrap();
    }
    stage.a.node.step_block().unwrap();
    // One endpoint does not have the header that was trusted any more.
    let forgotten = format!("{:#x}", trusted.height.number());
    stage.branch.set(Act::change(move |method, params, answer| {
        if method == "eth_getBlockByNumber" && params[0] == forgotten {
            answer["result"] = Value::Null;
        }
    }));
    let head = stage.a.head().await;
    let served = stage.prover().served_headers(&trusted, head, timestamp()).await.unwrap();
    assert!(served.len() == 2 && served.iter().all(|one| one.certified), "{served:?}");
    stage.assert_nobody_lied();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_asked_of_every_endpoint() {
    let stage = Stage::new(97_121).await;
    let [first, second] = stage.served().await;
    let headers = [bare(&first.header.bytes), bare(&second.header.bytes)];
    let evidence = stage.evidence(first.header.height, headers).await.unwrap();
    let swapped = stage.evidence(first.header.height, [headers[1], headers[0]]).await.unwrap();
    assert_eq!(Evidence::decode(&swapped).unwrap().headers, [headers[1], headers[0]]);
    // What is behind a header and proves nothing there is as good as missing.
    let [of_first, of_second] = [&first, &second].map(|one| &one.header.bytes[bare(&one.header.bytes).len()..]);
    let crossed = [[headers[0], of_second].concat(), [headers[1], of_first].concat()];
    let again = stage.evidence(first.header.height, [&crossed[0], &crossed[1]]).await.unwrap();
    assert_eq!(again, evidence);
    stage.assert_nobody_lied();
    stage.freezes(evidence).await;
}

/// That no node has the state any more says nothing about the headers: the same call may succeed later.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_serves_is_a_passing_failure() {
    let stage = Stage::new(97_131).await;
    stage.branch.set(on_a_branch(stage.a.node.chain(), false));
    let [first, second] = stage.served().await;
    let of_branch = usize::from(second.endpoint.contains(&stage.branch.url));
    let lengths = [&first, &second].map(|one| one.header.bytes.len() - bare(&one.header.bytes).len());
    assert!(lengths[of_branch] == 0 && lengths[1 - of_branch] > 0, "{lengths:?}");

    let (height, headers) = (first.header.height, [first.header.bytes.as_slice(), second.header.bytes.as_slice()]);
    let error = stage.evidence(height, headers).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::Transient, "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let branched = [&first, &second][of_branch].header.hash.to_string();
    assert!(cause.contains(&format!("height {height}")) && cause.contains(&branched), "{cause}");
    stage.assert_nobody_lied();
    // Headers that are no misbehaviour are still told to be none.
    let refused = stage.evidence(height, [headers[0]; 2]).await.unwrap_err();
    assert_eq!(rule(&refused), "headers-identical");

    stage.branch.set(on_a_branch(stage.a.node.chain(), true));
    let evidence = stage.evidence(height, headers).await.unwrap();
    stage.freezes(evidence).await;
}

fn rule(error: &AdapterError) -> &'static str {
    let AdapterError::Verification { source, .. } = error else { panic!("{error}") };
    source.rule()
}

/// What is done to a header's seals.
type Spoil<'a> = &'a dyn Fn(&mut Vec<Vec<u8>>);

/// No hash covers the seals: whoever hands a header on may put others between them.
#[tokio::test(flavor = "multi_thread")]
async fn seals_of_others_spoil_no_evidence() {
    let stage = Stage::new(97_141).await;
    let [first, second] = stage.served().await;
    let height = first.header.height;
    let clean = [first.header.bytes.as_slice(), second.header.bytes.as_slice()];
    let expected = stage.evidence(height, clean).await.unwrap();

    let other = Header::decode(Kind::Qbft, bare(clean[1])).unwrap();
    let spoilt = |bytes: &[u8], change: Spoil<'_>| {
        let header = Header::decode(Kind::Qbft, bare(bytes)).unwrap();
        let mut seals: Vec<Vec<u8>> = header.extra.seals.iter().map(|seal| seal.to_vec()).collect();
        change(&mut seals);
        let seals: Vec<&[u8]> = seals.iter().map(Vec::as_slice).collect();
        [header.with_seals(&seals).as_slice(), &bytes[bare(bytes).len()..]].concat()
    };
    // A signature of something else is one by somebody else.
    let foreign = other.extra.seals[0].to_vec();
    let changes: [Spoil<'_>; 5] = [
        &|seals| seals.push(foreign.clone()),
        &|seals| seals.insert(0, [&[1; 64][..], &[0]].concat()),
        &|seals| seals.push(seals[0].clone()),
        &|seals| seals.insert(1, seals[0][..64].to_vec()),
        &|seals| seals.extend([vec![], vec![0xff; 65], vec![7; 200]]),
    ];
    for (index, change) in changes.iter().enumerate() {
        let [a, b] = clean.map(|bytes| spoilt(bytes, change));
        for headers in [[a.as_slice(), clean[1]], [clean[0], b.as_slice()], [a.as_slice(), b.as_slice()]] {
            assert_eq!(stage.evidence(height, headers).await.unwrap(), expected, "change {index}");
        }
    }
    // A header that lacks seals of its judges is not mended by that.
    let few = spoilt(clean[0], &|seals| {
        seals.truncate(2);
        seals.push(foreign.clone());
    });
    assert_eq!(rule(&stage.evidence(height, [&few, clean[1]]).await.unwrap_err()), "too-few-seals");
    stage.freezes(expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_one_block_are_put_together() {
    let stage = Stage::new(97_171).await;
    let [first, second] = stage.served().await.map(|one| one.header);
    let prover = stage.prover();
    let header = Header::decode(Kind::Qbft, bare(&first.bytes)).unwrap();
    let nodes = &first.bytes[bare(&first.bytes).len()..];
    let [a, b, c] = header.extra.seals[..] else { panic!("three seals of four") };
    let form = |seals: &[&[u8]], nodes: &[u8]| {
        let bytes = [header.with_seals(seals).as_slice(), nodes].concat();
        ChainHeader { bytes, ..first.clone() }
    };
    // What is no signature is not taken over.
    let merged = prover.merged(form(&[a, b], &[]), &form(&[&[9; 64], b, c], nodes));
    assert_eq!(merged, form(&[a, b, c], nodes));
    assert_eq!(prover.merged(merged.clone(), &form(&[b], &[])), merged);
    // Signatures of something else are seals of strangers: however many an endpoint adds, the next one's seals find room.
    let other = Header::decode(Kind::Qbft, bare(&second.bytes)).unwrap();
    let foreign: Vec<[u8; 65]> = (1..=450_u16)
        .map(|number| {
            let mut seal = <[u8; 65]>::try_from(other.extra.seals[0]).unwrap();
            // Almost every number is an abscissa of the curve; the others are no signatures.
            seal[30..32].copy_from_slice(&number.to_be_bytes());
            seal
        })
        .collect();
    let mut crowd: Vec<&[u8]> = foreign.iter().map(<[u8; 65]>::as_slice).collect();
    assert_eq!(prover.merged(form(&[a, b], &[]), &form(&crowd, &[])), form(&[a, b], &[]));
    // So many are looked at as a set may have members.
    crowd.insert(MAX_VALIDATORS - 1, c);
    assert_eq!(prover.merged(form(&[a, b], &[]), &form(&crowd, &[])), form(&[a, b, c], &[]));
    crowd.insert(0, a);
    assert_eq!(prover.merged(form(&[a, b], &[]), &form(&crowd, &[])), form(&[a, b], &[]));
    // A form of another block, or of bytes that are none, says nothing of this one.
    assert_eq!(prover.merged(form(&[a, b], &[]), &second), form(&[a, b], &[]));
    assert_eq!(prover.merged(merged.clone(), &ChainHeader { bytes: vec![1, 2], ..first.clone() }), merged);
}

/// An endpoint that adds a seal to a block that is certified shows a certified block still.
#[tokio::test(flavor = "multi_thread")]
async fn a_seal_added_makes_a_header_no_less_certified() {
    let stage = Stage::new(97_151).await;
    stage.honest.set(Act::change(|method, _, answer| {
        let Some(extra) = answer["result"]["extraData"].as_str().map(str::to_owned) else { return };
        if method == "eth_getBlockByNumber" && answer["result"]["number"] != "0x0" {
            answer["result"]["extraData"] = json!(with_a_seal_more(&extra));
        }
    }));
    let [first, second] = stage.served().await;
    let headers = [first.header.bytes.as_slice(), second.header.bytes.as_slice()];
    let evidence = stage.evidence(first.header.height, headers).await.unwrap();
    stage.freezes(evidence).await;
}

/// The extra data with one more item of 65 bytes in its last list.
fn with_a_seal_more(extra: &str) -> String {
    let bytes = hex::decode(extra.trim_start_matches("0x")).unwrap();
    let mut elements = Reader::new(Reader::new(&bytes).item().unwrap().payload);
    let mut payload = Vec::new();
    for _ in 0..4 {
        payload.extend_from_slice(elements.item().unwrap().raw);
    }
    let mut seals = elements.item().unwrap().payload.to_vec();
    write_bytes(&mut seals, &[[1; 64].as_slice(), &[0]].concat());
    write_list(&mut payload, &seals);
    let mut out = Vec::new();
    write_list(&mut out, &payload);
    format!("0x{}", hex::encode(out))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_out_of_an_update_carries_its_account_proof() {
    let stage = Stage::new(97_161).await;
    let trusted = stage.trusted().await;
    let misled = through(&stage.a, &[&stage.branch.url]).await.prover(ClientParams::default()).unwrap();
    let head = stage.a.head().await;
    let updates = misled.updates(&trusted, head, timestamp()).await.unwrap();
    let (_, outcome) = stage.b.submit(&update_messages(&stage.b, &updates)).await;
    assert!(matches!(outcome, Outcome::Included { success: true, .. }), "{outcome:?}");
    let told = stage.prover().header_of_update(&updates.last().unwrap().update).unwrap();
    assert!(bare(&told.bytes).len() < told.bytes.len() && told.height == head);

    // Nobody is on that branch any more.
    stage.branch.set(Act::honest());
    let real = stage.a.prover.served_headers(&trusted, head, timestamp()).await.unwrap().remove(0).header;
    let evidence = stage.evidence(head, [&told.bytes, &real.bytes]).await.unwrap();
    stage.freezes(evidence).await;
}

//! Updates over changes of the validator set.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{AdapterErrorKind, ChainReader as _, Prover as _};
use adapter_devchain::{Fork, NodeHandle};
use adapter_evm::{Address, ClientParams, TrustLevel};
use light_client::ErasedTrusted;
use support::{linked, node, timestamp};

fn vote(node: &NodeHandle, candidate: Address, add: bool) {
    let chain = node.chain();
    chain.propose(candidate, add, None).unwrap();
    for _ in 0..100 {
        node.step_block().unwrap();
        if chain.validators_at(chain.latest()).unwrap().contains(&candidate) == add {
            chain.discard(candidate, None).unwrap();
            return;
        }
    }
    panic!("the vote did not pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_changed_too_much_is_reached_in_steps() {
    let (a, _b) = linked(node(94_001, Fork::London).await, node(94_002, Fork::London).await).await;
    let params = ClientParams { trust_level: TrustLevel::OneThird, ..ClientParams::default() };
    let prover = a.chain.prover(params).unwrap();
    let trusted = prover.bootstrap(None).await.unwrap().trusted;
    let chain = a.node.chain();
    let originals = chain.validators_at(chain.latest()).unwrap();
    let keys = chain.config().validator_keys();
    let candidates = keys.iter().map(|key| key.address()).filter(|address| !originals.contains(address));
    for candidate in candidates.collect::<Vec<_>>() {
        vote(&a.node, candidate, true);
    }
    for original in &originals[1..3] {
        vote(&a.node, *original, false);
    }
    // At most one of the four trusted has sealed the last block: not more than a third.
    chain.set_online(originals[0], false).unwrap();
    a.node.step_block().unwrap();
    let head = a.reader.head().await.unwrap().height;

    let updates = prover.updates(&trusted, head, timestamp()).await.unwrap();
    assert!(updates.len() > 1, "one update would have to be refused");
    assert_eq!(updates.last().unwrap().next.height, head);
    // Each one is accepted after the one before, and none without it.
    let client = prover.light_client();
    let mut state = trusted.clone();
    for update in &updates {
        let from = ErasedTrusted { height: state.height, client: &state.client, consensus: &state.consensus };
        let next = client.verify_update(from, &update.update, timestamp()).unwrap().unwrap();
        assert_eq!(
            (next.height, &next.client, &next.consensus),
            (update.next.height, &update.next.client, &update.next.consensus)
        );
        state = update.next.clone();
    }
    let first = ErasedTrusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
    assert!(client.verify_update(first, &updates.last().unwrap().update, timestamp()).is_err());

    // A strict client cannot follow from eight to six by headers alone, and the node is not to blame.
    let strict = a.chain.prover(ClientParams::default()).unwrap();
    let trusted = strict.bootstrap(Some(trusted.height)).await.unwrap().trusted;
    let error = strict.updates(&trusted, head, timestamp()).await.unwrap_err();
    assert_eq!(error.kind(), AdapterErrorKind::InsufficientTrust, "{error}");
    assert!(a.chain.endpoints().iter().all(|endpoint| endpoint.lies == 0));
}

//! A chain under Tendermint: its endpoints are compared as those of any other, and two certified blocks freeze its client.

use crate::{
    endpoint::Endpoint,
    evidence::{path, until},
    link::{Base, base, free_of_charge, key, node},
    path_id, start_with,
};
use adapter::{ChainReader as _, Prover};
use adapter_cosmos::{
    ClientParams as TendermintParams, Host, TendermintConfig as RpcConfig, TendermintProver, TendermintRpc,
};
use adapter_devchain::{
    ChainConfig, Consensus, Fault, FaultRule, KeyType, Node, NodeConfig, NodeHandle, Production, TendermintConfig,
};
use adapter_evm::{
    ClientParams, Consensus as EvmConsensus, EndpointConfig, EvmAccount, EvmChain, EvmConfig, Governance, GovernedCall,
};
use light_client::{ClientId, Height, Status};
use light_client_crypto::Address;
use light_client_tendermint::{Commitments, StoreTree};
use relayer_core::Limits;
use relayer_engine::{EngineConfig, PathEnd, PathHandles};
use relayer_store::Store as _;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

const CHAIN: &str = "devchain-t-1";

async fn tendermint_node(chain_id: u64) -> NodeHandle {
    let chain = ChainConfig {
        chain_id,
        consensus: Consensus::Tendermint(TendermintConfig::new(CHAIN, KeyType::Ed25519)),
        seed: format!("relayer-engine/{chain_id}"),
        ..ChainConfig::default()
    };
    let production = Production::Every(Duration::ZERO);
    let node = Node::start(NodeConfig { chain, production, ..NodeConfig::default() }).await.unwrap();
    until("the first block", async || (node.chain().latest() > 0).then_some(())).await;
    node
}

/// The chain under Tendermint with its Router.
struct There {
    chain: EvmChain,
    owner: EvmAccount,
    governance: Governance,
    prover: Arc<dyn Prover>,
}

/// `urls` answer Tendermint's methods.
async fn there(node: &NodeHandle, urls: &[&str]) -> There {
    let chain_id = node.chain().config().chain_id;
    let consensus = EvmConsensus::Tendermint { chain_id: CHAIN.parse().unwrap(), initial_height: 1 };
    let config = EvmConfig { consensus, ..free_of_charge(chain_id, &node.url) };
    let owner = EvmChain::connect(config.clone()).await.unwrap().account(key(chain_id, 0));
    let governance = owner.deploy_governance(&[owner.address()], 1, 0).await.unwrap().address;
    let router = owner.deploy_router(governance).await.unwrap();
    let router_height = router.receipt.height.number();
    let chain = EvmChain::connect(EvmConfig { router: Some(router.address), router_height, ..config }).await.unwrap();
    // A header shows the state before its block.
    until("the router is in a proven state", async || (node.chain().latest() > router_height + 1).then_some(())).await;
    let endpoints = urls.iter().map(|url| EndpointConfig::new(*url)).collect();
    let rpc = TendermintRpc::connect(RpcConfig::new(CHAIN.parse().unwrap(), endpoints)).await.unwrap();
    let commitments =
        Commitments::EvmStore { store: b"evm".to_vec(), router: Address::new(router.address.into_array()) };
    let params = TendermintParams { store_tree: StoreTree::Jmt, ..TendermintParams::new(commitments) };
    let prover = Arc::new(TendermintProver::new(rpc, params, Host::Router).unwrap());
    let owner = chain.account(key(chain_id, 0));
    There { governance: chain.governance(governance), chain, owner, prover }
}

async fn add_client(
    chain: &EvmChain,
    owner: &EvmAccount,
    governance: &Governance,
    prover: &dyn Prover,
    [id, counterparty]: [ClientId; 2],
) {
    let first = prover.bootstrap(None).await.unwrap().trusted;
    let verifier = owner.deploy_client(prover.client_type(), &first).await.unwrap().address;
    let call = GovernedCall::AddClient { id, verifier, counterparty, prefix: vec![Vec::new()] };
    let act = governance.propose(owner, chain.config().router.unwrap(), call.calldata()).await.unwrap();
    governance.execute(owner, act).await.unwrap();
}

fn end(name: &str, chain: &EvmChain, prover: Arc<dyn Prover>, client: &ClientId) -> PathEnd {
    PathEnd {
        chain: name.to_owned(),
        reader: Arc::new(chain.reader().unwrap()),
        writer: Arc::new(chain.writer(key(chain.config().chain_id, 1)).unwrap()),
        prover,
        client: client.clone(),
        store_prefix: vec![Vec::new()],
        start_height: chain.config().height(chain.config().router_height),
        bootstrap: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_certified_blocks_of_a_tendermint_chain_freeze_its_client() {
    let folder = TempDir::new().unwrap();
    let Base { node: _running, chain: here, owner, governance, prover: here_prover, .. } =
        base(node(92_211).await).await;
    let node = tendermint_node(92_212).await;
    let second = Endpoint::of_tendermint(&node).await;
    let there = there(&node, &[node.tendermint_url.as_deref().unwrap(), &second.url]).await;
    let [on_a, on_t]: [ClientId; 2] = ["tendermint-0", "qbft-0"].map(|id| id.parse().unwrap());
    add_client(&here, &owner, &governance, &*there.prover, [on_a.clone(), on_t.clone()]).await;
    add_client(&there.chain, &there.owner, &there.governance, &here_prover, [on_t.clone(), on_a.clone()]).await;
    let a = end("a", &here, Arc::new(here.prover(ClientParams::default()).unwrap()), &on_a);
    let t = end("t", &there.chain, there.prover, &on_t);
    let submitter = a.writer.signer().to_owned();
    let config = EngineConfig {
        owner: "test".to_owned(),
        paths: vec![PathHandles { id: path_id(), a, b: t, limits: Limits::default() }],
        limits: Limits::default(),
        seed: 1,
        poll_interval: Duration::from_millis(100),
        call_timeout: Duration::from_secs(10),
    };
    let relayer = start_with(config, folder.path()).await;
    until("its states are compared", async || relayer.store.compared(&path_id()).await.unwrap()[0]).await;
    until("its headers are compared", async || {
        let head = relayer.handle.status().chains.into_iter().find(|chain| chain.name == "t")?.height?;
        (head.number() > node.chain().latest().saturating_sub(2)).then_some(())
    })
    .await;
    let status = path(&relayer, &path_id());
    assert!(status.conflicts.is_empty() && status.stopped.is_none(), "{status:?}");

    second.set_faults(vec![FaultRule::always(Fault::Equivocate)]);
    let stopped = until("the path stops and says why", async || {
        let path = path(&relayer, &path_id());
        path.stopped.clone().filter(|_| path.clients[0].frozen_by.is_some())
    })
    .await;
    let hosted = here.reader().unwrap().client(&on_a).await.unwrap().value.unwrap();
    assert_eq!(hosted.status, Status::Frozen);
    let by = path(&relayer, &path_id()).clients[0].frozen_by.clone().unwrap();
    assert_eq!(by.submitter, submitter);
    let [(height, first), (same, other)] = by.blocks.as_slice() else { panic!("{by:?}") };
    assert!(height == same && first != other && *height == Height::with_revision(1, height.number()), "{by:?}");
    for part in [&by.transaction, &first.to_string(), &other.to_string(), "two blocks of t"] {
        assert!(stopped.contains(part), "{part}: {stopped}");
    }
    let kept = relayer.store.conflicts(&path_id()).await.unwrap();
    let shown = kept.iter().find(|conflict| conflict.evidence.is_some()).unwrap();
    assert!(shown.submitted.is_some() && shown.headers.iter().all(|header| header.certified), "{shown:?}");
    let mut origins = shown.headers.each_ref().map(|header| header.origin.as_str());
    origins.sort_unstable();
    assert!(origins[0].starts_with("#0 ") && origins[1].starts_with("#1 "), "{origins:?}");
    relayer.handle.stop().await;
}

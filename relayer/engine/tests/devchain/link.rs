//! Two development chains, linked: each hosts a client of the other, with ledger and bridge.

use adapter::{Prover as _, TrustedState};
use adapter_devchain::{ChainConfig, Fork, Node, NodeConfig, NodeHandle, Production};
use adapter_evm::{
    ClientParams, EndpointConfig, EvmAccount, EvmChain, EvmConfig, FeePolicy, Governance, GovernedCall, Key,
    QbftProver, chain_ref,
    receipts::{Facts, Receipts},
    router_code_hash,
};
use light_client::{ClientId, Height};
use relayer_core::Trusted;
use relayer_engine::PathEnd;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const CUSTODIAN: [u8; 32] = [0xc5; 32];
const PORT: &str = "receipt";
const RECEIVE_GAS: u64 = 400_000;

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One chain of a pair.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) node: NodeHandle,
    pub(crate) chain: EvmChain,
    /// Deploys, governs, is the custodian and holds the receipts.
    pub(crate) owner: EvmAccount,
    pub(crate) receipts: Receipts,
    /// Its client of the other chain.
    pub(crate) client: ClientId,
    /// As one end of the path to the other chain.
    pub(crate) end: PathEnd,
}

/// A chain with a Router, linked to nothing yet.
pub(crate) struct Base {
    pub(crate) node: NodeHandle,
    pub(crate) chain: EvmChain,
    pub(crate) governance: Governance,
    router: adapter_evm::Address,
    pub(crate) owner: EvmAccount,
    pub(crate) prover: QbftProver,
}

/// An account that the chain gave money to: number 0 is its owner's, 1 the relayer's.
pub(crate) fn key(chain_id: u64, index: usize) -> Key {
    Key::from_secret(configuration(chain_id).account_keys()[index].secret().as_slice()).unwrap()
}

fn configuration(chain_id: u64) -> ChainConfig {
    ChainConfig {
        chain_id,
        seed: format!("relayer-engine/{chain_id}"),
        fork: Fork::London,
        genesis_time: now() - 3600,
        candidates: 4,
        ..ChainConfig::default()
    }
}

/// A chain that makes a block for each transaction, and an empty one after a second of idleness.
pub(crate) async fn node(chain_id: u64) -> NodeHandle {
    let chain = configuration(chain_id);
    let production = Production::Every(Duration::ZERO);
    Node::start(NodeConfig { chain, production, levers: true, ..NodeConfig::default() }).await.unwrap()
}

/// How a chain without fees is spoken to.
pub(crate) fn free_of_charge(chain_id: u64, url: &str) -> EvmConfig {
    let mut config = EvmConfig::new(chain_id, vec![EndpointConfig::new(url)]);
    config.fees = FeePolicy::Legacy { gas_price: Some(0), max_gas_price: 0 };
    config
}

pub(crate) async fn base(node: NodeHandle) -> Base {
    let config = free_of_charge(node.chain().config().chain_id, &node.url);
    let bare = EvmChain::connect(config.clone()).await.unwrap();
    let owner = bare.account(key(config.chain_id, 0));
    let governance = owner.deploy_governance(&[owner.address()], 1, 0).await.unwrap().address;
    let router = owner.deploy_router(governance).await.unwrap();
    let predicted = router_code_hash(config.chain_id, governance).unwrap();
    let owner_key = key(config.chain_id, 0);
    let config = EvmConfig { router: Some(router.address), router_height: router.receipt.height.number(), ..config };
    let chain = EvmChain::connect(config).await.unwrap();
    let prover = chain.prover(ClientParams { code_hash: Some(predicted), ..ClientParams::default() }).unwrap();
    let owner = chain.account(owner_key);
    Base { governance: chain.governance(governance), router: router.address, owner, prover, chain, node }
}

/// Links two nodes.
pub(crate) async fn linked(a: NodeHandle, b: NodeHandle) -> [Side; 2] {
    let (a, b) = (base(a).await, base(b).await);
    let (trusted_a, trusted_b) = (a.prover.bootstrap(None).await.unwrap(), b.prover.bootstrap(None).await.unwrap());
    let (ref_a, ref_b) = (reference(&a.chain).await, reference(&b.chain).await);
    let clients: [ClientId; 2] = ["qbft-0".parse().unwrap(), "qbft-7".parse().unwrap()];
    let [client_a, client_b] = clients;
    let side_a = side("a", a, &trusted_b.trusted, [client_a.clone(), client_b.clone()], [ref_a, ref_b]).await;
    let side_b = side("b", b, &trusted_a.trusted, [client_b, client_a], [ref_b, ref_a]).await;
    [side_a, side_b]
}

async fn reference(chain: &EvmChain) -> [u8; 32] {
    chain_ref(chain.config().chain_id, *chain.genesis_hash().await.unwrap().as_bytes())
}

async fn side(
    name: &'static str,
    base: Base,
    followed: &TrustedState,
    [client, counterparty]: [ClientId; 2],
    [home_ref, counterparty_ref]: [[u8; 32]; 2],
) -> Side {
    let Base { node, chain, governance, router, owner, prover } = base;
    let verifier = owner.deploy_client(prover.client_type(), followed).await.unwrap().address;
    let ledger = owner.deploy_ledger(governance.address(), home_ref).await.unwrap().address;
    let bridge = owner.deploy_bridge(router, ledger, governance.address(), PORT).await.unwrap().address;
    let acts = [
        (router, GovernedCall::AddClient { id: client.clone(), verifier, counterparty, prefix: vec![Vec::new()] }),
        (router, GovernedCall::BindPort { port: PORT.to_owned(), application: bridge, receive_gas: RECEIVE_GAS }),
        (ledger, GovernedCall::AdmitCustodian { custodian: CUSTODIAN, account: owner.address() }),
        (ledger, GovernedCall::AddBridge { bridge }),
        (bridge, GovernedCall::AllowLane { client: client.clone(), counterparty_ref }),
    ];
    for (target, call) in acts {
        let id = governance.propose(&owner, target, call.calldata()).await.unwrap();
        governance.execute(&owner, id).await.unwrap();
    }
    let receipts = chain.receipts(ledger, bridge);
    let end = path_end(name, &chain, &client).await;
    Side { name, node, chain, owner, receipts, client, end }
}

pub(crate) fn facts() -> Facts {
    Facts { custodian: CUSTODIAN, unit: *b"kg\0\0", issued_at: now(), doc_root: [7; 32], ..Facts::default() }
}

/// A chain as one end of a path, trusted as it was when its Router was made.
pub(crate) async fn path_end(name: &str, chain: &EvmChain, client: &ClientId) -> PathEnd {
    let start_height = Height::new(chain.config().router_height);
    let prover = chain.prover(ClientParams::default()).unwrap();
    let bootstrap = prover.bootstrap(Some(start_height)).await.unwrap();
    PathEnd {
        chain: name.to_owned(),
        reader: Arc::new(chain.reader().unwrap()),
        writer: Arc::new(chain.writer(key(chain.config().chain_id, 1)).unwrap()),
        prover: Arc::new(prover),
        client: client.clone(),
        store_prefix: vec![Vec::new()],
        start_height,
        bootstrap: Some(Trusted {
            height: bootstrap.trusted.height,
            time: bootstrap.time,
            client: bootstrap.trusted.client,
            consensus: bootstrap.trusted.consensus,
        }),
    }
}

//! Two development chains, linked: each hosts a client of the other, with ledger and bridge.

use adapter::{ChainReader as _, Prover as _, TrustedState};
use adapter_devchain::{ChainConfig, Fork, Node, NodeConfig, NodeHandle, Production};
use adapter_evm::{
    ClientParams, EndpointConfig, EvmAccount, EvmChain, EvmConfig, FeePolicy, Governance, GovernedCall, Key,
    QbftProver, chain_ref,
    receipts::{Facts, Receipts},
    router_code_hash,
};
use light_client::{ClientId, Timestamp};
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
    pub(crate) prover: Arc<QbftProver>,
    /// Deploys, governs, is the custodian and holds the receipts.
    pub(crate) owner: EvmAccount,
    pub(crate) receipts: Receipts,
    pub(crate) home_ref: [u8; 32],
    /// Its client of the other chain.
    pub(crate) client: ClientId,
    pub(crate) trusted: TrustedState,
    pub(crate) trusted_time: Timestamp,
}

struct Base {
    node: NodeHandle,
    chain: EvmChain,
    governance: Governance,
    router: adapter_evm::Address,
    owner: EvmAccount,
    prover: QbftProver,
}

fn key(node: &NodeHandle, index: usize) -> Key {
    let keys = node.chain().config().account_keys();
    Key::from_secret(keys[index].secret().as_slice()).unwrap()
}

/// A chain that makes a block for each transaction, and an empty one after a second of idleness.
pub(crate) async fn node(chain_id: u64) -> NodeHandle {
    let chain = ChainConfig {
        chain_id,
        seed: format!("relayer-engine/{chain_id}"),
        fork: Fork::London,
        genesis_time: now() - 3600,
        candidates: 4,
        ..ChainConfig::default()
    };
    let production = Production::Every(Duration::ZERO);
    Node::start(NodeConfig { chain, production, levers: true, ..NodeConfig::default() }).await.unwrap()
}

async fn base(node: NodeHandle) -> Base {
    let mut config = EvmConfig::new(node.chain().config().chain_id, vec![EndpointConfig::new(&node.url)]);
    config.fees = FeePolicy::Legacy { gas_price: Some(0), max_gas_price: 0 };
    let bare = EvmChain::connect(config.clone()).await.unwrap();
    let owner = bare.account(key(&node, 0));
    let governance = owner.deploy_governance(&[owner.address()], 1, 0).await.unwrap().address;
    let router = owner.deploy_router(governance).await.unwrap();
    let predicted = router_code_hash(config.chain_id, governance).unwrap();
    let config = EvmConfig { router: Some(router.address), router_height: router.receipt.height.number(), ..config };
    let chain = EvmChain::connect(config).await.unwrap();
    let prover = chain.prover(ClientParams { code_hash: Some(predicted), ..ClientParams::default() }).unwrap();
    let owner = chain.account(key(&node, 0));
    Base { governance: chain.governance(governance), router: router.address, owner, prover, chain, node }
}

/// Links two nodes.
pub(crate) async fn linked(a: NodeHandle, b: NodeHandle) -> [Side; 2] {
    let (a, b) = (base(a).await, base(b).await);
    let (trusted_a, trusted_b) = (a.prover.bootstrap(None).await.unwrap(), b.prover.bootstrap(None).await.unwrap());
    let (ref_a, ref_b) = (reference(&a.chain).await, reference(&b.chain).await);
    let clients: [ClientId; 2] = ["qbft-0".parse().unwrap(), "qbft-7".parse().unwrap()];
    let [client_a, client_b] = clients;
    let side_a =
        side("a", a, &trusted_b.trusted, [client_a.clone(), client_b.clone()], [ref_a, ref_b], &trusted_a).await;
    let side_b = side("b", b, &trusted_a.trusted, [client_b, client_a], [ref_b, ref_a], &trusted_b).await;
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
    own: &adapter::Bootstrap,
) -> Side {
    let Base { node, chain, governance, router, owner, prover } = base;
    let verifier = owner.deploy_qbft_client(followed).await.unwrap().address;
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
    let (trusted, trusted_time) = (own.trusted.clone(), own.time);
    Side { name, node, chain, prover: Arc::new(prover), owner, receipts, home_ref, client, trusted, trusted_time }
}

pub(crate) fn facts() -> Facts {
    Facts { custodian: CUSTODIAN, unit: *b"kg\0\0", issued_at: now(), doc_root: [7; 32], ..Facts::default() }
}

impl Side {
    /// This chain as one end of a path.
    pub(crate) fn end(&self) -> PathEnd {
        PathEnd {
            chain: self.name.to_owned(),
            reader: Arc::new(self.chain.reader().unwrap()),
            writer: Arc::new(self.chain.writer(key(&self.node, 1)).unwrap()),
            prover: Arc::clone(&self.prover) as Arc<dyn adapter::Prover>,
            client: self.client.clone(),
            store_prefix: vec![Vec::new()],
            start_height: light_client::Height::new(self.chain.config().router_height),
            bootstrap: Some(Trusted {
                height: self.trusted.height,
                time: self.trusted_time,
                client: self.trusted.client.clone(),
                consensus: self.trusted.consensus.clone(),
            }),
        }
    }

    pub(crate) async fn next_sequence(&self) -> u64 {
        self.chain.reader().unwrap().next_sequence_send(&self.client).await.unwrap().value
    }
}

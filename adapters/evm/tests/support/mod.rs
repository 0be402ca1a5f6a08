//! Two development chains, linked: each hosts a client of the other, with ledger and bridge.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod liar;

use adapter::{
    ChainReader as _, ChainWriter as _, Message, Outcome, Prover as _, SignedTransaction, TransactionHash,
    TrustedState, VerifiedUpdate,
};
use adapter_devchain::{ChainConfig, Fork, Node, NodeConfig, NodeHandle, Production};
use adapter_evm::{
    Address, ClientParams, EndpointConfig, EvmAccount, EvmChain, EvmConfig, EvmReader, EvmWriter, FeePolicy,
    Governance, GovernedCall, Key, QbftProver,
    receipts::{Facts, Receipts},
    router_code_hash,
};
use light_client::{ClientId, Height, Timestamp};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const CUSTODIAN: [u8; 32] = [0xc5; 32];
pub(crate) const PORT: &str = "receipt";
const RECEIVE_GAS: u64 = 400_000;

pub(crate) fn client_id(number: u8) -> ClientId {
    format!("qbft-{number}").parse().unwrap()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn timestamp() -> Timestamp {
    Timestamp::from_unix_seconds(now())
}

pub(crate) async fn node(chain_id: u64, fork: Fork) -> NodeHandle {
    start(chain_id, fork, Production::Every(Duration::ZERO)).await
}

/// A node that makes blocks only when it is told to.
pub(crate) async fn quiet_node(chain_id: u64) -> NodeHandle {
    start(chain_id, Fork::London, Production::ByHand).await
}

async fn start(chain_id: u64, fork: Fork, production: Production) -> NodeHandle {
    let chain = ChainConfig {
        chain_id,
        seed: format!("adapter-evm/{chain_id}"),
        fork,
        // Below the machine's clock, so that headers are never ahead of it.
        genesis_time: now() - 3600,
        candidates: 4,
        ..ChainConfig::default()
    };
    Node::start(NodeConfig { chain, production, levers: true, ..NodeConfig::default() }).await.unwrap()
}

pub(crate) fn key(node: &NodeHandle, index: usize) -> Key {
    let keys = node.chain().config().account_keys();
    Key::from_secret(keys[index].secret().as_slice()).unwrap()
}

pub(crate) fn config(node: &NodeHandle) -> EvmConfig {
    let mut config = EvmConfig::new(node.chain().config().chain_id, vec![EndpointConfig::new(&node.url)]);
    config.fees = FeePolicy::Legacy { gas_price: Some(0), max_gas_price: 0 };
    config
}

/// One chain of a pair.
pub(crate) struct Side {
    pub(crate) node: NodeHandle,
    pub(crate) chain: EvmChain,
    pub(crate) governance: Governance,
    pub(crate) router: Address,
    pub(crate) receipts: Receipts,
    pub(crate) home_ref: [u8; 32],
    pub(crate) reader: EvmReader,
    pub(crate) prover: QbftProver,
    pub(crate) writer: EvmWriter,
    /// Deploys, governs and is the custodian.
    pub(crate) owner: EvmAccount,
    /// Its client of the other chain.
    pub(crate) client: ClientId,
}

/// A chain with governance and Router.
pub(crate) struct Base {
    pub(crate) node: NodeHandle,
    pub(crate) chain: EvmChain,
    pub(crate) governance: Governance,
    pub(crate) router: Address,
    pub(crate) owner: EvmAccount,
    pub(crate) prover: QbftProver,
}

pub(crate) async fn base(node: NodeHandle) -> Base {
    let config = config(&node);
    let bare = EvmChain::connect(config.clone()).await.unwrap();
    let owner = bare.account(key(&node, 0));
    let governance = owner.deploy_governance(&[owner.address()], 1, 0).await.unwrap().address;
    let router = owner.deploy_router(governance).await.unwrap();
    let predicted = router_code_hash(config.chain_id, governance).unwrap();
    assert_eq!(bare.code_hash(router.address).await.unwrap(), predicted);
    let config = EvmConfig { router: Some(router.address), router_height: router.receipt.height.number(), ..config };
    let chain = EvmChain::connect(config).await.unwrap();
    let prover = chain.prover(ClientParams { code_hash: Some(predicted), ..ClientParams::default() }).unwrap();
    let owner = chain.account(key(&node, 0));
    Base { governance: chain.governance(governance), router: router.address, owner, prover, chain, node }
}

/// Links two nodes.
pub(crate) async fn linked(a: NodeHandle, b: NodeHandle) -> (Side, Side) {
    let (a, b) = (base(a).await, base(b).await);
    let (trusted_a, trusted_b) =
        (a.prover.bootstrap(None).await.unwrap().trusted, b.prover.bootstrap(None).await.unwrap().trusted);
    let (ref_a, ref_b) = (reference(&a.chain).await, reference(&b.chain).await);
    let (client_a, client_b) = (client_id(0), client_id(7));
    let side_a = side(a, &trusted_b, client_a.clone(), client_b.clone(), ref_a, ref_b).await;
    let side_b = side(b, &trusted_a, client_b, client_a, ref_b, ref_a).await;
    (side_a, side_b)
}

async fn reference(chain: &EvmChain) -> [u8; 32] {
    chain.config().chain_ref(*chain.genesis_hash().await.unwrap().as_bytes())
}

async fn side(
    base: Base,
    trusted: &TrustedState,
    client: ClientId,
    counterparty: ClientId,
    home_ref: [u8; 32],
    counterparty_ref: [u8; 32],
) -> Side {
    let Base { node, chain, governance, router, owner, prover } = base;
    let kind = prover.client_type();
    let verifier = owner.deploy_client(kind, trusted).await.unwrap().address;
    assert_eq!(chain.client_difference(kind, verifier, trusted).await.unwrap(), None);
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
    let writer = chain.writer(key(&node, 1)).unwrap();
    let (reader, receipts) = (chain.reader().unwrap(), chain.receipts(ledger, bridge));
    Side { node, chain, governance, router, receipts, home_ref, reader, prover, writer, owner, client }
}

pub(crate) fn facts() -> Facts {
    Facts { custodian: CUSTODIAN, unit: *b"kg\0\0", issued_at: now(), doc_root: [7; 32], ..Facts::default() }
}

impl Side {
    /// Signs, sends and waits.
    pub(crate) async fn submit(&self, messages: &[Message]) -> (SignedTransaction, Outcome) {
        let nonce = self.writer.nonces().await.unwrap().next_final;
        let signed = self.writer.sign(messages, nonce).await.unwrap();
        self.writer.broadcast(&signed).await.unwrap();
        let outcome = self.included(signed.hash).await;
        (signed, outcome)
    }

    pub(crate) async fn included(&self, hash: TransactionHash) -> Outcome {
        for _ in 0..600 {
            match self.writer.outcome(hash).await.unwrap() {
                outcome @ Outcome::Included { .. } => return outcome,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("{hash} is in no block");
    }

    /// What the other chain must have done to this one's client to prove what is here now.
    pub(crate) async fn updates_for(&self, host: &Side) -> (Vec<VerifiedUpdate>, TrustedState) {
        let hosted = host.reader.client(&host.client).await.unwrap().value.unwrap();
        let trusted = TrustedState { height: hosted.latest_height, client: hosted.client, consensus: hosted.consensus };
        let head = self.reader.head().await.unwrap().height;
        let updates = self.prover.updates(&trusted, head, timestamp()).await.unwrap();
        let latest = updates.last().map_or(trusted, |update| update.next.clone());
        (updates, latest)
    }

    pub(crate) async fn head(&self) -> Height {
        self.reader.head().await.unwrap().height
    }
}

pub(crate) fn update_messages(host: &Side, updates: &[VerifiedUpdate]) -> Vec<Message> {
    updates
        .iter()
        .map(|update| Message::UpdateClient { client: host.client.clone(), update: update.update.clone() })
        .collect()
}

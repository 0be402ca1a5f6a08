use crate::{EndpointConfig, RpcLimits};
use adapter::AdapterError;
use alloy_primitives::Address;
use light_client::{ChainId, ClientId, Height};
use light_client_qbft::Kind;
use light_client_tendermint::revision_of;

/// One chain, as configured.
#[derive(Clone, Debug)]
pub struct EvmConfig {
    /// The chain id of EIP-155; every endpoint must be of it.
    pub chain_id: u64,
    /// Where its nodes answer.
    pub endpoints: Vec<EndpointConfig>,
    /// What a request may cost.
    pub limits: RpcLimits,
    /// How its blocks become final, and with it what they are.
    pub consensus: Consensus,
    /// The Router, once it is deployed.
    pub router: Option<Address>,
    /// The first height at which the Router's events are looked for: the one of its deployment, or 0.
    pub router_height: u64,
    /// The Router's clients whose events are asked for; all of them when the list is empty.
    pub clients: Vec<ClientId>,
    /// What a transaction may cost.
    pub fees: FeePolicy,
    /// The greatest gas limit of a transaction; at most the chain's block gas limit.
    pub max_gas: u64,
}

impl EvmConfig {
    /// A chain with default limits: QBFT, no Router yet, the node's own gas price up to 500 gwei, 25 million gas.
    pub fn new(chain_id: u64, endpoints: Vec<EndpointConfig>) -> Self {
        Self {
            chain_id,
            endpoints,
            limits: RpcLimits::default(),
            consensus: Consensus::Qbft,
            router: None,
            router_height: 0,
            clients: Vec::new(),
            fees: FeePolicy::Legacy { gas_price: None, max_gas_price: 500_000_000_000 },
            max_gas: 25_000_000,
        }
    }

    /// The chain's height of this number, with the revision that its clients give it.
    pub fn height(&self, number: u64) -> Height {
        self.consensus.height(number)
    }

    pub(crate) fn router(&self) -> Result<Address, AdapterError> {
        self.router.ok_or_else(|| AdapterError::Config {
            key: "router",
            expected: "the address of the deployed router".to_owned(),
            found: "none".to_owned(),
        })
    }
}

/// How the chain's blocks become final, and with it what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consensus {
    /// QBFT of Besu and GoQuorum: blocks have Ethereum headers with seals.
    #[default]
    Qbft,
    /// IBFT 2.0 of Besu: the same with other extra data.
    Ibft2,
    /// Tendermint, under a Cosmos chain with an EVM. What such a node answers as a block is made up of a Tendermint header:
    /// `hash` is that header's hash, and none of the fields hash to it.
    Tendermint {
        /// What the chain calls itself, as its headers have it; it has a chain id of EIP-155 besides.
        chain_id: ChainId,
        /// The height of its first block: `initial_height` of its genesis, 1 on most chains.
        initial_height: u64,
    },
}

impl Consensus {
    /// The form of the sealed headers; `None` where blocks have other headers than Ethereum's.
    pub(crate) const fn sealed_by(&self) -> Option<Kind> {
        match self {
            Self::Qbft => Some(Kind::Qbft),
            Self::Ibft2 => Some(Kind::Ibft2),
            Self::Tendermint { .. } => None,
        }
    }

    /// The number of the first block.
    pub(crate) const fn first_height(&self) -> u64 {
        match self {
            Self::Qbft | Self::Ibft2 => 0,
            Self::Tendermint { initial_height, .. } => *initial_height,
        }
    }

    /// Whether nodes keep a transaction whose nonce is not the next one, until the others come.
    pub(crate) const fn keeps_early_nonces(&self) -> bool {
        match self {
            Self::Qbft | Self::Ibft2 => true,
            // There is no pool of Ethereum's kind: CometBFT asks the application whether a transaction can be executed now.
            Self::Tendermint { .. } => false,
        }
    }

    /// Whether nodes say at once that there is no receipt of a transaction.
    pub(crate) const fn denies_receipts_at_once(&self) -> bool {
        match self {
            Self::Qbft | Self::Ibft2 => true,
            // Source: cosmos/evm v0.5.1, `rpc/backend/tx_info.go`: it looks again and again, 51 seconds long.
            Self::Tendermint { .. } => false,
        }
    }

    /// The chain's height of this number, with the revision that its clients give it.
    pub fn height(&self, number: u64) -> Height {
        match self {
            Self::Qbft | Self::Ibft2 => Height::new(number),
            Self::Tendermint { chain_id, .. } => Height::with_revision(revision_of(chain_id), number),
        }
    }
}

/// What is paid for gas, in the chain's smallest unit per unit of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeePolicy {
    /// One price, as before EIP-1559.
    Legacy {
        /// The price; the node's own when `None`. Consortium chains without fees take 0 only.
        gas_price: Option<u128>,
        /// The most that is ever bid. 0 on a chain without fees.
        max_gas_price: u128,
    },
    /// EIP-1559.
    Dynamic {
        /// What the proposer is offered; the node's own suggestion when `None`.
        priority_fee: Option<u128>,
        /// The most that is ever bid in all.
        max_fee: u128,
    },
}

//! What light clients of a chain must demand, by its configuration.

use crate::{
    config::{ChainConfig, ChainSettings, ConsensusRules, Contracts, EvmSettings, TendermintRules},
    error::CliError,
};
use adapter_evm::{ClientParams, router_code_hash};
use alloy_primitives::Address;
use light_client::{ChainId, ClientType, CodeHash, Codec as _};
use light_client_tendermint::{Commitments, TreeHash};
use std::fmt;

/// What a light client of one chain must demand, once and for all.
#[derive(Clone, Debug)]
pub(crate) enum ClientRules {
    /// QBFT or IBFT 2.0.
    Qbft(light_client_qbft::Parameters),
    /// Tendermint.
    Tendermint {
        /// What the chain calls itself.
        chain_id: ChainId,
        /// The hash of its headers, sets and stores.
        tree_hash: TreeHash,
        /// The rest.
        params: adapter_cosmos::ClientParams,
    },
}

/// Why a client is not one of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl ClientRules {
    /// Of this chain, whose contracts are deployed where it has any.
    ///
    /// # Errors
    /// When they are not.
    pub(crate) fn of(chain: &ChainConfig) -> Result<Self, CliError> {
        let (trusting_period_seconds, clock_drift_seconds) =
            (chain.consensus.trusting_period.as_secs(), chain.consensus.clock_drift.as_secs());
        match &chain.consensus.rules {
            ConsensusRules::Qbft { kind, trust_level } => {
                let (settings, contracts) = chain.deployed()?;
                Ok(Self::Qbft(light_client_qbft::Parameters {
                    kind: *kind,
                    trust_level: *trust_level,
                    router: address(contracts.router),
                    router_code_hash: code_hash(chain, settings, &contracts)?,
                    trusting_period_seconds,
                    clock_drift_seconds,
                }))
            }
            ConsensusRules::Tendermint(rules) => {
                let TendermintRules { chain_id, trust_level, store, store_tree, tree_hash, sm2, .. } = rules.clone();
                let store = store.into_bytes();
                let commitments = match &chain.settings {
                    ChainSettings::Evm(_) => {
                        Commitments::EvmStore { store, router: address(chain.deployed()?.1.router) }
                    }
                    ChainSettings::Cosmos(_) => Commitments::IbcStore { store },
                };
                let params = adapter_cosmos::ClientParams {
                    trust_level,
                    trusting_period_seconds,
                    clock_drift_seconds,
                    // Those of the first trusted sets, shown to whoever confirms them.
                    key_types: None,
                    sm2,
                    store_tree,
                    commitments,
                };
                Ok(Self::Tendermint { chain_id, tree_hash, params })
            }
        }
    }

    /// The kind of client that demands this, where a Router hosts it.
    ///
    /// # Errors
    /// None of the kinds there are has one.
    pub(crate) fn client_type(&self) -> Result<ClientType, CliError> {
        let name = match self {
            Self::Qbft(parameters) => match parameters.kind {
                light_client_qbft::Kind::Qbft => "qbft",
                light_client_qbft::Kind::Ibft2 => "ibft2",
            },
            Self::Tendermint { .. } => "tendermint",
        };
        name.parse().map_err(|error: light_client::IdError| CliError::No(error.to_string()))
    }

    /// Whether an encoded client state demands exactly this.
    pub(crate) fn check(&self, client: &[u8]) -> Result<(), Misfit> {
        match self {
            Self::Qbft(expected) => {
                let found = light_client_qbft::ClientState::decode(client).map_err(unreadable)?;
                same(expected, found.parameters())
            }
            Self::Tendermint { chain_id, tree_hash, params } => {
                let found = light_client_tendermint::ClientState::decode(client).map_err(unreadable)?;
                let found = found.parameters();
                same(&params.parameters(chain_id.clone(), *tree_hash, found.key_types), found)
            }
        }
    }
}

/// What the prover of a QBFT chain demands.
pub(crate) fn qbft_params(parameters: &light_client_qbft::Parameters) -> ClientParams {
    ClientParams {
        trust_level: parameters.trust_level,
        code_hash: Some(parameters.router_code_hash),
        trusting_period_seconds: parameters.trusting_period_seconds,
        clock_drift_seconds: parameters.clock_drift_seconds,
    }
}

fn same<T: PartialEq + fmt::Debug>(expected: &T, found: &T) -> Result<(), Misfit> {
    if expected == found {
        return Ok(());
    }
    Err(Misfit { expected: format!("{expected:?}"), found: format!("{found:?}") })
}

fn unreadable(error: impl fmt::Display) -> Misfit {
    Misfit { expected: "a client state that decodes".to_owned(), found: error.to_string() }
}

fn address(address: Address) -> light_client_crypto::Address {
    light_client_crypto::Address::new(address.into_array())
}

fn code_hash(chain: &ChainConfig, settings: &EvmSettings, contracts: &Contracts) -> Result<CodeHash, CliError> {
    router_code_hash(settings.chain_id, contracts.governance)
        .map_err(|source| CliError::Chain { chain: chain.name.clone(), source })
}

//! What the page shows of chains besides their heads: validators, governance.

use crate::{
    config::{ChainConfig, ChainSettings, ConsensusRules, Contracts},
    relay::RelayChain,
    rules::ClientRules,
};
use adapter::AdapterError;
use adapter_evm::{ActState, Address, EvmChain, GovernedCall};
use light_client::ClientId;
use relayer_api::{ChainFacts, GovernanceFacts, PendingAct, QuorumFacts, ValidatorFacts};

/// What is known of a chain before anything was asked.
pub(crate) fn of_config(chain: &ChainConfig) -> Option<ChainFacts> {
    Some(ChainFacts {
        name: chain.name.clone(),
        chain_id: chain.chain_id().parse().ok()?,
        consensus: match &chain.consensus.rules {
            ConsensusRules::Qbft { kind: light_client_qbft::Kind::Qbft, .. } => "QBFT".to_owned(),
            ConsensusRules::Qbft { kind: light_client_qbft::Kind::Ibft2, .. } => "IBFT 2.0".to_owned(),
            ConsensusRules::Tendermint(_) => "Tendermint".to_owned(),
        },
        key_types: Vec::new(),
        validators: Vec::new(),
        validators_height: None,
        quorum: match &chain.consensus.rules {
            ConsensusRules::Qbft { .. } => QuorumFacts::TwoThirdsOfMembers,
            ConsensusRules::Tendermint(_) => QuorumFacts::MoreThanTwoThirdsOfPower,
        },
        trust_level: match &chain.consensus.rules {
            ConsensusRules::Qbft { trust_level: light_client_qbft::TrustLevel::Strict, .. } => "strict".to_owned(),
            ConsensusRules::Qbft { trust_level: light_client_qbft::TrustLevel::OneThird, .. } => "one-third".to_owned(),
            ConsensusRules::Tendermint(rules) => {
                format!("{}/{}", rules.trust_level.numerator(), rules.trust_level.denominator())
            }
        },
        router: match &chain.settings {
            ChainSettings::Evm(settings) => settings.contracts.map(|contracts| contracts.router.to_checksum(None)),
            ChainSettings::Cosmos(_) => None,
        },
        governance: None,
    })
}

/// Asks the chain. What cannot be had now stays as it was.
pub(crate) async fn refresh(chain: &RelayChain, facts: &mut ChainFacts) {
    match validators(chain).await {
        Ok(found) => {
            facts.key_types = found.key_types;
            facts.validators_height = Some(found.height);
            facts.validators = found.validators;
        }
        Err(error) => tracing::debug!(chain = facts.name, error = &error as &dyn std::error::Error, "no validators"),
    }
    let Some((evm, contracts)) = chain.evm() else { return };
    match governance(evm, contracts).await {
        Ok(governance) => facts.governance = Some(governance),
        Err(error) => tracing::debug!(chain = facts.name, error = &error as &dyn std::error::Error, "no governance"),
    }
}

/// The validators of one header.
struct Validators {
    height: u64,
    key_types: Vec<String>,
    validators: Vec<ValidatorFacts>,
}

/// The validators of the latest header, which have certified it themselves.
async fn validators(chain: &RelayChain) -> Result<Validators, AdapterError> {
    let rules = ClientRules::of(&chain.config).map_err(|error| AdapterError::Config {
        key: "contracts",
        expected: "a Router whose code can be predicted".to_owned(),
        found: error.to_string(),
    })?;
    let bootstrap = chain.chain.prover(&rules, &chain.config)?.bootstrap(None).await?;
    let words = |label: &str| {
        let named = bootstrap.fingerprint.iter().find(|(name, _)| *name == label);
        named.map_or("", |(_, value)| value.as_str())
    };
    let validator = |text: &str| {
        let (id, power) = text.split_once(':').map_or((text, None), |(id, power)| (id, power.parse().ok()));
        ValidatorFacts { id: id.to_owned(), power }
    };
    Ok(Validators {
        height: bootstrap.trusted.height.number(),
        key_types: match rules {
            ClientRules::Qbft(_) => vec!["secp256k1".to_owned()],
            ClientRules::Tendermint { .. } => words("key types").split(", ").map(str::to_owned).collect(),
        },
        validators: words("validators").split_whitespace().map(validator).collect(),
    })
}

async fn governance(evm: &EvmChain, contracts: &Contracts) -> Result<GovernanceFacts, AdapterError> {
    let governance = evm.governance(contracts.governance);
    let pending = governance.pending_acts().await?.into_iter().map(|act| PendingAct {
        id: act.id.to_string(),
        what: in_words(contracts, act.target, &act.data),
        approvals: act.approvals,
        due_seconds: (act.state != ActState::Proposed).then_some(act.due_seconds),
    });
    Ok(GovernanceFacts {
        address: governance.address().to_checksum(None),
        members: governance.members().await?.iter().map(|member| member.to_checksum(None)).collect(),
        threshold: governance.threshold().await?,
        delay_seconds: governance.delay_seconds().await?,
        pending: pending.collect(),
    })
}

/// What an act does, by the function that it calls.
fn in_words(contracts: &Contracts, target: Address, data: &[u8]) -> String {
    let Contracts { governance, router, ledger, bridge, .. } = *contracts;
    let contract = match target {
        _ if target == governance => "governance itself".to_owned(),
        _ if target == router => "Router".to_owned(),
        _ if target == ledger => "ledger".to_owned(),
        _ if target == bridge => "bridge".to_owned(),
        other => other.to_checksum(None),
    };
    let selector = data.get(..4).unwrap_or_default();
    let known = known_calls().into_iter().find(|(_, call)| call.calldata().get(..4) == Some(selector));
    match known {
        Some((words, _)) => format!("{contract}: {words}"),
        None => format!("{contract}: 0x{}", hex::encode(selector)),
    }
}

fn known_calls() -> Vec<(&'static str, GovernedCall)> {
    let mut calls = vec![
        ("bind a port", GovernedCall::BindPort { port: String::new(), application: Address::ZERO, receive_gas: 0 }),
        ("admit a warehouse", GovernedCall::AdmitCustodian { custodian: [0; 32], account: Address::ZERO }),
        ("admit a bridge", GovernedCall::AddBridge { bridge: Address::ZERO }),
    ];
    if let Ok(id) = "x-0".parse::<ClientId>() {
        let (verifier, counterparty) = (Address::ZERO, id.clone());
        calls.push(("open a lane", GovernedCall::AllowLane { client: id.clone(), counterparty_ref: [0; 32] }));
        calls.push(("add a client", GovernedCall::AddClient { id, verifier, counterparty, prefix: Vec::new() }));
    }
    calls
}

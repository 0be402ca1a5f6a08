//! What the page shows of chains besides their heads: validators, governance.

use crate::{
    config::{ChainConfig, ConsensusKind, Contracts, TrustLevel},
    link::client_params,
    relay::RelayChain,
};
use adapter::{AdapterError, Prover as _};
use adapter_evm::{ActState, Address, GovernedCall};
use light_client::ClientId;
use relayer_api::{ChainFacts, GovernanceFacts, PendingAct};

/// What is known of a chain before anything was asked.
pub(crate) fn of_config(chain: &ChainConfig) -> Option<ChainFacts> {
    Some(ChainFacts {
        name: chain.name.clone(),
        chain_id: chain.chain_id.to_string().parse().ok()?,
        consensus: match chain.consensus.kind {
            ConsensusKind::Qbft => "QBFT".to_owned(),
            ConsensusKind::Ibft2 => "IBFT 2.0".to_owned(),
        },
        validators: Vec::new(),
        validators_height: None,
        quorum: None,
        trust_level: match chain.consensus.trust_level {
            TrustLevel::Strict => "strict".to_owned(),
            TrustLevel::OneThird => "one-third".to_owned(),
        },
        router: chain.contracts.as_ref().map(|contracts| contracts.router.to_checksum(None)),
        governance: None,
    })
}

/// Asks the chain. What cannot be had now stays as it was.
pub(crate) async fn refresh(chain: &RelayChain, facts: &mut ChainFacts) {
    match validators(chain).await {
        Ok((height, validators)) => {
            // ⌈2N/3⌉, as the client counts.
            facts.quorum = Some((validators.len() as u64 * 2).div_ceil(3));
            facts.validators_height = Some(height);
            facts.validators = validators;
        }
        Err(error) => tracing::debug!(chain = facts.name, error = &error as &dyn std::error::Error, "no validators"),
    }
    match governance(chain).await {
        Ok(governance) => facts.governance = Some(governance),
        Err(error) => tracing::debug!(chain = facts.name, error = &error as &dyn std::error::Error, "no governance"),
    }
}

/// The validators of the latest header, which have sealed it themselves.
async fn validators(chain: &RelayChain) -> Result<(u64, Vec<String>), AdapterError> {
    let params = client_params(&chain.config, &chain.contracts).map_err(|error| AdapterError::Config {
        key: "contracts",
        expected: "a Router whose code can be predicted".to_owned(),
        found: error.to_string(),
    })?;
    let bootstrap = chain.evm.prover(params)?.bootstrap(None).await?;
    let named = bootstrap.fingerprint.iter().find(|(label, _)| *label == "validators");
    let validators = named.map(|(_, value)| value.split(' ').map(str::to_owned).collect()).unwrap_or_default();
    Ok((bootstrap.trusted.height.number(), validators))
}

async fn governance(chain: &RelayChain) -> Result<GovernanceFacts, AdapterError> {
    let governance = chain.evm.governance(chain.contracts.governance);
    let pending = governance.pending_acts().await?.into_iter().map(|act| PendingAct {
        id: act.id.to_string(),
        what: in_words(&chain.contracts, act.target, &act.data),
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

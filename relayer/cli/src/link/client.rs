//! The client at one end of a path.

use super::{Confirm, End, store_prefix};
use crate::{
    deploy::has_code,
    error::CliError,
    output::{step, tell},
    record::{ClientRecord, Made},
};
use adapter::{ChainReader as _, HostedClient, Prover as _};
use adapter_evm::qbft_client_code_hash;
use alloy_primitives::{Address, B256};
use light_client::{Codec as _, Status};
use light_client_qbft::{ClientState, Parameters};

/// Sees to it that a client of `followed` is on `host`; returns the contract that is yet to be named in the Router.
pub(super) async fn ensure(
    host: &End,
    followed: &End,
    record: &mut Option<ClientRecord>,
    confirm: Confirm<'_>,
) -> Result<Option<Address>, CliError> {
    if hosted(host).await?.is_some() {
        check_hosted(host, followed).await?;
        return Ok(None);
    }
    if let Some(known) = record.as_ref()
        && is_as_recorded(host, followed, known).await?
    {
        return Ok(Some(known.verifier.address));
    }
    let prover = followed.chain(followed.evm.prover(followed.client_params()?))?;
    let what = format!("{}: reading its latest header and the Router's account", followed.name);
    let bootstrap = followed.chain(step(what, prover.bootstrap(None)).await)?;
    if !confirm(&followed.name, &bootstrap)? {
        let question = format!("what {} shall trust of {} was not confirmed", host.name, followed.name);
        return Err(CliError::No(format!("{question}; nothing was done (--yes confirms)")));
    }
    let what = format!("{}: deploying the client of {}", host.name, followed.name);
    let deployed = host.chain(step(what, host.account.deploy_qbft_client(&bootstrap.trusted)).await)?;
    let verifier = Made {
        address: deployed.address,
        height: deployed.receipt.height.number(),
        transaction: B256::from(deployed.receipt.hash.0),
    };
    let known = ClientRecord::new(verifier, &bootstrap);
    if !is_as_recorded(host, followed, &known).await? {
        let expected = format!("at {} the code of a client with these parameters", verifier.address);
        return Err(host.other("client", expected, "other code".to_owned()));
    }
    *record = Some(known);
    Ok(Some(verifier.address))
}

/// Whether the contract noted before is there, and is a client that demands what it should.
async fn is_as_recorded(host: &End, followed: &End, known: &ClientRecord) -> Result<bool, CliError> {
    let Some((trusted, _)) = known.trusted() else { return Ok(false) };
    let Ok(state) = ClientState::decode(&trusted.client) else { return Ok(false) };
    if *state.parameters() != parameters(followed)? {
        tell(format_args!("  {}: the parameters of {} have changed: a new client is needed", host.name, followed.name));
        return Ok(false);
    }
    let found = host.chain(host.evm.code_hash(known.verifier.address).await)?;
    Ok(has_code(found) && found == host.chain(qbft_client_code_hash(&trusted))?)
}

/// Checks that the client in the Router is one of `followed`, for this path, and can be used.
pub(super) async fn check_hosted(host: &End, followed: &End) -> Result<(), CliError> {
    let wrong = |what, expected: String, found: String| Err(host.other(what, expected, found));
    let Some(client) = hosted(host).await? else {
        return wrong("client", format!("{} in the Router", host.client), "none".to_owned());
    };
    let advice = format!("(another client of that id: choose another for {} in the path's file)", host.name);
    if client.counterparty != followed.client {
        let found = format!("{} {advice}", client.counterparty);
        return wrong("client's counterparty", followed.client.to_string(), found);
    }
    if client.counterparty_prefix != store_prefix() {
        return wrong(
            "client's counterparty prefix",
            "one empty element".to_owned(),
            format!("{:?}", client.counterparty_prefix),
        );
    }
    let expected = parameters(followed)?;
    match ClientState::decode(&client.client) {
        Ok(state) if *state.parameters() == expected => {}
        Ok(state) => {
            return wrong("client's parameters", format!("{expected:?}"), format!("{:?} {advice}", state.parameters()));
        }
        Err(error) => return wrong("client's state", "one that decodes".to_owned(), error.to_string()),
    }
    match client.status {
        Status::Active => Ok(()),
        Status::Expired => {
            wrong("client's status", "active".to_owned(), "expired: governance has to revive it".to_owned())
        }
        Status::Frozen => {
            wrong("client's status", "active".to_owned(), "frozen: misbehaviour was shown to it".to_owned())
        }
    }
}

async fn hosted(host: &End) -> Result<Option<HostedClient>, CliError> {
    Ok(host.chain(host.reader.client(&host.client).await)?.value)
}

fn parameters(followed: &End) -> Result<Parameters, CliError> {
    let params = followed.client_params()?;
    Ok(Parameters {
        kind: followed.config.consensus.kind.kind(),
        trust_level: params.trust_level,
        router: light_client_crypto::Address::new(followed.contracts.router.into_array()),
        router_code_hash: followed.router_hash()?,
        trusting_period_seconds: params.trusting_period_seconds,
        clock_drift_seconds: params.clock_drift_seconds,
    })
}

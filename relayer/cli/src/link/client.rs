//! The client at one end of a path.

use super::{Confirm, End};
use crate::{
    error::CliError,
    output::{step, tell},
    record::{ClientMade, ClientRecord},
    registry::store_prefix,
    rules::Misfit,
};
use adapter::{ChainReader as _, HostedClient};
use adapter_evm::Difference;
use alloy_primitives::{Address, B256};
use light_client::{ClientType, Status};

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
    let prover = followed.checked(followed.chain.prover(&followed.rules()?, &host.config))?;
    if let Some(known) = record.as_ref()
        && is_as_recorded(host, followed, prover.client_type(), known).await?
    {
        return Ok(known.made.contract);
    }
    let what = format!("{}: reading its latest header and the Router's account", followed.name);
    let bootstrap = followed.checked(step(what, prover.bootstrap(None)).await)?;
    if !confirm(&followed.name, &bootstrap)? {
        let question = format!("what {} shall trust of {} was not confirmed", host.name, followed.name);
        return Err(CliError::No(format!("{question}; nothing was done (--yes confirms)")));
    }
    let what = format!("{}: deploying the client of {}", host.name, followed.name);
    let deployed =
        host.checked(step(what, host.account.deploy_client(prover.client_type(), &bootstrap.trusted)).await)?;
    let made = ClientMade {
        contract: Some(deployed.address),
        client: None,
        height: deployed.receipt.height.number(),
        transaction: B256::from(deployed.receipt.hash.0),
    };
    let checking = host.evm.client_difference(prover.client_type(), deployed.address, &bootstrap.trusted);
    if let Some(Difference { what, expected, found }) = host.checked(checking.await)? {
        return Err(host.other(what, expected, found));
    }
    *record = Some(ClientRecord::new(made, &bootstrap));
    Ok(Some(deployed.address))
}

/// Whether the contract noted before is there, and is a client that demands what it should.
async fn is_as_recorded(
    host: &End,
    followed: &End,
    client_type: &ClientType,
    known: &ClientRecord,
) -> Result<bool, CliError> {
    let (Some((trusted, _)), Some(contract)) = (known.trusted(&followed.config), known.made.contract) else {
        return Ok(false);
    };
    if followed.rules()?.check(&trusted.client).is_err() {
        tell(format_args!("  {}: the parameters of {} have changed: a new client is needed", host.name, followed.name));
        return Ok(false);
    }
    Ok(host.checked(host.evm.client_difference(client_type, contract, &trusted).await)?.is_none())
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
    if client.counterparty_prefix != store_prefix(&followed.config) {
        return wrong(
            "client's counterparty prefix",
            "one empty element".to_owned(),
            format!("{:?}", client.counterparty_prefix),
        );
    }
    if let Err(Misfit { expected, found }) = followed.rules()?.check(&client.client) {
        return wrong("client's parameters", expected, format!("{found} {advice}"));
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
    Ok(host.checked(host.reader.client(&host.client).await)?.value)
}

//! The client at one end of a path.

use super::{Confirm, End};
use crate::{
    error::CliError,
    hosted::Wanted,
    output::{step, tell},
    record::{ClientMade, ClientRecord},
    when::now_millis,
};
use adapter::{ChainReader as _, Difference, HostedClient, TrustedState};
use alloy_primitives::{Address, B256};
use light_client::{ClientType, Status};

/// Sees to it that a client of `followed` is on `host`; returns the contract that is yet to be named in the Router. What was
/// made is in `record` also when an error follows.
pub(super) async fn ensure(
    host: &End,
    followed: &End,
    record: &mut Option<ClientRecord>,
    confirm: Confirm<'_>,
) -> Result<Option<Address>, CliError> {
    let noted = record.as_ref().and_then(|known| known.made.contract);
    if hosted(host).await?.is_some() {
        check_hosted(host, followed, noted).await?;
        return Ok(None);
    }
    let client_type = followed.rules()?.client_type()?;
    if let Some(known) = record.as_ref()
        && let Some(contract) = reusable(host, followed, &client_type, known).await?
    {
        return Ok(Some(contract));
    }
    let prover = followed.checked(followed.chain.prover(&followed.rules()?, &host.config))?;
    let what = format!("{}: reading its latest header and the Router's account", followed.name);
    let bootstrap = followed.checked(step(what, prover.bootstrap(None)).await)?;
    if !confirm(&followed.name, &bootstrap)? {
        let question = format!("what {} shall trust of {} was not confirmed", host.name, followed.name);
        return Err(CliError::No(format!("{question}; nothing was done (--yes confirms)")));
    }
    let what = format!("{}: deploying the client of {}", host.name, followed.name);
    let deployed = host.checked(step(what, host.account.deploy_client(&client_type, &bootstrap.trusted)).await)?;
    let made = ClientMade {
        contract: Some(deployed.address),
        client: None,
        height: deployed.receipt.height.number(),
        transaction: B256::from(deployed.receipt.hash.0),
    };
    *record = Some(ClientRecord::new(made, &bootstrap));
    check_made(host, &client_type, deployed.address, &bootstrap.trusted).await?;
    Ok(Some(deployed.address))
}

/// The contract noted before, when it can still be named in the Router.
///
/// # Errors
/// When the chain does not show it. A node that is behind does not either, and a second client would trust something that
/// nobody compared with the first: so none is made unless the note is taken away.
async fn reusable(
    host: &End,
    followed: &End,
    client_type: &ClientType,
    known: &ClientRecord,
) -> Result<Option<Address>, CliError> {
    let (Some((trusted, time)), Some(contract)) = (known.trusted(&followed.config), known.made.contract) else {
        return Ok(None);
    };
    let anew = |why: &str| tell(format_args!("  {}: {why} {}: a new client is needed", host.name, followed.name));
    if followed.rules()?.check(&trusted.client).is_err() {
        anew("the parameters have changed of");
        return Ok(None);
    }
    let expires = time.unix_seconds().saturating_add(followed.config.consensus.trusting_period.as_secs());
    if now_millis() / 1000 >= expires {
        anew("before it was named, the client has expired of");
        return Ok(None);
    }
    check_made(host, client_type, contract, &trusted).await?;
    Ok(Some(contract))
}

/// Checks that the contract made is such a client of this state.
async fn check_made(
    host: &End,
    client_type: &ClientType,
    contract: Address,
    trusted: &TrustedState,
) -> Result<(), CliError> {
    match host.checked(host.evm.client_difference(client_type, contract, trusted).await)? {
        None => Ok(()),
        Some(Difference { what, expected, found }) => {
            let advice = "run the command again; if this stays so, delete the path's record under deployments/";
            Err(host.other(what, expected, format!("{found} ({advice})")))
        }
    }
}

/// Checks that the client in the Router is one of `followed`, for this path, and can be used. `contract`: the one that was
/// noted.
pub(super) async fn check_hosted(host: &End, followed: &End, contract: Option<Address>) -> Result<(), CliError> {
    let wrong = |what, expected: String, found: String| Err(host.other(what, expected, found));
    let Some(client) = hosted(host).await? else {
        return wrong("client", format!("{} in the Router", host.client), "none".to_owned());
    };
    let wanted = Wanted {
        host: &host.config,
        connected: &host.chain,
        id: &host.client,
        followed: &followed.config,
        counterparty: &followed.client,
    };
    wanted.check(&client, contract).await?;
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

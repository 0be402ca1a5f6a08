//! Links two chains of ibc-go: on each a client of the other, made by this relayer's account, and the two named to each
//! other. The chains choose the clients' ids.

use super::{Confirm, EndReport, LinkReport};
use crate::{
    config::{ChainConfig, ChainSettings, Config, PathEnd, edit},
    error::CliError,
    hosted::Wanted,
    keys::Keys,
    output::{step, tell},
    record::{self, ClientMade, ClientRecord, LinkRecord},
    registry::{self, Connected, store_prefix},
    rules::ClientRules,
};
use adapter::{AdapterError, ChainReader as _, Difference, HostedClient, TrustedState};
use adapter_cosmos::{CosmosAccount, CosmosReader};
use alloy_primitives::B256;
use light_client::{ClientId, Codec as _, ErasedError, Status};
use light_client_tendermint::ClientState;
use std::path::Path;

/// One end: a chain, and the client on it that follows the other end.
pub(crate) struct IbcEnd {
    name: String,
    config: ChainConfig,
    client: ClientId,
    chain: Connected,
    reader: CosmosReader,
    account: CosmosAccount,
}

impl IbcEnd {
    /// Connects to the chain and opens the key.
    pub(crate) async fn connect(config: &Config, keys: &Keys<'_>, end: &PathEnd) -> Result<Self, CliError> {
        let chain = config.chain(&end.chain)?;
        let ChainSettings::Cosmos(settings) = &chain.settings else { return Err(chain.wrong_kind().into()) };
        let key = keys.open_account(&chain.signer, settings.key_type)?;
        let connecting = registry::connect_cosmos(chain, settings);
        let cosmos = step(format!("{}: asking {} endpoints", chain.name, chain.endpoints.len()), connecting).await?;
        let failed = |source| CliError::Chain { chain: chain.name.clone(), source };
        Ok(Self {
            name: chain.name.clone(),
            config: chain.clone(),
            client: end.client.clone(),
            reader: cosmos.reader(),
            account: cosmos.account(key).map_err(failed)?,
            chain: Connected::Cosmos(cosmos),
        })
    }

    fn checked<T>(&self, result: Result<T, AdapterError>) -> Result<T, CliError> {
        result.map_err(|source| CliError::Chain { chain: self.name.clone(), source })
    }

    /// The client as the chain has it; that no counterparty is registered with it yet is said apart.
    async fn hosted(&self) -> Result<Hosted, CliError> {
        match self.reader.client(&self.client).await.map(|at| at.value) {
            Ok(Some(client)) => Ok(Hosted::Linked(Box::new(client))),
            Ok(None) => Ok(Hosted::None),
            Err(AdapterError::CounterpartyUnknown { .. }) => Ok(Hosted::Unlinked),
            Err(error) => self.checked(Err(error)),
        }
    }
}

enum Hosted {
    None,
    Unlinked,
    Linked(Box<HostedClient>),
}

/// Does everything; running it again goes on where it stopped. The ids that the chains choose are written into the path's
/// file.
///
/// # Errors
/// Whatever keeps the path from being linked.
pub(crate) async fn run(
    mut ends: [IbcEnd; 2],
    record_file: &Path,
    path_file: &Path,
    confirm: Confirm<'_>,
) -> Result<LinkReport, CliError> {
    let mut record: LinkRecord = record::read(record_file)?.unwrap_or_default();
    for side in [0, 1] {
        let [a, b] = &mut ends;
        let (host, followed, known, name) =
            if side == 0 { (a, b, &mut record.a, "a") } else { (b, a, &mut record.b, "b") };
        let configured = host.client.clone();
        let made = ensure(host, followed, known, confirm).await;
        record::write(record_file, &record)?;
        made?;
        if host.client != configured {
            edit::write_client(path_file, name, &host.client)?;
            tell(format_args!(
                "  {}: the chain calls the client {}; written into the path's file",
                host.name, host.client
            ));
        }
    }
    let [a, b] = &ends;
    for (host, followed) in [(a, b), (b, a)] {
        if matches!(host.hosted().await?, Hosted::Unlinked) {
            let what = format!("{}: naming {} to client {}", host.name, followed.client, host.client);
            let prefix = store_prefix(&followed.config);
            let registering = host.account.register_counterparty(&host.client, &followed.client, &prefix);
            host.checked(step(what, registering).await)?;
        }
    }
    for (host, followed) in [(a, b), (b, a)] {
        check_hosted(host, followed).await?;
        tell(format_args!("  {}: client {} of {} is active", host.name, host.client, followed.name));
    }
    let report = |host: &IbcEnd, followed: &IbcEnd| EndReport {
        chain: host.name.clone(),
        client: host.client.clone(),
        follows: followed.name.clone(),
        pending: Vec::new(),
    };
    Ok(LinkReport { linked: true, ends: [report(a, b), report(b, a)] })
}

/// Sees to it that a client of `followed` is on `host`, made by this account, and is what was asked for. What was made is in
/// `record` also when an error follows.
async fn ensure(
    host: &mut IbcEnd,
    followed: &IbcEnd,
    record: &mut Option<ClientRecord>,
    confirm: Confirm<'_>,
) -> Result<(), CliError> {
    if let Some(known) = record.as_ref()
        && let Some(client) = known.made.client.clone()
    {
        host.client = client;
        if !matches!(host.hosted().await?, Hosted::None) {
            return check_made(host, followed, known).await;
        }
        // What one node does not have may be there all the same: a second client would break a path that works.
        return Err(CliError::Deployment {
            chain: host.name.clone(),
            what: "client",
            expected: format!("{}, as noted when it was made", host.client),
            found: "none; delete the path's record under deployments/ to begin anew".to_owned(),
        });
    }
    // A client that is not noted was made by somebody else, or trusts what nobody here confirmed: it is never taken over,
    // whatever it demands, since its first state decides what it believes.
    let rules = ClientRules::of(&followed.config)?;
    let prover = followed.checked(followed.chain.prover(&rules, &host.config))?;
    let what = format!("{}: reading its latest header", followed.name);
    let bootstrap = followed.checked(step(what, prover.bootstrap(None)).await)?;
    if !confirm(&followed.name, &bootstrap)? {
        let question = format!("what {} shall trust of {} was not confirmed", host.name, followed.name);
        return Err(CliError::No(format!("{question}; nothing was done (--yes confirms)")));
    }
    let unbonding = host.checked(unbonding_seconds(&bootstrap.trusted))?;
    let what = format!("{}: making the client of {}", host.name, followed.name);
    let (client, receipt) =
        host.checked(step(what, host.account.create_client(&bootstrap.trusted, unbonding)).await)?;
    let made = ClientMade {
        contract: None,
        client: Some(client.clone()),
        height: receipt.height.number(),
        transaction: B256::from(receipt.hash.0),
    };
    host.client = client;
    check_made(host, followed, record.insert(ClientRecord::new(made, &bootstrap))).await
}

/// Reads back what the chain has stored as a client, and compares it with what it was asked to make and was noted.
async fn check_made(host: &IbcEnd, followed: &IbcEnd, known: &ClientRecord) -> Result<(), CliError> {
    let wrong = |what, expected: String, found: String| {
        Err(CliError::Deployment { chain: host.name.clone(), what, expected, found })
    };
    let Some((trusted, _)) = known.trusted(&followed.config) else {
        let found = "something else; delete the path's record under deployments/ to begin anew".to_owned();
        return wrong("client's record", "the state that was confirmed".to_owned(), found);
    };
    let unbonding = host.checked(unbonding_seconds(&trusted))?;
    let comparing = host.reader.client_difference(&host.client, &trusted, Some(unbonding));
    match host.checked(comparing.await)? {
        Some(Difference { what, expected, found }) => wrong(what, expected, found),
        None => Ok(()),
    }
}

/// What a client of this state is told of the unbonding period of the chain that it follows: ibc-go asks for no more than that
/// it is longer than the trusting period.
fn unbonding_seconds(trusted: &TrustedState) -> Result<u64, AdapterError> {
    let client = ClientState::decode(&trusted.client).map_err(|error| AdapterError::Verification {
        endpoint: "the trusted state".to_owned(),
        operation: "client",
        source: ErasedError::new(error),
    })?;
    let period = client.parameters().trusting_period_seconds;
    Ok(period.saturating_add(period.div_ceil(2)))
}

/// Checks that the client is one of `followed`, for this path, and can be used.
async fn check_hosted(host: &IbcEnd, followed: &IbcEnd) -> Result<(), CliError> {
    let wrong = |what, expected: String, found: String| {
        Err(CliError::Deployment { chain: host.name.clone(), what, expected, found })
    };
    let Hosted::Linked(client) = host.hosted().await? else {
        return wrong("client", format!("{} with its counterparty", host.client), "none".to_owned());
    };
    let wanted = Wanted {
        host: &host.config,
        connected: &host.chain,
        id: &host.client,
        followed: &followed.config,
        counterparty: &followed.client,
    };
    wanted.check(&client, None).await?;
    match client.status {
        Status::Active => Ok(()),
        status => wrong("client's status", "active".to_owned(), status.to_string()),
    }
}

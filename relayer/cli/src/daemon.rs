//! The running relayer, as its own page tells of it, or what it left in the database when it does not run.

use crate::{config::Config, error::CliError, output::patience, relay};
use relayer_store::SqliteStore;
use serde::de::DeserializeOwned;
use std::{net::SocketAddr, time::Duration};

/// How long the page may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The greatest answer of our own page, in bytes.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Asks the running relayer; `None` when none listens.
///
/// # Errors
/// [`CliError::Daemon`] when something listens that does not answer as a relayer does.
pub(crate) async fn ask<T: DeserializeOwned>(config: &Config, path_and_query: &str) -> Result<Option<T>, CliError> {
    let url = format!("http://{}{path_and_query}", reachable(config.listen));
    let failed = |source: reqwest::Error| CliError::Daemon { url: url.clone(), source };
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().map_err(failed)?;
    let asking = async {
        let answer = match client.get(&url).send().await {
            Ok(answer) => answer.error_for_status().map_err(failed)?,
            Err(error) if error.is_connect() => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if answer.content_length().is_some_and(|length| length > MAX_ANSWER_BYTES) {
            return Ok(None);
        }
        answer.json().await.map(Some).map_err(failed)
    };
    patience(format_args!("asking the running relayer at {url}"), asking).await
}

/// An address that listens everywhere is reached here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(address) if address.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Looks at the database, whether a relayer runs on it or not; `None` when there is none yet.
///
/// # Errors
/// [`CliError::Store`] when it is not one that this version understands.
pub(crate) async fn open_to_read(config: &Config) -> Result<Option<SqliteStore>, CliError> {
    if !config.database.exists() {
        return Ok(None);
    }
    let opening = SqliteStore::look(&config.database);
    Ok(Some(patience(format_args!("opening {}", config.database.display()), opening).await?))
}

/// Opens the database of a relayer that does not run; `None` when there is none yet.
///
/// # Errors
/// [`CliError::Store`] when a relayer runs on it after all, or it is not one that this version understands.
pub(crate) async fn open_to_write(config: &Config) -> Result<Option<SqliteStore>, CliError> {
    if !config.database.exists() {
        return Ok(None);
    }
    let owner = relay::owner();
    let opening = SqliteStore::open(&config.database, &owner);
    Ok(Some(patience(format_args!("opening {}", config.database.display()), opening).await?))
}

//! What `deploy` and `link` have done so far: one JSON file for each chain and path under `deployments/`, written before
//! the next step begins, so that running a command again goes on where it stopped.

use crate::{
    config::{ChainConfig, edit},
    error::CliError,
};
use adapter::{Bootstrap, TrustedState};
use alloy_primitives::{Address, B256};
use light_client::{ClientId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of these files, beside the configuration.
const FOLDER: &str = "deployments";

/// What was deployed on a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainRecord {
    pub(crate) chain_id: u64,
    pub(crate) genesis_hash: B256,
    pub(crate) governance: Option<Made>,
    pub(crate) router: Option<Made>,
    pub(crate) ledger: Option<Made>,
    pub(crate) bridge: Option<Made>,
}

/// A contract that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    pub(crate) address: Address,
    pub(crate) height: u64,
    pub(crate) transaction: B256,
}

/// What was done to link a path; `a` and `b` are the ends that host the clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRecord {
    pub(crate) a: Option<ClientRecord>,
    pub(crate) b: Option<ClientRecord>,
}

/// A client's contract, and what people agreed that it trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientRecord {
    /// Where and when the client was made.
    pub(crate) made: ClientMade,
    /// Where the chain followed was bootstrapped.
    pub(crate) height: u64,
    pub(crate) time_seconds: u64,
    /// Encoded as the light client's types are, in hex.
    pub(crate) client_state: String,
    pub(crate) consensus_state: String,
    /// What a person confirmed, label and value.
    pub(crate) confirmed: Vec<(String, String)>,
}

/// Where a client was made: in a contract, or in the chain itself under a name that the chain chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientMade {
    /// The light client's contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<Address>,
    /// What the chain calls the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<ClientId>,
    pub(crate) height: u64,
    pub(crate) transaction: B256,
}

impl ClientRecord {
    pub(crate) fn new(made: ClientMade, bootstrap: &Bootstrap) -> Self {
        let confirmed = bootstrap.fingerprint.iter().map(|(label, value)| ((*label).to_owned(), value.clone()));
        Self {
            made,
            height: bootstrap.trusted.height.number(),
            time_seconds: bootstrap.time.unix_seconds(),
            client_state: hex::encode(&bootstrap.trusted.client),
            consensus_state: hex::encode(&bootstrap.trusted.consensus),
            confirmed: confirmed.collect(),
        }
    }

    /// The state of the chain followed that was agreed upon; `None` when the file was changed so that it cannot be read.
    pub(crate) fn trusted(&self, followed: &ChainConfig) -> Option<(TrustedState, Timestamp)> {
        let client = hex::decode(&self.client_state).ok()?;
        let consensus = hex::decode(&self.consensus_state).ok()?;
        let trusted = TrustedState { height: followed.height(self.height), client, consensus };
        Some((trusted, Timestamp::from_unix_seconds(self.time_seconds)))
    }
}

/// The file of a chain.
pub(crate) fn chain_file(folder: &Path, chain: &str) -> PathBuf {
    folder.join(FOLDER).join(format!("chain-{chain}.json"))
}

/// The file of a path.
pub(crate) fn link_file(folder: &Path, path: &str) -> PathBuf {
    folder.join(FOLDER).join(format!("path-{path}.json"))
}

/// Reads a record; `None` when there is none yet.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, CliError> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(CliError::File { file: file.to_owned(), operation: "could not be read", source });
        }
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| CliError::File {
        file: file.to_owned(),
        operation: "is not a record of this version; look at it, and delete it to begin anew",
        source: error.into(),
    })
}

/// Writes a record, durably, in place of the old one.
pub(crate) fn write<T: Serialize>(file: &Path, record: &T) -> Result<(), CliError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let failed = |operation| move |source| CliError::File { file: file.to_owned(), operation, source };
    fs::create_dir_all(folder).map_err(failed("its folder could not be made"))?;
    let text = serde_json::to_vec_pretty(record).map_err(|error| failed("could not be written")(error.into()))?;
    Ok(edit::replace(file, &text)?)
}

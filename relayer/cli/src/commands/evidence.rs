use crate::{
    config::{self, Config, ConfigError, one_of},
    daemon,
    error::CliError,
    keys::Keys,
    output::Output,
    relay,
    when::date,
};
use light_client::{BlockHash, ClientId, Height};
use relayer_core::{Conflict, End, PathId};
use relayer_engine::{ByHandError, Clock as _, PathHandles, ShownByHand, SystemClock, submit_by_hand};
use relayer_store::{SqliteStore, Store as _, StoreError};
use serde::Serialize;
use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The longest file of a header that is read.
const MAX_HEADER_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// What `evidence` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Evidence {
    /// A path, or a client that one of its chains hosts: qbft-0, or chain/qbft-0 where several chains have one of that name.
    pub(crate) name: String,
    /// A header of the chain that the client follows, obtained elsewhere: the JSON in which its nodes answer one with its
    /// signatures, or its bytes in hexadecimal. Given twice.
    #[arg(long, value_name = "FILE")]
    pub(crate) header: Vec<PathBuf>,
    /// Only lists what is kept. Nothing is submitted, and no chain is asked.
    #[arg(long, conflicts_with = "header")]
    pub(crate) list: bool,
}

/// What `evidence` answers.
#[derive(Serialize)]
struct Answer {
    /// Headers that contradict one another, newest first.
    conflicts: Vec<Kept>,
    /// What was submitted; `None` when nothing was.
    submitted: Option<Submitted>,
    /// Whether a relayer runs, which submits what makes misbehaviour by itself.
    relayer_runs: bool,
}

#[derive(Serialize)]
struct Kept {
    path: PathId,
    /// The chain whose headers they are.
    chain: String,
    host_chain: String,
    client: ClientId,
    headers: [KeptHeader; 2],
    seen_millis: u64,
    misbehaviour: bool,
    submitted_millis: Option<u64>,
}

#[derive(Serialize)]
struct KeptHeader {
    height: Height,
    hash: BlockHash,
    origin: String,
    certified: bool,
    /// The header with its signatures, as evidence holds it, in hexadecimal.
    bytes: String,
}

#[derive(Serialize)]
struct Submitted {
    host_chain: String,
    client: ClientId,
    transaction: String,
    /// The height of its block; `None` while it is in none.
    height: Option<Height>,
    success: bool,
}

/// A client that the command is about, as one end of a path.
struct Named {
    path: PathId,
    host: End,
    host_chain: String,
    client: ClientId,
    chain: String,
}

/// Lists the headers that contradict one another, and shows a client those that make misbehaviour.
pub(crate) async fn run(args: &Evidence, config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    let named = named(&config, &args.name)?;
    let headers = match args.header.as_slice() {
        [] => None,
        [first, second] => Some([read(first)?, read(second)?]),
        other => {
            let expected = "two headers, or none";
            return Err(ConfigError::one("command line", "--header", expected, other.len().to_string()).into());
        }
    };
    if args.list {
        let relayer_runs = is_running(&config).await?;
        let conflicts = listed(&config, &named).await?;
        return output.answer(&Answer { conflicts, submitted: None, relayer_runs });
    }
    let store = match daemon::open_to_write(&config).await {
        Ok(store) => store,
        // It does the same by itself; only of headers that it has never seen it has to be stopped first.
        Err(CliError::Store(StoreError::InUse { .. })) if headers.is_none() => {
            let conflicts = listed(&config, &named).await?;
            return output.answer(&Answer { conflicts, submitted: None, relayer_runs: true });
        }
        Err(error) => return Err(error),
    };
    let Some(store) = store else {
        let found = format!("none at {}: run lighterman start once", config.database.display());
        return Err(ConfigError::one("relayer.toml", "database", "a database", found).into());
    };
    let submitted = submit(&config, &named, &store, headers).await;
    store.close().await;
    let submitted = submitted?;
    let conflicts = listed(&config, &named).await?;
    output.answer(&Answer { conflicts, submitted, relayer_runs: false })
}

/// The clients that a name stands for: both of a path, or one.
fn named(config: &Config, name: &str) -> Result<Vec<Named>, ConfigError> {
    let all = config.paths.values().flat_map(|path| {
        let [a, b] = &path.ends;
        [(End::A, a, b), (End::B, b, a)].map(|(host, here, there)| Named {
            path: path.id.clone(),
            host,
            host_chain: here.chain.clone(),
            client: here.client.clone(),
            chain: there.chain.clone(),
        })
    });
    let (chain, client) = name.split_once('/').map_or((None, name), |(chain, client)| (Some(chain), client));
    let fits = |one: &Named| {
        one.path.as_str() == name
            || (one.client.as_str() == client && chain.is_none_or(|chain| chain == one.host_chain))
    };
    let (fitting, others): (Vec<Named>, Vec<Named>) = all.partition(fits);
    let of_one_path = fitting.first().is_some_and(|first| fitting.iter().all(|one| one.path == first.path));
    let is_path = fitting.first().is_some_and(|first| first.path.as_str() == name);
    if of_one_path && (is_path || fitting.len() == 1) {
        return Ok(fitting);
    }
    let names: Vec<String> = fitting
        .iter()
        .chain(&others)
        .flat_map(|one| [one.path.to_string(), format!("{}/{}", one.host_chain, one.client)])
        .collect();
    let names: std::collections::BTreeSet<String> = names.into_iter().collect();
    Err(ConfigError::one("command line", "NAME", one_of(names.iter()), format!("{name:?}")))
}

/// A header's file: JSON goes on as it is, hexadecimal as the bytes it stands for.
fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::File { file: file.to_owned(), operation: "could not be read", source };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAX_HEADER_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_HEADER_FILE_BYTES {
        let (expected, found) = (format!("at most {MAX_HEADER_FILE_BYTES} bytes"), "more");
        return Err(ConfigError::one("command line", "--header", expected, found).into());
    }
    let digits: Option<String> = std::str::from_utf8(&bytes).ok().map(|text| text.split_whitespace().collect());
    let decoded = digits.and_then(|digits| hex::decode(digits.strip_prefix("0x").unwrap_or(&digits)).ok());
    Ok(decoded.unwrap_or(bytes))
}

async fn is_running(config: &Config) -> Result<bool, CliError> {
    Ok(daemon::ask::<serde_json::Value>(config, "/api/status").await?.is_some())
}

async fn listed(config: &Config, named: &[Named]) -> Result<Vec<Kept>, CliError> {
    let Some(store) = daemon::open_to_read(config).await? else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for one in named {
        let conflicts = store.conflicts(&one.path).await?;
        kept.extend(
            conflicts.into_iter().filter(|conflict| conflict.host == one.host).map(|conflict| one.kept(conflict)),
        );
    }
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.seen_millis));
    Ok(kept)
}

/// Shows the client what is kept as misbehaviour, or what was obtained elsewhere.
async fn submit(
    config: &Config,
    named: &[Named],
    store: &SqliteStore,
    headers: Option<[Vec<u8>; 2]>,
) -> Result<Option<Submitted>, CliError> {
    if let Some([first, second]) = headers {
        let [one] = named else {
            let expected = "one client, since headers are of one chain (chain/client)";
            return Err(ConfigError::one("command line", "NAME", expected, "a path").into());
        };
        let origin = || "given by hand".to_owned();
        let handles = handles(config, &one.path).await?;
        let headers = [(first.as_slice(), origin()), (second.as_slice(), origin())];
        return one.show(store, &handles, headers).await.map(Some);
    }
    for one in named {
        let conflicts = store.conflicts(&one.path).await?;
        let ours = conflicts.into_iter().filter(|conflict| conflict.host == one.host);
        let Some(conflict) = ours.into_iter().find(|conflict| conflict.evidence.is_some()) else { continue };
        let handles = handles(config, &one.path).await?;
        let [first, second] = &conflict.headers;
        let headers =
            [(first.bytes.as_slice(), first.origin.clone()), (second.bytes.as_slice(), second.origin.clone())];
        return one.show(store, &handles, headers).await.map(Some);
    }
    Ok(None)
}

/// The path's chains, connected to.
async fn handles(config: &Config, path: &PathId) -> Result<PathHandles, CliError> {
    let keys = Keys::new(config);
    let ends = config.paths.values().find(|one| one.id == *path).map(|one| &one.ends);
    let is_end = |chain: &str| ends.is_some_and(|ends| ends.iter().any(|end| end.chain == chain));
    let mut connected = Vec::new();
    for chain in relay::chains(config, &keys)?.iter().filter(|chain| is_end(&chain.config().name)) {
        connected.push(chain.connect().await?);
    }
    let engine = relay::engine_config(config, &connected)?;
    let found = engine.paths.into_iter().find(|handles| handles.id == *path);
    found.ok_or_else(|| CliError::No(format!("path {path} is not enabled")))
}

impl Named {
    async fn show(
        &self,
        store: &SqliteStore,
        handles: &PathHandles,
        headers: [(&[u8], String); 2],
    ) -> Result<Submitted, CliError> {
        let (host_chain, client) = (self.host_chain.clone(), self.client.clone());
        let shown = submit_by_hand(store, &relay::owner(), handles, self.host, headers, SystemClock.now()).await;
        match shown {
            Ok(ShownByHand::Included { transaction, height, success }) => Ok(Submitted {
                host_chain,
                client,
                transaction: transaction.to_string(),
                height: Some(height),
                success,
            }),
            Ok(ShownByHand::Pending { transaction }) => {
                Ok(Submitted { host_chain, client, transaction: transaction.to_string(), height: None, success: false })
            }
            Ok(ShownByHand::Busy { open }) => Err(CliError::No(format!(
                "the relayer has left {open} transactions of the same account on {host_chain} under way; start it: it submits \
                 what it keeps by itself"
            ))),
            Ok(ShownByHand::NumberTaken { expected, found }) => Err(CliError::No(format!(
                "nothing was sent to {host_chain}: expected the account's transaction {expected} to be the next one, found \
                 {found}; a node is behind, or another program sends from this account at this moment: try again"
            ))),
            Ok(ShownByHand::Replaced { transaction }) => Err(CliError::No(format!(
                "another transaction of the same account on {host_chain} took the place of {transaction}: try again"
            ))),
            Ok(_) => Err(CliError::No("nothing is known of what became of it".to_owned())),
            Err(ByHandError::Store(error)) => Err(error.into()),
            Err(ByHandError::Chain(source)) => Err(CliError::Chain { chain: self.chain.clone(), source }),
            Err(other) => Err(CliError::No(other.to_string())),
        }
    }

    fn kept(&self, conflict: Conflict) -> Kept {
        Kept {
            path: self.path.clone(),
            chain: self.chain.clone(),
            host_chain: self.host_chain.clone(),
            client: self.client.clone(),
            headers: conflict.headers.map(|header| KeptHeader {
                height: header.height,
                hash: header.hash,
                origin: header.origin,
                certified: header.certified,
                bytes: hex::encode(header.bytes),
            }),
            seen_millis: conflict.seen.get(),
            misbehaviour: conflict.evidence.is_some(),
            submitted_millis: conflict.submitted.map(|moment| moment.get()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conflicts.is_empty() {
            f.write_str("no headers that contradict one another are kept")?;
        }
        for (index, kept) in self.conflicts.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let Kept { chain, host_chain, client, .. } = kept;
            write!(f, "{chain}, client {client} on {host_chain}, seen {}: ", date(kept.seen_millis / 1000))?;
            match (kept.misbehaviour, kept.submitted_millis) {
                (true, Some(at)) => write!(f, "misbehaviour, submitted {}", date(at / 1000))?,
                (true, None) => f.write_str("misbehaviour, not submitted yet")?,
                (false, _) => f.write_str("kept; proves nothing by itself")?,
            }
            for header in &kept.headers {
                let certified = if header.certified { "certified" } else { "not certified" };
                write!(f, "\n  height {} {} ({certified}) from {}", header.height, header.hash, header.origin)?;
            }
        }
        match &self.submitted {
            None if self.relayer_runs => {
                f.write_str("\nthe relayer runs, and submits what makes misbehaviour by itself")
            }
            None => Ok(()),
            Some(Submitted { host_chain, client, transaction, height: None, .. }) => {
                write!(f, "\nsent to client {client} on {host_chain} in {transaction}; in no block yet")
            }
            Some(Submitted { host_chain, client, transaction, height: Some(height), success }) => {
                let what = if *success { "is frozen" } else { "did not take it" };
                write!(f, "\nclient {client} on {host_chain} {what}: {transaction} at height {height}")
            }
        }
    }
}

//! What the files must say beyond their form, each rule with its own message.

mod chain;

use super::{
    ChainConfig, ChainSettings, Config, KeySource, PasswordSource, PathConfig, PathEnd, Problem,
    load::Source,
    one_of,
    problem::Problems,
    schema::{ChainFile, KeyTable, PathFile, RelayerFile},
    value,
};
use light_client::ClientId;
use relayer_core::PathId;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// A transaction that carries anything needs this much gas at the least.
const MIN_MAX_GAS: u64 = 1_000_000;
/// The greatest number of packets in one transaction; more would not fit in blocks of 30 million gas.
const MAX_BATCH_PACKETS: u64 = 100;

/// Checks all files and adds what is wrong to `problems`; the configuration when nothing is in the way of making one.
///
/// `complete`: every file was read, so that a name that is not there is wrong.
pub(super) fn validate(
    folder: PathBuf,
    relayer: Option<&Source<RelayerFile>>,
    chain_files: &[Source<ChainFile>],
    path_files: &[Source<PathFile>],
    complete: bool,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let chain_names: Vec<String> = chain_files.iter().map(|source| source.name.clone()).collect();
    let key_names: Vec<String> =
        relayer.map(|source| source.content.keys.keys().cloned().collect()).unwrap_or_default();
    let keys_known = relayer.is_some();

    let mut chains = BTreeMap::new();
    for source in chain_files {
        let mut found = source.problems();
        chain::duplicates(source, chain_files, &mut found);
        if let Some(chain) = chain::chain(&folder, source, keys_known.then_some(key_names.as_slice()), &mut found) {
            chains.insert(source.name.clone(), chain);
        }
        problems.extend(found.into_found());
    }
    let mut paths = BTreeMap::new();
    for source in path_files {
        let mut found = source.problems();
        duplicates_of_path(source, path_files, &mut found);
        if let Some(path) = path(source, complete.then_some(chain_names.as_slice()), &mut found) {
            paths.insert(source.name.clone(), path);
        }
        problems.extend(found.into_found());
    }
    for source in path_files {
        let mut found = source.problems();
        if let Some(path) = paths.get(&source.name) {
            ends_of_one_kind(path, &chains, &mut found);
        }
        problems.extend(found.into_found());
    }
    for source in chain_files {
        let mut found = source.problems();
        if let Some(chain) = chains.get(&source.name) {
            clients_outlive_their_acts(chain, &chains, &paths, &mut found);
        }
        problems.extend(found.into_found());
    }
    let source = relayer?;
    let mut found = source.problems();
    let config = self::relayer(&folder, source, &mut found);
    problems.extend(found.into_found());
    let config = config?;
    for source in chain_files {
        let mut found = source.problems();
        if let Some(chain) = chains.get(&source.name) {
            fits_the_relayer(chain, &config, &mut found);
        }
        problems.extend(found.into_found());
    }
    for source in path_files {
        let mut found = source.problems();
        let all = |path: &PathConfig| path.limits.over(&config.limits);
        // What is wrong with those of the relayer is told once, of its own file.
        if let Some(path) = paths.get(&source.name)
            && let all = all(path)
            && all != config.limits
        {
            limits(&all, &mut found);
            let ends = path.ends.iter().filter_map(|end| chains.get(&end.chain)).map(max_gas);
            if let Some(most) = ends.min().filter(|most| path.limits.names_batch_gas() && *most < all.batch_gas) {
                let expected = format!("at most {most}, the least transactions.max_gas of its chains");
                found.add("limits.batch_gas", expected, all.batch_gas.to_string());
            }
        }
        problems.extend(found.into_found());
    }
    Some(Config { chains, paths, ..config })
}

/// ibc-go's clients do not follow Routers, nor ours its store, so far.
fn ends_of_one_kind(path: &PathConfig, chains: &BTreeMap<String, ChainConfig>, found: &mut Problems<'_>) {
    let [a, b] = &path.ends;
    if let (Some(a), Some(b)) = (chains.get(&a.chain), chains.get(&b.chain))
        && a.kind() != b.kind()
    {
        found.add(
            "b.chain",
            format!("a chain of the kind of a.chain, {:?}", a.kind()),
            format!("one of {:?}", b.kind()),
        );
    }
}

/// A client is made before governance is asked to name it, and must not have expired when that act is due.
fn clients_outlive_their_acts(
    host: &ChainConfig,
    chains: &BTreeMap<String, ChainConfig>,
    paths: &BTreeMap<String, PathConfig>,
    found: &mut Problems<'_>,
) {
    let ChainSettings::Evm(settings) = &host.settings else { return };
    let other = |path: &PathConfig| {
        let [a, b] = &path.ends;
        let other = if a.chain == host.name { &b.chain } else { &a.chain };
        (a.chain == host.name || b.chain == host.name).then(|| chains.get(other)).flatten()
    };
    let shortest = paths.values().filter_map(other).min_by_key(|followed| followed.consensus.trusting_period);
    if let Some(followed) = shortest.filter(|followed| settings.governance.delay >= followed.consensus.trusting_period)
    {
        let period = value::show_duration(followed.consensus.trusting_period);
        let expected = format!(
            "less than {period}, the consensus.trusting_period of {:?}, which is followed from here: a client would expire \
             while it waits to be named",
            followed.name
        );
        found.add("governance.delay", expected, value::show_duration(settings.governance.delay));
    }
}

/// What a chain's file says must leave room for what the relayer's says.
fn fits_the_relayer(chain: &ChainConfig, config: &Config, found: &mut Problems<'_>) {
    if chain.rpc_timeout >= config.call_timeout {
        // The whole call would be given up before the endpoint is known to hang.
        let expected = format!("less than engine.call_timeout of relayer.toml, {} s", config.call_timeout.as_secs());
        found.add("rpc.timeout", expected, format!("{} s", chain.rpc_timeout.as_secs()));
    }
    let max_gas = max_gas(chain);
    if (MIN_MAX_GAS..config.limits.batch_gas).contains(&max_gas) {
        // Batches are planned for batch_gas; what does not fit would look as if the chain refused it.
        let expected = format!("at least limits.batch_gas of relayer.toml, {}", config.limits.batch_gas);
        found.add("transactions.max_gas", expected, max_gas.to_string());
    }
}

/// The most gas of one transaction of a chain.
fn max_gas(chain: &ChainConfig) -> u64 {
    match &chain.settings {
        ChainSettings::Evm(settings) => settings.max_gas,
        ChainSettings::Cosmos(settings) => settings.max_gas,
    }
}

// The configuration without chains and paths.
fn relayer(folder: &Path, source: &Source<RelayerFile>, found: &mut Problems<'_>) -> Option<Config> {
    let file = &source.content;
    if file.database.file.is_empty() {
        found.add("database.file", "the name of a file", "\"\"");
    }
    let listen = match file.api.listen.parse::<SocketAddr>() {
        Ok(listen) if listen.ip().is_loopback() || file.api.allow_other_hosts => Some(listen),
        Ok(listen) => {
            found.add(
                "api.listen",
                "an address of this machine only, like 127.0.0.1:9180 (or api.allow_other_hosts = true)",
                format!("\"{listen}\""),
            );
            None
        }
        Err(_) => {
            found.add("api.listen", "an IP address and a port, like 127.0.0.1:9180", format!("{:?}", file.api.listen));
            None
        }
    };
    if crate::logging::filter(&file.log.level).is_none() {
        found.add("log.level", crate::logging::FILTER, format!("{:?}", file.log.level));
    }
    let mut keys = BTreeMap::new();
    for (name, table) in &file.keys {
        if let Some(key) = key(folder, name, table, found) {
            keys.insert(name.clone(), key);
        }
    }
    let poll = value::duration_between(&file.engine.poll_interval, SECOND / 100, 600 * SECOND);
    let poll_interval = found.take("engine.poll_interval", poll);
    let timeout = value::duration_between(&file.engine.call_timeout, SECOND, 600 * SECOND);
    let call_timeout = found.take("engine.call_timeout", timeout);
    limits(&file.limits, found);
    Some(Config {
        folder: folder.to_owned(),
        database: folder.join(&file.database.file),
        listen: listen?,
        log_format: file.log.format,
        log_level: file.log.level.clone(),
        poll_interval: poll_interval?,
        call_timeout: call_timeout?,
        limits: file.limits.clone(),
        allow_other_hosts: file.api.allow_other_hosts,
        keys,
        chains: BTreeMap::new(),
        paths: BTreeMap::new(),
    })
}

fn limits(limits: &relayer_core::Limits, found: &mut Problems<'_>) {
    let mut within = |key: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            found.add(format!("limits.{key}"), format!("a number from {least} to {most}"), value.to_string());
        }
    };
    within("batch_packets", limits.batch_packets.into(), 1, MAX_BATCH_PACKETS);
    within("batch_bytes", limits.batch_bytes.into(), 1_000, 10_000_000);
    within("batch_gas", limits.batch_gas, 500_000, 10_000_000_000);
    within("update_gas", limits.update_gas, 1, limits.batch_gas);
    within("receive_gas", limits.receive_gas, 1, limits.batch_gas);
    within("acknowledge_gas", limits.acknowledge_gas, 1, limits.batch_gas);
    within("timeout_gas", limits.timeout_gas, 1, limits.batch_gas);
    within("batches_in_flight", limits.batches_in_flight.into(), 1, 1_000);
    within("open_nonces", limits.open_nonces.into(), 1, 1_000);
    within("queued_batches", limits.queued_batches.into(), 1, 100_000);
    within("event_blocks", limits.event_blocks, 1, 1_000_000);
    within("look_packets", limits.look_packets.into(), 1, 10_000);
    within("missing_packets", limits.missing_packets.into(), 1, 10_000);
    within("announced_packets", limits.announced_packets.into(), 100, 1_000_000);
    // Less than after what time a path that failed starts again: what it then reads is what was.
    within("hold_millis", limits.hold_millis, 0, 400);
    within("back_off_first_millis", limits.back_off_first_millis, 1, limits.back_off_last_millis.max(1));
    within("back_off_last_millis", limits.back_off_last_millis, 1, 86_400_000);
    within("event_patience_millis", limits.event_patience_millis, 1, 3_600_000);
    within("gap_check_millis", limits.gap_check_millis, 100, 3_600_000);
    within("client_read_millis", limits.client_read_millis, 100, 3_600_000);
    within("outcome_millis", limits.outcome_millis, 10, 3_600_000);
    within("stuck_millis", limits.stuck_millis, 100, 86_400_000);
    within("nonce_attempts", limits.nonce_attempts.into(), 1, 1_000);
    within("refusals_before_parking", limits.refusals_before_parking.into(), 1, 1_000_000);
    within("urgent_seconds", limits.urgent_seconds, 0, 86_400);
    within("refresh_left_percent", limits.refresh_left_percent.into(), 10, 95);
}

fn key(folder: &Path, name: &str, table: &KeyTable, found: &mut Problems<'_>) -> Option<KeySource> {
    let at = |key: &str| format!("keys.{name}.{key}");
    for (key, value) in [("variable", &table.variable), ("password_variable", &table.password_variable)] {
        if let Some(value) = value.as_deref().filter(|value| !is_variable_name(value)) {
            // A person who put the key itself here shall not find it in a log.
            let shown = if value.len() > 40 { "something longer".to_owned() } else { format!("{value:?}") };
            found.add(at(key), "the name of an environment variable (letters, digits and _)", shown);
            return None;
        }
    }
    match (&table.keystore, &table.variable) {
        (Some(file), None) => {
            let password = match (&table.password_file, &table.password_variable) {
                (None, None) => PasswordSource::Prompt,
                (Some(file), None) => PasswordSource::File(folder.join(file)),
                (None, Some(variable)) => PasswordSource::Variable(variable.clone()),
                (Some(_), Some(_)) => {
                    found.add(at("password_variable"), "password_file or password_variable", "both");
                    return None;
                }
            };
            Some(KeySource::Keystore { file: folder.join(file), password })
        }
        (None, Some(variable)) => {
            if table.password_file.is_some() || table.password_variable.is_some() {
                found.add(at("variable"), "no password for a key in a variable", "one");
                return None;
            }
            Some(KeySource::Variable(variable.clone()))
        }
        (Some(_), Some(_)) => {
            found.add(format!("keys.{name}"), "keystore or variable", "both");
            None
        }
        (None, None) => {
            found.add(format!("keys.{name}"), "keystore or variable", "neither");
            None
        }
    }
}

fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn path(source: &Source<PathFile>, chains: Option<&[String]>, found: &mut Problems<'_>) -> Option<PathConfig> {
    let file = &source.content;
    let mut end = |side: &str, chain: &str, client: &str| {
        if let Some(chains) = chains.filter(|chains| !chains.iter().any(|name| name == chain)) {
            let expected = format!("the name of a file under chains/: {}", one_of(chains.iter()));
            found.add(format!("{side}.chain"), expected, format!("{chain:?}"));
        }
        match client.parse::<ClientId>() {
            Ok(client) => Some(PathEnd { chain: chain.to_owned(), client }),
            Err(error) => {
                let expected = "lower-case words joined by '-', the last one a number, at most 64 bytes (like qbft-0)";
                found.add(format!("{side}.client"), expected, format!("{client:?} ({error})"));
                None
            }
        }
    };
    let a = end("a", &file.a.chain, &file.a.client);
    let b = end("b", &file.b.chain, &file.b.client);
    if file.a.chain == file.b.chain {
        found.add("b.chain", "another chain than a.chain", format!("{:?}", file.b.chain));
    }
    let id = source.name.parse::<PathId>().map_err(|_| value::Unfit {
        expected: "a file name of at most 64 lower-case letters, digits and '-', and .toml".into(),
        found: format!("{:?}", source.name),
    });
    let id = found.take("", id);
    Some(PathConfig { id: id?, enabled: file.enabled, ends: [a?, b?], limits: file.limits.clone() })
}

fn duplicates_of_path(source: &Source<PathFile>, all: &[Source<PathFile>], found: &mut Problems<'_>) {
    let ends = |file: &PathFile| {
        [("a", file.a.chain.clone(), file.a.client.clone()), ("b", file.b.chain.clone(), file.b.client.clone())]
    };
    for other in all.iter().take_while(|other| other.name != source.name) {
        for (side, chain, client) in ends(&source.content) {
            if ends(&other.content).iter().any(|(_, c, id)| *c == chain && *id == client) {
                let name = &other.name;
                found.add(
                    format!("{side}.client"),
                    "a client that no other path uses",
                    format!("{client:?} on {chain}, as in paths/{name}.toml"),
                );
            }
        }
    }
}

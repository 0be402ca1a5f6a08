//! What a chain's file must say beyond its form.

use super::{
    super::{
        AccountName, ChainConfig, ChainSettings, Consensus, ConsensusRules, Contracts, CosmosSettings,
        DEFAULT_INITIAL_HEIGHT, Endpoint, EndpointUrl, EvmSettings, GovernanceConfig, HeaderValue, TendermintRules,
        load::Source,
        one_of,
        problem::Problems,
        schema::{
            AccountKeyType, ChainFile, ConsensusKind, ConsensusTable, CosmosChainFile, EndpointTable, EvmChainFile,
            StoreTree, TreeHash,
        },
        value,
    },
    DAY, MIN_MAX_GAS, SECOND, is_variable_name,
};
use adapter_cosmos::KeyKind;
use alloy_primitives::Address;
use light_client_crypto::{DEFAULT_SM2_USER_ID, MAX_SM2_USER_ID_BYTES, Sm2};
use light_client_tendermint::MAX_STORE_NAME_BYTES;
use std::{collections::BTreeMap, path::Path, time::Duration};

const WEI_PER_GWEI: u128 = 1_000_000_000;
/// The greatest number of endpoints of one chain.
const MAX_ENDPOINTS: usize = 16;
/// The greatest number of headers that an endpoint may ask for.
const MAX_HEADERS: usize = 16;
/// The greatest number of members that the governance contract takes.
const MAX_MEMBERS: usize = 64;
/// The longest port of a receipt bridge, in bytes.
const MAX_PORT_BYTES: usize = 32;
/// The longest delay that the governance contract takes.
const MAX_DELAY: Duration = Duration::from_secs(90 * 86_400);
/// The greatest gas limit that any chain is asked for.
const MAX_MAX_GAS: u64 = 10_000_000_000;
/// The store that a Cosmos EVM keeps its state in, and the one of ibc-go.
const EVM_STORE: &str = "evm";
const IBC_STORE: &str = "ibc";

/// Heights of Tendermint are signed numbers of 64 bits.
const MAX_INITIAL_HEIGHT: u64 = i64::MAX as u64;

/// Checks one chain's file.
pub(super) fn chain(
    folder: &Path,
    source: &Source<ChainFile>,
    keys: Option<&[String]>,
    found: &mut Problems<'_>,
) -> Option<ChainConfig> {
    let (endpoints, rpc, signer) = match &source.content {
        ChainFile::Evm(file) => (&file.endpoints, &file.rpc, &file.transactions.signer),
        ChainFile::Cosmos(file) => (&file.endpoints, &file.rpc, &file.transactions.signer),
    };
    let endpoints = self::endpoints(folder, "endpoints", endpoints, found);
    let timeout = value::duration_between(&rpc.timeout, SECOND / 10, 300 * SECOND);
    let rpc_timeout = found.take("rpc.timeout", timeout);
    known_key("transactions.signer", signer, keys, found);
    let (consensus, settings) = match &source.content {
        ChainFile::Evm(file) => (evm_consensus(folder, &file.consensus, found), evm(file, keys, found)),
        ChainFile::Cosmos(file) => cosmos(file, endpoints.as_deref().unwrap_or_default(), found),
    };
    Some(ChainConfig {
        name: source.name.clone(),
        file: source.file.clone(),
        endpoints: endpoints?,
        consensus: consensus?,
        rpc_timeout: rpc_timeout?,
        signer: signer.clone(),
        settings: settings?,
    })
}

fn evm(file: &EvmChainFile, keys: Option<&[String]>, found: &mut Problems<'_>) -> Option<ChainSettings> {
    if file.chain_id == 0 || file.chain_id > u64::MAX / 2 - 36 {
        // EIP-155 signs with 2 × id + 35 or 36.
        found.add("chain_id", "a number from 1 to 2^63 - 37", file.chain_id.to_string());
    }
    transactions(file, found);
    let governance = governance(file, keys, found);
    let port_fits = (2..=MAX_PORT_BYTES).contains(&file.receipts.port.len())
        && file.receipts.port.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+#<>-[]".contains(&b));
    if !port_fits {
        let expected = "2 to 32 of the characters A-Z a-z 0-9 . _ + # < > - [ ]";
        found.add("receipts.port", expected, format!("{:?}", file.receipts.port));
    }
    let custodians = custodians(file, keys, found);
    let contracts = contracts(file, found);
    Some(ChainSettings::Evm(EvmSettings {
        chain_id: file.chain_id,
        fee: file.transactions.fee,
        gas_price_wei: file.transactions.gas_price_wei,
        max_gas_price_wei: file.transactions.max_gas_price_wei,
        max_gas: file.transactions.max_gas,
        min_balance_wei: u128::from(file.transactions.min_balance_gwei) * WEI_PER_GWEI,
        governance: governance?,
        port: file.receipts.port.clone(),
        custodians: custodians?,
        contracts: contracts?,
    }))
}

/// The nodes of such a chain answer Tendermint RPC, and nothing else is asked.
fn cosmos(
    file: &CosmosChainFile,
    endpoints: &[Endpoint],
    found: &mut Problems<'_>,
) -> (Option<Consensus>, Option<ChainSettings>) {
    let table = &file.transactions;
    let chain_id = found.take("chain_id", value::tendermint_chain_id(&file.chain_id));
    let consensus = match file.consensus.kind {
        ConsensusKind::Tendermint => {
            for (key, given) in
                [("chain_id", file.consensus.chain_id.is_some()), ("endpoints", !file.consensus.endpoints.is_empty())]
            {
                if given {
                    let expected = format!("nothing: it is the chain's own {key}");
                    found.add(format!("consensus.{key}"), expected, "a setting");
                }
            }
            if file.consensus.initial_height.is_some() {
                let expected = "nothing: it is a setting of chains with a Router";
                found.add("consensus.initial_height", expected, "a setting");
            }
            let rules = tendermint(&file.consensus, IBC_STORE, chain_id.clone(), Some(endpoints.to_vec()), found);
            consensus(&file.consensus, rules, found)
        }
        ConsensusKind::Qbft | ConsensusKind::Ibft2 => {
            found.add("consensus.kind", "\"tendermint\" for a chain of kind \"cosmos\"", "another");
            None
        }
    };
    let prefix = found.take("transactions.bech32_prefix", value::bech32_prefix(&table.bech32_prefix));
    let price = found.take("transactions.gas_price", value::gas_price(&table.gas_price));
    max_gas(table.max_gas, found);
    let settings = || {
        Some(ChainSettings::Cosmos(CosmosSettings {
            chain_id: chain_id?,
            key_type: match table.key_type {
                AccountKeyType::Secp256k1 => KeyKind::Secp256k1,
                AccountKeyType::EthSecp256k1 => KeyKind::EthSecp256k1,
                AccountKeyType::EthermintSecp256k1 => KeyKind::EthermintSecp256k1,
                AccountKeyType::Sm2 => KeyKind::Sm2,
            },
            bech32_prefix: prefix?,
            gas_price: price?,
            max_gas: table.max_gas,
            min_balance: table.min_balance.into(),
        }))
    };
    (consensus, settings())
}

fn evm_consensus(folder: &Path, table: &ConsensusTable, found: &mut Problems<'_>) -> Option<Consensus> {
    let kind = match table.kind {
        ConsensusKind::Qbft => light_client_qbft::Kind::Qbft,
        ConsensusKind::Ibft2 => light_client_qbft::Kind::Ibft2,
        ConsensusKind::Tendermint => {
            let endpoints = endpoints(folder, "consensus.endpoints", &table.endpoints, found);
            let chain_id = match &table.chain_id {
                Some(text) => found.take("consensus.chain_id", value::tendermint_chain_id(text)),
                None => {
                    found.add("consensus.chain_id", "what the chain calls itself in its headers", "nothing");
                    None
                }
            };
            let rules = tendermint(table, EVM_STORE, chain_id, endpoints, found);
            return consensus(table, rules, found);
        }
    };
    for (key, given) in [
        ("chain_id", table.chain_id.is_some()),
        ("endpoints", !table.endpoints.is_empty()),
        ("store", table.store.is_some()),
        ("store_tree", table.store_tree.is_some()),
        ("tree_hash", table.tree_hash.is_some()),
        ("sm2_user_id", table.sm2_user_id.is_some()),
        ("initial_height", table.initial_height.is_some()),
    ] {
        if given {
            found.add(format!("consensus.{key}"), "nothing: it is a setting of Tendermint", "a setting");
        }
    }
    let level = value::qbft_trust_level(table.trust_level.as_deref().unwrap_or("strict"));
    let level = found.take("consensus.trust_level", level);
    consensus(table, level.map(|trust_level| ConsensusRules::Qbft { kind, trust_level }), found)
}

/// What all kinds of consensus have.
fn consensus(table: &ConsensusTable, rules: Option<ConsensusRules>, found: &mut Problems<'_>) -> Option<Consensus> {
    let period = value::duration_between(&table.trusting_period, SECOND, 3650 * DAY);
    let drift = value::duration_between(&table.clock_drift, Duration::ZERO, DAY);
    let trusting_period = found.take("consensus.trusting_period", whole_seconds(period, &table.trusting_period));
    let clock_drift = found.take("consensus.clock_drift", whole_seconds(drift, &table.clock_drift));
    Some(Consensus { rules: rules?, trusting_period: trusting_period?, clock_drift: clock_drift? })
}

fn tendermint(
    table: &ConsensusTable,
    usual_store: &str,
    chain_id: Option<light_client::ChainId>,
    endpoints: Option<Vec<Endpoint>>,
    found: &mut Problems<'_>,
) -> Option<ConsensusRules> {
    let level = value::tendermint_trust_level(table.trust_level.as_deref().unwrap_or("1/3"));
    let trust_level = found.take("consensus.trust_level", level);
    let store = table.store.as_deref().unwrap_or(usual_store);
    if store.is_empty() || store.len() > MAX_STORE_NAME_BYTES {
        found.add("consensus.store", format!("a name of 1 to {MAX_STORE_NAME_BYTES} bytes"), format!("{store:?}"));
    }
    let user_id = table.sm2_user_id.as_deref().map_or(DEFAULT_SM2_USER_ID, str::as_bytes);
    let sm2 = found.take(
        "consensus.sm2_user_id",
        Sm2::with_user_id(user_id).map_err(|_| value::Unfit {
            expected: format!("1 to {MAX_SM2_USER_ID_BYTES} bytes"),
            found: format!("{:?}", String::from_utf8_lossy(user_id)),
        }),
    );
    let initial_height = table.initial_height.unwrap_or(DEFAULT_INITIAL_HEIGHT);
    if initial_height == 0 || initial_height > MAX_INITIAL_HEIGHT {
        let expected = format!("a number from 1 to {MAX_INITIAL_HEIGHT}, as initial_height of the chain's genesis");
        found.add("consensus.initial_height", expected, initial_height.to_string());
    }
    Some(ConsensusRules::Tendermint(TendermintRules {
        chain_id: chain_id?,
        initial_height,
        trust_level: trust_level?,
        store: store.to_owned(),
        store_tree: match table.store_tree.unwrap_or(StoreTree::Iavl) {
            StoreTree::Iavl => light_client_tendermint::StoreTree::Iavl,
            StoreTree::Jmt => light_client_tendermint::StoreTree::Jmt,
        },
        tree_hash: match table.tree_hash.unwrap_or(TreeHash::Sha256) {
            TreeHash::Sha256 => light_client_tendermint::TreeHash::Sha256,
            TreeHash::Sm3 => light_client_tendermint::TreeHash::Sm3,
        },
        sm2: sm2?,
        endpoints: endpoints?,
    }))
}

fn transactions(file: &EvmChainFile, found: &mut Problems<'_>) {
    let table = &file.transactions;
    if let Some(price) = table.gas_price_wei.filter(|price| *price > table.max_gas_price_wei) {
        let expected = format!("at most max_gas_price_wei, {}", table.max_gas_price_wei);
        found.add("transactions.gas_price_wei", expected, price.to_string());
    }
    max_gas(table.max_gas, found);
}

fn max_gas(max_gas: u64, found: &mut Problems<'_>) {
    if !(MIN_MAX_GAS..=MAX_MAX_GAS).contains(&max_gas) {
        let expected = format!("a number from {MIN_MAX_GAS} to {MAX_MAX_GAS}");
        found.add("transactions.max_gas", expected, max_gas.to_string());
    }
}

fn whole_seconds(duration: Result<Duration, value::Unfit>, text: &str) -> Result<Duration, value::Unfit> {
    let duration = duration?;
    if duration.subsec_nanos() != 0 {
        return value::unfit("whole seconds, as contracts count", text);
    }
    Ok(duration)
}

fn endpoints(folder: &Path, key: &str, tables: &[EndpointTable], found: &mut Problems<'_>) -> Option<Vec<Endpoint>> {
    if tables.is_empty() || tables.len() > MAX_ENDPOINTS {
        found.add(key, format!("1 to {MAX_ENDPOINTS} of them"), tables.len().to_string());
        return None;
    }
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut all_fit = true;
    for (index, table) in tables.iter().enumerate() {
        let at = |part: &str| format!("{key}[{index}].{part}");
        let url = match (&table.url, &table.url_variable) {
            (Some(url), None) => found.take(&at("url"), value::url(url)).map(EndpointUrl::Plain),
            (None, Some(variable)) if is_variable_name(variable) => Some(EndpointUrl::Variable(variable.clone())),
            (None, Some(_)) => {
                // What is there may be the URL itself, with its password.
                found.add(
                    at("url_variable"),
                    "the name of an environment variable (letters, digits and _)",
                    "another text",
                );
                None
            }
            (given, _) => {
                let both = if given.is_some() { "both" } else { "neither" };
                found.add(format!("{key}[{index}]"), "url or url_variable", both);
                None
            }
        };
        let headers = headers(&at, table, found);
        let (Some(url), Some(headers)) = (url, headers) else {
            all_fit = false;
            continue;
        };
        if endpoints.iter().any(|other| other.url == url) {
            found.add(format!("{key}[{index}]"), "each node once", "one again");
            all_fit = false;
        }
        let authorities_file = table.authorities_file.as_ref().map(|file| folder.join(file));
        endpoints.push(Endpoint { url, authorities_file, headers });
    }
    all_fit.then_some(endpoints)
}

/// The headers that a gateway asks for: plain ones, and those whose value is a secret.
fn headers(
    at: &impl Fn(&str) -> String,
    table: &EndpointTable,
    found: &mut Problems<'_>,
) -> Option<BTreeMap<String, HeaderValue>> {
    let mut headers = BTreeMap::new();
    let plain = table.headers.iter().map(|(name, text)| (name, HeaderValue::Plain(text.clone()), "headers"));
    let secret = table
        .header_variables
        .iter()
        .map(|(name, variable)| (name, HeaderValue::Variable(variable.clone()), "header_variables"));
    for (name, value, part) in plain.chain(secret) {
        let key = at(&format!("{part}.{name}"));
        match &value {
            HeaderValue::Plain(text) if reqwest::header::HeaderValue::from_str(text).is_err() => {
                // A key of a gateway may stand here.
                found.add(key, "printable characters", "others");
                return None;
            }
            HeaderValue::Variable(variable) if !is_variable_name(variable) => {
                // What is there may be the secret itself.
                found.add(key, "the name of an environment variable (letters, digits and _)", "another text");
                return None;
            }
            _ => {}
        }
        if reqwest::header::HeaderName::try_from(name.as_str()).is_err() {
            found.add(key, "the name of a header, like x-api-key", format!("{name:?}"));
            return None;
        }
        if headers.insert(name.to_ascii_lowercase(), value).is_some() {
            found.add(key, "each header once", format!("{name:?} again"));
            return None;
        }
    }
    if headers.len() > MAX_HEADERS {
        found.add(at("headers"), format!("at most {MAX_HEADERS}"), headers.len().to_string());
        return None;
    }
    Some(headers)
}

fn known_key(at: &str, name: &str, keys: Option<&[String]>, found: &mut Problems<'_>) {
    if let Some(keys) = keys.filter(|keys| !keys.iter().any(|key| key == name)) {
        let names = one_of(keys.iter());
        found.add(at, format!("the name of a key under [keys] in relayer.toml: {names}"), format!("{name:?}"));
    }
}

fn account(at: &str, text: &str, keys: Option<&[String]>, found: &mut Problems<'_>) -> Option<AccountName> {
    let account = found.take(at, value::account(text))?;
    if let AccountName::Key(name) = &account {
        known_key(at, name, keys, found);
    }
    Some(account)
}

fn governance(file: &EvmChainFile, keys: Option<&[String]>, found: &mut Problems<'_>) -> Option<GovernanceConfig> {
    let table = &file.governance;
    let delay = value::duration_between(&table.delay, Duration::ZERO, MAX_DELAY);
    let delay = found.take("governance.delay", whole_seconds(delay, &table.delay));
    let count = table.members.len();
    if count == 0 || count > MAX_MEMBERS {
        found.add("governance.members", format!("1 to {MAX_MEMBERS} accounts"), count.to_string());
        return None;
    }
    if table.threshold == 0 || usize::from(table.threshold) > count {
        found.add("governance.threshold", format!("1 to {count}, the number of members"), table.threshold.to_string());
    }
    let mut members: Vec<AccountName> = Vec::new();
    for (index, text) in table.members.iter().enumerate() {
        let at = format!("governance.members[{index}]");
        if let Some(member) = account(&at, text, keys, found) {
            if members.contains(&member) {
                found.add(at, "each member once", format!("{text:?} again"));
            }
            members.push(member);
        }
    }
    Some(GovernanceConfig { members, threshold: table.threshold, delay: delay? })
}

fn custodians(
    file: &EvmChainFile,
    keys: Option<&[String]>,
    found: &mut Problems<'_>,
) -> Option<Vec<(alloy_primitives::B256, AccountName)>> {
    let mut custodians: Vec<(alloy_primitives::B256, AccountName)> = Vec::new();
    for (index, table) in file.receipts.custodians.iter().enumerate() {
        let at = format!("receipts.custodians[{index}]");
        let id = found.take(&format!("{at}.id"), value::name_or_hash(&table.id));
        let account = account(&format!("{at}.account"), &table.account, keys, found);
        let (Some(id), Some(account)) = (id, account) else { continue };
        if id.is_zero() {
            found.add(format!("{at}.id"), "an id other than zero", "zero");
        }
        if custodians.iter().any(|(other, _)| *other == id) {
            found.add(format!("{at}.id"), "each warehouse once", format!("{:?} again", table.id));
        }
        custodians.push((id, account));
    }
    Some(custodians)
}

// The outer option: whether it is as it should be; the inner one: whether there is anything yet.
fn contracts(file: &EvmChainFile, found: &mut Problems<'_>) -> Option<Option<Contracts>> {
    let Some(table) = &file.contracts else { return Some(None) };
    let genesis_hash = found.take("contracts.genesis_hash", value::hash(&table.genesis_hash));
    let mut seen: Vec<(Address, &str)> = Vec::new();
    let mut contract = |key: &'static str, text: &str| {
        let address = found.take(&format!("contracts.{key}"), value::address(text))?;
        if let Some((_, other)) = seen.iter().find(|(other, _)| *other == address) {
            found.add(format!("contracts.{key}"), "an address of its own", format!("that of {other}"));
        }
        seen.push((address, key));
        Some(address)
    };
    let governance = contract("governance", &table.governance);
    let router = contract("router", &table.router);
    let ledger = contract("ledger", &table.ledger);
    let bridge = contract("bridge", &table.bridge);
    Some(Some(Contracts {
        genesis_hash: genesis_hash?,
        height: table.height,
        governance: governance?,
        router: router?,
        ledger: ledger?,
        bridge: bridge?,
    }))
}

/// Tells what a chain's file has that belongs to another's.
pub(super) fn duplicates(source: &Source<ChainFile>, all: &[Source<ChainFile>], found: &mut Problems<'_>) {
    // Told at the later of the two files only.
    for other in all.iter().take_while(|other| other.name != source.name) {
        if id(&other.content) == id(&source.content) {
            let shown = format!("{}, as in chains/{}.toml", id(&source.content), other.name);
            found.add("chain_id", "an id of its own", shown);
        }
        for (key, endpoint) in nodes(&source.content) {
            let same = |one: &EndpointTable| (&one.url, &one.url_variable) == (&endpoint.url, &endpoint.url_variable);
            if nodes(&other.content).any(|(_, one)| same(one)) {
                found.add(key, "a node of this chain", format!("one of chains/{}.toml", other.name));
            }
        }
    }
}

fn id(file: &ChainFile) -> String {
    match file {
        ChainFile::Evm(file) => file.chain_id.to_string(),
        ChainFile::Cosmos(file) => file.chain_id.clone(),
    }
}

/// All endpoints of a file with their keys.
fn nodes(file: &ChainFile) -> impl Iterator<Item = (String, &EndpointTable)> {
    let (own, consensus) = match file {
        ChainFile::Evm(file) => (&file.endpoints, &file.consensus.endpoints),
        ChainFile::Cosmos(file) => (&file.endpoints, &file.consensus.endpoints),
    };
    let keyed = |key: &'static str| move |(index, endpoint)| (format!("{key}[{index}]"), endpoint);
    own.iter().enumerate().map(keyed("endpoints")).chain(consensus.iter().enumerate().map(keyed("consensus.endpoints")))
}

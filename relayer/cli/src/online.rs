//! `check --online`: whether the chains are what the configuration says.

use crate::{
    commands::check::Report,
    config::{ChainConfig, ChainSettings, Config, Contracts, EvmSettings, PathEnd},
    deploy::{expected_code, has_code},
    error::{Chain as Words, CliError},
    hosted::Wanted,
    keys::Keys,
    output::{patience, step},
    record::{self, LinkRecord},
    registry::{self, Connected, SignerKey},
};
use adapter::Difference;
use adapter_evm::EvmChain;
use alloy_primitives::Address;
use light_client::Status;
use std::{collections::BTreeMap, path::Path, time::Duration};

/// One end of an enabled path, and where the configuration speaks of its client.
struct End<'a> {
    file: &'a Path,
    key: String,
    end: &'a PathEnd,
    other: &'a PathEnd,
    /// The other end's chain.
    followed: Option<&'a ChainConfig>,
    /// The contract that was made for the client.
    contract: Option<Address>,
}

/// Asks every chain that an enabled path names.
pub(crate) async fn check(config: &Config, report: &mut Report) {
    let keys = Keys::new(config);
    let mut ends: BTreeMap<&str, Vec<End<'_>>> = BTreeMap::new();
    // What is left alone need not answer.
    let paths: Vec<_> = config.paths.values().filter(|path| path.enabled).collect();
    let files: Vec<_> = paths.iter().map(|path| config.path_file(path)).collect();
    for (path, file) in paths.into_iter().zip(&files) {
        let [a, b] = &path.ends;
        for (side, end, other) in [("a", a, b), ("b", b, a)] {
            let followed = config.chains.get(&other.chain);
            let record = record::link_file(&config.folder, path.id.as_str());
            let made = |record: LinkRecord| if side == "a" { record.a } else { record.b };
            // One that cannot be read is told of by those commands that go by it.
            let contract = record::read(&record).ok().flatten().and_then(made).and_then(|known| known.made.contract);
            let key = format!("{side}.client = {:?}", end.client.as_str());
            ends.entry(&end.chain).or_default().push(End { file, key, end, other, followed, contract });
        }
    }
    for (name, ends) in ends {
        let Some(chain) = config.chains.get(name) else { continue };
        let clients = ends.iter().map(|end| end.end.client.clone()).collect();
        let connecting = registry::connect(chain, clients);
        match step(format!("{name}: asking {} endpoints", chain.endpoints.len()), connecting).await {
            Ok(connected) => check_chain(chain, &connected, &keys, &ends, report).await,
            Err(error) => {
                let expected = format!("nodes of chain id {} that answer", chain.chain_id());
                report.problem(&chain.file, "endpoints", expected, in_words(&error));
            }
        }
    }
}

async fn check_chain(
    chain: &ChainConfig,
    connected: &Connected,
    keys: &Keys<'_>,
    ends: &[End<'_>],
    report: &mut Report,
) {
    let name = &chain.name;
    for endpoint in connected.endpoints() {
        if endpoint.lies > 0 || endpoint.failures > 0 {
            let (label, lies, failures) = (endpoint.endpoint, endpoint.lies, endpoint.failures);
            report.warn(format!("chain {name}: {label}: {failures} failures, {lies} contradictions"));
        }
    }
    report.fact(format!("chain {name}: nodes of chain id {} answer", chain.chain_id()));
    if let ChainSettings::Evm(settings) = &chain.settings {
        let (Some(evm), Some(contracts)) = (connected.evm(), &settings.contracts) else { return };
        let checking = check_contracts(chain, settings, contracts, evm, report);
        patience(format!("{name}: reading the contracts"), checking).await;
    }
    patience(format!("{name}: asking for the signer's funds"), check_funds(chain, connected, keys, report)).await;
    patience(format!("{name}: reading the clients"), check_clients(chain, connected, ends, report)).await;
}

async fn check_contracts(
    chain: &ChainConfig,
    settings: &EvmSettings,
    contracts: &Contracts,
    evm: &EvmChain,
    report: &mut Report,
) {
    let mut wrong = false;
    match evm.genesis_hash().await {
        Ok(genesis) if *genesis.as_bytes() == contracts.genesis_hash.0 => {}
        Ok(genesis) => {
            wrong = true;
            let (expected, found) = (contracts.genesis_hash.to_string(), format!("{genesis}: this is another chain"));
            report.problem(&chain.file, "contracts.genesis_hash", expected, found);
        }
        Err(error) => report.problem(&chain.file, "contracts.genesis_hash", "a first block", Words(&error).to_string()),
    }
    let expected = match expected_code(evm, settings, contracts) {
        Ok(expected) => expected,
        Err(error) => return report.problem(&chain.file, "contracts", "known artefacts", Words(&error).to_string()),
    };
    for (key, address, expected) in expected {
        let found = match evm.code_hash(address).await {
            Ok(found) if found == expected => continue,
            Ok(found) if has_code(found) => found.to_string(),
            Ok(_) => "no code".to_owned(),
            Err(error) => Words(&error).to_string(),
        };
        wrong = true;
        let expected = format!("code that hashes to {expected}");
        report.problem(&chain.file, format!("contracts.{key} = {address}"), expected, found);
    }
    if !wrong {
        report.fact(format!("chain {}: the contracts are there", chain.name));
    }
}

async fn check_funds(chain: &ChainConfig, connected: &Connected, keys: &Keys<'_>, report: &mut Report) {
    let funds = async {
        let key = SignerKey::open(chain, keys)?;
        let failed = |source| CliError::Chain { chain: chain.name.clone(), source };
        Ok(connected.writer(key).map_err(failed)?.nonces().await.map_err(failed)?.balance)
    };
    let (least, setting, unit) = match &chain.settings {
        ChainSettings::Evm(settings) => (settings.min_balance_wei, "min_balance_gwei", "wei"),
        ChainSettings::Cosmos(settings) => (settings.min_balance, "min_balance", settings.gas_price.denom()),
    };
    match funds.await {
        Ok(balance) if balance < least => {
            let expected = format!("at least {setting} ({least} {unit})");
            let key = format!("transactions.signer = {:?}", chain.signer);
            report.problem(&chain.file, key, expected, format!("{balance} {unit}: send funds to the account"));
        }
        Ok(0) => check_penniless(chain, connected, unit, report).await,
        Ok(balance) => report.fact(format!("chain {}: the signer has {balance} {unit}", chain.name)),
        Err(error) => {
            let key = format!("transactions.signer = {:?}", chain.signer);
            report.problem(&chain.file, key, "an account that can be asked about", in_words(&error));
        }
    }
}

/// An account without funds will do where gas is free, and nowhere else.
async fn check_penniless(chain: &ChainConfig, connected: &Connected, unit: &str, report: &mut Report) {
    let key = format!("transactions.signer = {:?}", chain.signer);
    match connected.price_of_gas().await {
        Ok(None) => report.fact(format!("chain {}: the signer has no funds and needs none: gas is free", chain.name)),
        Ok(Some(price)) => {
            let expected = format!("funds: gas costs {price} a unit");
            report.problem(&chain.file, key, expected, format!("0 {unit}: send funds to the account"));
        }
        Err(error) => {
            report.problem(&chain.file, key, "a chain that tells its price of gas", Words(&error).to_string())
        }
    }
}

async fn check_clients(chain: &ChainConfig, connected: &Connected, ends: &[End<'_>], report: &mut Report) {
    let reader = match connected.reader() {
        Ok(reader) => reader,
        Err(error) => {
            report.problem(&chain.file, "contracts.router", "a Router", Words(&error).to_string());
            return;
        }
    };
    for End { file, key, end, other, followed, contract } in ends {
        match reader.client(&end.client).await.map(|at| at.value) {
            Ok(None) => {
                report.warn(format!("chain {}: no client {} yet; run `lighterman link`", chain.name, end.client));
            }
            Ok(Some(client)) if client.status == Status::Active => {
                let difference = match followed {
                    Some(followed) => {
                        let (id, counterparty) = (&end.client, &other.client);
                        let wanted = Wanted { host: chain, connected, id, followed, counterparty };
                        wanted.difference(&client, *contract).await
                    }
                    None => Ok(None),
                };
                match difference {
                    Ok(None) => {}
                    Ok(Some(Difference { what, expected, found })) => {
                        report.problem(file, key.clone(), format!("{what}: {expected}"), found);
                        continue;
                    }
                    Err(error) => {
                        report.problem(file, key.clone(), "a client that can be compared", in_words(&error));
                        continue;
                    }
                }
                let age = crate::when::now_millis() / 1000;
                let age = Duration::from_secs(age.saturating_sub(client.latest_time.unix_seconds()));
                let (height, age) = (client.latest_height, crate::when::span(age));
                report
                    .fact(format!("chain {}: client {} is active, height {height}, {age} old", chain.name, end.client));
            }
            Ok(Some(client)) => {
                report.problem(file, key.clone(), "an active client", format!("an {} one", client.status))
            }
            Err(error) => report.problem(file, key.clone(), "a client that can be read", Words(&error).to_string()),
        }
    }
}

fn in_words(error: &CliError) -> String {
    Words(error).to_string()
}

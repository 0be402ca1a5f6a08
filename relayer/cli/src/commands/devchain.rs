use crate::{
    args,
    config::{self, AccountName, ConfigError, value},
    error::CliError,
    keys::Keys,
    output::{Output, tell},
    signal,
};
use adapter_devchain::{ChainConfig, Fork, GenesisAccount, Node, NodeConfig, Production};
use alloy_primitives::{Address, U256};
use serde::Serialize;
use std::{fmt, path::Path};

/// A funded account starts with this many whole coins of 10^18.
const COINS: u64 = 1_000_000;

/// A chain that runs.
#[derive(Serialize)]
struct Running {
    url: String,
    chain_id: u64,
    height: u64,
    validators: Vec<Address>,
    funded: Vec<Address>,
}

/// Runs one development chain until it is asked to end.
pub(crate) async fn run(args: &args::Devchain, config_path: &Path, output: Output) -> Result<(), CliError> {
    let wrong = |key: &str, expected: String, found: String| ConfigError::one("command line", key, expected, found);
    let period = value::duration(&args.period).map_err(|unfit| wrong("--period", unfit.expected, unfit.found))?;
    let round_timeout =
        value::duration(&args.round_timeout).map_err(|unfit| wrong("--round-timeout", unfit.expected, unfit.found))?;
    let funded = funded(&args.fund, config_path)?;
    let balance = U256::from(COINS) * U256::from(10).pow(U256::from(18));
    let chain = ChainConfig {
        chain_id: args.chain_id,
        seed: args.seed.clone(),
        validators: args.validators,
        candidates: args.candidates,
        accounts: args.accounts,
        alloc: funded
            .iter()
            .map(|address| (*address, GenesisAccount { balance, ..GenesisAccount::default() }))
            .collect(),
        gas_limit: args.gas_limit,
        fork: args.fork.into(),
        ..ChainConfig::default()
    };
    let accounts = chain.account_keys().iter().map(|key| key.address()).chain(funded).collect();
    let node = Node::start(NodeConfig {
        chain,
        folder: args.folder.clone(),
        port: args.port,
        production: Production::Every(period),
        round_timeout,
        levers: args.levers,
        ..NodeConfig::default()
    })
    .await?;
    let height = node.chain().latest();
    output.answer(&Running {
        url: node.url.clone(),
        chain_id: args.chain_id,
        height,
        validators: node.chain().validators_at(height).unwrap_or_default(),
        funded: accounts,
    })?;
    tell("press Ctrl-C to end");
    signal::asked_to_end().await;
    node.stop().await;
    Ok(())
}

fn funded(texts: &[String], config_path: &Path) -> Result<Vec<Address>, CliError> {
    let mut addresses = Vec::new();
    let mut config = None;
    for text in texts {
        let account = value::account(text)
            .map_err(|unfit| ConfigError::one("command line", "--fund", unfit.expected, unfit.found))?;
        addresses.push(match account {
            AccountName::Address(address) => address,
            AccountName::Key(name) => {
                let config = match &mut config {
                    Some(config) => config,
                    none => none.insert(config::load(config_path)?),
                };
                Keys::new(config).address(&name)?
            }
        });
    }
    Ok(addresses)
}

impl From<args::ForkName> for Fork {
    fn from(name: args::ForkName) -> Self {
        match name {
            args::ForkName::Berlin => Self::Berlin,
            args::ForkName::London => Self::London,
            args::ForkName::Shanghai => Self::Shanghai,
            args::ForkName::Cancun => Self::Cancun,
            args::ForkName::Prague => Self::Prague,
            args::ForkName::Osaka => Self::Osaka,
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  chain id {}  height {}", self.url, self.chain_id, self.height)?;
        writeln!(f, "validators")?;
        self.validators.iter().try_for_each(|address| writeln!(f, "  {address}"))?;
        writeln!(f, "funded accounts")?;
        self.funded.iter().try_for_each(|address| writeln!(f, "  {address}"))
    }
}

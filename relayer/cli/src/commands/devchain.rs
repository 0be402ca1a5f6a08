use crate::{
    args,
    config::{self, AccountName, ConfigError, value},
    error::CliError,
    keys::Keys,
    output::{Output, tell},
    signal,
};
use adapter_devchain::{
    ChainConfig, Consensus, Fork, GenesisAccount, KeyType, Node, NodeConfig, Production, TendermintConfig,
};
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
    /// Where Tendermint RPC is answered, and what the chain calls itself there.
    #[serde(skip_serializing_if = "Option::is_none")]
    tendermint: Option<TendermintRpc>,
    height: u64,
    validators: Vec<Address>,
    funded: Vec<Address>,
}

#[derive(Serialize)]
struct TendermintRpc {
    url: String,
    chain_id: String,
    key_type: KeyType,
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
        consensus: consensus(args)?,
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
    let names = match &chain.consensus {
        Consensus::Qbft => None,
        Consensus::Tendermint(tendermint) => Some((tendermint.chain_id.clone(), tendermint.key_type)),
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
        tendermint: node.tendermint_url.clone().zip(names).map(|(url, (chain_id, key_type))| TendermintRpc {
            url,
            chain_id,
            key_type,
        }),
        height,
        validators: node.chain().validators_at(height).unwrap_or_default(),
        funded: accounts,
    })?;
    tell("press Ctrl-C to end");
    signal::asked_to_end().await;
    node.stop().await;
    Ok(())
}

/// What the options say of the consensus; those of Tendermint are for Tendermint only.
fn consensus(args: &args::Devchain) -> Result<Consensus, CliError> {
    if args.consensus == args::ConsensusName::Qbft {
        for (option, given) in [("--chain-name", args.chain_name.is_some()), ("--powers", !args.powers.is_empty())] {
            if given {
                let expected = "--consensus tendermint with it";
                return Err(ConfigError::one("command line", option, expected, "--consensus qbft").into());
            }
        }
        return Ok(Consensus::Qbft);
    }
    let chain_id = args.chain_name.clone().unwrap_or_else(|| format!("devchain-{}-1", args.chain_id));
    let key_type = match args.key_type {
        args::KeyTypeName::Ed25519 => KeyType::Ed25519,
        args::KeyTypeName::Secp256k1 => KeyType::Secp256k1,
        args::KeyTypeName::Sm2 => KeyType::Sm2,
    };
    let mut tendermint = TendermintConfig::new(&chain_id, key_type);
    tendermint.powers.clone_from(&args.powers);
    Ok(Consensus::Tendermint(tendermint))
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
        if let Some(TendermintRpc { url, chain_id, key_type }) = &self.tendermint {
            writeln!(f, "{url}  Tendermint RPC of {chain_id}, validators sign by {key_type}")?;
        }
        writeln!(f, "validators")?;
        self.validators.iter().try_for_each(|address| writeln!(f, "  {address}"))?;
        writeln!(f, "funded accounts")?;
        self.funded.iter().try_for_each(|address| writeln!(f, "  {address}"))
    }
}

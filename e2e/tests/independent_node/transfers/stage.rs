//! What the scenario plays on: two chains of ibc-go's own application, and between them the real program.

use super::chain::Chain;
use crate::relayer::{Relayer, configured, write_path};
use crate::story::Outcome;
use e2e::cosmos::{CosmosNetwork, Kind, Options};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread;

/// The names of the two chains and of the path in the configuration.
pub(super) const CHAINS: [&str; 2] = ["simd-a", "simd-b"];
const PATH: &str = "simd-a-simd-b";
const CHAIN_IDS: [&str; 2] = ["simd-1", "simd-2"];
/// The path as it is shipped, for its limits.
const SHIPPED: &str = include_str!("../../../../configs/paths/cosmos-a-cosmos-b.toml");
/// The client on each chain of the other one: the first that it makes.
const CLIENT: &str = "07-tendermint-0";

/// The chains and the program. The fields are dropped in this order: relayer first, chains last.
pub(super) struct Stage {
    pub(super) relayer: Relayer,
    /// A and B.
    pub(super) chains: [Chain; 2],
}

impl Stage {
    pub(super) fn set(directory: &Path) -> Outcome<Self> {
        let start = |index: usize| -> Outcome<Chain> {
            let accounts = ["relayer", "holder"].map(str::to_owned).to_vec();
            let options = Options { accounts, ..Options::new(CHAIN_IDS[index]) };
            let network = CosmosNetwork::start(Kind::Simd, &directory.join(CHAINS[index]), &options)?;
            Ok(Chain { name: CHAINS[index], network, client: CLIENT })
        };
        let chains = thread::scope(|scope| {
            let other = scope.spawn(|| start(1));
            Outcome::Ok([start(0)?, other.join().map_err(|_| "starting a chain panicked")??])
        })?;

        let config = directory.join("config");
        let key =
            |chain: &Chain| Outcome::Ok(chain.network.accounts().first().ok_or("no account")?.private_key.clone());
        let [a, b] = &chains;
        let program = configured(&config, directory, &[(a.name, &key(a)?), (b.name, &key(b)?)])?;
        for chain in &chains {
            write_chain(&config, chain)?;
        }
        write_path(&config, PATH, CHAINS, [CLIENT; 2])?;
        OpenOptions::new()
            .append(true)
            .open(config.join(format!("paths/{PATH}.toml")))?
            .write_all(shipped_limits().ok_or("the shipped path has no limits")?.as_bytes())?;
        program.run(&["link", PATH, "--yes"], "")?;
        program.run(&["check", "--online"], "")?;
        let mut relayer = Relayer::new(program);
        relayer.start()?;
        Ok(Self { relayer, chains })
    }
}

/// The section of the shipped path that says what its batches hold.
fn shipped_limits() -> Option<String> {
    let (_, after) = SHIPPED.split_once("\n[limits]\n")?;
    let (limits, _) = after.split_once("\n[")?;
    Some(format!("\n[limits]\n{limits}\n"))
}

fn write_chain(config: &Path, chain: &Chain) -> Outcome {
    let (name, chain_id, url) = (chain.name, chain.network.chain_id(), chain.network.rpc(0)?.url());
    let text = format!(
        r#"kind = "cosmos"
chain_id = "{chain_id}"

[[endpoints]]
url = "{url}"

[consensus]
kind = "tendermint"
trust_level = "1/3"
trusting_period = "14d"
clock_drift = "15s"

[rpc]
timeout = "10s"

[transactions]
signer = "{name}"
key_type = "secp256k1"
bech32_prefix = "cosmos"
gas_price = "0stake"
max_gas = 25_000_000
min_balance = 1
"#
    );
    Ok(fs::write(config.join(format!("chains/{name}.toml")), text)?)
}

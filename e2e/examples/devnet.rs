//! Starts a network of real nodes for people: `cargo run --release --example devnet -- simd 4`.
//!
//! Prints where each node answers and the accounts with their keys, as JSON, and ends the network when standard input
//! closes (Ctrl-D) or the program is stopped in any way. Arguments: `simd`, `evmd` or `irita-evm`; how many validators (1);
//! the chain id (`simd-1`, …); the pause between blocks in milliseconds (1000); how many spare nodes (0).

#![allow(clippy::print_stdout)]

use e2e::cosmos::{CosmosNetwork, Kind, Options};
use std::error::Error;
use std::io::Read as _;
use std::time::Duration;

/// Accounts with coins.
const ACCOUNTS: [&str; 4] = ["relayer", "alice", "bob", "carol"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.recipe()) == argument(0));
    let kind = kind.ok_or("expected simd, evmd or irita-evm as the first argument")?;
    let number = |index, otherwise| argument(index).map_or(Ok(otherwise), str::parse::<usize>);
    let chain_id = argument(2).map_or_else(|| format!("{}-1", kind.program()), str::to_owned);
    let options = Options {
        validators: number(1, 1)?,
        spares: number(4, 0)?,
        block_time: Duration::from_millis(u64::try_from(number(3, 1000)?)?),
        accounts: ACCOUNTS.map(str::to_owned).to_vec(),
        ..Options::new(&chain_id)
    };
    let directory = tempfile::tempdir()?;
    let network = CosmosNetwork::start(kind, directory.path(), &options)?;
    println!("{:#}", network.describe());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

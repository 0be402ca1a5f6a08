//! The command line.

use crate::{config::LogFormat, verify::VerifyCommand};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Lighterman carries warehouse receipts between consortium chains; every chain proves to the other what it says.
///
/// Exit status: 0 done or yes · 1 the answer is no (a check failed, something was refused) · 2 the command line is wrong ·
/// 3 the configuration is wrong · 4 a chain cannot be reached, contradicts itself or refuses · 5 files or the database ·
/// 6 keys · 7 to be continued: something waits for other people or for its time, run the command again.
#[derive(Debug, Parser)]
#[command(name = "lighterman", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Global {
    /// The configuration: a folder, or the relayer.toml in it.
    #[arg(long, global = true, value_name = "DIR|FILE", env = "LIGHTERMAN_CONFIG", default_value = "configs")]
    pub(crate) config: PathBuf,
    /// Answers in JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How log lines on standard error are written; as configured when not given.
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged: a level (error, warn, info, debug, trace), or a filter like info,relayer_engine=debug.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a commented configuration to start from.
    Init(Init),
    /// Says all that is wrong with the configuration, and with --online with what it names.
    Check(Check),
    /// Makes, imports and shows keys.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Deploys the contracts on a chain: governance, Router, receipt ledger and bridge. Keeps what is there already.
    Deploy(Deploy),
    /// Links a path: a client of each chain on the other, queued as governed acts. Run it again when they fall due.
    Link(Link),
    /// Runs the relayer and its page until it is asked to end.
    Start(Start),
    /// Says how the relayer, its chains, clients and paths are.
    Status,
    /// Lists packets, newest first.
    Packets(Packets),
    /// Lists headers that contradict one another, and shows a client those that make misbehaviour.
    Evidence(crate::commands::evidence::Evidence),
    /// Verifies headers, misbehaviour, proofs and packets from files: no configuration, no network.
    Verify {
        #[command(subcommand)]
        command: VerifyCommand,
    },
    /// Three development chains, contracts, clients, relayer and page in one process, and a story of receipts.
    Demo(Demo),
    /// Runs one development chain: a real EVM, blocks made final by validators whose keys derive from a seed.
    Devchain(Devchain),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The folder; made when it does not exist. Files that are there already are kept.
    pub(crate) dir: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Asks the chains too: chain ids, code at the addresses, funds of the signers, state of the clients.
    #[arg(long)]
    pub(crate) online: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Makes a key, writes it as a keystore file and names it in relayer.toml.
    New(NewKey),
    /// Puts a private key that you have into a keystore file; asks for it, or reads it from standard input.
    Import(NewKey),
    /// Lists the configured keys with their addresses.
    List,
    /// Prints the address of one key.
    Address {
        /// The key's name under [keys] in relayer.toml.
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewKey {
    /// The name that chains refer to the key by.
    pub(crate) name: String,
    /// A file whose first line is the password; asked for at the terminal when not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Devchain {
    /// The chain id.
    #[arg(long, default_value_t = 9001)]
    pub(crate) chain_id: u64,
    /// The port on 127.0.0.1; any free one when 0.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// How blocks become final.
    #[arg(long, value_enum, default_value = "qbft")]
    pub(crate) consensus: ConsensusName,
    /// Under Tendermint: how validators sign.
    #[arg(long, value_enum, default_value = "ed25519")]
    pub(crate) key_type: KeyTypeName,
    /// Under Tendermint: what the chain calls itself in its headers; devchain-<chain id>-1 when not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) chain_name: Option<String>,
    /// Under Tendermint: the validators' voting powers, like 40,30,20,10; 10 each when not given.
    #[arg(long, value_delimiter = ',', value_name = "POWERS")]
    pub(crate) powers: Vec<u64>,
    /// Time between blocks. With 0s a block follows every transaction, and an empty one a second of idleness.
    #[arg(long, default_value = "1s")]
    pub(crate) period: String,
    /// Validators at the start.
    #[arg(long, default_value_t = 4)]
    pub(crate) validators: u64,
    /// Further keys that can be voted in.
    #[arg(long, default_value_t = 2)]
    pub(crate) candidates: u64,
    /// What all keys derive from. Two chains of one seed have the same validators.
    #[arg(long, default_value = "devchain")]
    pub(crate) seed: String,
    /// A folder to keep the chain in; it is lost at the end when not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// An account that has funds from the start: an address, or key:<name> of the configuration. May be repeated.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) fund: Vec<String>,
    /// Further funded accounts, whose keys derive from the seed.
    #[arg(long, default_value_t = 0)]
    pub(crate) accounts: u64,
    /// The gas limit of a block.
    #[arg(long, default_value_t = 100_000_000)]
    pub(crate) gas_limit: u64,
    /// The EVM's rules.
    #[arg(long, value_enum, default_value = "london")]
    pub(crate) fork: ForkName,
    /// What an offline validator costs when it is its turn.
    #[arg(long, default_value = "200ms")]
    pub(crate) round_timeout: String,
    /// Serves the lab_* methods, by which tests stop validators, vote and inject faults.
    #[arg(long)]
    pub(crate) levers: bool,
}

/// How a development chain's blocks become final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ConsensusName {
    Qbft,
    Tendermint,
}

/// How the validators of a development chain under Tendermint sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyTypeName {
    Ed25519,
    Secp256k1,
    Sm2,
}

/// The rules of the EVM by their usual names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ForkName {
    Berlin,
    London,
    Shanghai,
    Cancun,
    Prague,
    Osaka,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// The chain: a file under chains/, without ".toml".
    pub(crate) chain: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Link {
    /// The path: a file under paths/, without ".toml".
    pub(crate) path: String,
    /// Confirms what will be trusted of both chains, without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Waits for approved acts to fall due instead of ending.
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    /// Where the page listens, in place of what relayer.toml says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Packets {
    #[command(subcommand)]
    pub(crate) act: Option<PacketsAct>,
    /// Only of this path.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Only in this state: missing, announced, sent, delivered, acknowledged or timed-out.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Only those that are not settled.
    #[arg(long)]
    pub(crate) pending: bool,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PacketsAct {
    /// Lets a parked packet go on, once what kept it is gone. The relayer must not run meanwhile; stopping it loses nothing.
    Resume {
        /// The path.
        path: String,
        /// a-to-b or b-to-a.
        direction: String,
        /// The packet's number.
        sequence: u64,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Ends after the story: 0 when the supply is right on both chains.
    #[arg(long)]
    pub(crate) once: bool,
    /// The page's port on 127.0.0.1; any free one when 0.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
}

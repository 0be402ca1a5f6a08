//! `lighterman verify`: an auditor's verdict on files, with no configuration and no network.
//!
//! Every command reads files, applies the same light-client crates as the relayer and the same rules as the contracts,
//! and prints a verdict with the values that it rests on.
//!
//! | exit | means | last line of the text |
//! |---|---|---|
//! | 0 | accepted | `accepted` |
//! | 1 | refused: some rule is broken, malformed bytes included | the rule's name |
//! | 2 | a file cannot be read, or is neither JSON, hexadecimal nor base64 | `unreadable` |
//! | 3 | Tendermint: the trusted set bears out too little of the header; a nearer height may | the rule's name |

mod block;
mod header;
mod input;
mod misbehaviour;
mod packet;
mod proof;
mod store_proof;
mod tendermint;
mod value;
mod verdict;

#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};
use std::{io::Write, path::PathBuf};
use verdict::{Outcome, Verdict};

/// What to verify.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// A block header, from what is trusted before it.
    Header(HeaderArgs),
    /// Two headers that cannot both be honest; accepted when they are misbehaviour.
    Misbehaviour(MisbehaviourArgs),
    /// An `eth_getProof` answer under a block's state root (the account, or one of its slots), or the proof of an
    /// `abci_query` answer under a Tendermint chain's app hash.
    Proof(ProofArgs),
    /// An IBC v2 packet: its commitment, paths and slots.
    Packet(PacketArgs),
}

/// `verify header`. Exit status: 0 accepted · 1 refused · 2 a file cannot be read · 3 tendermint: not enough trust, try a nearer
/// height.
#[derive(Clone, Debug, Args)]
pub(crate) struct HeaderArgs {
    /// qbft, ibft2 or tendermint.
    #[arg(long, value_name = "KIND")]
    pub(crate) consensus: String,
    /// What is trusted: a block, a header, or {"height", "time", "validators"} (validators in any order). With tendermint
    /// {"signed_header", "validators", "next_validators"} as the RPC returns the parts; the sets may be left out where no
    /// rule needs them.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted: PathBuf,
    /// The block as eth_getBlockByNumber returns it, or the header's RLP in hexadecimal. With tendermint as --trusted, with
    /// the commit and the validators.
    #[arg(long, value_name = "FILE")]
    pub(crate) header: PathBuf,
    /// The verifier's clock, seconds since 1970; the header's own time when not given. With tendermint also to the nanosecond
    /// (1795246421.817231013), or as 2026-11-21T07:33:41.817231013Z.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) now: Option<String>,
    /// What a changed set needs from the trusted one: strict or one-third, strict when not given. With tendermint a fraction
    /// from 1/3 to 1/1, 1/3 when not given.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) trust_level: Option<String>,
    /// How old what is trusted may be (14d, 36h, 90m, 600s or plain seconds); any age when not given.
    #[arg(long, value_name = "DURATION")]
    pub(crate) trusting_period: Option<String>,
    /// How far the header may be ahead of the clock; any time when not given.
    #[arg(long, value_name = "DURATION")]
    pub(crate) clock_drift: Option<String>,
    #[command(flatten)]
    pub(crate) chain: ChainArgs,
}

/// `verify misbehaviour`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MisbehaviourArgs {
    /// qbft, ibft2 or tendermint.
    #[arg(long, value_name = "KIND")]
    pub(crate) consensus: String,
    /// What is trusted, at or below the headers' height, with the set valid there; as in `verify header`.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted: PathBuf,
    /// One of the two headers; give it twice.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) header: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainArgs,
}

/// What differs from one Tendermint chain to another.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChainArgs {
    /// tendermint: the user id of SM2 signatures; 1234567812345678 when not given.
    #[arg(long, value_name = "TEXT")]
    pub(crate) sm2_user_id: Option<String>,
    /// tendermint: the hash of headers and sets, sha256 or sm3.
    #[arg(long, value_name = "HASH", default_value = "sha256")]
    pub(crate) tree_hash: String,
    /// tendermint: the hash that makes validators' addresses, sha256 or sm3.
    #[arg(long, value_name = "HASH", default_value = "sha256")]
    pub(crate) address_hash: String,
}

/// `verify proof`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProofArgs {
    /// The block whose state root the proof is under.
    #[arg(long, value_name = "FILE", required_unless_present = "root", conflicts_with = "root")]
    pub(crate) header: Option<PathBuf>,
    /// The answer of eth_getProof. With --root the answer of abci_query, its proof_ops, or a MerkleProof in hexadecimal.
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// The slot to look at; the account itself when not given.
    #[arg(long, value_name = "HEX", conflicts_with = "root")]
    pub(crate) slot: Option<String>,
    /// Demands that nothing is there, instead of that something is.
    #[arg(long)]
    pub(crate) absent: bool,
    /// The app hash of a Tendermint chain that the proof is under.
    #[arg(long, value_name = "HEX", requires_all = ["store", "key"])]
    pub(crate) root: Option<String>,
    /// The store, such as ibc or evm.
    #[arg(long, value_name = "NAME", requires = "root")]
    pub(crate) store: Option<String>,
    /// The key in the store.
    #[arg(long, value_name = "HEX", requires = "root")]
    pub(crate) key: Option<String>,
    /// The value that lies at the key.
    #[arg(
        long,
        value_name = "HEX",
        requires = "root",
        conflicts_with = "absent",
        required_unless_present_any = ["absent", "header"]
    )]
    pub(crate) value: Option<String>,
    /// The store's tree: iavl or jmt.
    #[arg(long, value_name = "TREE", default_value = "iavl", conflicts_with = "header")]
    pub(crate) tree: String,
}

/// `verify packet`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PacketArgs {
    /// The packet as JSON, in ibc-go's names.
    #[arg(long, value_name = "FILE")]
    pub(crate) packet: PathBuf,
    /// Its acknowledgement: JSON with `app_acknowledgements`, or the application's bytes in hexadecimal or base64.
    #[arg(long, value_name = "FILE")]
    pub(crate) acknowledgement: Option<PathBuf>,
}

/// Verifies, prints the verdict to `out` as text or JSON, and returns the exit status.
pub(crate) fn run(command: &VerifyCommand, json: bool, out: &mut dyn Write) -> u8 {
    let mut verdict = Verdict::new();
    let outcome = match command {
        VerifyCommand::Header(args) if tendermint::is_meant(&args.consensus) => {
            tendermint::verify_header(args, &mut verdict)
        }
        VerifyCommand::Header(args) => header::verify(args, &mut verdict),
        VerifyCommand::Misbehaviour(args) if tendermint::is_meant(&args.consensus) => {
            tendermint::verify_misbehaviour(args, &mut verdict)
        }
        VerifyCommand::Misbehaviour(args) => misbehaviour::verify(args, &mut verdict),
        VerifyCommand::Proof(args) => match &args.header {
            Some(header) => proof::verify(args, header, &mut verdict),
            None => store_proof::verify(args, &mut verdict),
        },
        VerifyCommand::Packet(args) => packet::verify(args, &mut verdict),
    };
    let outcome = Outcome::from(outcome);
    // A reader that has gone away changes no verdict.
    let _ = verdict.print(&outcome, json, out);
    outcome.exit_status()
}

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

mod block;
mod header;
mod input;
mod misbehaviour;
mod packet;
mod proof;
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
    /// Two headers of one height that cannot both be honest; accepted when they are misbehaviour.
    Misbehaviour(MisbehaviourArgs),
    /// An `eth_getProof` answer under a block's state root: the account, or one of its slots.
    Proof(ProofArgs),
    /// An IBC v2 packet: its commitment, paths and slots.
    Packet(PacketArgs),
}

/// `verify header`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HeaderArgs {
    /// qbft or ibft2.
    #[arg(long, value_name = "KIND")]
    pub(crate) consensus: String,
    /// What is trusted: a block, a header, or {"height", "time", "validators"} (validators in any order).
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted: PathBuf,
    /// The block as eth_getBlockByNumber returns it, or the header's RLP in hexadecimal.
    #[arg(long, value_name = "FILE")]
    pub(crate) header: PathBuf,
    /// The verifier's clock, seconds since 1970; the header's own time when not given.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) now: Option<String>,
    /// strict or one-third: what a changed set needs from the trusted one.
    #[arg(long, value_name = "LEVEL", default_value = "strict")]
    pub(crate) trust_level: String,
    /// How old what is trusted may be (14d, 36h, 90m, 600s or plain seconds); any age when not given.
    #[arg(long, value_name = "DURATION")]
    pub(crate) trusting_period: Option<String>,
    /// How far the header may be ahead of the clock; any time when not given.
    #[arg(long, value_name = "DURATION")]
    pub(crate) clock_drift: Option<String>,
}

/// `verify misbehaviour`.
#[derive(Clone, Debug, Args)]
pub(crate) struct MisbehaviourArgs {
    /// qbft or ibft2.
    #[arg(long, value_name = "KIND")]
    pub(crate) consensus: String,
    /// What is trusted, at or below the headers' height, with the set valid there; as in `verify header`.
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted: PathBuf,
    /// One of the two headers; give it twice.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) header: Vec<PathBuf>,
}

/// `verify proof`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProofArgs {
    /// The block whose state root the proof is under.
    #[arg(long, value_name = "FILE")]
    pub(crate) header: PathBuf,
    /// The answer of eth_getProof.
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// The slot to look at; the account itself when not given.
    #[arg(long, value_name = "HEX")]
    pub(crate) slot: Option<String>,
    /// Demands that nothing is there, instead of that something is.
    #[arg(long)]
    pub(crate) absent: bool,
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
        VerifyCommand::Header(args) => header::verify(args, &mut verdict),
        VerifyCommand::Misbehaviour(args) => misbehaviour::verify(args, &mut verdict),
        VerifyCommand::Proof(args) => proof::verify(args, &mut verdict),
        VerifyCommand::Packet(args) => packet::verify(args, &mut verdict),
    };
    let outcome = Outcome::from(outcome);
    // A reader that has gone away changes no verdict.
    let _ = verdict.print(&outcome, json, out);
    outcome.exit_status()
}

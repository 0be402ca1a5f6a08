//! Why a network could not be made, started or asked.

use crate::json_rpc::RpcError;
use crate::recipe::RecipeError;
use crate::wait::NeverHappened;
use std::io;
use std::process::ExitStatus;

/// Why a network could not be made, started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CosmosError {
    /// The node could not be built.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A file or a process could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A command of the node failed.
    #[error("{arguments}: {status}: {output}")]
    Command {
        /// The command line.
        arguments: String,
        /// Its status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// A file or an answer of the node is not as expected.
    #[error("expected {expected}, found {found}")]
    Malformed {
        /// What it should be.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// No port of loopback is free in the range that is looked at.
    #[error("expected a free port between {first} and {last}")]
    NoFreePort {
        /// The first that was tried.
        first: u16,
        /// The last.
        last: u16,
    },
    /// The network has fewer nodes.
    #[error("expected a node below {nodes}, found {node}")]
    NoSuchNode {
        /// The one asked for.
        node: usize,
        /// How many there are.
        nodes: usize,
    },
    /// A node ended or fell silent before it had blocks.
    #[error("the node in {home} did not start: {reason}; its log: {log}")]
    Start {
        /// Its folder.
        home: String,
        /// How it was seen.
        reason: String,
        /// The end of what it printed.
        log: String,
    },
    /// The chain refused a transaction.
    #[error("{arguments}: {reason}")]
    Refused {
        /// The command line that made it.
        arguments: String,
        /// The chain's words.
        reason: String,
    },
    /// A call failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// What was waited for did not come.
    #[error(transparent)]
    NeverHappened(#[from] NeverHappened),
}

pub(super) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> CosmosError {
    let what = what.into();
    move |source| CosmosError::Io { what, source }
}

use crate::config::{ConfigError, edit::EditError};
use adapter::{AdapterError, AdapterErrorKind};
use adapter_devchain::ChainError;
use adapter_evm::KeyError;
use relayer_api::ApiError;
use relayer_engine::EngineError;
use relayer_store::StoreError;
use std::{error::Error, fmt, io, path::PathBuf};

/// Why a command did not do what it was asked to; [`CliError::status`] says it to scripts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The answer is no, and was printed.
    #[error("{0}")]
    No(String),
    /// What was to be said is on standard output already; only the exit status is left.
    #[error("exit status {0}")]
    Told(u8),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read or written.
    #[error("{}: {operation}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What failed.
        operation: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A configuration file cannot be changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A key cannot be used.
    #[error("key {name:?}")]
    Key {
        /// The key's name.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A password cannot be had from a person.
    #[error("key {name:?}: password: expected {expected}, found {found}")]
    Password {
        /// The key's name.
        name: String,
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A chain cannot be used.
    #[error("chain {chain}")]
    Chain {
        /// Its name.
        chain: String,
        /// Why.
        #[source]
        source: AdapterError,
    },
    /// What is on a chain is not what it should be.
    #[error("chain {chain}: {what}: expected {expected}, found {found}")]
    Deployment {
        /// The chain's name.
        chain: String,
        /// The contract, client or act.
        what: &'static str,
        /// What is needed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The page cannot be served.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The development chain could not be started.
    #[error("development chain")]
    Devchain(#[from] ChainError),
    /// What listens where the relayer should is none, or does not answer.
    #[error("{url}: expected the answer of a running relayer")]
    Daemon {
        /// The question.
        url: String,
        /// What came instead.
        #[source]
        source: reqwest::Error,
    },
    /// Standard output cannot be written to.
    #[error("standard output could not be written")]
    Output(#[source] io::Error),
    /// The asynchronous runtime could not be started.
    #[error("the runtime could not be started")]
    Runtime(#[source] io::Error),
}

impl CliError {
    /// The exit status, as `lighterman --help` lists them.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::No(_) => 1,
            Self::Told(status) => *status,
            Self::Config(_) | Self::Edit(EditError::Config(_)) => 3,
            Self::File { .. } | Self::Edit(EditError::Io { .. }) | Self::Output(_) | Self::Runtime(_) => 5,
            Self::Chain { source, .. } if source.kind() == AdapterErrorKind::Config => 3,
            Self::Chain { .. } | Self::Deployment { .. } | Self::Devchain(_) | Self::Daemon { .. } => 4,
            Self::Engine(EngineError::Store(_)) | Self::Store(_) | Self::Api(_) => 5,
            Self::Engine(_) => 3,
            Self::Key { .. } | Self::Password { .. } => 6,
        }
    }
}

/// An error with all its causes in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

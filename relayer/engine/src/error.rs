use relayer_core::PathId;
use relayer_store::StoreError;

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is nothing to do.
    #[error("paths: expected at least 1, found 0")]
    NoPaths,
    /// Two paths have one name.
    #[error("path {path}: expected a name of its own, found another path with it")]
    DuplicatePath {
        /// The name.
        path: PathId,
    },
    /// Two ends name one chain differently.
    #[error("chain {chain}: expected one chain id, found {first} and {second}")]
    DifferentChains {
        /// The chain's name.
        chain: String,
        /// The first chain id.
        first: String,
        /// The other.
        second: String,
    },
    /// Two paths use one client.
    #[error("path {path}: expected a client of its own on {chain}, found {client} in another path")]
    SharedClient {
        /// The path.
        path: PathId,
        /// The chain's name.
        chain: String,
        /// The client.
        client: String,
    },
    /// This version shows timeouts by state only.
    #[error("path {path}: expected chains whose state proves absence, found {client_type}")]
    AbsenceUnsupported {
        /// The path.
        path: PathId,
        /// The client's kind.
        client_type: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

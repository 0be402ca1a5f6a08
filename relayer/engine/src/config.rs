use adapter::{ChainReader, ChainWriter, Prover};
use light_client::{ClientId, Height};
use relayer_core::{Limits, PathId, Trusted};
use std::{sync::Arc, time::Duration};

/// Everything an engine needs besides its store and its clock; constructed complete by whoever knows the chains.
#[derive(Clone)]
pub struct EngineConfig {
    /// Who this relayer is, in leases and errors: host name and process id, for example.
    pub owner: String,
    /// The paths to serve; names differ, and no two paths share a client.
    pub paths: Vec<PathHandles>,
    /// Bounds of signers: of queues, waits and back-off.
    pub limits: Limits,
    /// What jitter is derived from.
    pub seed: u64,
    /// How often a chain's head is asked for.
    pub poll_interval: Duration,
    /// How long one call of an adapter may take.
    pub call_timeout: Duration,
}

/// One path.
#[derive(Clone)]
pub struct PathHandles {
    /// Its name.
    pub id: PathId,
    /// The first chain.
    pub a: PathEnd,
    /// The second chain.
    pub b: PathEnd,
    /// Bounds of its batches, queues, waits and back-off.
    pub limits: Limits,
}

/// A chain as one end of a path.
#[derive(Clone)]
pub struct PathEnd {
    /// The chain's name in the configuration: ends with the same name are the same chain, and share head and signer.
    pub chain: String,
    /// Reads the chain.
    pub reader: Arc<dyn ChainReader>,
    /// Writes to the chain, with the signer for this path.
    pub writer: Arc<dyn ChainWriter>,
    /// Proves this chain to the client that the *other* end hosts.
    pub prover: Arc<dyn Prover>,
    /// The client on this chain, which follows the other end.
    pub client: ClientId,
    /// The prefix under which this chain's store is proven to the other, as registered there: one empty element for a
    /// Router on an EVM chain. From the configuration, because what a node says of it is not proven.
    pub store_prefix: Vec<Vec<u8>>,
    /// Events are looked for from this height on, when the store knows no later one: where the client was added.
    pub start_height: Height,
    /// What people agreed to trust of *this* chain when the clients were linked. Without it the state that the other
    /// end's client holds is taken on first use.
    pub bootstrap: Option<Trusted>,
}

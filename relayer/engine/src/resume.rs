use crate::path_task::{LEASE_MILLIS, lease_name};
use light_client::Sequence;
use relayer_core::{Direction, PacketState, PathId, UnixMillis, Write};
use relayer_store::{Guard, PacketQuery, Store, StoreError};

/// What became of the wish to let a parked packet go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It goes on when the relayer runs.
    Yes,
    /// It waits for no person; what state it is in.
    NotParked(PacketState),
    /// No such packet is known.
    Unknown,
}

/// Lets a parked packet go on, in the store of a relayer that does not run; a running one has
/// [`crate::EngineWatch::resume`].
///
/// # Errors
/// [`StoreError::LeaseHeld`] when a relayer drives the path after all; otherwise what the store says.
pub async fn resume_stored(
    store: &dyn Store,
    owner: &str,
    path: &PathId,
    direction: Direction,
    sequence: Sequence,
    now: UnixMillis,
) -> Result<Resumed, StoreError> {
    let lease = lease_name(path);
    let guard = Guard { fence: store.lease(&lease, owner, now, LEASE_MILLIS).await?.fence, lease };
    let result = resume(store, &guard, path, direction, sequence, now).await;
    store.release(&guard).await?;
    result
}

async fn resume(
    store: &dyn Store,
    guard: &Guard,
    path: &PathId,
    direction: Direction,
    sequence: Sequence,
    now: UnixMillis,
) -> Result<Resumed, StoreError> {
    let query = PacketQuery {
        path: Some(path.clone()),
        direction: Some(direction),
        sequence: Some(sequence),
        limit: 1,
        ..PacketQuery::default()
    };
    let Some(view) = store.packets(&query).await?.into_iter().next() else { return Ok(Resumed::Unknown) };
    let mut row = view.row;
    if !row.resume(now) {
        return Ok(Resumed::NotParked(row.state));
    }
    store.apply(guard, &[Write::Packet { path: path.clone(), direction, row }]).await?;
    Ok(Resumed::Yes)
}

use crate::StoreError;
use async_trait::async_trait;
use light_client::{Height, Packet, Sequence};
use relayer_core::{
    Attempt, Conflict, Direction, End, Lease, NonceEnd, PacketRow, PacketState, PassedOver, PathId, PathStart,
    SignerId, SignerStart, Step, UnixMillis, Waiting, Write,
};

/// The most rows that one question for packets, attempts or evidence returns.
pub const MAX_PAGE: u32 = 1_000;

/// Which packets are asked for; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketQuery {
    /// Only of this path.
    pub path: Option<PathId>,
    /// Only of this direction.
    pub direction: Option<Direction>,
    /// Only in this state.
    pub state: Option<PacketState>,
    /// Only those that wait for this.
    pub waiting: Option<Waiting>,
    /// Only unsettled ones.
    pub pending: bool,
    /// Only this number.
    pub sequence: Option<Sequence>,
    /// Only numbers below this one: for paging.
    pub before: Option<u64>,
    /// How many at most; cut to [`MAX_PAGE`].
    pub limit: u32,
}

/// A packet as people ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketView {
    /// The path.
    pub path: PathId,
    /// The direction.
    pub direction: Direction,
    /// Its row.
    pub row: PacketRow,
    /// Its body; `None` while it is missing.
    pub packet: Option<Packet>,
    /// Its acknowledgement, as told.
    pub acknowledgement: Option<Vec<u8>>,
    /// The steps proven done, with the height of the proof and the moment.
    pub steps: Vec<(Step, Height, UnixMillis)>,
}

/// A transaction that carried a step of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptView {
    /// The signer.
    pub signer: SignerId,
    /// The nonce.
    pub nonce: u64,
    /// The step.
    pub step: Step,
    /// The transaction.
    pub attempt: Attempt,
    /// What became of the nonce; `None` while it is open.
    pub end: Option<NonceEnd>,
}

/// Under which lease something is written. A write under a lease that has changed hands is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The lease's name.
    pub lease: String,
    /// The fence under which it was granted.
    pub fence: u64,
}

/// What the relayer remembers. Asynchronous, because databases are; the one in memory never waits, so a simulation may
/// poll its futures once.
///
/// Every implementation passes [`crate::conformance`].
#[async_trait]
pub trait Store: Send + Sync {
    /// Grants, renews or refuses a lease, as [`relayer_core::decide_lease`] says.
    ///
    /// # Errors
    /// [`StoreError::LeaseHeld`] when another holds it.
    async fn lease(&self, name: &str, owner: &str, now: UnixMillis, ttl_millis: u64) -> Result<Lease, StoreError>;

    /// Gives a lease back, if it is still held under this fence.
    async fn release(&self, guard: &Guard) -> Result<(), StoreError>;

    /// Makes all changes, in order, or none.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the guard's lease has changed hands.
    async fn apply(&self, guard: &Guard, writes: &[Write]) -> Result<(), StoreError>;

    /// What a path's machine starts from; the cost grows with the unsettled packets only.
    async fn path(&self, path: &PathId) -> Result<PathStart, StoreError>;

    /// What a signer's machine starts from.
    async fn signer(&self, signer: &SignerId) -> Result<SignerStart, StoreError>;

    /// The bodies of packets, in the order asked for; `None` for a packet that is missing or unknown.
    async fn bodies(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Packet>>, StoreError>;

    /// The acknowledgements of packets, in the order asked for, as told by events.
    async fn acknowledgements(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Packets as people ask for them, newest first.
    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError>;

    /// The transactions that carried steps of a packet, newest first, at most [`MAX_PAGE`].
    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError>;

    /// The verified proofs of a packet's steps and the verified updates at their heights, oldest first, at most
    /// [`MAX_PAGE`].
    async fn evidence(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<relayer_core::Evidence>, StoreError>;

    /// The headers of a path's chains that contradict one another, newest first; [`relayer_core::CONFLICTS_KEPT`] bounds
    /// them.
    async fn conflicts(&self, path: &PathId) -> Result<Vec<Conflict>, StoreError>;

    /// Up to which height the states of the clients that `a` and `b` host were compared with what their chains lead to;
    /// `None` for not at all.
    async fn compared(&self, path: &PathId) -> Result<[Option<Height>; 2], StoreError>;

    /// What was left out for good of a path, newest first; [`relayer_core::PASSED_OVER_KEPT`] bounds it.
    async fn passed_over(&self, path: &PathId) -> Result<Vec<PassedOver>, StoreError>;

    /// How many packets of a path are in each state, by direction, in the order of [`PacketState::ALL`].
    async fn counts(&self, path: &PathId) -> Result<[[u64; PacketState::ALL.len()]; 2], StoreError>;
}

/// The index of an end or a direction in the pairs above.
pub(crate) const fn end_index(end: End) -> usize {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

pub(crate) const fn direction_index(direction: Direction) -> usize {
    end_index(direction.source())
}

/// What every store insists on: a settled packet waits for nothing, a parked one for a person, and only they do.
pub(crate) fn check_row(row: &PacketRow) -> Result<(), StoreError> {
    let settled = row.state.is_settled() == (row.waiting == Waiting::Nothing);
    let parked = row.parked.is_some() == (row.waiting == Waiting::Person);
    if settled && parked {
        return Ok(());
    }
    Err(StoreError::Misuse {
        expected: "a settled packet to wait for nothing, a parked one for a person, and only them",
        found: format!("packet {} is {}, waits for {}, parked {:?}", row.sequence, row.state, row.waiting, row.parked),
    })
}

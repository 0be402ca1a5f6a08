use crate::{BatchId, Direction, End, Evidence, Item, Purpose, Step, Trusted, Write};
use light_client::{CommitmentHash, Height, Packet, Sequence, Status, Timestamp};
use std::sync::Arc;

/// A chain's latest final block, as told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: Timestamp,
}

/// A client as the chain that hosts it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedClient {
    /// Whether it may be used, by the host's clock.
    pub status: Status,
    /// Its latest state.
    pub latest: Trusted,
    /// When it expires unless it is updated; `None` when never.
    pub expires: Option<Timestamp>,
    /// Whether it takes updates from every state that it stores; else from the latest only.
    pub updates_from_any_state: bool,
}

/// What an event of a chain tells. Nothing of it is believed before it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The source committed to a packet of this path.
    Sent {
        /// The height.
        height: Height,
        /// The packet.
        packet: Packet,
    },
    /// The destination wrote a packet receipt.
    Received {
        /// The height.
        height: Height,
        /// The packet's number.
        sequence: Sequence,
    },
    /// The destination wrote an acknowledgement.
    Acknowledged {
        /// The height.
        height: Height,
        /// The packet's number.
        sequence: Sequence,
        /// The acknowledgement.
        acknowledgement: Vec<u8>,
    },
    /// The source's commitment is gone.
    Settled {
        /// The height.
        height: Height,
        /// The packet's number.
        sequence: Sequence,
    },
}

/// A question that the proven state of a chain answers with yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Does the source hold exactly this commitment?
    Commitment(Direction, Sequence, CommitmentHash),
    /// Does the source hold no commitment?
    NoCommitment(Direction, Sequence),
    /// Does the destination hold no packet receipt?
    NoReceipt(Direction, Sequence),
    /// Is this the number of the next packet?
    NextSequence(Direction, u64),
}

/// What is wanted of an event that was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// The event of its sending, on the source.
    Sent,
    /// The event of its acknowledgement, on the destination.
    Acknowledgement,
}

/// Why something could not be done; what follows depends on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No node answered in time.
    Transient,
    /// The chain said no.
    Refused,
    /// A node contradicts what is proven.
    Inconsistent,
    /// The trusted state does not reach.
    InsufficientTrust,
    /// The client is expired or frozen.
    ClientUnusable,
    /// The operator has to change something.
    Configuration,
}

/// Calls that were proven here and are ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The encoded calls.
    pub messages: Vec<u8>,
    /// What each call does, in order.
    pub calls: Vec<Call>,
    /// The height all proofs are at.
    pub height: Height,
    /// The proven time of that height.
    pub time: Timestamp,
    /// Whether the height meant is farther than one batch takes: then updates alone lead a part of the way, and what packets
    /// there are goes with a later batch.
    pub is_partway: bool,
    /// Steps whose claim was *disproven* at that height: the packet is not as told, or was received.
    pub disproven: Vec<Item>,
    /// The updates and proofs.
    pub evidence: Vec<Evidence>,
}

/// One call of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Advances the client to this height.
    Update(Height),
    /// Takes these packets, all of one direction, one step further.
    Packets(Step, Vec<Sequence>),
    /// Shows the client misbehaviour of the chain it follows.
    Misbehaviour,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Its transaction is said to be final.
    Included {
        /// The height.
        height: Height,
        /// Whether it succeeded as a whole; if not, no call took effect.
        success: bool,
        /// The calls that failed although it succeeded, by index.
        failed: Vec<usize>,
    },
    /// The chain would have refused every call; nothing was sent.
    Refused,
    /// It could not be signed; nothing was sent.
    Failed(Failure),
    /// Its nonce was taken by something else, or it was withdrawn.
    Lost,
}

/// A task that a machine asked for; each ends in exactly one event, which may be [`Event::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// [`Action::ReadEvents`].
    Events(End),
    /// [`Action::ReadClient`].
    Client(End),
    /// [`Action::ReadNextSequence`].
    NextSequence(Direction),
    /// [`Action::Verify`].
    Verify(End),
    /// [`Action::Look`].
    Look(End),
    /// [`Action::Prepare`].
    Prepare(End, u64),
    /// [`Action::Find`].
    Find(Direction, Sequence, Wanted),
}

/// What happens to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time passed.
    Tick,
    /// A chain told of its head.
    Head(End, Head),
    /// A chain told its events from one height to another, both included.
    Events {
        /// The chain.
        end: End,
        /// The first height.
        from: Height,
        /// The last height.
        to: Height,
        /// The events of this path, in order.
        events: Vec<Observed>,
    },
    /// A chain told of the client it hosts.
    Client(End, HostedClient),
    /// A chain told the number of its next packet.
    NextSequence(Direction, u64),
    /// A state of a chain was verified.
    Verified(End, Trusted),
    /// Questions were answered by proof, in the state of this height and time.
    Looked {
        /// The chain.
        end: End,
        /// The height.
        height: Height,
        /// The time of that height.
        time: Timestamp,
        /// Questions and answers.
        answers: Vec<(Question, bool)>,
    },
    /// A batch is ready.
    Prepared {
        /// The chain it is for.
        host: End,
        /// Its number.
        batch: u64,
        /// The batch.
        prepared: Prepared,
    },
    /// A batch is settled.
    Finished {
        /// The chain it was for.
        host: End,
        /// Its number.
        batch: u64,
        /// How.
        outcome: BatchOutcome,
    },
    /// An event was asked for; `None` when no node knows it.
    Found {
        /// The packet's direction.
        direction: Direction,
        /// Its number.
        sequence: Sequence,
        /// What was asked for.
        wanted: Wanted,
        /// The event.
        event: Option<Observed>,
    },
    /// The chain that a hosted client follows was caught certifying two blocks at one height.
    Misbehaviour {
        /// The chain that hosts the client.
        host: End,
        /// The encoded calls: an update, if the evidence takes one, and the evidence.
        messages: Vec<u8>,
        /// The height that the update leads to.
        update: Option<Height>,
    },
    /// A task came to nothing.
    Failed(Task, Failure),
    /// An operator lets a parked packet go on.
    Resume(Direction, Sequence),
    /// An operator makes a packet wait.
    Park(Direction, Sequence),
}

/// A step to be proven. What was told of its packet lately comes with it; the rest is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemToProve {
    /// The step.
    pub item: Item,
    /// The packet.
    pub packet: Option<Arc<Packet>>,
    /// The application's acknowledgement.
    pub acknowledgement: Option<Arc<[u8]>>,
}

/// What a path's machine wants done. `Persist` is done before anything after it in the list; everything else may run
/// side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Remember this, as a whole, before going on.
    Persist(Vec<Write>),
    /// Read events from one height to another, both included.
    ReadEvents {
        /// The chain.
        end: End,
        /// The first height.
        from: Height,
        /// The last height.
        to: Height,
    },
    /// Read the client that this chain hosts.
    ReadClient(End),
    /// Ask the source for the number of its next packet.
    ReadNextSequence(Direction),
    /// Verify a chain's state at a height, starting from what is trusted.
    Verify {
        /// The chain.
        end: End,
        /// What is trusted.
        trusted: Trusted,
        /// The height.
        target: Height,
    },
    /// Have questions answered by proof.
    Look {
        /// The chain.
        end: End,
        /// The state that answers.
        trusted: Trusted,
        /// The questions, at least one.
        questions: Vec<Question>,
    },
    /// Verify and encode a batch. A claim that does not hold is left out and reported as disproven.
    Prepare {
        /// The chain it is for.
        host: End,
        /// Its number.
        batch: u64,
        /// The latest state of the client there.
        trusted: Trusted,
        /// The height to update it to first, if any.
        target: Option<Height>,
        /// The steps.
        items: Vec<ItemToProve>,
    },
    /// Have a batch signed and sent.
    Submit(Submission),
    /// The batch has lost its purpose.
    Withdraw(BatchId),
    /// Ask all nodes for an event.
    Find {
        /// The packet's direction.
        direction: Direction,
        /// Its number.
        sequence: Sequence,
        /// What is wanted.
        wanted: Wanted,
    },
    /// Tell the operator.
    Alert(Alert),
}

/// A batch on its way to a signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// What it is for.
    pub purpose: Purpose,
    /// The encoded calls.
    pub messages: Vec<u8>,
    /// The updates and proofs; stored with the nonce.
    pub evidence: Vec<Evidence>,
}

impl Submission {
    /// Which batch it is.
    pub fn batch(&self) -> BatchId {
        BatchId { path: self.purpose.path.clone(), host: self.purpose.host, number: self.purpose.batch }
    }
}

/// What an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Alert {
    /// A node told of a packet that the chain does not hold.
    FalsePacket(Direction, Sequence),
    /// A node told of an acknowledgement that the chain does not hold.
    FalseAcknowledgement(Direction, Sequence),
    /// A packet exists and no node tells of it.
    Gap(Direction, Sequence),
    /// A node contradicts what is proven.
    Inconsistent(End),
    /// A hosted client may not be used.
    ClientUnusable(End, Status),
    /// What the relayer trusted of this chain was too old; what the hosted client trusts was taken instead.
    ViewReplaced(End),
    /// A packet waits for a person.
    Parked(Direction, Sequence, crate::Parked),
    /// A nonce was used by something else.
    NonceLost(u64),
}

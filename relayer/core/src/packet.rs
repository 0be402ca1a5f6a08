use crate::UnixMillis;
use light_client::{CommitmentHash, Height, Sequence};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in the database, in logs and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The one with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

closed! {
    /// How far a packet has come. Only proofs move a packet, except from `Missing` to `Announced`.
    PacketState {
        /// The proven next sequence says that it exists; no event has told of it.
        Missing = "missing",
        /// An event told of it; nothing is proven yet.
        Announced = "announced",
        /// Its commitment was proven on the source.
        Sent = "sent",
        /// Its packet receipt or acknowledgement was proven on the destination.
        Delivered = "delivered",
        /// Settled: delivered, and its commitment proven gone from the source.
        Acknowledged = "acknowledged",
        /// Settled: not received in time, and its commitment proven gone from the source.
        TimedOut = "timed-out",
    }
}

impl PacketState {
    /// Whether nothing is left to be done.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Acknowledged | Self::TimedOut)
    }
}

closed! {
    /// What an unsettled packet waits for.
    Waiting {
        /// Nothing: it is settled.
        Nothing = "nothing",
        /// Its turn in a batch.
        Turn = "turn",
        /// The event that tells of it, asked for at every endpoint.
        Event = "event",
        /// A look at the proven state, to see what is left to be done.
        Look = "look",
        /// A transaction that carries its next step.
        Transaction = "transaction",
        /// The proof that the step took effect.
        Confirmation = "confirmation",
        /// The destination's application, which acknowledges later.
        Acknowledgement = "acknowledgement",
        /// A client that is expired or frozen.
        Client = "client",
        /// A node that answers.
        Node = "node",
        /// A node that tells the truth.
        HonestNode = "honest-node",
        /// Another attempt after the chain refused the last.
        Refusal = "refusal",
        /// A person; see [`Parked`].
        Person = "person",
    }
}

closed! {
    /// Why a packet waits for a person.
    Parked {
        /// The chain refused the step again and again although the packet was alone in its batch.
        RefusedByChain = "refused-by-chain",
        /// The packet breaks the rules of packets.
        InvalidPacket = "invalid-packet",
        /// An operator parked it.
        Operator = "operator",
    }
}

closed! {
    /// What is done to a packet by a transaction.
    Step {
        /// Delivers it to the destination.
        Receive = "receive",
        /// Brings its acknowledgement to the source.
        Acknowledge = "acknowledge",
        /// Shows the source that it was not received in time.
        Timeout = "timeout",
    }
}

/// What is remembered of a packet while it is unsettled; its body lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketRow {
    /// Its number.
    pub sequence: Sequence,
    /// How far it has come.
    pub state: PacketState,
    /// What the source should store for it; zero while it is missing.
    pub commitment: CommitmentHash,
    /// From this moment on it may not be received, in Unix seconds of the destination; 0 while it is missing.
    pub timeout_seconds: u64,
    /// The length of its body, in bytes.
    pub body_bytes: u32,
    /// The source's height that is said to hold its commitment.
    pub sent_height: Height,
    /// The destination's height that is said to hold its acknowledgement.
    pub acknowledgement_height: Option<Height>,
    /// What it waits for.
    pub waiting: Waiting,
    /// Why it waits for a person; set exactly when it does.
    pub parked: Option<Parked>,
    /// Nothing is tried before.
    pub next_try: UnixMillis,
    /// Attempts at the present step that came to nothing, whatever the cause.
    pub tries: u32,
    /// Attempts at the present step that the chain refused.
    pub refusals: u32,
    /// When the state last changed.
    pub since: UnixMillis,
}

impl PacketRow {
    /// The row of a packet that an event told of.
    pub fn announced(sequence: Sequence, told: Told, now: UnixMillis) -> Self {
        Self {
            sequence,
            state: PacketState::Announced,
            commitment: told.commitment,
            timeout_seconds: told.timeout_seconds,
            body_bytes: told.body_bytes,
            sent_height: told.height,
            acknowledgement_height: None,
            waiting: Waiting::Turn,
            parked: None,
            next_try: now,
            tries: 0,
            refusals: 0,
            since: now,
        }
    }

    /// The row of a packet that the proven next sequence says exists, and that no event told of.
    pub fn missing(sequence: Sequence, now: UnixMillis) -> Self {
        let told = Told {
            commitment: CommitmentHash::default(),
            timeout_seconds: 0,
            body_bytes: 0,
            height: Height::default(),
        };
        let announced = Self::announced(sequence, told, now);
        Self { state: PacketState::Missing, waiting: Waiting::Event, ..announced }
    }

    /// Takes the row to a later state, and starts counting attempts anew. A state never goes back: an earlier one, or
    /// another one once the packet is settled, changes nothing and is `false`.
    pub fn advance(&mut self, to: PacketState, now: UnixMillis) -> bool {
        if to <= self.state || self.state.is_settled() {
            return false;
        }
        self.state = to;
        self.waiting = if to.is_settled() { Waiting::Nothing } else { Waiting::Turn };
        self.parked = None;
        self.next_try = now;
        self.tries = 0;
        self.refusals = 0;
        self.since = now;
        true
    }

    /// Replaces what an event told before: possible while nothing is proven.
    pub fn retell(&mut self, told: Told, now: UnixMillis) -> bool {
        if !matches!(self.state, PacketState::Missing | PacketState::Announced) || self.commitment == told.commitment {
            return false;
        }
        // Who tells one tale after another gains no more attempts by it.
        let tries = self.tries;
        *self = Self { tries, ..Self::announced(self.sequence, told, now) };
        true
    }

    /// Says what it waits for, unless it waits for a person or for nothing any more.
    pub fn wait_for(&mut self, waiting: Waiting) {
        if self.parked.is_none() && !self.state.is_settled() {
            self.waiting = waiting;
        }
    }

    /// Makes it wait for a person.
    pub fn park(&mut self, reason: Parked) {
        self.waiting = Waiting::Person;
        self.parked = Some(reason);
    }

    /// Lets it go on after a person looked at it; `false` when it was not parked.
    pub fn resume(&mut self, now: UnixMillis) -> bool {
        if self.parked.take().is_none() {
            return false;
        }
        self.waiting = Waiting::Look;
        self.next_try = now;
        self.tries = 0;
        self.refusals = 0;
        true
    }
}

/// What an event tells of a packet: claims, every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The commitment of the packet told of.
    pub commitment: CommitmentHash,
    /// Its timeout, in Unix seconds.
    pub timeout_seconds: u64,
    /// The length of its body, in bytes.
    pub body_bytes: u32,
    /// The source's height.
    pub height: Height,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(byte: u8) -> Told {
        Told { commitment: CommitmentHash::new([byte; 32]), timeout_seconds: 9, body_bytes: 1, height: Height::new(3) }
    }

    #[test]
    fn words_are_closed() {
        for state in PacketState::ALL {
            assert_eq!(PacketState::from_word(state.as_str()), Some(*state));
        }
        assert_eq!(PacketState::from_word("lost"), None);
    }

    #[test]
    fn one_tale_after_another_gains_no_attempts() {
        let mut row = PacketRow::announced(Sequence::FIRST, told(1), UnixMillis::new(1));
        row.tries = 7;
        assert!(row.retell(told(2), UnixMillis::new(2)));
        assert_eq!((row.tries, row.commitment), (7, told(2).commitment));
    }

    #[test]
    fn states_never_go_back() {
        for (i, &from) in PacketState::ALL.iter().enumerate() {
            for (j, &to) in PacketState::ALL.iter().enumerate() {
                let mut row = PacketRow::announced(Sequence::FIRST, told(1), UnixMillis::new(0));
                row.state = from;
                let moves = row.advance(to, UnixMillis::new(1));
                assert_eq!(moves, j > i && !from.is_settled(), "{from} to {to}");
                assert_eq!(row.state, if moves { to } else { from });
            }
        }
    }

    #[test]
    fn what_is_proven_is_not_retold() {
        let now = UnixMillis::new(5);
        let mut row = PacketRow::missing(Sequence::FIRST, now);
        assert!(row.retell(told(1), now) && row.state == PacketState::Announced);
        assert!(!row.retell(told(1), now));
        assert!(row.retell(told(2), now));
        assert!(row.advance(PacketState::Sent, now));
        assert!(!row.retell(told(3), now) && row.commitment == CommitmentHash::new([2; 32]));
    }
}

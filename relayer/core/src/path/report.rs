//! What a path's machine tells of itself.

use super::{Direction, End, HostedClient, PathMachine, batch::refresh_at, end_index, index};
use crate::{Head, PacketRow, PacketState, UnixMillis, Waiting};
use light_client::{Height, Sequence, Timestamp};

/// A hosted client, and what the relayer has verified of the chain it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientReport {
    /// As last read from its host.
    pub client: Option<HostedClient>,
    /// When it will be refreshed.
    pub refresh: Option<Timestamp>,
    /// The verified height and time of the chain it follows.
    pub verified: Option<(Height, Timestamp)>,
}

/// The packets of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionReport {
    /// How many packets are in each state, in the order of [`PacketState::ALL`].
    pub counts: [u64; PacketState::ALL.len()],
    /// How many unsettled packets wait for what, in the order of [`Waiting::ALL`].
    pub waiting: [u64; Waiting::ALL.len()],
    /// Every packet up to this number is known.
    pub known_through: u64,
    /// When the state of the oldest unsettled packet last changed.
    pub oldest_since: Option<UnixMillis>,
    /// Batches under way that carry packets of this direction.
    pub batches: u64,
}

impl PathMachine {
    /// What is known of the client that an end hosts.
    pub fn client(&self, host: End) -> ClientReport {
        let client = self.ends[end_index(host)].client.clone();
        let view = self.ends[end_index(host.other())].view.as_ref();
        ClientReport {
            refresh: client.as_ref().and_then(|client| refresh_at(client, &self.limits)),
            verified: view.map(|view| (view.height, view.time)),
            client,
        }
    }

    /// The packets of a direction.
    pub fn direction_report(&self, direction: Direction) -> DirectionReport {
        let state = &self.directions[index(direction)];
        let mut waiting = [0; Waiting::ALL.len()];
        for entry in state.rows.values() {
            for (kind, count) in Waiting::ALL.iter().zip(&mut waiting) {
                *count += u64::from(*kind == entry.row.waiting);
            }
        }
        let carries = |flight: &super::Flight, host: End| {
            flight.calls.iter().any(|call| match call {
                crate::Call::Update(_) | crate::Call::Misbehaviour => false,
                crate::Call::Packets(step, _) => super::direction_on(host, *step) == direction,
            })
        };
        let batches = End::BOTH
            .iter()
            .map(|host| {
                self.ends[end_index(*host)].flights.values().filter(|flight| carries(flight, *host)).count() as u64
            })
            .sum();
        DirectionReport {
            counts: state.counts,
            waiting,
            known_through: state.known.through(),
            oldest_since: state.rows.values().map(|entry| entry.row.since).min(),
            batches,
        }
    }

    /// The head of a chain, as last told.
    pub fn head(&self, end: End) -> Option<Head> {
        self.ends[end_index(end)].head
    }

    /// An unsettled packet's row.
    pub fn row(&self, direction: Direction, sequence: Sequence) -> Option<&PacketRow> {
        self.directions[index(direction)].rows.get(&sequence).map(|entry| &entry.row)
    }

    /// How many packets are not settled.
    pub fn pending(&self) -> usize {
        self.directions.iter().map(|state| state.rows.len()).sum()
    }
}

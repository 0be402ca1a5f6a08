//! A model of a chain with a Router and receipts. It keeps every value it ever stored, so that a proof is a look into
//! the past, and it obeys the rules of IBC v2, so that it refuses what a real Router refuses.

use light_client::{Height, Packet, Payload, Sequence};
use relayer_core::End;
use std::collections::{BTreeMap, BTreeSet};

/// The clients expire after this long without an update, in seconds.
pub(crate) const TRUSTING_SECONDS: u64 = 900;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Slot {
    Commitment(u64),
    Receipt(u64),
    Acknowledgement(u64),
    NextSequence,
}

/// Which state a header commits to, and how heights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consensus {
    /// The state after its block, as with QBFT.
    StateAfter,
    /// The state before its block, as with Tendermint; heights are of a revision.
    StateBefore,
}

/// The revision of the heights of a chain under [`Consensus::StateBefore`].
const REVISION: u64 = 3;

/// A slot of the Router, by the client it belongs to (one client for each path).
pub(crate) type Key = (usize, Slot);

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Update { path: usize, trusted: u64, target: u64 },
    Receive { path: usize, packets: Vec<Packet>, height: u64 },
    Acknowledge { path: usize, packets: Vec<Packet>, acknowledgements: Vec<Vec<u8>>, height: u64 },
    Timeout { path: usize, packets: Vec<Packet>, height: u64 },
}

#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: u64,
    pub(crate) nonce: u64,
    pub(crate) price: u128,
    /// Empty for a transaction that does nothing.
    pub(crate) calls: Vec<Call>,
    pub(crate) single: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Included {
    pub(crate) height: u64,
    pub(crate) success: bool,
    pub(crate) failed: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) latest: u64,
    pub(crate) latest_time: u64,
    pub(crate) heights: BTreeSet<u64>,
    /// As ibc-go's clients; those of our contracts take them from the latest only.
    pub(crate) updates_from_any_state: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum ChainEvent {
    Sent { path: usize, packet: Packet },
    Received { path: usize, sequence: u64 },
    Acknowledged { path: usize, sequence: u64, bytes: Vec<u8> },
    Settled { path: usize, sequence: u64 },
}

/// What an application makes of a packet's value: its first byte says how it behaves.
pub(crate) const WELL: u8 = 0;
pub(crate) const LATE: u8 = 1;
pub(crate) const REFUSED: u8 = 2;
pub(crate) const POISON: u8 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) end: End,
    pub(crate) consensus: Consensus,
    /// Times of the blocks, in seconds; the index is the height.
    pub(crate) times: Vec<u64>,
    values: BTreeMap<Key, Vec<(u64, Vec<u8>)>>,
    pub(crate) events: BTreeMap<u64, Vec<ChainEvent>>,
    pub(crate) clients: BTreeMap<usize, Client>,
    pub(crate) mempool: Vec<Transaction>,
    pub(crate) included: BTreeMap<u64, Included>,
    pub(crate) nonce: u64,
    pub(crate) price: u128,
    /// Receipts that are live here.
    pub(crate) live: BTreeSet<u64>,
    pub(crate) redeemed: BTreeSet<u64>,
    late: Vec<(u64, usize, Packet)>,
    /// Packets of steps that came when nothing was left to be done.
    pub(crate) redundant: u64,
    pub(crate) deliveries: BTreeMap<(usize, u64), u64>,
}

impl Chain {
    pub(crate) fn new(end: End, consensus: Consensus, updates_from_any_state: bool, paths: usize, time: u64) -> Self {
        let mut chain = Self {
            end,
            consensus,
            times: vec![time],
            values: BTreeMap::new(),
            events: BTreeMap::new(),
            clients: BTreeMap::new(),
            mempool: Vec::new(),
            included: BTreeMap::new(),
            nonce: 0,
            price: 1,
            live: BTreeSet::new(),
            redeemed: BTreeSet::new(),
            late: Vec::new(),
            redundant: 0,
            deliveries: BTreeMap::new(),
        };
        for path in 0..paths {
            chain.put((path, Slot::NextSequence), 1_u64.to_be_bytes().to_vec());
            let client = Client { latest: 0, latest_time: time, heights: BTreeSet::from([0]), updates_from_any_state };
            chain.clients.insert(path, client);
        }
        chain
    }

    pub(crate) fn height(&self) -> u64 {
        self.times.len() as u64 - 1
    }

    pub(crate) fn time(&self) -> u64 {
        self.times.last().copied().unwrap_or(0)
    }

    pub(crate) fn time_at(&self, height: u64) -> Option<u64> {
        self.times.get(usize::try_from(height).ok()?).copied()
    }

    /// A height of this number.
    pub(crate) const fn height_of(&self, number: u64) -> Height {
        match self.consensus {
            Consensus::StateAfter => Height::new(number),
            Consensus::StateBefore => Height::with_revision(REVISION, number),
        }
    }

    /// The first header that shows what a block did: what an adapter's prover says of it.
    pub(crate) fn provable_from(&self, block: u64) -> Height {
        self.height_of(block + u64::from(self.consensus == Consensus::StateBefore))
    }

    /// The value that a header proves; an empty value is none.
    pub(crate) fn proven_at(&self, key: Key, header: u64) -> Vec<u8> {
        match self.consensus {
            Consensus::StateAfter => self.value_at(key, header),
            Consensus::StateBefore => header.checked_sub(1).map_or(Vec::new(), |block| self.value_at(key, block)),
        }
    }

    /// The value in the state after a block; an empty value is none.
    fn value_at(&self, key: Key, height: u64) -> Vec<u8> {
        let versions = self.values.get(&key).map_or(&[][..], Vec::as_slice);
        versions.iter().rev().find(|(at, _)| *at <= height).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    pub(crate) fn value(&self, key: Key) -> Vec<u8> {
        self.value_at(key, u64::MAX)
    }

    pub(crate) fn next_sequence(&self, path: usize) -> u64 {
        number(&self.value((path, Slot::NextSequence)))
    }

    fn put(&mut self, key: Key, value: Vec<u8>) {
        let height = self.height();
        self.values.entry(key).or_default().push((height, value));
    }

    fn emit(&mut self, event: ChainEvent) {
        let height = self.height();
        self.events.entry(height).or_default().push(event);
    }

    /// Opens the next block: calls that follow happen in it.
    pub(crate) fn open_block(&mut self, time: u64) {
        let time = time.max(self.time());
        self.times.push(time);
        let due: Vec<(u64, usize, Packet)> = self.late.extract_if(.., |(at, ..)| *at <= time).collect();
        for (_, path, packet) in due {
            self.write_acknowledgement(path, packet.sequence.get(), b"late".to_vec());
        }
    }

    /// A person's packet: the receipt leaves.
    pub(crate) fn send(&mut self, path: usize, receipt: u64, kind: u8, timeout: u64) {
        if !self.live.remove(&receipt) {
            return;
        }
        let sequence = self.next_sequence(path);
        let mut value = vec![kind];
        value.extend_from_slice(&receipt.to_be_bytes());
        let client = |end: End| format!("model-{end}-{path}").parse().expect("a client id");
        let packet = Packet {
            sequence: Sequence::try_from(sequence).expect("at least 1"),
            source_client: client(self.end),
            destination_client: client(self.end.other()),
            timeout_seconds: timeout,
            payloads: vec![Payload {
                source_port: "receipt".into(),
                destination_port: "receipt".into(),
                version: "1".into(),
                encoding: "x".into(),
                value,
            }],
        };
        self.put((path, Slot::NextSequence), (sequence + 1).to_be_bytes().to_vec());
        self.put((path, Slot::Commitment(sequence)), packet.commitment().as_bytes().to_vec());
        self.emit(ChainEvent::Sent { path, packet });
    }

    /// Takes what the mempool offers into the open block; `other` is the chain that proofs are about.
    pub(crate) fn fill_block(&mut self, other: &Self, most: usize) {
        for _ in 0..most {
            let (nonce, price) = (self.nonce, self.price);
            let best = self
                .mempool
                .iter()
                .filter(|transaction| transaction.nonce == nonce && transaction.price >= price)
                .max_by_key(|transaction| transaction.price);
            let Some(transaction) = best.cloned() else { break };
            self.nonce += 1;
            let next = self.nonce;
            self.mempool.retain(|waiting| waiting.nonce >= next);
            let height = self.height();
            let failed: Vec<usize> = transaction
                .calls
                .iter()
                .enumerate()
                .filter_map(|(index, call)| (!self.execute(call, other)).then_some(index))
                .collect();
            let success = !transaction.single || failed.is_empty();
            let failed = if success { failed } else { Vec::new() };
            self.included.insert(transaction.id, Included { height, success, failed });
        }
    }

    /// Whether at least one call would succeed now.
    pub(crate) fn would_do(&self, calls: &[Call], other: &Self) -> bool {
        let mut copy = self.clone();
        copy.times.push(self.time());
        calls.iter().map(|call| copy.execute(call, other)).fold(false, |any, one| any | one)
    }

    pub(crate) fn active(&self, path: usize) -> bool {
        self.clients.get(&path).is_some_and(|client| self.time() < client.latest_time + TRUSTING_SECONDS)
    }

    /// Makes a call; `false` when it fails, and then nothing has changed.
    fn execute(&mut self, call: &Call, other: &Self) -> bool {
        match call {
            Call::Update { path, trusted, target } => {
                let active = self.active(*path);
                let Some(client) = self.clients.get_mut(path) else { return false };
                if client.heights.contains(target) {
                    return true;
                }
                let Some(time) = other.time_at(*target) else { return false };
                let is_known = if client.updates_from_any_state {
                    client.heights.contains(trusted)
                } else {
                    client.latest == *trusted && client.latest < *target
                };
                if !active || !is_known || target <= trusted {
                    return false;
                }
                if client.latest < *target {
                    client.latest = *target;
                    client.latest_time = time;
                }
                client.heights.insert(*target);
                true
            }
            Call::Receive { path, packets, height } => {
                let pending = |packet: &Packet| self.value((*path, Slot::Receipt(packet.sequence.get()))).is_empty();
                if packets.iter().any(pending) {
                    let proven = |packet: &Packet| {
                        let key = (*path, Slot::Commitment(packet.sequence.get()));
                        other.proven_at(key, *height) == packet.commitment().as_bytes()
                    };
                    let refused = |packet: &Packet| self.time() >= packet.timeout_seconds || kind(packet) == POISON;
                    if !self.trusts(*path, *height) || !packets.iter().all(proven) || packets.iter().any(refused) {
                        return false;
                    }
                }
                for packet in packets {
                    self.receive(*path, packet);
                }
                true
            }
            Call::Acknowledge { path, packets, acknowledgements, height } => {
                let proven = packets.iter().zip(acknowledgements).all(|(packet, bytes)| {
                    other.proven_at((*path, Slot::Acknowledgement(packet.sequence.get())), *height) == *bytes
                });
                let pending = packets.iter().any(|packet| self.holds(*path, packet));
                if pending && (!self.trusts(*path, *height) || !proven) {
                    return false;
                }
                for (packet, bytes) in packets.iter().zip(acknowledgements) {
                    if self.settle(*path, packet) && bytes.as_slice() == b"refused" {
                        self.live.insert(receipt(packet));
                    }
                }
                true
            }
            Call::Timeout { path, packets, height } => {
                let time = other.time_at(*height).unwrap_or(0);
                let proven = packets.iter().all(|packet| {
                    time >= packet.timeout_seconds
                        && other.proven_at((*path, Slot::Receipt(packet.sequence.get())), *height).is_empty()
                });
                let pending = packets.iter().any(|packet| self.holds(*path, packet));
                if pending && (!self.trusts(*path, *height) || !proven) {
                    return false;
                }
                for packet in packets {
                    if self.settle(*path, packet) {
                        self.live.insert(receipt(packet));
                    }
                }
                true
            }
        }
    }

    fn trusts(&self, path: usize, height: u64) -> bool {
        self.active(path) && self.clients.get(&path).is_some_and(|client| client.heights.contains(&height))
    }

    fn holds(&self, path: usize, packet: &Packet) -> bool {
        self.value((path, Slot::Commitment(packet.sequence.get()))) == packet.commitment().as_bytes()
    }

    fn receive(&mut self, path: usize, packet: &Packet) {
        let sequence = packet.sequence.get();
        if !self.value((path, Slot::Receipt(sequence))).is_empty() {
            self.redundant += 1;
            return;
        }
        *self.deliveries.entry((path, sequence)).or_default() += 1;
        self.put((path, Slot::Receipt(sequence)), packet.commitment().as_bytes().to_vec());
        self.emit(ChainEvent::Received { path, sequence });
        match kind(packet) {
            REFUSED => self.write_acknowledgement(path, sequence, b"refused".to_vec()),
            LATE => {
                self.live.insert(receipt(packet));
                self.late.push((self.time() + 5, path, packet.clone()));
            }
            _ => {
                self.live.insert(receipt(packet));
                self.write_acknowledgement(path, sequence, b"accepted".to_vec());
            }
        }
    }

    fn write_acknowledgement(&mut self, path: usize, sequence: u64, bytes: Vec<u8>) {
        self.put((path, Slot::Acknowledgement(sequence)), bytes.clone());
        self.emit(ChainEvent::Acknowledged { path, sequence, bytes });
    }

    fn settle(&mut self, path: usize, packet: &Packet) -> bool {
        let sequence = packet.sequence.get();
        if !self.holds(path, packet) {
            self.redundant += 1;
            return false;
        }
        self.put((path, Slot::Commitment(sequence)), Vec::new());
        self.emit(ChainEvent::Settled { path, sequence });
        true
    }
}

pub(crate) fn kind(packet: &Packet) -> u8 {
    packet.payloads.first().and_then(|payload| payload.value.first()).copied().unwrap_or(WELL)
}

pub(crate) fn receipt(packet: &Packet) -> u64 {
    packet.payloads.first().map_or(0, |payload| number(payload.value.get(1..).unwrap_or_default()))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

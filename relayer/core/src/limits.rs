use crate::Step;
use serde::{Deserialize, Serialize};

/// Bounds of everything that could grow, and every wait; the defaults suit two chains with blocks of a second or less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most packets in one batch.
    pub batch_packets: u32,
    /// The most bytes of messages in one batch; a single packet may exceed it. Nodes of the go-ethereum family refuse
    /// transactions above 128 KiB.
    pub batch_bytes: u32,
    /// The most gas in one batch, by the estimates below.
    pub batch_gas: u64,
    /// Gas reckoned for a client update.
    pub update_gas: u64,
    /// Gas reckoned for each packet received.
    pub receive_gas: u64,
    /// Gas reckoned for each packet acknowledged.
    pub acknowledge_gas: u64,
    /// Gas reckoned for each packet timed out.
    pub timeout_gas: u64,
    /// The most batches of a path under way to one chain.
    pub batches_in_flight: u32,
    /// The most transactions of one signer that are not final.
    pub open_nonces: u32,
    /// The most batches that wait for one signer.
    pub queued_batches: u32,
    /// The most blocks asked for events at once.
    pub event_blocks: u64,
    /// The most packets whose state is looked up in one proof.
    pub look_packets: u32,
    /// The most missing packets that are asked for at the same time, for each direction.
    pub missing_packets: u32,
    /// The most packets that were told of and are not proven, for each direction: beyond that no more events are read
    /// until some are proven, or found to be made up.
    pub announced_packets: u32,
    /// How long what may be lost with the process is held back, in milliseconds, so that many changes cost one write; 0 for
    /// not at all. What a transaction rests on is stored before the transaction, whatever this says.
    pub hold_millis: u64,
    /// The first delay after a failure, in milliseconds; it doubles with every further one.
    pub back_off_first_millis: u64,
    /// The longest delay after failures, in milliseconds.
    pub back_off_last_millis: u64,
    /// How long after inclusion the effect's event is waited for before the state is looked at, in milliseconds.
    pub event_patience_millis: u64,
    /// How often the proven next sequence is compared with the known packets, in milliseconds.
    pub gap_check_millis: u64,
    /// How often the hosted clients are read although nothing happened, in milliseconds.
    pub client_read_millis: u64,
    /// How often a transaction's outcome is asked for, in milliseconds.
    pub outcome_millis: u64,
    /// After this long without becoming final a transaction is replaced, in milliseconds.
    pub stuck_millis: u64,
    /// The most attempts at one nonce; after that the last one is repeated.
    pub nonce_attempts: u32,
    /// Refusals after which a packet, alone in its batch, waits for a person.
    pub refusals_before_parking: u32,
    /// A packet this close to its timeout goes before all others, in seconds.
    pub urgent_seconds: u64,
    /// A client is refreshed when this share of its life is left, in per cent.
    pub refresh_left_percent: u8,
    /// A client is refreshed at the latest after this long, in seconds, however long it lives; 0 for never.
    pub refresh_seconds: u64,
}

impl Limits {
    /// Gas reckoned for a packet's step.
    pub const fn step_gas(&self, step: Step) -> u64 {
        match step {
            Step::Receive => self.receive_gas,
            Step::Acknowledge => self.acknowledge_gas,
            Step::Timeout => self.timeout_gas,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_packets: 50,
            batch_bytes: 110_000,
            batch_gas: 24_000_000,
            update_gas: 400_000,
            receive_gas: 450_000,
            acknowledge_gas: 200_000,
            timeout_gas: 200_000,
            batches_in_flight: 4,
            open_nonces: 8,
            queued_batches: 64,
            event_blocks: 512,
            look_packets: 200,
            missing_packets: 64,
            announced_packets: 20_000,
            hold_millis: 200,
            back_off_first_millis: 250,
            back_off_last_millis: 60_000,
            event_patience_millis: 2_000,
            gap_check_millis: 5_000,
            client_read_millis: 15_000,
            outcome_millis: 200,
            stuck_millis: 20_000,
            nonce_attempts: 12,
            refusals_before_parking: 10,
            urgent_seconds: 60,
            refresh_left_percent: 50,
            refresh_seconds: 0,
        }
    }
}

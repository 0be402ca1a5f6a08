//! One signer of one chain: nonces, the outbox of signed transactions, replacement of stuck ones.
//!
//! A nonce comes from the chain's count and from the outbox, never from the text of an error. A transaction is stored
//! before it is first sent, so that after a crash the same one is sent again instead of another.

use crate::{
    Alert, Attempt, BatchId, BatchOutcome, Bid, Failure, Limits, NonceEnd, PathId, Purpose, SignerId, Submission,
    UnixMillis, Write, path::Retry,
};
use light_client::Height;
use std::collections::{BTreeMap, VecDeque};

/// Settled nonces that are remembered in case the chain asks for one again.
pub const CLOSED_NONCES_KEPT: usize = 64;
/// Answers that a transaction is unknown, after the chain moved past its nonce, before it is given up for lost.
const UNKNOWN_ANSWERS: u8 = 3;
/// How long after the chain was first said to have moved past its nonce a transaction is not given up: nodes count a block
/// before they have indexed what is in it.
const LOST_MILLIS: u64 = 20_000;
/// How far beyond the chain's count a nonce may lie. What is further was signed upon a count that was a lie: it would
/// take that many transactions more before it could be included.
const FARTHEST_NONCE: u64 = CLOSED_NONCES_KEPT as u64;
/// Times that all nodes refuse a transaction, one after another, before its nonce is used up by another that does
/// nothing: everything behind it waits for it.
const SENDINGS_REFUSED: u32 = 5;
/// Outcomes are asked for this often between two questions for the chain's count.
const OUTCOMES_PER_COUNT: u64 = 5;

/// What a signer's machine starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerStart {
    /// The greatest nonce ever taken here.
    pub last_nonce: Option<u64>,
    /// Recently settled nonces and how many attempts each had; at most [`CLOSED_NONCES_KEPT`].
    pub closed: Vec<(u64, u32)>,
    /// Nonces that are not settled.
    pub open: Vec<OpenStart>,
}

/// A nonce of a [`SignerStart`] that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenStart {
    /// The nonce.
    pub nonce: u64,
    /// What it is for.
    pub purpose: Option<Purpose>,
    /// The transactions signed for it, in order.
    pub attempts: Vec<Attempt>,
}

/// What became of a transaction, as told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// The node does not know it.
    Unknown,
    /// It waits.
    Pending,
    /// It is in a final block.
    Included {
        /// The block's height.
        height: Height,
        /// Whether it succeeded as a whole.
        success: bool,
        /// Gas used.
        gas_used: u64,
        /// The calls of its batch that failed.
        failed: Vec<usize>,
    },
}

/// A task that a signer's machine asked for; each ends in exactly one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerTask {
    /// [`SignerAction::ReadNonces`].
    Nonces,
    /// [`SignerAction::Sign`], [`SignerAction::SignAgain`] or [`SignerAction::SignCancel`].
    Sign(u64),
    /// [`SignerAction::Broadcast`].
    Broadcast(u64, u32),
    /// [`SignerAction::ReadOutcome`].
    Outcome(u64, u32),
}

/// What happens to a signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerEvent {
    /// Time passed.
    Tick,
    /// A path has a batch.
    Submit(Submission),
    /// A batch has lost its purpose.
    Withdraw(BatchId),
    /// The chain told its count and the signer's funds.
    Nonces {
        /// The first nonce not in a final block.
        next_final: u64,
        /// Funds.
        balance: u128,
    },
    /// A transaction was signed; its number and moment are this machine's to set.
    Signed {
        /// The nonce.
        nonce: u64,
        /// Its hash.
        hash: [u8; 32],
        /// Its bytes.
        raw: Vec<u8>,
        /// What it bids.
        bid: Bid,
        /// The most gas it may use.
        gas_limit: u64,
    },
    /// A transaction was handed to the nodes.
    Sent(u64, u32),
    /// What became of a transaction.
    Outcome(u64, u32, TransactionOutcome),
    /// A task came to nothing.
    Failed(SignerTask, Failure),
}

/// What a signer's machine wants done; `Persist` before anything after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerAction {
    /// Remember this before going on.
    Persist(Vec<Write>),
    /// Ask for the chain's count.
    ReadNonces,
    /// Sign calls.
    Sign {
        /// The nonce.
        nonce: u64,
        /// The encoded calls.
        messages: Vec<u8>,
    },
    /// Sign a transaction's calls again, with a better bid.
    SignAgain {
        /// The nonce.
        nonce: u64,
        /// The transaction as broadcast.
        raw: Vec<u8>,
        /// The bid that has to be bettered.
        replaces: Bid,
    },
    /// Sign nothing but a nonce.
    SignCancel {
        /// The nonce.
        nonce: u64,
        /// The bid that has to be bettered.
        replaces: Option<Bid>,
    },
    /// Hand a transaction to the nodes.
    Broadcast {
        /// The nonce.
        nonce: u64,
        /// The transaction.
        attempt: Attempt,
    },
    /// Ask what became of a transaction.
    ReadOutcome {
        /// The nonce.
        nonce: u64,
        /// Which attempt.
        number: u32,
        /// Its hash.
        hash: [u8; 32],
    },
    /// Tell the path what became of its batch.
    Finish(BatchId, BatchOutcome),
    /// Tell the operator.
    Alert(Alert),
}

/// What a signer's machine tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerReport {
    /// The nonce of the next transaction.
    pub next_nonce: Option<u64>,
    /// Transactions that are not final.
    pub open: u64,
    /// Batches that wait for a nonce.
    pub queued: u64,
    /// Transactions that became final since the start.
    pub included: u64,
    /// Replacements signed since the start.
    pub replaced: u64,
    /// Funds, as last told.
    pub balance: Option<u128>,
}

/// Decides everything for one signer.
#[derive(Debug)]
pub struct SignerMachine {
    id: SignerId,
    limits: Limits,
    seed: u64,
    now: UnixMillis,
    next_final: Option<u64>,
    balance: Option<u128>,
    last_nonce: Option<u64>,
    open: BTreeMap<u64, Open>,
    closed: BTreeMap<u64, u32>,
    queues: BTreeMap<PathId, VecDeque<Submission>>,
    /// Paths with something queued, the next one first.
    turns: VecDeque<PathId>,
    signing: Option<Signing>,
    sign: Retry,
    reading: bool,
    count: Retry,
    hole_since: Option<UnixMillis>,
    included: u64,
    replaced: u64,
    writes: Vec<Write>,
    /// Since when something is to be remembered.
    held_since: Option<UnixMillis>,
    actions: Vec<SignerAction>,
}

#[derive(Debug)]
struct Open {
    purpose: Option<Purpose>,
    attempts: Vec<Attempt>,
    withdrawn: bool,
    asking: bool,
    outcome: Retry,
    /// Which attempt is asked for next.
    asked: usize,
    sending: bool,
    send: Retry,
    /// How often all nodes refused the last attempt, one time after another.
    refused: u32,
    /// Its calls were given up, since no node takes them.
    given_up: bool,
    /// Since when the chain is said to have moved past the nonce.
    passed: Option<UnixMillis>,
    /// For each attempt, how often it was unknown after the chain moved past the nonce.
    unknown: Vec<u8>,
}

#[derive(Debug)]
enum Signing {
    New(u64, Submission),
    Replacement { nonce: u64, cancels: bool },
    Hole(u64),
}

impl SignerMachine {
    /// Starts from what is remembered: open transactions are sent again.
    pub fn new(id: SignerId, limits: Limits, seed: u64, start: SignerStart, now: UnixMillis) -> Self {
        let open = start.open.into_iter().map(|open| {
            let mut entry = Open::new(open.purpose, open.attempts);
            // A clock that was wrong then must not keep a stuck transaction from being replaced now.
            entry.attempts.iter_mut().for_each(|attempt| attempt.signed = attempt.signed.min(now));
            (open.nonce, entry)
        });
        Self {
            id,
            limits,
            seed,
            now,
            next_final: None,
            balance: None,
            last_nonce: start.last_nonce,
            open: open.collect(),
            closed: start.closed.into_iter().collect(),
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            signing: None,
            sign: Retry::default(),
            reading: false,
            count: Retry::default(),
            hole_since: None,
            included: 0,
            replaced: 0,
            writes: Vec::new(),
            held_since: None,
            actions: Vec::new(),
        }
    }

    /// Takes an event and says what is to be done.
    pub fn handle(&mut self, event: SignerEvent, now: UnixMillis) -> Vec<SignerAction> {
        if now < self.now {
            self.clock_was_set_back(self.now.millis_since(now));
        }
        self.now = now;
        match event {
            SignerEvent::Tick => {}
            SignerEvent::Submit(submission) => self.on_submit(submission),
            SignerEvent::Withdraw(batch) => self.on_withdraw(&batch),
            SignerEvent::Nonces { next_final, balance } => self.on_nonces(next_final, balance),
            SignerEvent::Signed { nonce, hash, raw, bid, gas_limit } => {
                let attempt = Attempt { number: 0, hash, raw, bid, gas_limit, cancels: false, signed: now };
                self.on_signed(nonce, attempt);
            }
            SignerEvent::Sent(nonce, _) => {
                let next = now.plus_millis(self.limits.outcome_millis.saturating_mul(OUTCOMES_PER_COUNT));
                if let Some(open) = self.open.get_mut(&nonce) {
                    open.sending = false;
                    open.refused = 0;
                    open.send.done(next);
                }
            }
            SignerEvent::Outcome(nonce, number, outcome) => self.on_outcome(nonce, number, outcome),
            SignerEvent::Failed(task, failure) => self.on_failed(task, failure),
        }
        self.ask_for_count();
        self.disbelieve();
        self.ask_for_signature();
        self.ask_for_transactions();
        self.flush()
    }

    /// First the paths are told how their batches ended; then what is to be remembered goes before everything else that is
    /// to be done. How a nonce ended may wait a little: whoever does not know it after a crash sends the same transaction
    /// again, and asks for its outcome again.
    fn flush(&mut self) -> Vec<SignerAction> {
        let actions = std::mem::take(&mut self.actions);
        if self.writes.is_empty() {
            return actions;
        }
        let since = *self.held_since.get_or_insert(self.now);
        let may_wait = self.writes.iter().all(|write| matches!(write, Write::NonceEnd { .. }));
        if may_wait && self.now.millis_since(since) < self.limits.hold_millis {
            return actions;
        }
        // How a batch ended is told once, and must not be lost when the store fails.
        let (mut all, rest): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| matches!(action, SignerAction::Finish(..)));
        all.push(SignerAction::Persist(self.unwritten()));
        all.extend(rest);
        all
    }

    /// What is held back, to be stored by whoever stops this machine in good order.
    pub fn unwritten(&mut self) -> Vec<Write> {
        self.held_since = None;
        std::mem::take(&mut self.writes)
    }

    /// What is known of the signer.
    pub fn report(&self) -> SignerReport {
        SignerReport {
            next_nonce: self.next_nonce(),
            open: self.open.len() as u64,
            queued: self.queues.values().map(VecDeque::len).sum::<usize>() as u64,
            included: self.included,
            replaced: self.replaced,
            balance: self.balance,
        }
    }

    /// The batches that this machine answers for: whoever puts another in its place answers for those it does not know.
    pub fn batches(&self) -> Vec<BatchId> {
        let queued = self.queues.values().flatten().map(Submission::batch);
        let signing = self.signing.iter().filter_map(|signing| match signing {
            Signing::New(_, submission) => Some(submission.batch()),
            Signing::Replacement { .. } | Signing::Hole(_) => None,
        });
        let open = self.open.values().filter_map(|open| open.purpose.as_ref().map(batch_of));
        queued.chain(signing).chain(open).collect()
    }

    /// What was planned is moved with the clock, so that everything waits as long as it was to wait.
    fn clock_was_set_back(&mut self, millis: u64) {
        self.sign.move_back(millis);
        self.count.move_back(millis);
        self.hole_since = self.hole_since.map(|since| since.minus_millis(millis));
        self.held_since = self.held_since.map(|since| since.minus_millis(millis));
        for open in self.open.values_mut() {
            open.send.move_back(millis);
            open.outcome.move_back(millis);
            open.passed = open.passed.map(|since| since.minus_millis(millis));
            open.attempts.iter_mut().for_each(|attempt| attempt.signed = attempt.signed.minus_millis(millis));
        }
    }

    fn next_nonce(&self) -> Option<u64> {
        let counted = self.next_final?;
        if self.is_too_far(self.last_nonce) {
            return None;
        }
        match self.last_nonce {
            Some(last) => last.checked_add(1).map(|next| next.max(counted)),
            None => Some(counted),
        }
    }

    fn is_too_far(&self, nonce: Option<u64>) -> bool {
        matches!((nonce, self.next_final), (Some(nonce), Some(next)) if nonce.saturating_sub(next) > FARTHEST_NONCE)
    }

    /// A node once told of a count that the chain never had, and nonces were taken from there. When the chain has asked
    /// for an earlier one long enough, those are given up: filling everything between would take for ever.
    fn disbelieve(&mut self) {
        let (Some(next), Some(since)) = (self.next_final, self.hole_since) else { return };
        if !self.is_too_far(self.last_nonce) || self.now.millis_since(since) < self.limits.stuck_millis {
            return;
        }
        let far: Vec<u64> = self.open.keys().copied().filter(|nonce| self.is_too_far(Some(*nonce))).collect();
        for nonce in far {
            let purpose = self.open.get(&nonce).and_then(|open| open.purpose.clone());
            self.close(nonce, NonceEnd::Lost);
            self.actions.push(SignerAction::Alert(Alert::NonceLost(nonce)));
            if let Some(purpose) = purpose {
                self.actions.push(SignerAction::Finish(batch_of(&purpose), BatchOutcome::Lost));
            }
        }
        self.closed.retain(|nonce, _| nonce.saturating_sub(next) <= FARTHEST_NONCE);
        self.last_nonce = self.open.keys().next_back().copied().or(next.checked_sub(1));
        self.hole_since = None;
    }

    fn on_submit(&mut self, submission: Submission) {
        let queued: usize = self.queues.values().map(VecDeque::len).sum();
        if queued >= self.limits.queued_batches as usize {
            self.actions.push(SignerAction::Finish(submission.batch(), BatchOutcome::Failed(Failure::Transient)));
            return;
        }
        let path = submission.purpose.path.clone();
        if !self.turns.contains(&path) {
            self.turns.push_back(path.clone());
        }
        self.queues.entry(path).or_default().push_back(submission);
    }

    fn on_withdraw(&mut self, batch: &BatchId) {
        if let Some(queue) = self.queues.get_mut(&batch.path)
            && let Some(position) = queue.iter().position(|submission| submission.batch() == *batch)
        {
            queue.remove(position);
            self.actions.push(SignerAction::Finish(batch.clone(), BatchOutcome::Lost));
            return;
        }
        for open in self.open.values_mut() {
            if open.purpose.as_ref().is_some_and(|purpose| is_batch(purpose, batch)) {
                open.withdrawn = true;
            }
        }
    }

    fn on_nonces(&mut self, next_final: u64, balance: u128) {
        let now = self.now;
        self.reading = false;
        self.balance = Some(balance);
        self.next_final = Some(next_final);
        let often = self.limits.outcome_millis.saturating_mul(OUTCOMES_PER_COUNT);
        for (nonce, open) in &mut self.open {
            open.passed = (*nonce < next_final).then(|| open.passed.unwrap_or(now));
        }
        let quiet = self.open.is_empty() && self.hole_since.is_none();
        self.count.done(now.plus_millis(if quiet { self.limits.client_read_millis } else { often }));
        let taken = self.open.keys().next().copied().or_else(|| self.last_nonce.and_then(|last| last.checked_add(1)));
        match taken {
            Some(taken) if next_final < taken => {
                self.hole_since.get_or_insert(now);
            }
            _ => self.hole_since = None,
        }
    }

    fn on_signed(&mut self, nonce: u64, mut attempt: Attempt) {
        let Some(signing) = self.signing.take() else { return };
        let (now, signer) = (self.now, self.id.clone());
        self.sign.done(now);
        let number = match signing {
            Signing::New(expected, submission) if expected == nonce => {
                let Submission { purpose, evidence, .. } = submission;
                let path = &purpose.path;
                let evidence = evidence.into_iter().map(|evidence| Write::Evidence { path: path.clone(), evidence });
                self.writes.extend(evidence);
                let purpose = Some(purpose);
                self.writes.push(Write::Nonce { signer: signer.clone(), nonce, purpose: purpose.clone(), at: now });
                self.open.insert(nonce, Open::new(purpose, Vec::new()));
                self.last_nonce = self.last_nonce.max(Some(nonce));
                1
            }
            Signing::Replacement { nonce: expected, cancels } if expected == nonce => {
                // The nonce may have been settled while the replacement was signed.
                let Some(before) = self.open.get(&nonce).and_then(Open::last_number) else { return };
                attempt.cancels = cancels;
                self.replaced += 1;
                before.saturating_add(1)
            }
            Signing::Hole(expected) if expected == nonce => {
                attempt.cancels = true;
                self.hole_since = None;
                let before = self.closed.remove(&nonce);
                self.writes.push(match before {
                    Some(_) => Write::NonceReopened { signer: signer.clone(), nonce },
                    // Skipped, because the chain was said to be further than it was.
                    None => Write::Nonce { signer: signer.clone(), nonce, purpose: None, at: now },
                });
                self.open.insert(nonce, Open::new(None, Vec::new()));
                before.unwrap_or(0).saturating_add(1)
            }
            other => {
                // Not what was asked for: whoever signed this is broken, and it is not sent.
                self.refuse_signing(other, Failure::Inconsistent);
                return;
            }
        };
        attempt.number = number;
        self.writes.push(Write::Attempt { signer, nonce, attempt: attempt.clone() });
        let outcome = now.plus_millis(self.limits.outcome_millis);
        if let Some(open) = self.open.get_mut(&nonce) {
            open.attempts.push(attempt);
            open.refused = 0;
            open.unknown = vec![0; open.attempts.len()];
            open.asked = open.attempts.len() - 1;
            open.outcome.done(outcome);
            open.send.done(now);
        }
    }

    fn on_outcome(&mut self, nonce: u64, number: u32, outcome: TransactionOutcome) {
        let (now, interval) = (self.now, self.limits.outcome_millis);
        let Some(open) = self.open.get_mut(&nonce) else { return };
        open.asking = false;
        open.outcome.done(now.plus_millis(interval));
        let Some(position) = open.attempts.iter().position(|attempt| attempt.number == number) else { return };
        match outcome {
            TransactionOutcome::Included { height, success, gas_used, failed } => {
                let (hash, cancels) = (open.attempts[position].hash, open.attempts[position].cancels);
                let (batch, given_up) = (open.purpose.clone(), open.given_up);
                let end = NonceEnd::Included { hash, height, success, gas_used };
                self.included += 1;
                self.close(nonce, end);
                if let Some(purpose) = batch {
                    let outcome = match (cancels, given_up) {
                        (false, _) => BatchOutcome::Included { height, success, failed },
                        (true, true) => BatchOutcome::Refused,
                        (true, false) => BatchOutcome::Lost,
                    };
                    self.actions.push(SignerAction::Finish(batch_of(&purpose), outcome));
                }
            }
            TransactionOutcome::Unknown | TransactionOutcome::Pending => {
                if open.passed.is_some() {
                    open.unknown[position] = open.unknown[position].saturating_add(1);
                } else if outcome == TransactionOutcome::Pending {
                    open.refused = 0;
                    // It is where it should be; sending it again can wait.
                    open.send.done(now.plus_millis(interval.saturating_mul(4 * OUTCOMES_PER_COUNT)));
                }
                open.asked = if open.attempts.is_empty() { 0 } else { (position + 1) % open.attempts.len() };
                let is_over = open.passed.is_some_and(|since| now.millis_since(since) >= LOST_MILLIS);
                if is_over && open.unknown.iter().all(|answers| *answers >= UNKNOWN_ANSWERS) {
                    let purpose = open.purpose.clone();
                    self.close(nonce, NonceEnd::Lost);
                    self.actions.push(SignerAction::Alert(Alert::NonceLost(nonce)));
                    if let Some(purpose) = purpose {
                        self.actions.push(SignerAction::Finish(batch_of(&purpose), BatchOutcome::Lost));
                    }
                }
            }
        }
    }

    fn close(&mut self, nonce: u64, end: NonceEnd) {
        if let Some(open) = self.open.remove(&nonce) {
            self.closed.insert(nonce, open.last_number().unwrap_or(0));
            while self.closed.len() > CLOSED_NONCES_KEPT {
                self.closed.pop_first();
            }
        }
        let signer = self.id.clone();
        self.writes.push(Write::NonceEnd { signer, nonce, end, at: self.now });
    }

    fn on_failed(&mut self, task: SignerTask, failure: Failure) {
        let (limits, seed, now) = (self.limits.clone(), self.seed, self.now);
        match task {
            SignerTask::Nonces => {
                self.reading = false;
                self.count.failed(&limits, seed, 1, now);
            }
            SignerTask::Sign(_) => {
                if let Some(signing) = self.signing.take() {
                    self.refuse_signing(signing, failure);
                }
            }
            SignerTask::Broadcast(nonce, _) => {
                if let Some(open) = self.open.get_mut(&nonce) {
                    open.sending = false;
                    open.send.failed(&limits, seed, nonce, now);
                    if failure == Failure::Refused {
                        open.refused = open.refused.saturating_add(1);
                    }
                    // Whatever the node said: the chain's count and the transaction's outcome tell what happened.
                    self.count.hasten(now);
                }
            }
            SignerTask::Outcome(nonce, _) => {
                if let Some(open) = self.open.get_mut(&nonce) {
                    open.asking = false;
                    open.outcome.failed(&limits, seed, nonce, now);
                }
            }
        }
    }

    fn refuse_signing(&mut self, signing: Signing, failure: Failure) {
        let (limits, seed, now) = (self.limits.clone(), self.seed, self.now);
        match signing {
            Signing::New(_, submission) => {
                let outcome = match failure {
                    Failure::Refused => BatchOutcome::Refused,
                    failure => BatchOutcome::Failed(failure),
                };
                self.actions.push(SignerAction::Finish(submission.batch(), outcome));
            }
            Signing::Replacement { nonce, .. } => {
                self.sign.failed(&limits, seed, nonce, now);
                if failure == Failure::Refused
                    && let Some(open) = self.open.get_mut(&nonce)
                {
                    // The calls do nothing any more: only the nonce has to be freed.
                    open.withdrawn = true;
                }
            }
            Signing::Hole(nonce) => self.sign.failed(&limits, seed, nonce, now),
        }
    }

    fn ask_for_count(&mut self) {
        if !self.reading && self.count.is_due(self.now) {
            self.reading = true;
            self.actions.push(SignerAction::ReadNonces);
        }
    }

    fn ask_for_signature(&mut self) {
        if self.signing.is_some() || !self.sign.is_due(self.now) {
            return;
        }
        if let Some((signing, action)) = self.stuck().or_else(|| self.hole()) {
            if let Signing::Replacement { nonce, cancels: true } = signing
                && let Some(open) = self.open.get_mut(&nonce)
            {
                open.given_up |= open.is_refused();
            }
            self.signing = Some(signing);
            self.actions.push(action);
            return;
        }
        if self.open.len() >= self.limits.open_nonces.max(1) as usize {
            return;
        }
        let Some(nonce) = self.next_nonce() else { return };
        let Some(submission) = self.next_submission() else { return };
        let messages = submission.messages.clone();
        self.signing = Some(Signing::New(nonce, submission));
        self.actions.push(SignerAction::Sign { nonce, messages });
    }

    /// The oldest open transaction, when it has waited too long: everything behind it waits for it.
    fn stuck(&self) -> Option<(Signing, SignerAction)> {
        let (&nonce, open) = self.open.first_key_value()?;
        let last = open.attempts.last()?;
        let refused = open.is_refused() && !last.cancels;
        let waited = refused || self.now.millis_since(last.signed) >= self.limits.stuck_millis;
        // Behind a hole no bid helps, and a nonce that the chain moved past is not to be had any more.
        let due = self.next_final? == nonce && open.attempts.len() < self.limits.nonce_attempts.max(1) as usize;
        if !waited || !due {
            return None;
        }
        let cancels = open.withdrawn || open.purpose.is_none() || last.cancels || refused;
        let action = if cancels {
            // What no node took need not be outbid.
            SignerAction::SignCancel { nonce, replaces: (!refused).then_some(last.bid) }
        } else {
            SignerAction::SignAgain { nonce, raw: last.raw.clone(), replaces: last.bid }
        };
        Some((Signing::Replacement { nonce, cancels }, action))
    }

    /// A nonce that the chain still asks for, although it was said to be used.
    fn hole(&self) -> Option<(Signing, SignerAction)> {
        let waited = self.now.millis_since(self.hole_since?) >= self.limits.stuck_millis;
        let nonce = self.next_final?;
        // What was settled too long ago to be remembered was not settled falsely: whoever asks for it is behind.
        let oldest = if self.closed.len() < CLOSED_NONCES_KEPT { Some(0) } else { self.closed.keys().next().copied() };
        if !waited || self.open.contains_key(&nonce) || oldest.is_none_or(|oldest| nonce < oldest) {
            return None;
        }
        Some((Signing::Hole(nonce), SignerAction::SignCancel { nonce, replaces: None }))
    }

    /// Takes turns among the paths, so that a busy one does not hold up another.
    fn next_submission(&mut self) -> Option<Submission> {
        while let Some(path) = self.turns.pop_front() {
            let Some(queue) = self.queues.get_mut(&path) else { continue };
            let submission = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&path);
            } else {
                self.turns.push_back(path);
            }
            if submission.is_some() {
                return submission;
            }
        }
        None
    }

    fn ask_for_transactions(&mut self) {
        let now = self.now;
        for (nonce, open) in &mut self.open {
            if !open.sending
                && open.send.is_due(now)
                && let Some(attempt) = open.attempts.last()
            {
                open.sending = true;
                self.actions.push(SignerAction::Broadcast { nonce: *nonce, attempt: attempt.clone() });
            }
            if !open.asking
                && open.outcome.is_due(now)
                && let Some(attempt) = open.attempts.get(open.asked)
            {
                open.asking = true;
                self.actions.push(SignerAction::ReadOutcome {
                    nonce: *nonce,
                    number: attempt.number,
                    hash: attempt.hash,
                });
            }
        }
    }
}

impl Open {
    fn new(purpose: Option<Purpose>, attempts: Vec<Attempt>) -> Self {
        Self {
            purpose,
            withdrawn: false,
            asking: false,
            outcome: Retry::default(),
            asked: attempts.len().saturating_sub(1),
            sending: false,
            send: Retry::default(),
            refused: 0,
            given_up: false,
            passed: None,
            unknown: vec![0; attempts.len()],
            attempts,
        }
    }

    fn is_refused(&self) -> bool {
        self.refused >= SENDINGS_REFUSED
    }

    fn last_number(&self) -> Option<u32> {
        self.attempts.last().map(|attempt| attempt.number)
    }
}

fn batch_of(purpose: &Purpose) -> BatchId {
    BatchId { path: purpose.path.clone(), host: purpose.host, number: purpose.batch }
}

fn is_batch(purpose: &Purpose, batch: &BatchId) -> bool {
    purpose.path == batch.path && purpose.host == batch.host && purpose.batch == batch.number
}

#[cfg(test)]
mod tests;

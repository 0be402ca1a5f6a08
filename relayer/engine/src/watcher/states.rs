//! The states that the hosted client has stored, compared with what its chain leads to.
//!
//! A state is what the chain leads to when the prover, starting from the state stored below, comes to the very same. What
//! the transaction looks like that stored it plays no part in that. Where the prover comes to another, or cannot come there
//! any more because nodes have thrown away what it takes, the header by which the client was led is looked for in the
//! transaction, and what the endpoints serve is held against it.
//!
//! What is stored is each time asked of every node of the host, and each answer is looked at: a node that tells of other states
//! hides none, and makes none unexplained that another one tells as it should be.

use super::{Unanswered, Watcher};
use crate::{
    accusation::way,
    conflict,
    shared::{ends, with_causes},
};
use adapter::{AdapterError, AdapterErrorKind, At, ChainHeader, ServedHeader, StoredStates, Submitted, TrustedState};
use light_client::Height;
use relayer_core::{ConflictingHeader, HostedClient, PassedOverKind, UnixMillis};
use std::{collections::VecDeque, fmt::Write as _, sync::Arc};

/// Newly stored states compared in one round; further ones wait for the next.
const STATES_A_ROUND: usize = 8;
/// States that the client had stored before anything was compared are compared too, so many.
const STATES_AT_START: usize = 16;
/// A state that the nodes answer nothing useful for is given up after so many rounds. Those after it are tried once each,
/// until one can be compared again.
const TRIES: u32 = 10;
/// A state is given up after so many rounds in which no node answers at all; after the first so many the operator is told.
const TRIES_OF_THE_SILENT: u32 = 600;
const TOLD_OF_THE_SILENT: u32 = 60;
/// Updates of one height that are looked at in one transaction.
const MAX_UPDATES_LOOKED_AT: usize = 32;
/// States that the chain does not lead to and no header explains: the operator is told of the latest ones, again and again.
const MAX_UNEXPLAINED: usize = 8;

/// How far the stored states were compared.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// States stored up to this height were compared, or given up.
    to: Option<Height>,
    /// Whether another process left it, and nothing was compared since.
    is_recalled: bool,
    written: Option<(Height, UnixMillis)>,
    /// Rounds in which the next one was tried in vain.
    tries: u32,
    /// States given up one after the other: the first, the last, and why.
    given_up: Option<(Height, Height, String)>,
    /// Whether nodes of the host tell of no state at all where others do, for long already: they are not waited for.
    is_divided: bool,
    /// Of these the operator is to be told: height and words.
    unexplained: VecDeque<(Height, String)>,
}

impl Progress {
    pub(super) fn recall(&mut self, to: Option<Height>) {
        self.to = to;
        self.is_recalled = true;
        self.written = to.map(|height| (height, UnixMillis::default()));
    }

    /// What is to be written, unless it was not long ago.
    pub(super) fn unwritten(&self, now: UnixMillis, apart_millis: u64) -> Option<Height> {
        let is_due = |(height, at): (Height, UnixMillis)| {
            Some(height) != self.to && (at > now || now.millis_since(at) >= apart_millis)
        };
        self.to.filter(|_| self.written.is_none_or(is_due))
    }

    pub(super) fn written(&mut self, height: Height, at: UnixMillis) {
        self.written = Some((height, at));
    }

    fn advance(&mut self, to: Height) {
        self.to = Some(to);
        self.tries = 0;
    }
}

/// Why a state could not be compared.
struct NotCompared {
    reason: String,
    /// Whether no node answered, so that it is nothing about this state.
    silent: bool,
}

/// The state that the client stored next, and the one below it, as one node tells of both.
struct Step {
    stored: StoredStates,
    /// The state below; `None` when the client has none there any more.
    below: Option<(Height, Vec<u8>)>,
    next: (Height, Vec<u8>),
}

impl Step {
    /// The first state above this height and not above the latest; `None` when there is none.
    fn above(stored: StoredStates, height: Height, latest: Height) -> Option<Self> {
        let next = stored.states.iter().find(|(at, _)| *at > height && *at <= latest).cloned()?;
        let below = stored.states.iter().rev().find(|(at, _)| *at < next.0).cloned();
        Some(Self { stored, below, next })
    }

    fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.below, &self.next) == (&other.below, &other.next)
    }
}

/// What transactions told the client of the height in question.
#[derive(Default)]
struct ToldIn {
    /// Who told it where, in each transaction of which nodes say that it is the one.
    origins: Vec<String>,
    updates: Vec<Told>,
}

/// One update of them.
struct Told {
    origin: String,
    header: ChainHeader,
    /// The state that it leads to, from the one stored below; `None` when the light client refuses it.
    leads_to: Option<TrustedState>,
}

impl Told {
    fn shown(&self) -> ConflictingHeader {
        let ChainHeader { height, hash, bytes } = self.header.clone();
        ConflictingHeader { height, hash, origin: self.origin.clone(), certified: self.leads_to.is_some(), bytes }
    }

    fn led_to(&self, state: &[u8]) -> bool {
        self.leads_to.as_ref().is_some_and(|next| next.consensus == state)
    }
}

impl Watcher {
    /// Compares the states that the hosted client has stored since.
    pub(super) async fn compare_states(&mut self, client: &HostedClient) {
        let latest = client.latest.height;
        for (height, words) in self.progress.unexplained.clone() {
            self.alert(&format!("unexplained {height}"), words);
        }
        if self.progress.to.is_some_and(|to| to > latest) {
            self.progress.tries = self.progress.tries.saturating_add(1);
            // Where a client is not as far as it was left, the chain is another one, of the same name. And where it stays behind,
            // it never was as far as somebody said.
            if self.progress.is_recalled || self.progress.tries >= TRIES {
                self.progress.to = None;
            }
        }
        if self.progress.to.is_none() {
            let Ok(first) = self.first_to_compare(latest).await else { return };
            self.progress.advance(first);
        }
        self.progress.is_recalled = false;
        for _ in 0..STATES_A_ROUND {
            let Some(to) = self.progress.to.filter(|to| *to < latest) else { break };
            let steps = match self.steps_above(to, latest).await {
                Ok(steps) => steps,
                Err(error) => return self.not_compared(to, NotCompared::by(&error)),
            };
            let Some(next) = steps.iter().flatten().map(|step| step.next.0).min() else { break };
            let compared = self.compare_steps(next, steps).await;
            self.accuse_of_news(client).await;
            match compared {
                Ok(()) => {
                    self.tell_given_up();
                    self.progress.advance(next);
                }
                Err(reason) => {
                    self.not_compared(next, reason);
                    if self.progress.to != Some(next) {
                        return;
                    }
                }
            }
        }
        if self.progress.to == Some(latest) {
            self.progress.tries = 0;
            self.tell_given_up();
        }
    }

    /// The step above a height, as each node of the host tells of it that answers; `None` for one that tells of none.
    async fn steps_above(&self, height: Height, latest: Height) -> Result<Vec<Option<Step>>, Unanswered> {
        let Some(above) = height.number().checked_add(1) else { return Ok(Vec::new()) };
        let above = Height::with_revision(height.revision(), above);
        let (here, _) = ends(&self.context.path, self.host);
        let asked = here.reader.every_stored_states(&here.client, above);
        let told = self.call("reading the client's states", asked).await?;
        Ok(told.into_iter().map(|stored| Step::above(stored, height, latest)).collect())
    }

    /// Compares the step to the state at `next`, or beyond it, in each form in which nodes tell of it.
    async fn compare_steps(&mut self, next: Height, steps: Vec<Option<Step>>) -> Result<(), NotCompared> {
        let context = Arc::clone(&self.context);
        let (here, _) = ends(&context.path, self.host);
        let is_told_by_all = steps.iter().all(Option::is_some);
        let mut distinct: Vec<Step> = Vec::new();
        for step in steps.into_iter().flatten() {
            if !distinct.iter().any(|known| known.is_of_the_same(&step)) {
                distinct.push(step);
            }
        }
        let (mut is_explained, mut unexplained, mut failure) = (false, None, None::<NotCompared>);
        for step in distinct {
            match self.compare_state(step).await {
                Ok(None) => is_explained = true,
                Ok(Some(words)) => unexplained = Some(words),
                // What no node answers is asked again, whatever is said of the rest.
                Err(error) if failure.as_ref().is_none_or(|known| !known.silent) => failure = Some(error),
                Err(_) => {}
            }
        }
        if let Some(error) = failure.take_if(|error| error.silent || !is_explained) {
            return Err(error);
        }
        if !is_told_by_all && !self.progress.is_divided {
            if self.progress.tries.saturating_add(1) < TRIES {
                let reason = format!("not every node of {} tells of it", here.chain);
                return Err(NotCompared { reason, silent: true });
            }
            self.progress.is_divided = true;
        }
        self.progress.is_divided &= !is_told_by_all;
        if is_explained {
            self.progress.unexplained.retain(|(at, _)| *at != next);
        }
        match unexplained.or(failure.map(|error| error.reason)) {
            Some(words) if is_explained || !is_told_by_all => {
                let message = format!("nodes of {} contradict one another: by one of them, {words}", here.chain);
                self.alert(&format!("divided {next}"), message);
            }
            Some(words) => self.unexplained(next, words),
            None => {}
        }
        Ok(())
    }

    /// Where comparing begins. The very first state was chosen by people: no header came with it.
    async fn first_to_compare(&self, latest: Height) -> Result<Height, Unanswered> {
        let (here, _) = ends(&self.context.path, self.host);
        let mut first = latest;
        for _ in 0..STATES_AT_START {
            let Some(before) = first.number().checked_sub(1) else { break };
            let before = Height::with_revision(first.revision(), before);
            let asked = here.reader.consensus_heights(&here.client, before);
            let [Some(earlier), _] = self.call("reading the client's states", asked).await?.value else { break };
            first = earlier;
        }
        Ok(first)
    }

    /// Counts a state that could not be compared, and gives it up when that happens too often.
    fn not_compared(&mut self, height: Height, NotCompared { reason, silent }: NotCompared) {
        self.progress.tries = self.progress.tries.saturating_add(1);
        let allowed = match (silent, &self.progress.given_up) {
            (true, _) => TRIES_OF_THE_SILENT,
            (false, None) => TRIES,
            (false, Some(_)) => 1,
        };
        let context = Arc::clone(&self.context);
        let (here, there) = ends(&context.path, self.host);
        let client = format!("client {} on {}", here.client, here.chain);
        if self.progress.tries < allowed {
            if self.progress.tries == TOLD_OF_THE_SILENT {
                let message = format!(
                    "the state that {client} stores at height {height} cannot be compared with {} at present: {reason}",
                    there.chain
                );
                self.alert("states", message);
            }
            return;
        }
        let first = match self.progress.given_up.take() {
            Some((first, ..)) => first,
            None => {
                let message = format!(
                    "the states that {client} stores from height {height} on cannot be compared with {}: {reason}",
                    there.chain
                );
                self.alert(&format!("states from {height}"), message);
                height
            }
        };
        self.pass_over(PassedOverKind::States, [first, height], &reason);
        self.progress.given_up = Some((first, height, reason));
        self.progress.advance(height);
    }

    /// Tells which states were given up, once that is over.
    fn tell_given_up(&mut self) {
        let Some((first, last, reason)) = self.progress.given_up.take() else { return };
        let (here, there) = ends(&self.context.path, self.host);
        let message = format!(
            "the states that client {} on {} stores from height {first} to {last} were not compared with {}: {reason}",
            here.client, here.chain, there.chain
        );
        self.alert(&format!("states {first} to {last}"), message);
    }

    /// Compares a state with what leads to it from the one below, and keeps what contradicts it. Says in words what is wrong with a
    /// state to which the chain does not lead and that no header explains.
    async fn compare_state(&mut self, step: Step) -> Result<Option<String>, NotCompared> {
        let context = Arc::clone(&self.context);
        let (here, there) = ends(&context.path, self.host);
        let Step { stored, below, next: (height, state) } = step;
        let Some((below, _)) = below else {
            return Err(NotCompared::refused(format!("{} tells of no state below height {height}", here.chain)));
        };
        let unfit = |error: AdapterError| NotCompared::refused(with_causes(&error));
        let from = there.prover.trusted_at(&stored, below).map_err(unfit)?;
        let way = way(&*there.prover, &from, height, self.timestamp());
        let own = self.call("going a client's way again", way).await;
        let told = self.told(&from, height).await;
        let own = match own {
            Ok(updates) => updates.into_iter().next_back(),
            Err(error) => {
                self.compare_headers(&from, height, &state, &error, told).await?;
                return Ok(None);
            }
        };
        let Some(own) = own else {
            return Err(NotCompared::refused(format!("{} leads nowhere from height {below}", there.chain)));
        };
        let header = there.prover.header_of_update(&own.update).map_err(unfit)?;
        let is_same = own.next.consensus == state;
        let by_another = |told: &&Told| told.header.hash != header.hash;
        let is_explained = |told: &Told| told.led_to(&state) && told.header.hash != header.hash;
        let words = |shown: &str| {
            format!(
                "client {} on {} stores a state at height {height} that {} does not lead to: expected {}, found {}; {shown}",
                here.client,
                here.chain,
                there.chain,
                hexadecimal(&own.next.consensus),
                hexadecimal(&state)
            )
        };
        let told = match told {
            Ok(told) => told,
            Err(_) if is_same => return Ok(None),
            Err(error) => {
                let NotCompared { reason, silent } = NotCompared::by(&error);
                return Err(NotCompared { reason: words(&reason), silent });
            }
        };
        let unexplained = match told.origins.as_slice() {
            _ if is_same || told.updates.iter().any(is_explained) => None,
            [] => Some(words("no transaction is known that stored it")),
            origins => Some(words(&format!("no certified header of it is among what was {}", origins.join(", or ")))),
        };
        // Of what the light client refuses nothing was stored, unless the host's node tells stories.
        let others = told.updates.iter().filter(by_another).filter(|told| told.leads_to.is_some() || !is_same);
        let others: Vec<ConflictingHeader> = others.map(Told::shown).collect();
        if others.is_empty() {
            return Ok(unexplained);
        }
        // To say who serves what; and what an endpoint shows of the chain's own header may certify it to more judges.
        let served = self.served(&from, height).await.unwrap_or_default();
        let (same, other): (Vec<_>, Vec<_>) = served.into_iter().partition(|served| served.header.hash == header.hash);
        let merge = |header, served: &ServedHeader| there.prover.merged(header, &served.header);
        let header = same.iter().fold(header, merge);
        let labels: Vec<String> = same.into_iter().map(|served| served.endpoint).collect();
        let origin = if labels.is_empty() { format!("an endpoint of {}", there.chain) } else { labels.join(", ") };
        let ChainHeader { height, hash, bytes } = header;
        let own = ConflictingHeader { height, hash, origin: conflict::printable(&origin), certified: true, bytes };
        let headers = [own].into_iter().chain(others).chain(other.into_iter().map(conflict::kept)).collect();
        self.keep(conflict::conflicts(self.host, headers, self.now()));
        Ok(unexplained)
    }

    /// Compares the header by which the client was led to a state with those that the endpoints serve: what it takes to go the
    /// way again may be gone, and they are still there.
    async fn compare_headers(
        &mut self,
        from: &TrustedState,
        height: Height,
        state: &[u8],
        error: &Unanswered,
        told: Result<ToldIn, Unanswered>,
    ) -> Result<(), NotCompared> {
        let served = self.served(from, height).await.map_err(|e| NotCompared::by(&e))?;
        let told = told.map_err(|e| NotCompared::by(&e))?;
        let led = told.updates.iter().find(|told| told.led_to(state));
        let led = led.ok_or_else(|| NotCompared::refused(with_causes(error)))?;
        let headers = [led.shown()].into_iter().chain(served.into_iter().map(conflict::kept)).collect();
        self.keep(conflict::conflicts(self.host, headers, self.now()));
        Ok(())
    }

    /// The updates of this height in the transactions with which the client came to store a state there, by what nodes say, each
    /// judged from the state stored below.
    async fn told(&self, from: &TrustedState, height: Height) -> Result<ToldIn, Unanswered> {
        let (here, there) = ends(&self.context.path, self.host);
        let asked = here.reader.accepted_updates(&here.client, height);
        let submitted = self.call("looking for an update", asked).await?;
        let mut told = ToldIn::default();
        for At { value: Submitted { transaction, submitter, messages }, .. } in submitted {
            let origin = format!("told to the client on {} by {submitter} in {transaction}", here.chain);
            let origin = conflict::printable(&origin);
            let headers =
                messages.iter().filter_map(|update| Some((update, there.prover.header_of_update(update).ok()?)));
            let of_this_height = headers.filter(|(_, header)| header.height.number() == height.number());
            for (update, header) in of_this_height.take(MAX_UPDATES_LOOKED_AT) {
                let judged = there.prover.verify_told(from, update, self.timestamp());
                let leads_to = match self.call("judging an update", judged).await {
                    Ok(next) => Some(next),
                    Err(Unanswered::Failed(AdapterError::Verification { .. })) => None,
                    Err(error) => return Err(error),
                };
                told.updates.push(Told { origin: origin.clone(), header, leads_to });
            }
            told.origins.push(origin);
        }
        Ok(told)
    }

    fn unexplained(&mut self, height: Height, words: String) {
        self.alert(&format!("unexplained {height}"), words.clone());
        let unexplained = &mut self.progress.unexplained;
        unexplained.retain(|(at, _)| *at != height);
        if unexplained.len() >= MAX_UNEXPLAINED {
            unexplained.pop_front();
        }
        unexplained.push_back((height, words));
    }
}

impl NotCompared {
    fn by(error: &Unanswered) -> Self {
        let silent = match error {
            Unanswered::Late => true,
            Unanswered::Failed(error) => error.kind() == AdapterErrorKind::Transient,
        };
        Self { reason: with_causes(error), silent }
    }

    fn refused(reason: String) -> Self {
        Self { reason, silent: false }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        // A text takes any length.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

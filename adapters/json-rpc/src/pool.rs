use crate::{
    ChainQuestion, EndpointConfig, MAX_ENDPOINTS, RpcError, RpcLimits,
    endpoint::{Endpoint, Request},
    score::TOLERATED_LAG,
};
use adapter::{AdapterError, AdapterErrorKind};
use futures::future::join_all;
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long an endpoint must have had before an attempt that its caller gave up counts as failed. What was given up sooner,
/// since something beside it failed, says nothing of the endpoint.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);

/// How long one endpoint is waited for where all are asked: the others' answers are not kept back for it.
const EVERY_WITHIN: Duration = Duration::from_secs(10);

/// How long one of two nodes is followed whose heads are far apart, before it is the other's turn.
const HEAD_TURN: Duration = Duration::from_secs(10);

/// The endpoints of one chain.
pub struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    /// How often endpoints have taken turns.
    turns: AtomicU64,
    /// Since when those take turns whose heads are far apart.
    since: Instant,
}

/// What an endpoint has done so far, for status pages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointReport {
    /// Its number and host, without credentials.
    pub endpoint: String,
    /// The latest height it has shown.
    pub height: Option<u64>,
    /// Blocks behind the best endpoint.
    pub lag: u64,
    /// Answers that contradicted themselves, a standard or a proof.
    pub lies: u32,
    /// Requests that got no usable answer.
    pub failures: u64,
    /// Whether it is asked only when no other is left.
    pub resting: bool,
}

impl Pool {
    /// Checks every endpoint that can be reached; the others are checked before they are first used.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when one of them is of another chain, [`AdapterError::Unavailable`] when none answers.
    pub async fn connect(
        chain: ChainQuestion,
        endpoints: &[EndpointConfig],
        limits: RpcLimits,
    ) -> Result<Self, AdapterError> {
        if endpoints.is_empty() || endpoints.len() > MAX_ENDPOINTS {
            return Err(AdapterError::Config {
                key: "endpoints",
                expected: format!("1 to {MAX_ENDPOINTS} urls"),
                found: endpoints.len().to_string(),
            });
        }
        let chain = Arc::new(chain);
        let endpoints = endpoints
            .iter()
            .enumerate()
            .map(|(index, config)| Endpoint::new(config, index, Arc::clone(&chain), limits).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let pool = Self { endpoints, turns: AtomicU64::new(0), since: Instant::now() };
        let checks = join_all(pool.endpoints.iter().map(|endpoint| endpoint.confirm_chain())).await;
        let mut reached = false;
        let mut last = None;
        for (endpoint, check) in pool.endpoints.iter().zip(checks) {
            match check {
                Ok(()) => reached = true,
                Err(e) => {
                    let of_another_chain = matches!(e, RpcError::WrongChain { .. });
                    let error = e.into_adapter(endpoint.label(), chain.method);
                    if of_another_chain {
                        return Err(error);
                    }
                    pool.judge(endpoint, &error);
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if !reached => Err(error),
            _ => Ok(pool),
        }
    }

    /// What each endpoint has done so far.
    pub fn reports(&self) -> Vec<EndpointReport> {
        let now = Instant::now();
        let report = |endpoint: &Arc<Endpoint>| {
            let score = endpoint.score();
            EndpointReport {
                endpoint: endpoint.label().to_owned(),
                height: score.head.map(|(number, _)| number),
                lag: score.lag,
                lies: score.lies,
                failures: score.failures_total,
                resting: score.is_resting(now),
            }
        };
        self.endpoints.iter().map(report).collect()
    }

    /// All endpoints, the best first.
    pub fn by_rank(&self) -> Vec<Arc<Endpoint>> {
        let now = Instant::now();
        let mut ranked: Vec<_> = self.endpoints.iter().map(|e| (e.score().rank(now), Arc::clone(e))).collect();
        // Stable: among equals the configured order stands.
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, endpoint)| endpoint).collect()
    }

    /// All endpoints; those that do not rest take turns at being the first. For questions whose answer shows to be false
    /// only later, if at all: a liar is believed now and then, and not each time.
    pub fn by_turns(&self) -> Vec<Arc<Endpoint>> {
        let (mut awake, resting) = self.awake_and_resting();
        self.take_turns(&mut awake);
        awake.extend(resting);
        awake
    }

    fn take_turns(&self, endpoints: &mut [Arc<Endpoint>]) {
        // Fibonacci hashing, of which the high bits count: whoever asks every second or third time does not meet the same
        // endpoint each time.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let first = (u128::from(turn) * endpoints.len() as u128) >> u64::BITS;
        endpoints.rotate_left(usize::try_from(first).unwrap_or_default());
    }

    /// Those that do not rest, or all when all do.
    pub fn awake(&self) -> Vec<Arc<Endpoint>> {
        let (awake, resting) = self.awake_and_resting();
        if awake.is_empty() { resting } else { awake }
    }

    fn awake_and_resting(&self) -> (Vec<Arc<Endpoint>>, Vec<Arc<Endpoint>>) {
        let now = Instant::now();
        self.by_rank().into_iter().partition(|endpoint| !endpoint.score().is_resting(now))
    }

    /// Does the work at one endpoint, and notes what its failure says about it. It counts as failed too when its caller
    /// waits no longer and drops it: an endpoint that is always late would never be left aside otherwise.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn watch<T>(
        &self,
        endpoint: &Endpoint,
        work: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, AdapterError> {
        let mut attempt = Attempt { endpoint, begun: Instant::now(), is_over: false };
        let outcome = work.await;
        attempt.is_over = true;
        if let Err(error) = &outcome {
            self.judge(endpoint, error);
        }
        outcome
    }

    /// Does the work at all endpoints that do not rest, and takes the answer in the middle in the order of `place`, the lower
    /// one of two: a node that claims too much is not followed. Of answers in one place it is now this node's and now that
    /// one's. A node whose head has stood still for long is left out, as long as there are others.
    ///
    /// # Errors
    /// When it succeeds nowhere, as [`Pool::attempt`].
    pub async fn middle<T, W, F>(&self, work: W, place: impl Fn(&T) -> u64) -> Result<T, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        let mut answers = self.answers(work, EVERY_WITHIN).await?;
        answers.sort_by_key(|(_, answer)| place(answer));
        let middle = answers.len().saturating_sub(1) / 2;
        answers.into_iter().nth(middle).map(|(_, answer)| answer).ok_or_else(no_endpoint)
    }

    /// As [`Pool::middle`], of heads by their height; but where the two in the middle are far apart it is for a while the
    /// one node's word, and then the other's. Which of them claims too much or too little only proofs show: whatever the one
    /// says, the other is listened to half of the time.
    ///
    /// # Errors
    /// As [`Pool::middle`].
    pub async fn head<T, W, F>(&self, work: W, height: impl Fn(&T) -> u64) -> Result<T, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        let mut answers = self.answers(work, EVERY_WITHIN).await?;
        answers.sort_by_key(|(_, answer)| height(answer));
        let (lower, upper) = (answers.len().saturating_sub(1) / 2, answers.len() / 2);
        let chosen = match (answers.get(lower), answers.get(upper)) {
            (Some((one, low)), Some((other, high))) if height(high).saturating_sub(height(low)) > TOLERATED_LAG => {
                let is_firsts_turn = (self.since.elapsed().as_secs() / HEAD_TURN.as_secs()).is_multiple_of(2);
                if (one.index() < other.index()) == is_firsts_turn { lower } else { upper }
            }
            _ => lower,
        };
        answers.into_iter().nth(chosen).map(|(_, answer)| answer).ok_or_else(no_endpoint)
    }

    /// Does the work at all endpoints that do not rest: every answer, at least one. A node whose head has stood still for long
    /// is left out, as long as there are others.
    ///
    /// # Errors
    /// When it succeeds nowhere, as [`Pool::attempt`].
    pub async fn every<T, W, F>(&self, work: W) -> Result<Vec<T>, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        Ok(self.answers(work, EVERY_WITHIN).await?.into_iter().map(|(_, answer)| answer).collect())
    }

    /// As [`Pool::every`], with who answered; an endpoint that takes longer is one that did not.
    async fn answers<T, W, F>(&self, work: W, within: Duration) -> Result<Vec<(Arc<Endpoint>, T)>, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        let mut endpoints = self.awake();
        self.take_turns(&mut endpoints);
        let work = &work;
        let ask = |endpoint: &Arc<Endpoint>| {
            let endpoint = Arc::clone(endpoint);
            async move {
                let told = self.watch(&endpoint, work(Arc::clone(&endpoint)));
                tokio::time::timeout(within, told).await.unwrap_or_else(|_| {
                    let late = RpcError::Timeout { limit_millis: within.as_millis() };
                    Err(late.into_adapter(endpoint.label(), "asking every endpoint"))
                })
            }
        };
        let results = join_all(endpoints.iter().map(ask)).await;
        let (mut answers, mut stuck) = (Vec::with_capacity(results.len()), Vec::new());
        let mut worst = None;
        for (endpoint, result) in endpoints.into_iter().zip(results) {
            match result {
                Ok(answer) if Self::is_stuck(&endpoint) => stuck.push((endpoint, answer)),
                Ok(answer) => answers.push((endpoint, answer)),
                Err(error) => worst = Some(worse(worst, error)),
            }
        }
        if answers.is_empty() {
            answers = stuck;
        }
        if answers.is_empty() { Err(worst.unwrap_or_else(no_endpoint)) } else { Ok(answers) }
    }

    /// Does the work at the best endpoint, and when it fails there at the next, until one succeeds.
    ///
    /// # Errors
    /// When it succeeds nowhere, the error that says most: a refusal before a lie, a lie before silence.
    pub async fn attempt<T, W, F>(&self, work: W) -> Result<T, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        self.attempt_at(self.by_rank(), work).await
    }

    /// As [`Pool::attempt`], at endpoints in this order.
    ///
    /// # Errors
    /// As [`Pool::attempt`].
    pub async fn attempt_at<T, W, F>(&self, endpoints: Vec<Arc<Endpoint>>, work: W) -> Result<T, AdapterError>
    where
        W: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<T, AdapterError>>,
    {
        let mut worst = None;
        for endpoint in endpoints {
            match self.watch(&endpoint, work(Arc::clone(&endpoint))).await {
                Ok(value) => {
                    endpoint.score().answered();
                    return Ok(value);
                }
                Err(error) => worst = Some(worse(worst, error)),
            }
        }
        Err(worst.unwrap_or_else(no_endpoint))
    }

    /// One call at the best endpoint that answers it, read by `read`.
    ///
    /// # Errors
    /// As [`Pool::attempt`].
    pub async fn call<T>(
        &self,
        method: &'static str,
        params: Value,
        read: impl Fn(&Value) -> Result<T, RpcError>,
    ) -> Result<T, AdapterError> {
        self.call_at(self.by_rank(), method, params, read).await
    }

    /// As [`Pool::call`], at endpoints in this order.
    ///
    /// # Errors
    /// As [`Pool::attempt`].
    pub async fn call_at<T>(
        &self,
        endpoints: Vec<Arc<Endpoint>>,
        method: &'static str,
        params: Value,
        read: impl Fn(&Value) -> Result<T, RpcError>,
    ) -> Result<T, AdapterError> {
        let (params, read) = (&params, &read);
        self.attempt_at(endpoints, |endpoint| async move {
            let answer = endpoint.call(method, params.clone()).await;
            answer.and_then(|value| read(&value)).map_err(|e| e.into_adapter(endpoint.label(), method))
        })
        .await
    }

    /// Notes what an endpoint's failure says about it.
    pub fn judge(&self, endpoint: &Endpoint, error: &AdapterError) {
        let now = Instant::now();
        match error.kind() {
            AdapterErrorKind::Inconsistent => {
                tracing::warn!(endpoint = endpoint.label(), %error, "a node contradicts itself or a proof");
                endpoint.score().lied(now);
            }
            AdapterErrorKind::Config => {
                tracing::error!(endpoint = endpoint.label(), %error, "a node is not what is configured");
                endpoint.doubt_chain();
                endpoint.score().failed(now);
            }
            AdapterErrorKind::Transient => match cause(error) {
                // It keeps up, and is about to have it.
                Some(RpcError::NotYet { .. }) => {}
                // A refusal of the node is an answer: it is there, and may serve the next question.
                Some(RpcError::Node { .. }) => endpoint.score().failed(now),
                _ if matches!(error, AdapterError::Unavailable { .. }) => {
                    endpoint.doubt_chain();
                    endpoint.score().failed(now);
                }
                _ => endpoint.score().answered(),
            },
            _ => endpoint.score().answered(),
        }
    }

    /// Sets every endpoint's lag by the best head that was seen.
    pub fn compare_heads(&self, best: u64) {
        for endpoint in &self.endpoints {
            let mut score = endpoint.score();
            score.lag = score.head.map_or(0, |(number, _)| best.saturating_sub(number));
        }
    }

    /// Whether an endpoint's head has stood still for long.
    pub fn is_stuck(endpoint: &Endpoint) -> bool {
        endpoint.score().is_stuck(Instant::now())
    }
}

/// Work under way at an endpoint.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    begun: Instant,
    is_over: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        if !self.is_over && now.duration_since(self.begun) >= ABANDONED_AFTER {
            tracing::debug!(endpoint = self.endpoint.label(), "a node was not waited for any longer");
            self.endpoint.doubt_chain();
            self.endpoint.score().failed(now);
        }
    }
}

impl Endpoint {
    /// A batch whose single refusals are errors of the whole.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn batch_all(&self, requests: Vec<Request>) -> Result<Vec<Value>, RpcError> {
        self.batch(requests).await?.into_iter().collect()
    }
}

/// Why an endpoint gave no usable answer, where that is the error.
fn cause(error: &AdapterError) -> Option<&RpcError> {
    let AdapterError::Unavailable { source, .. } = error else { return None };
    source.downcast_ref()
}

fn no_endpoint() -> AdapterError {
    AdapterError::Config { key: "endpoints", expected: "at least one".to_owned(), found: "none".to_owned() }
}

/// The one of two errors that says more; the first of equals.
fn worse(known: Option<AdapterError>, error: AdapterError) -> AdapterError {
    match known {
        Some(known) if weight(&known) >= weight(&error) => known,
        _ => error,
    }
}

/// How much an error says when no endpoint succeeded.
fn weight(error: &AdapterError) -> u8 {
    match error {
        // What an honest node shows to be out of reach is reached by a nearer height, whatever others say.
        error if error.kind() == AdapterErrorKind::InsufficientTrust => 7,
        AdapterError::Refused { .. } => 6,
        AdapterError::Verification { .. } => 5,
        AdapterError::Inconsistent { .. } => 4,
        AdapterError::Behind { .. } => 3,
        AdapterError::Config { .. } => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn pool(count: usize) -> Pool {
        let read = |_: &Value| Ok(String::new());
        let chain = Arc::new(ChainQuestion { method: "chain", params: Value::Null, read, expected: String::new() });
        let config = EndpointConfig::new("http://127.0.0.1:1");
        let endpoint = |index| Endpoint::new(&config, index, Arc::clone(&chain), RpcLimits::default()).map(Arc::new);
        let endpoints = (0..count).map(|index| endpoint(index).unwrap()).collect();
        Pool { endpoints, turns: AtomicU64::new(0), since: Instant::now() }
    }

    fn number_of(endpoint: &Endpoint) -> u64 {
        endpoint.label()[1..2].parse().unwrap()
    }

    #[tokio::test]
    async fn an_endpoint_that_is_always_late_is_left_aside() {
        let pool = pool(2);
        let ask = || {
            pool.attempt(|endpoint| async move {
                let number = number_of(&endpoint);
                if number == 0 { pending().await } else { Ok(number) }
            })
        };
        // Its caller waits for less than a request may take, and drops the question.
        let longer = ABANDONED_AFTER + Duration::from_millis(100);
        assert!(tokio::time::timeout(longer, ask()).await.is_err());
        assert_eq!(pool.reports().iter().map(|report| report.failures).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(ask().await.unwrap(), 1);
        // What was not given any time is not judged.
        let at_once = tokio::time::timeout(Duration::ZERO, pool.attempt(|_| pending::<Result<(), _>>()));
        assert!(at_once.await.is_err());
        assert_eq!(pool.reports().iter().map(|report| report.failures).collect::<Vec<_>>(), [1, 0]);
    }

    #[tokio::test]
    async fn an_endpoint_that_hangs_keeps_nobody_elses_answer_back() {
        let pool = pool(3);
        let within = ABANDONED_AFTER + Duration::from_millis(100);
        let work = |endpoint: Arc<Endpoint>| async move {
            let number = number_of(&endpoint);
            if number == 1 { pending().await } else { Ok(number) }
        };
        let told = pool.answers(work, within).await.unwrap();
        let mut told: Vec<u64> = told.into_iter().map(|(_, number)| number).collect();
        told.sort_unstable();
        assert_eq!(told, [0, 2]);
        assert_eq!(pool.reports().iter().map(|report| report.failures).collect::<Vec<_>>(), [0, 1, 0]);
        let nobody = pool.answers(|_| pending::<Result<(), _>>(), Duration::ZERO).await.err().unwrap();
        assert_eq!(nobody.kind(), AdapterErrorKind::Transient, "{nobody}");
    }

    #[tokio::test]
    async fn the_answer_in_the_middle_is_taken() {
        let pool = pool(3);
        let tell = |told: [Option<u64>; 3]| {
            let pool = &pool;
            async move {
                let answer = move |endpoint: Arc<Endpoint>| async move {
                    let index = usize::try_from(number_of(&endpoint)).unwrap();
                    // Not the node's fault, so that it is asked the next time too.
                    let refusal = AdapterError::Refused { operation: "count", reason: "none".to_owned() };
                    told.get(index).copied().flatten().ok_or(refusal)
                };
                pool.middle(answer, |number| *number).await
            }
        };
        assert_eq!(tell([Some(1 << 60), Some(5), Some(6)]).await.unwrap(), 6);
        assert_eq!(tell([Some(0), Some(5), Some(6)]).await.unwrap(), 5);
        assert_eq!(tell([Some(1 << 60), None, Some(6)]).await.unwrap(), 6);
        assert_eq!(tell([None, None, Some(7)]).await.unwrap(), 7);
        assert!(matches!(tell([None; 3]).await, Err(AdapterError::Refused { .. })));
        // One that has stood still for long does not count.
        pool.endpoints[1].score().head = Instant::now().checked_sub(crate::score::STALL * 2).map(|then| (5, then));
        assert_eq!(tell([Some(9), Some(5), Some(8)]).await.unwrap(), 8);
        assert_eq!(tell([None, Some(5), None]).await.unwrap(), 5);
    }
    #[test]
    fn nobody_meets_the_same_endpoint_each_time() {
        for stride in 1..=16 {
            let pool = pool(2);
            let firsts: Vec<u64> = (0..stride * 64).map(|_| number_of(&pool.by_turns()[0])).collect();
            let met: Vec<u64> = firsts.into_iter().step_by(stride).collect();
            let longest = met.chunk_by(|one, next| one == next).map(<[u64]>::len).max();
            assert!(longest <= Some(16), "every {stride}.: {met:?}");
        }
    }

    /// Two nodes, the first honest, that are asked twice a second for three minutes what they call the head; `lie`: what the
    /// second says, by the second and the true head, which grows by one a second. The heads that were followed.
    async fn followed(lie: impl Fn(u64, u64) -> u64) -> Vec<(u64, u64)> {
        const BEGIN: u64 = 1_000;
        let mut pool = pool(2);
        let start = Instant::now();
        let mut followed = Vec::new();
        for half in 0..360 {
            let (second, truth) = (half / 2, BEGIN + half / 2);
            let told = [truth, lie(second, truth)];
            let elapsed = Duration::from_millis(half * 500);
            pool.since = start.checked_sub(elapsed).unwrap();
            for (endpoint, told) in pool.endpoints.iter().zip(told) {
                let mut score = endpoint.score();
                // As long ago as it would be by now.
                let shown =
                    score.head.map(|(number, at)| (number, at.checked_sub(Duration::from_millis(500)).unwrap()));
                score.head = shown;
                score.saw_head(told, Instant::now());
            }
            let answer = |endpoint: Arc<Endpoint>| async move { Ok(told[endpoint.index()]) };
            followed.push((truth, pool.head(answer, |height| *height).await.unwrap()));
        }
        followed
    }

    /// The longest time, in halves of a second, in which the true head was not followed.
    fn longest_astray(followed: &[(u64, u64)]) -> usize {
        let astray = followed.chunk_by(|(a, b), (c, d)| (a == b) == (c == d)).filter(|part| part[0].0 != part[0].1);
        astray.map(<[_]>::len).max().unwrap_or_default()
    }

    #[tokio::test]
    async fn of_two_heads_neither_holds_the_other_up() {
        let turn = usize::try_from(HEAD_TURN.as_secs()).unwrap() * 2;
        let creeping_low = followed(|second, _| 900 + second / 29).await;
        let creeping_high = followed(|second, truth| truth + 1_000_000 + second).await;
        // Whatever is claimed in the turn of the honest one, if somebody finds out when that is.
        let both = followed(|second, truth| if second / 10 % 2 == 0 { truth + 500 } else { 900 + second / 29 }).await;
        for (what, followed) in [("low", creeping_low), ("high", creeping_high), ("both", both)] {
            assert!((1..=turn).contains(&longest_astray(&followed)), "{what}: {followed:?}");
        }
        // One that stands still is left out after a while.
        let still = followed(|_, _| 900).await;
        assert_eq!(longest_astray(&still[2 * 31..]), 0, "{still:?}");
        // A node that is a little behind is waited for, as that is all that is lost.
        let behind = followed(|_, truth| truth - TOLERATED_LAG).await;
        assert!(behind.iter().all(|(truth, head)| *head == truth - TOLERATED_LAG), "{behind:?}");
        let agreed = followed(|_, truth| truth).await;
        assert_eq!(longest_astray(&agreed), 0, "{agreed:?}");
    }

    #[tokio::test]
    async fn of_three_heads_the_one_in_the_middle_is_followed() {
        let mut pool = pool(3);
        for turn in 0..4 {
            pool.since = Instant::now().checked_sub(HEAD_TURN * turn).unwrap();
            for lie in [0, 1_000_000] {
                let told = [lie, 50, 60];
                let answer = |endpoint: Arc<Endpoint>| async move { Ok(told[endpoint.index()]) };
                let expected = if lie == 0 { 50 } else { 60 };
                assert_eq!(pool.head(answer, |height| *height).await.unwrap(), expected);
            }
        }
    }
}

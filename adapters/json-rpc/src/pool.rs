use crate::{
    ChainQuestion, EndpointConfig, MAX_ENDPOINTS, RpcError, RpcLimits,
    endpoint::{Endpoint, Request},
};
use adapter::{AdapterError, AdapterErrorKind};
use futures::future::join_all;
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// The endpoints of one chain.
pub struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    /// How often endpoints have taken turns.
    turns: AtomicU64,
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
        let pool = Self { endpoints, turns: AtomicU64::new(0) };
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
        let now = Instant::now();
        let (mut awake, resting): (Vec<_>, Vec<_>) =
            self.by_rank().into_iter().partition(|endpoint| !endpoint.score().is_resting(now));
        // Fibonacci hashing: whoever asks every second or third time does not meet the same endpoint each time.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let first = usize::try_from(turn).unwrap_or_default().checked_rem(awake.len()).unwrap_or_default();
        awake.rotate_left(first);
        awake.extend(resting);
        awake
    }

    /// Those that do not rest, or all when all do.
    pub fn awake(&self) -> Vec<Arc<Endpoint>> {
        let now = Instant::now();
        let ranked = self.by_rank();
        let awake: Vec<_> = ranked.iter().filter(|e| !e.score().is_resting(now)).cloned().collect();
        if awake.is_empty() { ranked } else { awake }
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
        let mut worst: Option<AdapterError> = None;
        for endpoint in endpoints {
            match work(Arc::clone(&endpoint)).await {
                Ok(value) => {
                    endpoint.score().answered();
                    return Ok(value);
                }
                Err(error) => {
                    self.judge(&endpoint, &error);
                    if worst.as_ref().is_none_or(|known| weight(&error) > weight(known)) {
                        worst = Some(error);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| AdapterError::Config {
            key: "endpoints",
            expected: "at least one".to_owned(),
            found: "none".to_owned(),
        }))
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
        let (params, read) = (&params, &read);
        self.attempt(|endpoint| async move {
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
            AdapterErrorKind::Transient if matches!(error, AdapterError::Unavailable { .. }) => {
                // A refusal of the node is an answer: it is there, and may serve the next question.
                if !is_node_refusal(error) {
                    endpoint.doubt_chain();
                }
                endpoint.score().failed(now);
            }
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

impl Endpoint {
    /// A batch whose single refusals are errors of the whole.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn batch_all(&self, requests: Vec<Request>) -> Result<Vec<Value>, RpcError> {
        self.batch(requests).await?.into_iter().collect()
    }
}

fn is_node_refusal(error: &AdapterError) -> bool {
    let AdapterError::Unavailable { source, .. } = error else { return false };
    matches!(source.downcast_ref::<RpcError>(), Some(RpcError::Node { .. }))
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

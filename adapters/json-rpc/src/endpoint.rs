use crate::{
    ChainQuestion, EndpointConfig, MAX_BATCH_CALLS, MAX_HEADERS, RpcError, RpcLimits, error::printable, fields,
    score::Score,
};
use adapter::AdapterError;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The greatest number of JSON values in an answer: each takes many times its bytes once it is parsed.
const MAX_JSON_VALUES: usize = 500_000;

/// The most that is reserved for an answer before it has arrived.
const MAX_RESERVED_BYTES: usize = 256 * 1024;

/// The longest that an endpoint is left alone because it asked for it.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// One call of a batch.
pub struct Request {
    /// Its name.
    pub method: &'static str,
    /// Its parameters.
    pub params: Value,
}

impl Request {
    /// One call.
    pub fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }
}

/// One node of the chain.
pub struct Endpoint {
    index: usize,
    label: String,
    url: Url,
    http: reqwest::Client,
    limits: RpcLimits,
    permits: Semaphore,
    chain: Arc<ChainQuestion>,
    // Whether the node was seen to be of the chain since it last failed: another may answer at the same address then.
    chain_checked: AtomicBool,
    next_id: AtomicU64,
    score: Mutex<Score>,
    // Until when the endpoint asked to be left alone.
    quiet_until: Mutex<Option<Instant>>,
}

impl Endpoint {
    /// # Errors
    /// [`AdapterError::Config`] when the URL or the certificates cannot be used.
    pub(crate) fn new(
        config: &EndpointConfig,
        index: usize,
        chain: Arc<ChainQuestion>,
        limits: RpcLimits,
    ) -> Result<Self, AdapterError> {
        let bad = |expected: &str, found: String| AdapterError::Config {
            key: "endpoints",
            expected: expected.to_owned(),
            found: format!("endpoint {index}: {found}"),
        };
        // The text is not repeated: what is wrong with it may be a part of its credentials.
        let url = Url::parse(&config.url).map_err(|e| bad("an http or https url", e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad("an http or https url", format!("scheme {:?}", url.scheme())));
        }
        let headers = header_map(&config.headers).map_err(|found| bad("headers that can be sent", found))?;
        let http = http_client(config.authorities_pem.as_deref(), headers, limits)
            .map_err(|found| bad("certificates that can be used", found))?;
        Ok(Self {
            index,
            label: format!("#{index} {}", label_of(&config.url)),
            url,
            http,
            limits,
            permits: Semaphore::new(limits.max_concurrent_requests.max(1)),
            chain,
            chain_checked: AtomicBool::new(false),
            next_id: AtomicU64::new(1),
            score: Mutex::new(Score::new()),
            quiet_until: Mutex::new(None),
        })
    }

    /// What the endpoint is called in errors and logs: its number and host, never its path or credentials.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its place among the endpoints that are configured.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// The longest answer that is read, in bytes.
    pub const fn max_answer_bytes(&self) -> usize {
        self.limits.max_answer_bytes
    }

    pub(crate) fn score(&self) -> MutexGuard<'_, Score> {
        self.score.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a head that the endpoint has shown.
    pub fn saw_head(&self, number: u64) {
        self.score().saw_head(number, Instant::now());
    }

    /// Asks one question.
    ///
    /// # Errors
    /// See [`RpcError`]; [`RpcError::Node`] is the node's own refusal.
    pub async fn call(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        self.in_time(async {
            self.check_chain().await?;
            self.call_unchecked(method, params).await
        })
        .await
    }

    /// Asks one question of whose long answer little is read: what `T` has no place for is passed over.
    ///
    /// # Errors
    /// As [`Endpoint::call`]; [`RpcError::Malformed`] when the answer has another form than `T`.
    pub async fn call_for<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<T>, RpcError> {
        self.in_time(async {
            self.check_chain().await?;
            let id = self.take_id();
            let body = self.exchange(&envelope(id, method, params)).await?;
            parse::<Answer<T>>(&body)?.open(id)
        })
        .await
    }

    /// Asks several questions at once; the outer error is of the whole exchange, the inner ones of single calls.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Result<Value, RpcError>>, RpcError> {
        let answers = self.batch_for::<Value>(requests).await?;
        Ok(answers.into_iter().map(|answer| answer.map(Option::unwrap_or_default)).collect())
    }

    /// Asks several questions at once whose answers have one form; what `T` has no place for is passed over.
    ///
    /// # Errors
    /// As [`Endpoint::batch`]; [`RpcError::Malformed`] when an answer has another form than `T`.
    pub async fn batch_for<T: DeserializeOwned>(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<Option<T>, RpcError>>, RpcError> {
        let mut answers = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let chunk: Vec<Request> = requests.by_ref().take(MAX_BATCH_CALLS).collect();
            let part = self
                .in_time(async {
                    self.check_chain().await?;
                    self.batch_unchecked(chunk).await
                })
                .await?;
            answers.extend(part);
        }
        Ok(answers)
    }

    /// Asks for the node's chain, unless it has been seen since the node last failed.
    pub(crate) async fn confirm_chain(&self) -> Result<(), RpcError> {
        self.in_time(self.check_chain()).await
    }

    pub(crate) fn doubt_chain(&self) {
        self.chain_checked.store(false, Ordering::Release);
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RpcError>>) -> Result<T, RpcError> {
        let limited = async {
            // The semaphore is never closed, so that an error here cannot happen; it would only mean no limit.
            let _permit = self.permits.acquire().await.ok();
            work.await
        };
        match tokio::time::timeout(self.limits.request_timeout, limited).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RpcError::Timeout { limit_millis: self.limits.request_timeout.as_millis() }),
        }
    }

    async fn check_chain(&self) -> Result<(), RpcError> {
        if self.chain_checked.load(Ordering::Acquire) {
            return Ok(());
        }
        let ChainQuestion { method, params, read, expected } = &*self.chain;
        let found = read(&self.call_unchecked(method, params.clone()).await?)?;
        if found != *expected {
            return Err(RpcError::WrongChain { expected: expected.clone(), found });
        }
        self.chain_checked.store(true, Ordering::Release);
        Ok(())
    }

    async fn call_unchecked(&self, method: &'static str, params: Value) -> Result<Value, RpcError> {
        let id = self.take_id();
        let body = self.exchange(&envelope(id, method, params)).await?;
        Ok(parse::<Answer<Value>>(&body)?.open(id)?.unwrap_or_default())
    }

    async fn batch_unchecked<T: DeserializeOwned>(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<Option<T>, RpcError>>, RpcError> {
        let mut ids = Vec::with_capacity(requests.len());
        let mut body = Vec::with_capacity(requests.len());
        for Request { method, params } in requests {
            let id = self.take_id();
            ids.push(id);
            body.push(envelope(id, method, params));
        }
        let answer = self.exchange(&Value::Array(body)).await?;
        if !begins_with(&answer, b"[") {
            // A node that takes no batches, or not such a large one, answers with a single error.
            open_error(&parse(&answer)?)?;
            return Err(RpcError::BatchLength { expected: ids.len(), found: 1 });
        }
        let mut answers: Vec<Answer<T>> = parse(&answer)?;
        if answers.len() != ids.len() {
            return Err(RpcError::BatchLength { expected: ids.len(), found: answers.len() });
        }
        // The standard allows any order.
        let mut sorted = Vec::with_capacity(ids.len());
        for id in ids {
            let position = answers.iter().position(|answer| answer.rest.get("id").and_then(Value::as_u64) == Some(id));
            let answer = position
                .map(|position| answers.swap_remove(position))
                .ok_or_else(|| RpcError::WrongId { expected: id, found: "no answer of this id".to_owned() })?;
            sorted.push(match answer.open(id) {
                Ok(value) => Ok(value),
                Err(refusal @ RpcError::Node { .. }) => Err(refusal),
                Err(broken) => return Err(broken),
            });
        }
        Ok(sorted)
    }

    fn take_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// One request; the answer is cut off at the limit while it is still arriving.
    async fn exchange(&self, body: &Value) -> Result<Vec<u8>, RpcError> {
        let transport = |e: reqwest::Error| RpcError::Transport(e.without_url());
        self.check_quiet()?;
        let mut response = self.http.post(self.url.clone()).json(body).send().await.map_err(transport)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        match (status, retry_after.map(Duration::from_secs)) {
            (401 | 403, _) => return Err(RpcError::Denied { found: status }),
            (429, wait) | (503, wait @ Some(_)) => return Err(self.keep_quiet(wait)),
            _ => {}
        }
        let max = self.limits.max_answer_bytes;
        // What a node says of the length is believed as far as it may be true.
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut answer = Vec::with_capacity(expected.unwrap_or(0).min(max).min(MAX_RESERVED_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if answer.len() + chunk.len() > max {
                return Err(RpcError::TooLarge { max });
            }
            answer.extend_from_slice(&chunk);
        }
        if status == 200 || is_json_rpc(&answer) { Ok(answer) } else { Err(RpcError::HttpStatus { found: status }) }
    }

    /// Whether the endpoint may be asked again; until then it is not, so that nobody is shut out for asking too often.
    fn check_quiet(&self) -> Result<(), RpcError> {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.and_then(|until| until.checked_duration_since(Instant::now())) {
            Some(left) if !left.is_zero() => Err(RpcError::RateLimited { retry_after_seconds: Some(left.as_secs()) }),
            _ => Ok(()),
        }
    }

    /// The endpoint asks for fewer requests; how long it wants none is believed up to a limit.
    fn keep_quiet(&self, wait: Option<Duration>) -> RpcError {
        if let Some(wait) = wait {
            let until = Instant::now() + wait.min(MAX_RETRY_AFTER);
            *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        RpcError::RateLimited { retry_after_seconds: wait.map(|wait| wait.as_secs()) }
    }
}

fn envelope(id: u64, method: &'static str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// An answer of which only the result has a known form.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Answer<T> {
    /// The inner `None` is a null, the outer one no result at all.
    #[serde(default = "Option::default", deserialize_with = "present")]
    result: Option<Option<T>>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl<T> Answer<T> {
    /// The result, when this is the answer to the request of this id, and no refusal.
    fn open(self, id: u64) -> Result<Option<T>, RpcError> {
        check_envelope(id, &self.rest)?;
        self.result.ok_or_else(|| RpcError::Malformed { found: "neither result nor error".to_owned() })
    }
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Whether the body of an answer that is no success by its status is JSON-RPC all the same: nodes answer refusals so,
/// gateways answer something of their own.
fn is_json_rpc(body: &[u8]) -> bool {
    match parse::<Value>(body) {
        Ok(Value::Object(members)) => members.contains_key("jsonrpc"),
        Ok(Value::Array(_)) => true,
        _ => false,
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RpcError> {
    if !begins_with(body, b"{[") {
        let start = body.get(..60.min(body.len())).unwrap_or_default();
        return Err(RpcError::NotJson { found: printable(&String::from_utf8_lossy(start)) });
    }
    if count_values(body) > MAX_JSON_VALUES {
        return Err(RpcError::TooMany { max: MAX_JSON_VALUES });
    }
    serde_json::from_slice(body).map_err(|e| RpcError::Malformed { found: printable(&e.to_string()) })
}

fn begins_with(body: &[u8], any_of: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| any_of.contains(first))
}

/// At least as many as there are JSON values; in steps short enough for the count to fit into a byte, which the
/// processor does many of at once.
fn count_values(body: &[u8]) -> usize {
    const STEP: usize = 255;
    let opens = |byte: &u8| u8::from(*byte == b',') | u8::from(*byte == b'[') | u8::from(*byte == b'{');
    let count = |step: &[u8]| step.iter().map(opens).fold(0_u8, u8::wrapping_add);
    body.chunks(STEP).map(|step| usize::from(count(step))).sum()
}

/// Whether an answer is one to the request of this id, and no refusal.
fn check_envelope(id: u64, members: &Map<String, Value>) -> Result<(), RpcError> {
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(RpcError::Malformed { found: "another version".to_owned() });
    }
    let found = members.get("id").cloned().unwrap_or(Value::Null);
    if found.as_u64() != Some(id) {
        // A node that could not read the request says so under no id.
        if found.is_null() {
            refusal(members)?;
        }
        return Err(RpcError::WrongId { expected: id, found: printable(&found.to_string()) });
    }
    refusal(members)
}

fn open_error(answer: &Value) -> Result<(), RpcError> {
    answer.as_object().map_or(Ok(()), refusal)
}

/// The answer's error, if it has one.
fn refusal(members: &Map<String, Value>) -> Result<(), RpcError> {
    let Some(error) = members.get("error").filter(|error| !error.is_null()) else {
        return Ok(());
    };
    let data = error.get("data").filter(|data| !data.is_null());
    let bytes = data.and_then(|data| fields::bytes("error data", data, MAX_ERROR_DATA_BYTES).ok());
    let message = error.get("message").and_then(Value::as_str).unwrap_or("no message");
    // Some nodes say in the data, in words, what is wrong.
    let message = match data.and_then(Value::as_str).filter(|_| bytes.is_none()) {
        Some(words) => printable(&format!("{message}: {words}")),
        None => printable(message),
    };
    let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
    Err(RpcError::Node { code, message, data: bytes })
}

/// The greatest revert data that is looked at; longer ones count as none.
const MAX_ERROR_DATA_BYTES: usize = 64 * 1024;

/// Scheme, host and port of a URL; nothing of its credentials, path or query.
pub(crate) fn label_of(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or("?"))
        }
        Err(_) => "unreadable url".to_owned(),
    }
}

/// Header values may be keys: they are marked so that nothing prints them, and errors name the header only.
fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!("{} headers, more than {MAX_HEADERS}", headers.len()));
    }
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let known = HeaderName::try_from(name.as_str()).map_err(|_| format!("a header called {name:?}"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| format!("a value of {name:?} that no header can have"))?;
        value.set_sensitive(true);
        if map.insert(known, value).is_some() {
            return Err(format!("two values of {name:?}"));
        }
    }
    Ok(map)
}

fn http_client(
    authorities_pem: Option<&[u8]>,
    headers: HeaderMap,
    limits: RpcLimits,
) -> Result<reqwest::Client, String> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in authorities_pem.map(CertificateDer::pem_slice_iter).into_iter().flatten() {
        let certificate = certificate.map_err(|e| format!("a certificate that is no pem: {e}"))?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    // The provider is named here, so that it matters to nobody which one another part of the process installed.
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .use_preconfigured_tls(tls)
        .default_headers(headers)
        // A node that redirects sends the request, and any key in it, to somebody else.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(limits.request_timeout)
        .pool_max_idle_per_host(limits.max_concurrent_requests.max(1))
        .build()
        .map_err(|e| e.without_url().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_bounded_and_never_printed() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let map = header_map(&[pair("x-api-key", "secret")]).unwrap();
        assert_eq!(map.get("x-api-key").unwrap(), "secret");
        assert!(!format!("{map:?}").contains("secret"));
        let bad = [
            vec![pair("x api key", "secret")],
            vec![pair("x-api-key", "sec\nret")],
            vec![pair("a", "secret"), pair("A", "other")],
            vec![pair("a", "secret"); MAX_HEADERS + 1],
        ];
        for headers in bad {
            let error = header_map(&headers).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

//! The window over real HTTP, in front of a relayer that says what the test wants.

use async_trait::async_trait;
use light_client::{Assurance, BlockHash, CommitmentHash, Height, Sequence, Status};
use relayer_api::{
    Api, ApiConfig, Backend, ChainFacts, Extension, GovernanceFacts, MAX_QUESTIONS, PacketReport, QuorumFacts, Section,
    StatusReport, ValidatorFacts,
};
use relayer_core::{Direction, End, PacketRow, PacketState, PassedOverKind, PathId, UnixMillis, Waiting};
use relayer_engine::{
    ChainStatus, ClientStatus, ConflictCount, ConflictStatus, DirectionStatus, Forecast, HeaderStatus, NodeState,
    Notice, PassedOverStatus, PathStatus, SignerStatus, StateCount, StatusSnapshot, WaitingCount,
};
use relayer_store::{AttemptView, PacketQuery, PacketView, StoreError};
use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::broadcast,
    time::timeout,
};

type TestResult = Result<(), Box<dyn Error>>;

/// A text that must not come out anywhere, made here: the tree holds no private keys.
fn secret() -> String {
    (0..32_u8).map(|byte| format!("{:02x}", byte.wrapping_mul(73).wrapping_add(17))).collect()
}

struct Fake {
    status: Mutex<StatusSnapshot>,
    notices: broadcast::Sender<Notice>,
    /// Questions to the database now, and the most at once so far.
    asked: AtomicUsize,
    most: AtomicUsize,
}

impl Fake {
    fn new() -> Result<Arc<Self>, Box<dyn Error>> {
        Ok(Arc::new(Self {
            status: Mutex::new(snapshot()?),
            notices: broadcast::channel(16).0,
            asked: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }))
    }

    fn change(&self, change: impl FnOnce(&mut StatusSnapshot)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = self.notices.send(Notice::Alert { path: None, chain: None, message: "changed".into() });
    }
}

#[async_trait]
impl Backend for Fake {
    fn status(&self) -> Arc<StatusSnapshot> {
        Arc::new(self.status.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn facts(&self) -> Vec<ChainFacts> {
        let Ok(chain_id) = "9001".parse() else { return Vec::new() };
        vec![ChainFacts {
            name: "alpha".into(),
            chain_id,
            consensus: "QBFT".into(),
            key_types: vec!["secp256k1".into()],
            validators: ["0x01", "0x02", "0x03", "0x04"].map(|id| ValidatorFacts { id: id.into(), power: None }).into(),
            validators_height: Some(7),
            quorum: QuorumFacts::TwoThirdsOfMembers,
            trust_level: "strict".into(),
            router: None,
            governance: Some(GovernanceFacts {
                address: "0x05".into(),
                members: vec!["0x06".into()],
                threshold: 1,
                delay_seconds: 172_800,
                pending: Vec::new(),
            }),
        }]
    }

    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        self.most.fetch_max(self.asked.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.asked.fetch_sub(1, Ordering::SeqCst);
        let sequence = query.sequence.unwrap_or(Sequence::FIRST);
        if sequence.get() > 9 {
            return Ok(Vec::new());
        }
        let Ok(path) = "alpha-beta".parse::<PathId>() else { return Ok(Vec::new()) };
        Ok(vec![PacketView {
            path,
            direction: Direction::AToB,
            row: PacketRow {
                sequence,
                state: query.state.unwrap_or(PacketState::Sent),
                commitment: CommitmentHash::new([7; 32]),
                timeout_seconds: 99,
                body_bytes: 10,
                sent_height: Height::new(5),
                acknowledgement_height: None,
                waiting: Waiting::Turn,
                parked: None,
                next_try: UnixMillis::new(0),
                tries: 0,
                refusals: 0,
                since: UnixMillis::new(1),
            },
            packet: None,
            acknowledgement: None,
            steps: Vec::new(),
        }])
    }

    async fn attempts(&self, _: &PathId, _: Direction, _: Sequence) -> Result<Vec<AttemptView>, StoreError> {
        Ok(Vec::new())
    }
}

fn snapshot() -> Result<StatusSnapshot, Box<dyn Error>> {
    let client = |host, host_chain: &str, follows: &str| -> Result<ClientStatus, Box<dyn Error>> {
        Ok(ClientStatus {
            host,
            host_chain: host_chain.into(),
            id: "qbft-0".parse()?,
            client_type: "qbft".parse()?,
            follows_chain: follows.into(),
            counterparty: "qbft-0".parse()?,
            latest_height: Some(Height::new(5)),
            latest_time_seconds: Some(1_000),
            freshness_seconds: Some(3),
            expires_at_seconds: Some(2_000_000),
            expires_in_seconds: Some(1_998_997),
            refresh_at_seconds: Some(1_000_000),
            forecast: Some(Forecast::InTime),
            frozen_by: None,
            status: Some(Status::Active),
            assurance: Some(Assurance::Proven),
            verified_height: Some(Height::new(6)),
            verified_time_seconds: Some(1_001),
        })
    };
    let direction = |direction, source: &str, destination: &str| DirectionStatus {
        direction,
        source_chain: source.into(),
        destination_chain: destination.into(),
        states: vec![StateCount { state: PacketState::Sent, count: 1 }],
        waiting: vec![WaitingCount { waiting: Waiting::Turn, count: 1 }],
        pending: 1,
        oldest_since_millis: Some(UnixMillis::new(1_000)),
        known_through: 1,
        batches_in_flight: 0,
    };
    let chain = |name: &str, id: &str| -> Result<ChainStatus, Box<dyn Error>> {
        Ok(ChainStatus {
            name: name.into(),
            chain_id: id.parse()?,
            height: Some(Height::new(7)),
            time_seconds: Some(1_002),
            seen_millis: Some(UnixMillis::new(1_003_000)),
            node: NodeState::Ok,
            note: None,
        })
    };
    Ok(StatusSnapshot {
        time_millis: UnixMillis::new(1_003_000),
        started_millis: UnixMillis::new(1_000_000),
        running: true,
        chains: vec![chain("alpha", "9001")?, chain("beta", "9002")?],
        paths: vec![PathStatus {
            id: "alpha-beta".parse()?,
            clients: [client(End::A, "alpha", "beta")?, client(End::B, "beta", "alpha")?],
            directions: [direction(Direction::AToB, "alpha", "beta"), direction(Direction::BToA, "beta", "alpha")],
            stopped: None,
            conflicts: vec![conflict()?],
            conflicts_kept: [ConflictCount { misbehaviour: 1, unproven: 2 }, ConflictCount::default()],
            passed_over: vec![passed_over()],
        }],
        signers: vec![SignerStatus {
            chain: "alpha".into(),
            account: "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf".into(),
            next_nonce: Some(4),
            open: 1,
            queued: 0,
            included: 3,
            replaced: 0,
            balance: Some("1000000000000000000".into()),
            note: None,
        }],
    })
}

fn passed_over() -> PassedOverStatus {
    PassedOverStatus {
        kind: PassedOverKind::Block,
        chain: "beta".into(),
        client: None,
        first: Height::new(5),
        last: Height::new(5),
        reason: "too long".into(),
        at_millis: UnixMillis::new(1_003_000),
    }
}

fn conflict() -> Result<ConflictStatus, Box<dyn Error>> {
    let header = |byte, origin: &str, certified| HeaderStatus {
        height: Height::new(4),
        hash: BlockHash::new([byte; 32]),
        origin: origin.into(),
        certified,
    };
    Ok(ConflictStatus {
        chain: "beta".into(),
        host_chain: "alpha".into(),
        client: "qbft-0".parse()?,
        headers: [header(1, "0 127.0.0.1", true), header(2, "1 127.0.0.1", false)],
        seen_millis: UnixMillis::new(1_002_000),
        misbehaviour: false,
        submitted_millis: None,
    })
}

struct Counter;

#[async_trait]
impl Extension for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn section(&self) -> Section {
        Section { html: "<section id=\"counter\"></section>", script: "lighterman.on('counter', () => {});", style: "" }
    }

    async fn data(&self) -> serde_json::Value {
        serde_json::json!({ "count": 1 })
    }
}

async fn open() -> Result<(Api, Arc<Fake>), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fake = Fake::new()?;
    let config = ApiConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), extensions: vec![Arc::new(Counter)] };
    Ok((Api::start(config, fake.clone()).await?, fake))
}

async fn get(api: &Api, path: &str) -> Result<reqwest::Response, reqwest::Error> {
    reqwest::get(format!("http://{}{path}", api.address())).await
}

#[tokio::test]
async fn status_and_packets_are_json() -> TestResult {
    let (api, _) = open().await?;
    let report: StatusReport = get(&api, "/api/status").await?.error_for_status()?.json().await?;
    assert_eq!(report.snapshot, snapshot()?);
    assert_eq!(report.facts.first().map(|facts| facts.validators.len()), Some(4));
    let packets: Vec<PacketReport> =
        get(&api, "/api/packets?state=delivered&limit=3").await?.error_for_status()?.json().await?;
    assert_eq!(packets.first().map(|packet| packet.state), Some(PacketState::Delivered));
    let one: PacketReport = get(&api, "/api/packets/alpha-beta/a-to-b/9").await?.error_for_status()?.json().await?;
    assert_eq!(one.sequence.get(), 9);
    api.stop().await?;
    Ok(())
}

#[tokio::test]
async fn wrong_questions_are_named() -> TestResult {
    let (api, _) = open().await?;
    for (path, status, word) in [
        ("/api/packets?state=lost", 400, "state"),
        ("/api/packets?direction=sideways", 400, "direction"),
        ("/api/packets?waiting=long", 400, "waiting"),
        ("/api/packets?path=A%20B", 400, "path"),
        ("/api/packets?limit=-1", 400, "query"),
        ("/api/packets?lane=1", 400, "query"),
        ("/api/packets/alpha-beta/a-to-b/0", 400, "sequence"),
        ("/api/packets/alpha-beta/a-to-b/10", 404, "packet"),
    ] {
        let answer = get(&api, path).await?;
        assert_eq!(answer.status(), status, "{path}");
        let said = answer.text().await?;
        assert!(said.contains(word), "{path}: {said}");
    }
    assert_eq!(get(&api, "/api/nothing").await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn nothing_can_be_changed() -> TestResult {
    let (api, _) = open().await?;
    let client = reqwest::Client::new();
    for path in ["/", "/api/status", "/api/packets", "/api/events", "/metrics", "/healthz"] {
        for method in [reqwest::Method::POST, reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::PATCH] {
            let url = format!("http://{}{path}", api.address());
            assert_eq!(client.request(method.clone(), url).send().await?.status(), 405, "{method} {path}");
        }
    }
    // The levers of the demo are not here.
    for path in ["/demo/issue", "/demo/relayer", "/demo/validator"] {
        let url = format!("http://{}{path}", api.address());
        assert_eq!(client.post(url).send().await?.status(), 404, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn health_says_why_not() -> TestResult {
    let (api, fake) = open().await?;
    assert_eq!(get(&api, "/healthz").await?.status(), 200);
    fake.change(|status| {
        if let Some(chain) = status.chains.last_mut() {
            chain.node = NodeState::Inconsistent;
            // What a node said is for the log and the status, not for a health check.
            chain.note = Some(secret());
        }
    });
    let answer = get(&api, "/healthz").await?;
    assert_eq!(answer.status(), 503);
    let said = answer.text().await?;
    assert!(said.contains("beta") && said.contains("contradicting") && !said.contains(&secret()), "{said}");
    fake.change(|status| status.running = false);
    assert!(get(&api, "/healthz").await?.text().await?.contains("does not run"));
    Ok(())
}

#[tokio::test]
async fn metrics_have_the_documented_names_and_no_secret() -> TestResult {
    let (api, fake) = open().await?;
    fake.change(|status| {
        for note in
            status.chains.iter_mut().map(|chain| &mut chain.note).chain(status.signers.iter_mut().map(|s| &mut s.note))
        {
            *note = Some(secret());
        }
    });
    let answer = get(&api, "/metrics").await?;
    let kind = answer.headers().get("content-type").cloned();
    assert!(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/openmetrics-text")));
    let text = answer.text().await?;
    assert!(!text.contains(&secret()), "notes can hold anything and stay out");
    // The table in the module's documentation is what operators go by.
    let documented = include_str!("../src/metrics.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split('`').next())
        .map(|name| name.trim_end_matches("_total").trim_end_matches("_info"))
        .collect::<Vec<_>>();
    assert!(documented.len() > 20, "{documented:?}");
    let described: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for name in &documented {
        assert!(described.contains(name), "{name} is documented and not there");
    }
    for name in &described {
        assert!(documented.contains(name), "{name} is there and not documented");
    }
    for (kind, count) in [("block", 1), ("states", 0)] {
        let line = format!("lighterman_passed_over{{path=\"alpha-beta\",kind=\"{kind}\"}} {count}\n");
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("lighterman_packets{path=\"alpha-beta\",direction=\"a-to-b\",state=\"sent\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n"));
    Ok(())
}

#[tokio::test]
async fn the_page_may_do_no_more_than_it_has_to() -> TestResult {
    let (api, _) = open().await?;
    let answer = get(&api, "/").await?;
    let header =
        |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let page = answer.text().await?;
    assert!(
        page.contains("<section id=\"counter\">") && page.contains("lighterman.on('counter'"),
        "the extension is in it"
    );
    for external in ["src=\"http", "href=\"http", "@import", "url(http", "<script src", "<link rel=\"stylesheet\""] {
        assert!(!page.contains(external), "{external}");
    }
    Ok(())
}

#[tokio::test]
async fn another_sites_name_is_refused() -> TestResult {
    let (api, _) = open().await?;
    for (host, status) in [("evil.example", 421), ("localhost", 200), ("127.0.0.1:1", 200)] {
        let request = reqwest::Client::new().get(format!("http://{}/api/status", api.address())).header("host", host);
        assert_eq!(request.send().await?.status(), status, "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn events_tell_what_changed_and_only_that() -> TestResult {
    let (api, fake) = open().await?;
    let mut stream = listen(&api).await?;
    let first = read_until(&mut stream, &["event: status", "event: packets", "event: counter"]).await?;
    assert!(first.contains("text/event-stream"), "{first}");
    fake.change(|status| status.running = false);
    let second = read_until(&mut stream, &["\"running\":false"]).await?;
    assert!(!second.contains("event: packets") && !second.contains("event: counter"), "{second}");
    // A server with a listener ends all the same.
    timeout(Duration::from_secs(5), api.stop()).await??;
    Ok(())
}

#[tokio::test]
async fn listeners_are_limited() -> TestResult {
    let (api, _) = open().await?;
    let mut streams = Vec::new();
    for _ in 0..relayer_api::MAX_EVENT_STREAMS {
        let mut stream = listen(&api).await?;
        read_until(&mut stream, &["HTTP/1.1 200"]).await?;
        streams.push(stream);
    }
    let mut one_more = listen(&api).await?;
    read_until(&mut one_more, &["HTTP/1.1 503", "event streams"]).await?;
    drop(streams);
    // Places are free again once the server has noticed; it does when it next writes.
    timeout(Duration::from_secs(40), async {
        loop {
            let mut stream = listen(&api).await?;
            if read_until(&mut stream, &["HTTP/1.1 200"]).await.is_ok() {
                return Ok::<_, Box<dyn Error>>(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await?
}

#[tokio::test]
async fn an_extension_that_hangs_holds_up_nothing_else() -> TestResult {
    struct Hanging;
    #[async_trait]
    impl Extension for Hanging {
        fn name(&self) -> &'static str {
            "hanging"
        }
        fn section(&self) -> Section {
            Section { html: "", script: "", style: "" }
        }
        async fn data(&self) -> serde_json::Value {
            // As one does that asks a chain which does not answer.
            tokio::time::sleep(Duration::from_secs(3600)).await;
            serde_json::Value::Null
        }
    }
    let fake = Fake::new()?;
    let extensions: Vec<Arc<dyn Extension>> = vec![Arc::new(Hanging), Arc::new(Counter)];
    let config = ApiConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), extensions };
    let api = Api::start(config, fake.clone()).await?;
    let mut stream = listen(&api).await?;
    read_until(&mut stream, &["event: status", "event: packets", "event: counter"]).await?;
    fake.change(|status| status.running = false);
    read_until(&mut stream, &["\"running\":false"]).await?;
    api.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_question_that_is_never_finished_does_not_keep_the_window_open() -> TestResult {
    let (api, _) = open().await?;
    let mut stream = TcpStream::connect(api.address()).await?;
    stream.write_all(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ").await?;
    // Answered on another connection: the unfinished question has arrived by then.
    assert_eq!(get(&api, "/healthz").await?.status(), 200);
    timeout(Duration::from_secs(10), api.stop()).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_asked_little_at_once() -> TestResult {
    let (api, fake) = open().await?;
    let questions = (0..32).map(|_| get(&api, "/api/packets?state=sent"));
    for answer in futures::future::join_all(questions).await {
        assert_eq!(answer?.status(), 200);
    }
    let most = fake.most.load(Ordering::SeqCst);
    assert!((1..=MAX_QUESTIONS).contains(&most), "{most} at once");
    api.stop().await?;
    Ok(())
}

async fn listen(api: &Api) -> Result<TcpStream, std::io::Error> {
    let mut stream = TcpStream::connect(api.address()).await?;
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    Ok(stream)
}

/// What comes until all words have, or an error when they do not within five seconds.
async fn read_until(stream: &mut TcpStream, words: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    timeout(Duration::from_secs(5), async {
        while !words.iter().all(|word| text.contains(word)) {
            match stream.read(&mut buffer).await? {
                0 => return Err(format!("the stream ended after {text:?}").into()),
                count => text.push_str(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default())),
            }
            if text.contains("HTTP/1.1 503") && words.contains(&"HTTP/1.1 200") {
                return Err("busy".into());
            }
        }
        Ok::<_, Box<dyn Error>>(())
    })
    .await??;
    Ok(text)
}

//! The running node: time, transport, levers, limits.

mod support;

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_devchain::{
    Chain, ChainError, Clock, Fault, FaultRule, MAX_BATCH_CALLS, MAX_CONNECTIONS, MAX_REQUEST_BYTES, ManualClock, Node,
    NodeConfig, NodeHandle, Production, Rpc,
};
use alloy_primitives::{Address, Bytes, TxKind};
use serde_json::{Value, json};
use support::*;

async fn start(config: NodeConfig) -> NodeHandle {
    Node::start(config).await.expect("a node")
}

fn node() -> NodeConfig {
    NodeConfig { chain: config(), levers: true, ..NodeConfig::default() }
}

/// Runs blocking test code beside the node.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the test's thread")
}

fn result(url: &str, method: &str, params: Value) -> Value {
    let mut answer = post(url, method, params).expect("an answer");
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn period_zero_mines_a_transaction_at_once_and_an_empty_block_after_a_second() {
    let node = start(node()).await;
    let url = node.url.clone();
    let chain = node.chain().clone();
    beside(move || {
        let key = &chain.config().account_keys()[0];
        for nonce in 0..5u64 {
            let sent = Instant::now();
            let raw = signed(key, legacy(nonce, TxKind::Call(Address::ZERO), Bytes::new()));
            let hash = result(&url, "eth_sendRawTransaction", json!([raw]));
            eventually("a receipt", || !result(&url, "eth_getTransactionReceipt", json!([hash])).is_null());
            assert!(sent.elapsed() < Duration::from_millis(900), "it did not wait for the idle block");
        }
        let (height, idle) = (chain.latest(), Instant::now());
        eventually("an empty block", || chain.latest() > height);
        assert!(idle.elapsed() > Duration::from_millis(500), "and not before a second of idleness");
        assert_eq!(chain.header(chain.latest()).expect("sealed").gas_used, 0);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let times: Vec<u64> =
            (1..=chain.latest()).map(|height| chain.header(height).expect("sealed").timestamp).collect();
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]) && times.iter().all(|time| *time <= now));
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_period_makes_blocks_without_transactions_and_stop_ends_it() {
    let production = Production::Every(Duration::from_millis(20));
    let node = start(NodeConfig { production, ..node() }).await;
    let (url, chain) = (node.url.clone(), node.chain().clone());
    beside(move || eventually("ten blocks", || number(&result(&url, "eth_blockNumber", json!([]))) >= 10)).await;
    let url = node.url.clone();
    node.stop().await;
    let height = chain.latest();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(chain.latest(), height, "no block after the stop");
    post(&url, "eth_blockNumber", json!([])).expect_err("nobody listens");
    let long = Production::Every(Duration::from_secs(4_000));
    let failure = Node::start(NodeConfig { production: long, ..self::node() }).await.expect_err("too long");
    assert!(matches!(failure, ChainError::Config { field: "period", .. }), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_refused() {
    let first = start(node()).await;
    let port = first.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let failure = Node::start(NodeConfig { port, ..node() }).await.expect_err("taken");
    assert!(matches!(failure, ChainError::Listen { port: found, .. } if found == port), "{failure}");
    first.stop().await;
    start(NodeConfig { port, ..node() }).await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_by_hand_follow_a_clock_that_is_moved_by_hand() {
    let clock = Arc::new(ManualClock::at(100));
    let node = start(NodeConfig { production: Production::ByHand, clock: clock.clone(), ..node() }).await;
    assert_eq!(node.step_block().expect("sealed").number, 1);
    clock.advance(5);
    node.step_block().expect("sealed");
    clock.set(101);
    let failure = node.step_block().expect_err("the clock fell");
    assert!(matches!(failure, ChainError::ClockBehind { parent: 105, now: 101 }), "{failure}");
    let times: Vec<_> = (1..=2).map(|height| node.chain().header(height).expect("sealed").timestamp).collect();
    assert_eq!(times, [100, 105]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_fell_makes_the_chain_wait_without_spinning() {
    #[derive(Default)]
    struct Counting(ManualClock, std::sync::atomic::AtomicU64);
    impl Clock for Counting {
        fn now_unix_seconds(&self) -> u64 {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.now_unix_seconds()
        }
    }
    let clock = Arc::new(Counting::default());
    clock.0.set(NOW);
    let node = start(NodeConfig { clock: clock.clone(), ..node() }).await;
    node.step_block().expect("sealed");
    clock.0.set(NOW - 10);
    let chain = node.chain().clone();
    beside(move || {
        let height = chain.latest();
        let key = &chain.config().account_keys()[0];
        chain.submit(&signed(key, legacy(0, TxKind::Call(Address::ZERO), Bytes::new()))).expect("taken");
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(chain.latest(), height, "no header before the one that is there");
        assert!(clock.1.load(std::sync::atomic::Ordering::Relaxed) < 30, "it looks now and then");
        clock.0.set(NOW + 1);
        eventually("the transaction", || chain.waiting() == 0);
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_validator_costs_its_turn_and_a_halted_chain_resumes() {
    let production = Production::Every(Duration::from_millis(10));
    let round_timeout = Duration::from_millis(30);
    let node = start(NodeConfig { production, round_timeout, ..node() }).await;
    let (url, chain) = (node.url.clone(), node.chain().clone());
    beside(move || {
        let set = chain.validators_at(0).expect("genesis");
        result(&url, "lab_setOnline", json!([set[0], false]));
        let later_round = || {
            let block = result(&url, "eth_getBlockByNumber", json!(["latest", false]));
            adapter_devchain::ExtraData::decode(&bytes(&block["extraData"])).expect("decodes").round == 1
        };
        eventually("a block of round 1", later_round);
        result(&url, "lab_setOnline", json!([set[1], false]));
        let status = result(&url, "lab_status", json!([]));
        let online = status.as_array().expect("a list").iter().filter(|key| key["online"] == true).count();
        assert_eq!(online, 4, "of six keys");
        std::thread::sleep(Duration::from_millis(200));
        let height = chain.latest();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(chain.latest(), height, "two of four are no quorum");
        result(&url, "lab_setOnline", json!([set[1], true]));
        eventually("it goes on", || chain.latest() > height + 3);
        // Besu's and GoQuorum's names of a vote.
        let newcomer = chain.config().validator_keys()[4].address();
        result(&url, "lab_setOnline", json!([set[0], true]));
        assert_eq!(result(&url, "qbft_proposeValidatorVote", json!([newcomer, true])), json!(true));
        eventually("five validators", || {
            result(&url, "qbft_getValidatorsByBlockNumber", json!(["latest"])).as_array().expect("a list").len() == 5
        });
        assert_eq!(result(&url, "qbft_discardValidatorVote", json!([newcomer])), json!(true));
        assert_eq!(result(&url, "istanbul_getValidators", json!([])).as_array().expect("a list").len(), 5);
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_turn_of_a_stopped_proposer_costs_the_round_time_out() {
    let production = Production::Every(Duration::from_millis(1));
    let round_timeout = Duration::from_millis(400);
    let node = start(NodeConfig { production, round_timeout, ..node() }).await;
    let chain = node.chain().clone();
    beside(move || {
        let set = chain.validators_at(0).expect("genesis");
        chain.set_online(set[0], false).expect("known");
        let mut last = Instant::now();
        let mut height = chain.latest();
        let mut waited = Vec::new();
        while waited.len() < 2 {
            eventually("a block", || chain.latest() > height);
            height += 1;
            let header = chain.header(height).expect("sealed");
            let round = adapter_devchain::ExtraData::decode(&header.extra_data).expect("decodes").round;
            if round == 1 {
                waited.push(last.elapsed());
            }
            last = Instant::now();
        }
        assert!(waited[1] > Duration::from_millis(350), "{waited:?}");
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn levers_exist_only_where_they_are_allowed() {
    let node = start(NodeConfig { levers: false, ..node() }).await;
    let (url, chain) = (node.url.clone(), node.chain().clone());
    beside(move || {
        let first = chain.validators_at(0).expect("genesis")[0];
        for (method, params) in [
            ("lab_status", json!([])),
            ("lab_setOnline", json!([first, false])),
            ("lab_forge", json!(["latest", {}])),
            ("lab_setFault", json!([{"fault": {"kind": "stall"}}])),
        ] {
            let answer = post(&url, method, params).expect("an answer");
            assert_eq!(answer["error"]["code"], -32_601, "{answer}");
        }
        assert!(chain.validators().iter().all(|validator| validator.online));
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_page_of_another_origin_gets_nowhere() {
    let node = start(node()).await;
    let url = node.url.clone();
    beside(move || {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "lab_status", "params": []}).to_string();
        let host = url.trim_start_matches("http://");
        let status = |headers: &str| http(&url, headers, body.as_bytes()).expect("an answer").0;
        assert_eq!(status(&format!("host: {host}\r\ncontent-type: text/plain\r\n")), 415);
        assert_eq!(status(&format!("host: {host}\r\n")), 415);
        assert_eq!(status("host: evil.example:8545\r\ncontent-type: application/json\r\n"), 403);
        assert_eq!(status("host: localhost:1\r\ncontent-type: application/json; charset=utf-8\r\n"), 200);
    })
    .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_batches_and_connections_are_bounded() {
    let node = start(node()).await;
    let url = node.url.clone();
    beside(move || {
        let host = url.trim_start_matches("http://").to_owned();
        let headers = format!("host: {host}\r\ncontent-type: application/json\r\n");
        let send = |body: &[u8]| http(&url, &headers, body).expect("an answer");
        let parsed = |body: &[u8]| serde_json::from_slice::<Value>(&send(body).1).expect("JSON");
        assert_eq!(send(&vec![b' '; MAX_REQUEST_BYTES + 1]).0, 413);
        assert_eq!(parsed(b"{")["error"]["code"], -32_700);
        assert_eq!(parsed(b"7")["error"]["code"], -32_600);
        assert_eq!(parsed(b"[]")["error"]["message"], "empty batch");
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(parsed(&deep)["error"]["code"], -32_700, "no stack is exhausted");
        assert_eq!(parsed(br#"{"id":1,"method":"eth_chainId"}"#)["error"]["code"], -32_600, "no version");
        let call = json!({"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"});
        assert_eq!(parsed(json!([call, call]).to_string().as_bytes()).as_array().expect("two").len(), 2);
        let many = json!(vec![call; MAX_BATCH_CALLS + 1]);
        let message = parsed(many.to_string().as_bytes())["error"]["message"].to_string();
        assert!(message.starts_with("\"batch too large: expected at most 1000 calls, found 1001"), "{message}");
        let notification = json!({"jsonrpc": "2.0", "method": "eth_chainId"}).to_string();
        assert_eq!(send(notification.as_bytes()), (200, Vec::new()));
        let huge_name = json!({"jsonrpc": "2.0", "id": 1, "method": "x".repeat(100_000)}).to_string();
        assert!(send(huge_name.as_bytes()).1.len() < 300, "an answer does not grow with the question");

        // All places are taken by connections that say nothing; the next one waits until one of them ends.
        let mut silent: Vec<TcpStream> =
            (0..MAX_CONNECTIONS).map(|_| TcpStream::connect(&host).expect("connects")).collect();
        let waiting = std::thread::spawn({
            let url = url.clone();
            move || result(&url, "eth_chainId", json!([]))
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        silent.truncate(MAX_CONNECTIONS / 2);
        assert_eq!(waiting.join().expect("an answer"), "0x539");
    })
    .await;
    node.stop().await;
}

#[test]
fn log_queries_are_bounded() {
    let chain = Arc::new(Chain::in_memory(config()).expect("a chain"));
    let rpc = Rpc::new(chain.clone(), false, Vec::new());
    for _ in 0..10_001 {
        chain.seal_block(NOW).expect("sealed");
    }
    let text = "exceed maximum block range: expected at most 10000 blocks, found 10002";
    assert_eq!(error(&rpc, "eth_getLogs", json!([{"fromBlock": "0x0"}])), text);
    call(&rpc, "eth_getLogs", json!([{"fromBlock": "0x2"}]));
    assert_eq!(
        error(&rpc, "eth_getLogs", json!([{"fromBlock": "0x3", "toBlock": "0x2"}])),
        "invalid block range params"
    );
    let topics = vec![Value::Null; 5];
    assert_eq!(
        error(&rpc, "eth_getLogs", json!([{"topics": topics}])),
        "exceed max topics: expected at most 4, found 5"
    );
    let addresses = vec![Address::ZERO; 1_001];
    assert!(error(&rpc, "eth_getLogs", json!([{"address": addresses}])).starts_with("exceed max addresses or topics"));
    assert_eq!(
        call(&rpc, "eth_feeHistory", json!(["0xffff", "latest", []]))["gasUsedRatio"].as_array().expect("a list").len(),
        1_024
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_requests_are_reset_or_never_answered_and_late_ones_come() {
    let rule = |fault, height| FaultRule { from_height: height, to_height: Some(height), ..FaultRule::always(fault) };
    let faults = vec![rule(Fault::Reset, 1), rule(Fault::NoAnswer, 2), rule(Fault::Delay { max_ms: 400 }, 3)];
    let node = start(NodeConfig { production: Production::ByHand, faults, ..node() }).await;
    let ask = |url: String| beside(move || post(&url, "eth_blockNumber", json!([])));
    assert_eq!(ask(node.url.clone()).await.expect("no fault at 0")["result"], "0x0");
    node.step_block().expect("sealed");
    ask(node.url.clone()).await.expect_err("reset");
    node.step_block().expect("sealed");
    let silent = tokio::spawn(ask(node.url.clone()));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!silent.is_finished());
    node.step_block().expect("sealed");
    let asked = Instant::now();
    for _ in 0..8 {
        assert_eq!(ask(node.url.clone()).await.expect("late")["result"], "0x3");
    }
    let elapsed = asked.elapsed();
    assert!(elapsed > Duration::from_millis(200) && elapsed < Duration::from_secs(20), "{elapsed:?}");
    node.step_block().expect("sealed");
    assert_eq!(ask(node.url.clone()).await.expect("no fault at 4")["result"], "0x4");
    node.stop().await;
    silent.await.expect("the test's task").expect_err("it ends with the node");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_chain_makes_no_block_until_the_fault_is_lifted() {
    let production = Production::Every(Duration::from_millis(10));
    let node = start(NodeConfig { production, faults: vec![FaultRule::always(Fault::Stall)], ..node() }).await;
    let (url, chain) = (node.url.clone(), node.chain().clone());
    beside(move || {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(chain.latest(), 0);
        assert_eq!(result(&url, "lab_faults", json!([]))[0]["fault"]["kind"], "stall");
        assert_eq!(result(&url, "lab_setFault", json!([])), json!([]));
        eventually("blocks", || chain.latest() > 3);
    })
    .await;
    node.stop().await;
}

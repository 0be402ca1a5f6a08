//! An operator's way from nothing to two linked chains, and what is refused on it.

mod support;

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use light_client::{CommitmentHash, Height, Sequence};
use relayer_core::{Direction, PacketRow, Parked, PathId, Told, UnixMillis, Write};
use relayer_store::{Guard, SqliteStore, Store as _};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use support::{Site, TestResult, run, run_well, until};

const PATH: &str = "devchain-a-devchain-b";

const RECORD: &str = "deployments/path-devchain-a-devchain-b.json";
/// An account without code.
const NOBODY: &str = "0x00000000000000000000000000000000000000aa";

/// Longer than the looks take after which a relayer ends for a client that is another one.
const LOOKS_TAKE: Duration = Duration::from_secs(12);

/// A node that asks an honest one, and answers other code than each contract has.
struct Liar {
    url: String,
    lies: Arc<AtomicUsize>,
}

impl Liar {
    async fn start(honest: &str) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let (url, lies) = (format!("http://{}", listener.local_addr()?), Arc::new(AtomicUsize::new(0)));
        let state = (honest.to_owned(), reqwest::Client::new(), Arc::clone(&lies));
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(lie).with_state(state)).await });
        Ok(Self { url, lies })
    }
}

async fn lie(
    State((honest, http, lies)): State<(String, reqwest::Client, Arc<AtomicUsize>)>,
    body: Bytes,
) -> impl IntoResponse {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut answer = match http.post(honest).header("content-type", "application/json").body(body).send().await {
        Ok(answer) => answer.json::<Value>().await.unwrap_or_default(),
        Err(_) => Value::Null,
    };
    if asked["method"] == "eth_getCode" {
        lies.fetch_add(1, Ordering::SeqCst);
        answer["result"] = "0x00".into();
    }
    ([("content-type", "application/json")], answer.to_string())
}

/// Changes which contract is noted as the client at one end.
fn noted_contract(root: &Path, end: &str, contract: &str) -> TestResult {
    let mut record = json(&fs::read_to_string(root.join(RECORD))?)?;
    assert!(record[end]["made"]["contract"].is_string());
    record[end]["made"]["contract"] = contract.into();
    Ok(fs::write(root.join(RECORD), record.to_string())?)
}

fn json(text: &str) -> TestResult<Value> {
    Ok(serde_json::from_str(text)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_to_two_linked_chains() -> TestResult {
    let site = Site::new()?;
    let root = site.path();

    // Nothing there yet: each command says what comes first.
    let no_contracts = run(root, &["start"])?;
    assert_eq!(no_contracts.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&no_contracts.stderr).contains("lighterman deploy"));
    let no_chain = run(root, &["deploy", "devchain-a"])?;
    assert_eq!(no_chain.status.code(), Some(4), "{}", String::from_utf8_lossy(&no_chain.stderr));
    assert_eq!(run(root, &["check", "--online"])?.status.code(), Some(3));
    assert_eq!(run(root, &["deploy", "nowhere"])?.status.code(), Some(3));
    assert!(run_well(root, &["status"])?.contains("does not run"));

    let chain_a = site.chain("a", &["--folder", &root.join("chain-a").to_string_lossy()])?;
    let _chain_b = site.chain("b", &[])?;

    // Deploying twice changes nothing.
    let first = json(&run_well(root, &["deploy", "devchain-a", "--json"])?)?;
    let toml = fs::read_to_string(root.join("chains/devchain-a.toml"))?;
    let router = first["router"].as_str().ok_or("no router")?;
    assert!(toml.to_lowercase().contains(&router.to_lowercase()), "the addresses are in the chain's file");
    assert!(toml.contains("# How the chain is spoken to"), "comments stay");
    let second = json(&run_well(root, &["deploy", "devchain-a", "--json"])?)?;
    assert_eq!(first, second);
    // Nor when the record is lost: the addresses are in the chain's file.
    fs::remove_file(root.join("deployments/chain-devchain-a.json"))?;
    assert_eq!(first, json(&run_well(root, &["deploy", "devchain-a", "--json"])?)?);

    // One end waits for its delay, and the command says so and goes on when it is run again.
    site.change("chains/devchain-b.toml", "delay = \"0s\"", "delay = \"6s\"")?;
    run_well(root, &["deploy", "devchain-b"])?;
    let unconfirmed = run(root, &["link", PATH])?;
    assert_eq!(unconfirmed.status.code(), Some(1), "nobody confirmed");
    let waiting = run(root, &["link", PATH, "--yes", "--json"])?;
    assert_eq!(waiting.status.code(), Some(7), "{}", String::from_utf8_lossy(&waiting.stderr));
    let report = json(&String::from_utf8(waiting.stdout)?)?;
    assert_eq!(report["linked"], false);
    assert_eq!(report["ends"][0]["pending"], Value::Array(Vec::new()));
    let acts = report["ends"][1]["pending"].as_array().ok_or("no acts")?;
    assert!(acts.iter().all(|act| act["due_seconds"].is_u64()) && acts.len() == 5, "{acts:?}");
    // What a chain does not show as noted is no reason to make a second client.
    let record = fs::read_to_string(root.join(RECORD))?;
    noted_contract(root, "b", NOBODY)?;
    let second = run(root, &["link", PATH, "--yes"])?;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(4), "{said}");
    let said = said.to_lowercase();
    assert!(said.contains(&format!("code at {NOBODY}")) && said.contains("deployments/"), "{said}");
    fs::write(root.join(RECORD), &record)?;
    let linked = json(&run_well(root, &["link", PATH, "--yes", "--wait", "--json"])?)?;
    assert_eq!(fs::read_to_string(root.join(RECORD))?, record, "the client that was made is the one that was named");
    assert_eq!(linked["linked"], true);
    assert_eq!(linked, json(&run_well(root, &["link", PATH, "--json"])?)?, "linking again changes nothing");
    assert!(run_well(root, &["check", "--online"])?.contains("client qbft-0 is active"));

    // A client with other parameters than the configuration's is not taken for the one that is wanted.
    site.change("chains/devchain-a.toml", "trusting_period = \"14d\"", "trusting_period = \"7d\"")?;
    let changed = run(root, &["link", PATH, "--yes"])?;
    let said = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert_eq!(changed.status.code(), Some(4), "{said}");
    assert!(said.contains("client's parameters") && said.contains("choose another"), "{said}");
    site.change("chains/devchain-a.toml", "trusting_period = \"7d\"", "trusting_period = \"14d\"")?;

    // Nor is another contract than the one that was made, whatever it answers: not by any command.
    noted_contract(root, "a", NOBODY)?;
    for command in [&["link", PATH, "--yes"][..], &["check", "--online"], &["start"]] {
        let refused = run(root, command)?;
        let said = [refused.stdout, refused.stderr].concat();
        let said = String::from_utf8_lossy(&said).to_lowercase();
        assert_eq!(refused.status.code(), Some(if command[0] == "check" { 3 } else { 4 }), "{command:?}: {said}");
        assert!(said.contains("client's contract") && said.contains(NOBODY), "{command:?}: {said}");
    }
    fs::write(root.join(RECORD), &record)?;

    // Nor is another contract taken for the governance, the Router or the ledger.
    let text = fs::read_to_string(root.join("chains/devchain-a.toml"))?;
    let address = |key: &str| first[key].as_str().map(str::to_lowercase).ok_or("no address");
    for (one, other) in [("governance", "ledger"), ("router", "bridge"), ("ledger", "bridge")] {
        // Each has the address of the other.
        let (one_at, other_at) = (address(one)?, address(other)?);
        let swapped =
            text.to_lowercase().replace(&one_at, "here").replace(&other_at, &one_at).replace("here", &other_at);
        assert_ne!(swapped, text.to_lowercase(), "{one}");
        fs::write(root.join("chains/devchain-a.toml"), swapped)?;
        let refused = run(root, &["link", PATH, "--yes", "--json"])?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(4), "{said}");
        let error = json(said.lines().last().ok_or("no error")?)?["error"].to_string();
        assert!(error.contains(&format!("{one}: expected code at")) && error.contains("published artefact"), "{said}");
        assert_eq!(run(root, &["check", "--online"])?.status.code(), Some(3), "{one}");
    }
    fs::write(root.join("chains/devchain-a.toml"), text)?;

    // The relayer, its page, and what it refuses.
    let relayer = site.relayer()?;
    until("it runs", Duration::from_secs(20), || async {
        let status = json(&run_well(root, &["status", "--json"])?)?;
        Ok(status["running"] == true && status["paths"][0]["clients"][0]["status"] == "active")
    })
    .await?;
    let status = run_well(root, &["status"])?;
    assert!(
        status.contains("4 validators with secp256k1 keys; 3 of 4 must seal") && status.contains("proven"),
        "{status}"
    );
    assert_eq!(json(&run_well(root, &["packets", "--pending", "--json"])?)?, Value::Array(Vec::new()));
    assert_eq!(run(root, &["packets", "--state", "lost"])?.status.code(), Some(3));
    let other_page = format!("127.0.0.1:{}", support::free_port()?);
    let twice = run(root, &["start", "--listen", &other_page])?;
    assert_eq!(twice.status.code(), Some(5), "{}", String::from_utf8_lossy(&twice.stderr));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("only relayer"));
    assert!(relayer.end()?.success());
    assert!(run_well(root, &["status"])?.contains("from its database"));

    // Another chain under the same name is not taken for it.
    drop(chain_a);
    fs::remove_dir_all(root.join("chain-a"))?;
    let _other = site.chain("a", &["--accounts", "1"])?;
    let other = run(root, &["deploy", "devchain-a"])?;
    assert_eq!(other.status.code(), Some(4), "{}", String::from_utf8_lossy(&other.stderr));
    assert!(String::from_utf8_lossy(&other.stderr).contains("genesis"));
    let check = run(root, &["check", "--online"])?;
    assert_eq!(check.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&check.stdout).contains("contracts.genesis_hash"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_of_several_says_of_a_client_ends_no_relayer() -> TestResult {
    let site = Site::new()?;
    let root = site.path();
    let _chains = [site.chain("a", &[])?, site.chain("b", &[])?];
    for command in [&["deploy", "devchain-a"][..], &["deploy", "devchain-b"], &["link", PATH, "--yes"]] {
        run_well(root, command)?;
    }
    let honest = format!("http://127.0.0.1:{}", site.ports[0]);
    let liar = Liar::start(&honest).await?;
    // It stands first, and tells of other code each time it is asked.
    let both = format!("url = \"{}\"\n[[endpoints]]\nurl = \"{honest}\"", liar.url);
    site.change("chains/devchain-a.toml", &format!("url = \"{honest}\""), &both)?;
    let mut relayer = site.relayer()?;
    until("its lie is heard", Duration::from_secs(20), || async { Ok(liar.lies.load(Ordering::SeqCst) > 0) }).await?;
    let later = Instant::now() + LOOKS_TAKE;
    while Instant::now() < later {
        assert_eq!(relayer.child.try_wait()?, None, "it ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(relayer.end()?.success());
    // Where there is no other its word counts.
    site.change("chains/devchain-a.toml", &both, &format!("url = \"{}\"", liar.url))?;
    let refused = run(root, &["start"])?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("published artefact"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_down_is_waited_for() -> TestResult {
    let site = Site::new()?;
    let root = site.path();
    let folder = root.join("chain-b").to_string_lossy().into_owned();
    let _chain_a = site.chain("a", &[])?;
    let chain_b = site.chain("b", &["--folder", &folder])?;
    run_well(root, &["deploy", "devchain-a"])?;
    run_well(root, &["deploy", "devchain-b"])?;
    run_well(root, &["link", PATH, "--yes"])?;
    assert!(chain_b.end()?.success());

    let relayer = site.relayer()?;
    let health = || async {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/healthz", site.page)).await?;
        Ok::<_, Box<dyn std::error::Error>>((answer.status().as_u16(), answer.text().await?))
    };
    until("the other chain is missed", Duration::from_secs(20), || async {
        let (status, said) = health().await?;
        Ok(status == 503 && said.contains("devchain-b"))
    })
    .await?;
    let _chain_b = site.chain("b", &["--folder", &folder])?;
    until("it is back", Duration::from_secs(30), || async { Ok(health().await?.0 == 200) }).await?;
    assert!(relayer.end()?.success());
    Ok(())
}

#[test]
fn nodes_of_another_chain_are_refused() -> TestResult {
    let site = Site::new()?;
    let _chain = site.chain("a", &[])?;
    site.change("chains/devchain-a.toml", "chain_id = 9001", "chain_id = 9099")?;
    let deploy = run(site.path(), &["deploy", "devchain-a"])?;
    let said = String::from_utf8_lossy(&deploy.stderr).into_owned();
    assert_eq!(deploy.status.code(), Some(3), "{said}");
    assert!(said.contains("9099") && said.contains("9001"), "{said}");
    Ok(())
}

#[test]
fn an_account_without_funds_is_told() -> TestResult {
    let site = Site::new()?;
    let _chain = site.chain("a", &[])?;
    run_well(site.path(), &["deploy", "devchain-a"])?;
    site.change("chains/devchain-a.toml", "min_balance_gwei = 0", "min_balance_gwei = 9_000_000_000_000_000_000")?;
    let check = run(site.path(), &["check", "--online"])?;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(3), "{said}");
    assert!(said.contains("send funds"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_parked_packet_goes_on_by_one_command() -> TestResult {
    let site = Site::new()?;
    let root = site.path();
    let (path, direction, sequence) = (PATH.parse::<PathId>()?, Direction::AToB, Sequence::try_from(7)?);
    let told = Told {
        commitment: CommitmentHash::new([7; 32]),
        timeout_seconds: 1_900_000_000,
        body_bytes: 900,
        height: Height::new(5),
    };
    let mut row = PacketRow::announced(sequence, told, UnixMillis::new(1));
    row.park(Parked::RefusedByChain);
    let store = SqliteStore::open(&root.join("lighterman.db"), "a test").await?;
    let fence = store.lease("a test", "a test", UnixMillis::new(1), 1_000).await?.fence;
    let guard = Guard { lease: "a test".into(), fence };
    store.apply(&guard, &[Write::Packet { path, direction, row }]).await?;

    // A relayer that runs is looked at and not interfered with, wherever its page is.
    assert!(run_well(root, &["status"])?.contains("does not run"));
    assert!(run_well(root, &["packets", "--pending"])?.contains("parked: refused-by-chain"));
    let command = ["packets", "resume", PATH, "a-to-b", "7"];
    let meanwhile = run(root, &command)?;
    assert_eq!(meanwhile.status.code(), Some(5), "{}", String::from_utf8_lossy(&meanwhile.stderr));
    store.close().await;

    let listed = run_well(root, &["packets", "--pending"])?;
    assert!(listed.contains("parked: refused-by-chain") && listed.contains(&command.join(" ")), "{listed}");
    assert!(run_well(root, &command)?.contains("goes on"));
    let listed = run_well(root, &["packets", "--pending"])?;
    assert!(listed.contains("waits for look") && !listed.contains("parked"), "{listed}");

    for (arguments, status) in [
        (["packets", "resume", PATH, "a-to-b", "7"], 1),
        (["packets", "resume", PATH, "b-to-a", "7"], 1),
        (["packets", "resume", PATH, "a-to-c", "7"], 3),
        (["packets", "resume", "nowhere", "a-to-b", "7"], 3),
        (["packets", "resume", PATH, "a-to-b", "0"], 3),
    ] {
        let refused = run(root, &arguments)?;
        assert_eq!(refused.status.code(), Some(status), "{arguments:?}: {}", String::from_utf8_lossy(&refused.stderr));
    }
    Ok(())
}

#[test]
fn a_database_that_is_none_is_refused_and_kept() -> TestResult {
    let site = Site::new()?;
    let database = site.path().join("lighterman.db");
    fs::write(&database, "this is not a database, and long enough to look like some kind of file\n".repeat(80))?;
    let before = fs::read(&database)?;
    let status = run(site.path(), &["status"])?;
    assert_eq!(status.status.code(), Some(5), "{}", String::from_utf8_lossy(&status.stderr));
    assert_eq!(fs::read(&database)?, before);
    Ok(())
}

//! A person shows a client two headers that were obtained elsewhere: what is no misbehaviour is not sent, what is freezes the
//! client, and the relayer says afterwards by whom.

#[path = "support/merchant.rs"]
#[allow(dead_code, reason = "this test uses a part")]
mod merchant;
mod support;

use adapter::ChainReader as _;
use light_client::{Height, Status};
use merchant::{Side, linked};
use relayer_core::{NonceEnd, SignerId, UnixMillis, Write};
use relayer_store::{Guard, SqliteStore, Store as _};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use support::{Site, TestResult, run, run_well, until};

const PATH: &str = "devchain-a-devchain-b";
/// The client on the first chain, which follows the second.
const CLIENT: &str = "devchain-a/qbft-0";
/// A number of the operator's account that the relayer is said to have used.
const USED: u64 = 1_000;

async fn ask(port: u16, method: &str, params: Value) -> TestResult<Value> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = reqwest::Client::new().post(format!("http://127.0.0.1:{port}")).json(&request).send().await?;
    let answer: Value = answer.json().await?;
    assert!(!answer["result"].is_null(), "{method}: {answer}");
    Ok(answer)
}

async fn status_of(side: &Side) -> TestResult<Status> {
    Ok(side.evm.reader()?.client(&side.client).await?.value.ok_or("no client")?.status)
}

/// What the command does with two files.
fn show(site: &Site, name: &str, headers: &[&Path]) -> TestResult<(Option<i32>, String)> {
    let files: Vec<String> = headers.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let mut args = vec!["evidence", name];
    files.iter().for_each(|file| args.extend(["--header", file]));
    let output = run(site.path(), &args)?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok((output.status.code(), said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_headers_obtained_elsewhere_freeze_the_client() -> TestResult {
    let (site, _chains, [a, b]) = linked(&["--levers"]).await?;
    let root = site.path();
    let file = |name: &str| root.join(name);
    let head = b.evm.reader()?.head().await?.height.number();
    let height = format!("{head:#x}");
    // As a node answers a block, and as bytes.
    let own = ask(site.ports[1], "eth_getBlockByNumber", json!([height, false])).await?;
    fs::write(file("own.json"), own.to_string())?;
    let forgery = json!({ "receiptsRoot": format!("0x{}", "07".repeat(32)) });
    let forged = ask(site.ports[1], "lab_forge", json!([height, forgery])).await?;
    fs::write(file("forged.hex"), forged["result"].as_str().ok_or("no bytes")?)?;
    // The same block, sealed by one validator only.
    let validators = ask(site.ports[1], "lab_status", json!([])).await?;
    let forgery =
        json!({ "receiptsRoot": format!("0x{}", "07".repeat(32)), "signers": [validators["result"][0]["address"]] });
    let unsealed = ask(site.ports[1], "lab_forge", json!([height, forgery])).await?;
    fs::write(file("unsealed.hex"), unsealed["result"].as_str().ok_or("no bytes")?)?;
    fs::write(file("nothing.json"), "{}")?;
    let [own, forged, unsealed, nothing, missing] =
        ["own.json", "forged.hex", "unsealed.hex", "nothing.json", "missing"].map(file);

    // Before a relayer ever ran there is nowhere to keep it.
    let (code, said) = show(&site, CLIENT, &[&own, &forged])?;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("run lighterman start once"), "{said}");
    let relayer = site.relayer()?;
    // While one runs it does that by itself.
    let (code, said) = show(&site, CLIENT, &[&own, &forged])?;
    assert_eq!(code, Some(5), "{said}");
    assert!(run_well(root, &["evidence", PATH])?.contains("the relayer runs, and submits what makes misbehaviour"));
    assert!(relayer.end()?.success());

    // What convinces nobody, or is no question at all, is not sent.
    let operator = run_well(root, &["keys", "address", "operator"])?.trim().to_owned();
    let count = async || -> TestResult<Value> {
        Ok(ask(site.ports[0], "eth_getTransactionCount", json!([operator, "latest"])).await?["result"].clone())
    };
    let before_any = count().await?;
    for (name, headers, expected, words) in [
        (CLIENT, vec![&own, &own], 4, "expected two blocks"),
        (CLIENT, vec![&own, &unsealed], 4, "seals"),
        (CLIENT, vec![&own, &nothing], 4, "parentHash: expected a value"),
        (CLIENT, vec![&own, &missing], 5, "missing"),
        (CLIENT, vec![&own], 3, "--header: expected two headers, or none, found 1"),
        (PATH, vec![&own, &forged], 3, "expected one client"),
        ("devchain-a/qbft-9", vec![&own, &forged], 3, "NAME"),
    ] {
        let headers: Vec<&Path> = headers.into_iter().map(|header| header.as_path()).collect();
        let (code, said) = show(&site, name, &headers)?;
        assert_eq!(code, Some(expected), "{name} {headers:?}: {said}");
        assert!(said.contains(words), "{name} {headers:?}: {said}");
    }
    assert_eq!((status_of(&a).await?, count().await?), (Status::Active, before_any.clone()));
    assert!(run_well(root, &["evidence", "--list", PATH])?.contains("no headers that contradict one another are kept"));

    // Nor is anything sent under a number that the relayer has given out, or knows to be used.
    let (database, before) = (file("lighterman.db"), file("before.db"));
    fs::copy(&database, &before)?;
    let signer = SignerId { chain: "devchain-a".to_owned(), account: operator.clone() };
    for (is_open, words) in [
        (true, "the relayer has left 1 transactions of the same account on devchain-a under way".to_owned()),
        (false, format!("expected the account's transaction {} to be the next one, found", USED + 1)),
    ] {
        let store = SqliteStore::open(&database, "the test").await?;
        let at = UnixMillis::new(1);
        let guard = Guard { lease: "test".to_owned(), fence: store.lease("test", "test", at, 1_000).await?.fence };
        let end = NonceEnd::Included { hash: [1; 32], height: Height::new(1), success: true, gas_used: 1 };
        store
            .apply(
                &guard,
                &[match is_open {
                    true => Write::Nonce { signer: signer.clone(), nonce: USED, purpose: None, at },
                    false => Write::NonceEnd { signer: signer.clone(), nonce: USED, end, at },
                }],
            )
            .await?;
        store.close().await;
        let (code, said) = show(&site, CLIENT, &[&own, &forged])?;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&words), "{words}: {said}");
    }
    assert_eq!((status_of(&a).await?, count().await?), (Status::Active, before_any));
    fs::rename(&before, &database)?;

    let (code, said) = show(&site, CLIENT, &[&own, &forged])?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("client qbft-0 on devchain-a is frozen: 0x"), "{said}");
    assert_eq!(status_of(&a).await?, Status::Frozen);
    let listed = run_well(root, &["evidence", "--list", PATH])?;
    for part in ["devchain-b, client qbft-0 on devchain-a", "misbehaviour, submitted", "(certified) from given by hand"]
    {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let listed: Value = serde_json::from_str(&run_well(root, &["evidence", "--list", CLIENT, "--json"])?)?;
    assert_eq!(listed["conflicts"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["submitted"], Value::Null);

    // A relayer that knows nothing but the chains says who did it.
    let relayer = site.relayer()?;
    until("status says by whom", Duration::from_secs(30), || async {
        let said = run_well(root, &["status"])?;
        let words =
            format!("STOPPED: client qbft-0 on devchain-a is frozen: {operator} showed it two blocks of devchain-b");
        Ok(said.contains(&words) && said.contains(&format!("at height {head}")))
    })
    .await?;
    assert!(relayer.end()?.success());
    Ok(())
}

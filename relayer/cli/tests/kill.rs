//! The real relayer, killed with `kill -9` again and again while receipts cross both ways: nothing is lost, nothing is
//! done twice, and it works again each time.

#[path = "support/merchant.rs"]
mod merchant;
mod support;

use adapter::{ChainReader as _, PacketEvent};
use adapter_evm::receipts::Location;
use light_client::Height;
use merchant::{QUANTITY, Side, issue, later, linked};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::Write as _,
    time::{Duration, Instant},
};
use support::{Site, TestResult, until};

/// Receipts that cross from `a` to `b`; every other one comes back.
const RECEIPTS: usize = 24;
/// How often the relayer is killed.
const KILLS: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() -> TestResult {
    let (site, _chains, sides) = linked(&[]).await?;
    let [a, b] = &sides;

    // The visitor's side of the story runs on its own; the relayer dies as it likes.
    let story = async {
        let mut known = Vec::new();
        for number in 0..RECEIPTS {
            let receipt = issue(a, number).await?;
            let merchant = b.account.address();
            a.receipts.lock(&a.account, &a.client, &receipt.content, merchant, merchant, later(a).await?).await?;
            known.push(receipt);
        }
        for receipt in known.iter().step_by(2) {
            let key = b.receipts.key_of(receipt.content.lineage.home_ref, receipt.content.lineage.uid).await?;
            until("a receipt arrives", Duration::from_secs(120), || async {
                Ok(b.receipts.record(key).await?.location == Location::Live)
            })
            .await?;
            let merchant = a.account.address();
            b.receipts.return_receipt(&b.account, &receipt.content, merchant, merchant, later(b).await?).await?;
        }
        Ok::<_, Box<dyn std::error::Error>>(known)
    };
    let killing = async {
        let mut slowest = Duration::ZERO;
        for round in 0..KILLS {
            let start = Instant::now();
            let mut relayer = site.relayer()?;
            until("the relayer works again", Duration::from_secs(20), || async { Ok(is_running(&site).await) }).await?;
            slowest = slowest.max(start.elapsed());
            // From hardly begun to in the middle of batches, each time at another place.
            tokio::time::sleep(Duration::from_millis(13 + round * 37 % 450)).await;
            relayer.kill()?;
        }
        Ok::<_, Box<dyn std::error::Error>>((slowest, site.relayer()?))
    };
    let (known, (slowest, relayer)) = tokio::try_join!(story, killing)?;
    // How fast is for the benchmark to say.
    writeln!(std::io::stderr().lock(), "the slowest of {KILLS} starts took {slowest:?}")?;
    for (number, receipt) in known.iter().enumerate() {
        let lineage = receipt.content.lineage;
        let key = b.receipts.key_of(lineage.home_ref, lineage.uid).await?;
        let expected =
            if number % 2 == 0 { [Location::Active, Location::Gone] } else { [Location::Remote, Location::Live] };
        until("every receipt comes to rest", Duration::from_secs(120), || async {
            let home = a.receipts.record(lineage.uid).await?.location;
            let abroad = b.receipts.record(key).await?.location;
            Ok([home, abroad] == expected)
        })
        .await?;
        let escrow = a.receipts.escrow(lineage.root_uid, &a.client).await?;
        assert_eq!(escrow, if number % 2 == 0 { 0 } else { QUANTITY }, "escrow is what is out");
    }
    for (side, received, settled) in [(a, RECEIPTS.div_ceil(2), RECEIPTS), (b, RECEIPTS, RECEIPTS.div_ceil(2))] {
        let (received_events, settled_events) = events(side).await?;
        assert_eq!(received_events.len(), received, "each packet is received");
        assert_eq!(settled_events.len(), settled, "each packet is settled");
        assert!(received_events.values().chain(settled_events.values()).all(|times| *times == 1), "and once");
    }
    until("nothing is pending", Duration::from_secs(30), || async {
        let status = status(&site).await.ok_or("no status")?;
        let pending = status["paths"][0]["directions"].as_array().ok_or("no directions")?;
        Ok(pending.iter().all(|direction| direction["pending"] == 0))
    })
    .await?;
    assert!(relayer.end()?.success());
    Ok(())
}

/// How often each packet was received and settled on a chain, by its events.
async fn events(side: &Side) -> TestResult<(BTreeMap<u64, u32>, BTreeMap<u64, u32>)> {
    let reader = side.evm.reader()?;
    let head = reader.head().await?.height;
    let (mut received, mut settled) = (BTreeMap::new(), BTreeMap::new());
    for event in reader.packet_events(Height::new(0), head).await? {
        match event {
            PacketEvent::Received { sequence, .. } => *received.entry(sequence.get()).or_insert(0) += 1,
            PacketEvent::Settled { sequence, .. } => *settled.entry(sequence.get()).or_insert(0) += 1,
            _ => {}
        }
    }
    Ok((received, settled))
}

async fn status(site: &Site) -> Option<Value> {
    let url = format!("http://127.0.0.1:{}/api/status", site.page);
    reqwest::get(url).await.ok()?.json().await.ok()
}

async fn is_running(site: &Site) -> bool {
    status(site).await.is_some_and(|status| status["running"] == true)
}

//! A relayer whose account has run dry on a chain that takes fees: its packets wait, and cross as soon as it has funds.

#[path = "support/merchant.rs"]
mod merchant;
mod support;

use adapter_devchain::{DevKey, KeyRole};
use adapter_evm::{Address, receipts::Location};
use alloy_consensus::{SignableTransaction as _, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Signature, TxKind, U256};
use merchant::{issue, later, linked};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Site, TestResult, run, run_well, until};

/// Pays from an account that the chain funded at its start; its first transaction.
async fn pay(port: u16, from: &DevKey, to: Address) -> TestResult {
    let value = U256::from(10).pow(U256::from(18));
    let to = TxKind::Call(to.0.into());
    let transaction = TxLegacy {
        chain_id: Some(9002),
        nonce: 0,
        gas_price: 1_000,
        gas_limit: 21_000,
        to,
        value,
        ..TxLegacy::default()
    };
    let signature = Signature::from_raw(&from.sign(&transaction.signature_hash()))?;
    let raw =
        alloy_primitives::hex::encode_prefixed(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718());
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw] });
    let answer = reqwest::Client::new().post(format!("http://127.0.0.1:{port}")).json(&request).send().await?;
    let answer: Value = answer.json().await?;
    assert!(answer["result"].is_string(), "{answer}");
    Ok(())
}

/// A key of the relayer's own that nobody has funded, on a chain whose gas has a price.
fn impoverish(site: &Site) -> TestResult<Address> {
    let password = site.path().join("password");
    run_well(site.path(), &["keys", "new", "poor", "--password-file", &password.to_string_lossy()])?;
    let file = "chains/devchain-b.toml";
    site.change(file, "signer = \"operator\"", "signer = \"poor\"")?;
    let said = run_well(site.path(), &["check", "--online"])?;
    assert!(said.contains("chain devchain-b: the signer has no funds and needs none: gas is free"), "{said}");
    site.change(file, "# gas_price_wei = 1_000", "gas_price_wei = 1_000")?;
    Ok(run_well(site.path(), &["keys", "address", "poor"])?.trim().parse()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_funds_packets_wait_and_are_not_given_up() -> TestResult {
    let rich = DevKey::derive("rich", KeyRole::Account, 0);
    let (site, _chains, [a, b]) = linked(&["--fund", &rich.address().to_string()]).await?;
    let poor = impoverish(&site)?;
    let check = run(site.path(), &["check", "--online"])?;
    let said = String::from_utf8(check.stdout)?;
    assert_eq!(check.status.code(), Some(3), "{said}");
    assert!(said.contains("expected funds: gas costs 1000 wei a unit, found 0 wei"), "{said}");
    let receipt = issue(&a, 0).await?;
    let merchant = b.account.address();
    a.receipts.lock(&a.account, &a.client, &receipt.content, merchant, merchant, later(&a).await?).await?;
    let lineage = receipt.content.lineage;
    let abroad = b.receipts.key_of(lineage.home_ref, lineage.uid).await?;

    let relayer = site.relayer()?;
    until("it is told what is missing", Duration::from_secs(60), || async {
        let said = run_well(site.path(), &["status"])?;
        Ok(said.contains("insufficient funds") && said.contains("waiting: 1 for transaction"))
    })
    .await?;
    assert_eq!(b.receipts.record(abroad).await?.location, Location::None);

    // Somebody sends funds; nobody restarts or resumes anything.
    pay(site.ports[1], &rich, poor).await?;
    run_well(site.path(), &["check", "--online"])?;
    until("the receipt arrives", Duration::from_secs(60), || async {
        Ok(b.receipts.record(abroad).await?.location == Location::Live)
    })
    .await?;
    assert!(relayer.end()?.success());
    Ok(())
}

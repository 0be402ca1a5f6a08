//! Measures the chain under each consensus: `cargo run --release -p adapter-devchain --example measure [slots [qbft|ed25519|sm2]]`.
#![allow(clippy::print_stdout, reason = "a command for people")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_devchain::{Chain, ChainConfig, Consensus, DevKey, GenesisAccount, KeyType, Rpc, TendermintConfig};
use alloy_consensus::{SignableTransaction as _, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use serde_json::{Value, json};

/// Stores the third word of its input at as many slots as the second says, from the first on.
const STORE: [u8; 27] = hex!("6020355b801560195760019003604035816000350155600356" "5b00");
const CONTRACT: Address = Address::repeat_byte(0xcc);
/// Changed slots in a block, by transactions of one slot, or by one transaction.
const FEW: u64 = 50;
const MANY: u64 = 1_000;

fn store(key: &DevKey, nonce: u64, slot: u64, count: u64) -> Result<Bytes, Box<dyn Error>> {
    let words = [slot, count, nonce + 1].map(|word| U256::from(word).to_be_bytes::<32>());
    let transaction = TxLegacy {
        chain_id: Some(1337),
        nonce,
        gas_limit: 100_000 + count * 30_000,
        to: TxKind::Call(CONTRACT),
        input: words.concat().into(),
        ..TxLegacy::default()
    };
    let signature = Signature::from_raw(&key.sign(&transaction.signature_hash()))?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}

fn report(what: &str, total: Duration, count: u64) {
    println!("  {what:<62} {:>10.1} µs", total.as_secs_f64() * 1e6 / count as f64);
}

/// Resident memory of this process, MB, where the system tells.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}

fn measure(name: &str, consensus: Consensus, slots: u64) -> Result<(), Box<dyn Error>> {
    println!("{name}");
    let storage: BTreeMap<_, _> = (0..slots).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
    let account = GenesisAccount { code: Bytes::from_static(&STORE), storage, ..GenesisAccount::default() };
    let tendermint = consensus != Consensus::Qbft;
    let config = ChainConfig {
        consensus,
        alloc: BTreeMap::from([(CONTRACT, account)]),
        state_history: Some(100),
        ..ChainConfig::default()
    };
    let started = Instant::now();
    let chain = Arc::new(Chain::in_memory(config)?);
    println!("  genesis of {slots} slots: {:.2} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    for _ in 0..200 {
        chain.seal_block(1)?;
    }
    report("an empty block, four validators", started.elapsed(), 200);

    let key = &chain.config().account_keys()[0];
    let (mut submitting, mut sealing) = (Duration::ZERO, Duration::ZERO);
    for block in 0..40 {
        let raw = (0..FEW)
            .map(|at| store(key, block * FEW + at, (block * FEW + at) * 7919 % slots.max(1), 1))
            .collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        for raw in &raw {
            chain.submit(raw)?;
        }
        submitting += started.elapsed();
        let started = Instant::now();
        let sealed = chain.seal_block(1)?;
        sealing += started.elapsed();
        assert_eq!(sealed.transactions as u64, FEW);
    }
    report("taking a transaction (recovers its sender)", submitting, 40 * FEW);
    report("a block of 50 transactions that each change a slot", sealing, 40);

    let mut sealing = Duration::ZERO;
    for block in 0..40 {
        chain.submit(&store(key, 40 * FEW + block, block * MANY % slots.max(1), MANY)?)?;
        let started = Instant::now();
        chain.seal_block(1)?;
        sealing += started.elapsed();
    }
    report("a block of one transaction that changes 1,000 slots", sealing, 40);
    println!("  {:.0} such blocks a second", 40.0 / sealing.as_secs_f64());

    let rpc = Rpc::new(chain, false, Vec::new());
    let ask = |what: &str, body: &Value, handle: &dyn Fn(&[u8])| {
        let body = body.to_string();
        let started = Instant::now();
        for _ in 0..1_000 {
            handle(body.as_bytes());
        }
        report(what, started.elapsed(), 1_000);
    };
    let request = |method: &str, params| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let ethereum = |what: &str, body: Value| ask(what, &body, &|body| drop(rpc.handle(body)));
    let cosmos = |what: &str, body: Value| ask(what, &body, &|body| drop(rpc.handle_tendermint(body)));
    if tendermint {
        let slot = [&[2], CONTRACT.as_slice(), B256::left_padding_from(&[7]).as_slice()].concat();
        let params = json!({"path": "/store/evm/key", "data": hex::encode(slot), "prove": true});
        cosmos("abci_query of one slot, with proof", request("abci_query", params));
        cosmos("commit", request("commit", json!({})));
    } else {
        ethereum("eth_getProof of one slot", request("eth_getProof", json!([CONTRACT, ["0x7"], "latest"])));
    }
    ethereum("eth_call", request("eth_call", json!([{"to": CONTRACT, "data": "0x00"}, "latest"])));
    ethereum("eth_getBlockByNumber", request("eth_getBlockByNumber", json!(["latest", false])));
    if let Some(megabytes) = memory() {
        println!("  {megabytes} MB");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let slots: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let tendermint = |key_type| Consensus::Tendermint(TendermintConfig::new("bsn-dev-1", key_type));
    // Alone, so that the memory shown is its own.
    let wanted = std::env::args().nth(2);
    let all = [("qbft", Consensus::Qbft), ("ed25519", tendermint(KeyType::Ed25519)), ("sm2", tendermint(KeyType::Sm2))];
    for (name, consensus) in all {
        if wanted.as_ref().is_none_or(|wanted| wanted == name) {
            measure(name, consensus, slots)?;
        }
    }
    Ok(())
}

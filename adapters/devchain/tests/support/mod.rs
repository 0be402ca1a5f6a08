//! What the tests share: transactions, a small contract, and a plain HTTP client.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use adapter_devchain::{Chain, ChainConfig, Consensus, DevKey, KeyType, Rpc, TendermintConfig};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use serde_json::{Value, json};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const CHAIN_ID: u64 = 1337;

/// Keeps words: with 64 bytes of input it stores the second at the first and logs it with the slot as topic; with 32 bytes it returns the
/// word at that slot; else it reverts.
pub(crate) fn store_runtime() -> Vec<u8> {
    // Jumps to the second line with 64 bytes of input, to the third with 32.
    let mut code = hex!("36604014601357" "36602014602a57" "60006000fd").to_vec();
    code.extend(hex!("5b" "602035" "600035" "55" "602035" "600052" "600035" "6020" "6000" "a1" "00"));
    code.extend(hex!("5b" "600035" "54" "600052" "6020" "6000" "f3"));
    code
}

/// Init code that deploys `runtime` (shorter than 256 bytes).
pub(crate) fn init_code(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).expect("short");
    let mut code = vec![0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

pub(crate) fn word(value: u64) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

/// Input of the contract that stores `value` at `slot`.
pub(crate) fn store(slot: u64, value: u64) -> Bytes {
    [word(slot), word(value)].concat().into()
}

pub(crate) fn config() -> ChainConfig {
    ChainConfig { chain_id: CHAIN_ID, ..ChainConfig::default() }
}

pub(crate) const KEY_TYPES: [KeyType; 3] = [KeyType::Ed25519, KeyType::Secp256k1, KeyType::Sm2];

/// A chain under Tendermint of four validators.
pub(crate) fn bsn(key_type: KeyType) -> ChainConfig {
    bsn_with(TendermintConfig::new("bsn-dev-1", key_type))
}

pub(crate) fn bsn_with(settings: TendermintConfig) -> ChainConfig {
    ChainConfig { consensus: Consensus::Tendermint(settings), ..config() }
}

/// The address of the key with this index.
pub(crate) fn validator(chain: &Chain, index: usize) -> Address {
    let name = format!("validator-{}", index + 1);
    chain.validators().into_iter().find(|status| status.name == name).expect("it has a key").address
}

pub(crate) fn signed<T: SignableTransaction<Signature>>(key: &DevKey, transaction: T) -> Bytes
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = Signature::from_raw(&key.sign(&transaction.signature_hash())).expect("65 bytes");
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

/// A legacy transaction at price 0.
pub(crate) fn legacy(nonce: u64, to: TxKind, input: Bytes) -> TxLegacy {
    TxLegacy { chain_id: Some(CHAIN_ID), nonce, gas_price: 0, gas_limit: 1_000_000, to, value: U256::ZERO, input }
}

pub(crate) fn eip1559(nonce: u64, to: TxKind, max_fee: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: tip,
        to,
        ..TxEip1559::default()
    }
}

pub(crate) fn eip2930(nonce: u64, to: TxKind) -> TxEip2930 {
    TxEip2930 { chain_id: CHAIN_ID, nonce, gas_limit: 100_000, to, ..TxEip2930::default() }
}

/// Deploys the contract in a block of its own, from account `index`, whose nonce is 0.
pub(crate) fn deploy(chain: &Chain, index: usize, now: u64) -> Address {
    let key = &chain.config().account_keys()[index];
    let hash = chain.submit(&signed(key, legacy(0, TxKind::Create, init_code(&store_runtime())))).expect("taken");
    chain.seal_block(now).expect("sealed");
    let (_, receipt) = chain.receipt(&hash).expect("mined");
    assert!(receipt.status(), "deployment failed");
    key.address().create(0)
}

pub(crate) fn call(rpc: &Rpc, method: &str, params: Value) -> Value {
    rpc.call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}

pub(crate) fn error(rpc: &Rpc, method: &str, params: Value) -> String {
    match rpc.call(method, params) {
        Ok(result) => panic!("{method} must fail, found {result}"),
        Err(error) => error.message,
    }
}

pub(crate) fn bytes(value: &Value) -> Bytes {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("bytes expected, found {value}: {error}"))
}

pub(crate) fn hash(value: &Value) -> B256 {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("hash expected, found {value}: {error}"))
}

pub(crate) fn number(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_else(|| panic!("quantity expected, found {value}"));
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("hexadecimal")
}

/// One HTTP request on a connection of its own; status and body.
pub(crate) fn http(url: &str, headers: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let head = format!("POST / HTTP/1.1\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    exchange(url, &head, body)
}

fn exchange(url: &str, head: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head.as_bytes())?;
    // A server that has seen enough may close before the whole body is sent.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = std::str::from_utf8(&answer[9..12])
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, answer.split_off(end + 4)))
}

/// A GET request of a path; status and body.
pub(crate) fn get(url: &str, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let host = url.trim_start_matches("http://");
    exchange(url, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"), &[])
}

/// A JSON body posted to a path.
pub(crate) fn post_to(url: &str, path: &str, body: &Value) -> Value {
    let (host, body) = (url.trim_start_matches("http://"), body.to_string());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let (status, answer) = exchange(url, &head, body.as_bytes()).expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).expect("JSON")
}

/// A JSON-RPC call over HTTP.
pub(crate) fn post(url: &str, method: &str, params: Value) -> io::Result<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let host = url.trim_start_matches("http://");
    let headers = format!("host: {host}\r\ncontent-type: application/json\r\n");
    let (status, answer) = http(url, &headers, body.as_bytes())?;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    Ok(serde_json::from_slice(&answer)?)
}

/// Waits until a condition holds, looking often; fails after half a minute.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

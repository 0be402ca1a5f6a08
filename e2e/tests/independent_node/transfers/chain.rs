//! A chain of ibc-go, seen with other eyes than the relayer's: Tendermint's RPC, and what the standard's implementation
//! says of its own stores. People sign with the node's own command line.

use crate::story::{Outcome, PATIENCE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::cosmos::{Account, CosmosNetwork};
use e2e::wait;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The node that is asked.
const NODE: usize = 0;

/// The most transactions that one page of a search has.
const PAGE: usize = 100;

/// What is stored of a packet, and the byte of its path. Source: ibc-go v10.3.0, modules/core/24-host/v2/packet_keys.go.
#[derive(Clone, Copy)]
pub(super) enum Stored {
    /// On the source, until the packet is settled.
    Commitment = 1,
    /// On the destination, once it has received the packet.
    Receipt = 2,
    /// On the destination, once its application has answered.
    Acknowledgement = 3,
}

/// A chain and its people.
pub(super) struct Chain {
    pub(super) name: &'static str,
    pub(super) network: CosmosNetwork,
    /// The client of the other chain.
    pub(super) client: &'static str,
}

impl Chain {
    /// Who sends and receives here.
    pub(super) fn holder(&self) -> Outcome<&Account> {
        Ok(self.network.accounts().get(1).ok_or("no such account")?)
    }

    /// Unix seconds of the latest block.
    pub(super) fn time(&self) -> Outcome<u64> {
        let rpc = self.network.rpc(NODE)?;
        let header = e2e::cosmos::header_at(rpc, self.network.height(NODE)?)?;
        Ok(header.unix_nanoseconds / 1_000_000_000)
    }

    /// The holder sends coins to an address of the other chain; the number of the packet.
    pub(super) fn send(&self, coins: &str, to: &str, timeout: u64) -> Outcome<u64> {
        let timeout = timeout.to_string();
        // With a client in the place of a channel it is a packet of IBC v2, whose timeout is in seconds.
        let arguments = [
            &["ibc-transfer", "transfer", "transfer", self.client, to, coins][..],
            &["--absolute-timeouts", "--packet-timeout-timestamp", &timeout],
        ];
        let sent = self.network.transact(NODE, &self.holder()?.name, &arguments.concat())?;
        let sequences = sequences(&sent, "send_packet");
        let [sequence] = *sequences.as_slice() else {
            return Err(format!("{}: expected one packet, found {sequences:?}", self.name).into());
        };
        Ok(sequence)
    }

    /// What an address has of a coin.
    pub(super) fn balance(&self, address: &str, denom: &str) -> Outcome<u128> {
        // QueryBalanceRequest {1 address, 2 denom}, QueryBalanceResponse {1 Coin {1 denom, 2 amount}}.
        let request = [field(1, address.as_bytes())?, field(2, denom.as_bytes())?].concat();
        self.amount("/cosmos.bank.v1beta1.Query/Balance", &request)
    }

    /// How much there is of a coin.
    pub(super) fn supply(&self, denom: &str) -> Outcome<u128> {
        // QuerySupplyOfRequest {1 denom}, QuerySupplyOfResponse {1 Coin {1 denom, 2 amount}}.
        self.amount("/cosmos.bank.v1beta1.Query/SupplyOf", &field(1, denom.as_bytes())?)
    }

    fn amount(&self, path: &str, request: &[u8]) -> Outcome<u128> {
        let answer = self.query(path, request)?.ok_or_else(|| format!("{path}: expected an answer, found none"))?;
        let coin = lengths_of(&answer)?.remove(&1).ok_or("no coin")?;
        let amount = lengths_of(&coin)?.remove(&2).ok_or("no amount")?;
        Ok(String::from_utf8(amount)?.parse()?)
    }

    /// What the chain's own store has of a packet.
    pub(super) fn stored(&self, what: Stored, sequence: u64) -> Outcome<Option<Vec<u8>>> {
        let key = [self.client.as_bytes(), &[what as u8], &sequence.to_be_bytes()].concat();
        self.query("store/ibc/key", &key)
    }

    fn query(&self, path: &str, data: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let parameters = json!({"path": path, "data": hex::encode(data)});
        let answer: Value = self.network.rpc(NODE)?.call("abci_query", parameters)?;
        let response = &answer["response"];
        if response["code"].as_u64() != Some(0) {
            return Err(format!("{}: {path}: {response}", self.name).into());
        }
        Ok(response["value"]
            .as_str()
            .map(|value| STANDARD.decode(value))
            .transpose()?
            .filter(|value| !value.is_empty()))
    }

    /// How often each packet has an event of that kind here.
    pub(super) fn events(&self, kind: &str) -> Outcome<BTreeMap<u64, usize>> {
        let (mut found, mut seen, mut page) = (BTreeMap::new(), 0, 1);
        loop {
            let query = json!({"query": format!("{kind}.packet_sequence EXISTS"), "page": page.to_string(),
                "per_page": PAGE.to_string(), "order_by": "asc"});
            let answer: Value = self.network.rpc(NODE)?.call("tx_search", query)?;
            let transactions = answer["txs"].as_array().ok_or("no list of transactions")?;
            for sequence in transactions.iter().flat_map(|transaction| sequences(transaction, kind)) {
                *found.entry(sequence).or_default() += 1;
            }
            seen += transactions.len();
            let total: usize = answer["total_count"].as_str().ok_or("no count")?.parse()?;
            if seen >= total || transactions.is_empty() {
                return Ok(found);
            }
            page += 1;
        }
    }

    /// Waits until packets sent from here are settled: their commitments are gone.
    pub(super) fn wait_settled(&self, packets: &[u64]) -> Outcome {
        for sequence in packets {
            let what = format!("{}: packet {sequence} is settled", self.name);
            wait::until(&what, PATIENCE, || match self.stored(Stored::Commitment, *sequence) {
                Ok(None) => Ok(()),
                other => Err(format!("{other:?}")),
            })?;
        }
        Ok(())
    }

    /// The name here of a coin of the other chain. Source: ICS-20, ibc-go's denomination traces.
    pub(super) fn voucher(&self, denom: &str) -> String {
        let path = format!("transfer/{}/{denom}", self.client);
        format!("ibc/{}", hex::encode_upper(Sha256::digest(path)))
    }
}

/// The packets that a transaction has events of.
fn sequences(transaction: &Value, kind: &str) -> Vec<u64> {
    let events = transaction["tx_result"]["events"].as_array().into_iter().flatten();
    let attributes =
        events.filter(|event| event["type"] == kind).flat_map(|event| event["attributes"].as_array()).flatten();
    let numbers = attributes.filter(|one| one["key"] == "packet_sequence").map(|one| one["value"].as_str());
    numbers.filter_map(|number| number?.parse().ok()).collect()
}

/// A protobuf field of bytes; short ones, whose length is one byte.
fn field(number: u8, bytes: &[u8]) -> Outcome<Vec<u8>> {
    let length =
        u8::try_from(bytes.len()).ok().filter(|length| *length < 0x80).ok_or("a field of fewer than 128 bytes")?;
    Ok([&[number << 3 | 2, length], bytes].concat())
}

/// The fields of bytes in a protobuf message of nothing else; short ones again.
fn lengths_of(mut message: &[u8]) -> Outcome<BTreeMap<u8, Vec<u8>>> {
    let mut fields = BTreeMap::new();
    while let [tag, length, rest @ ..] = message {
        let length = usize::from(*length);
        let value = rest.get(..length).filter(|_| tag & 7 == 2 && length < 0x80);
        fields.insert(tag >> 3, value.ok_or_else(|| format!("a field of bytes, found {message:02x?}"))?.to_vec());
        message = rest.get(length..).unwrap_or_default();
    }
    Ok(fields)
}

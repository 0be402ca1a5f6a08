//! Transfers of tokens by ICS-20 over IBC v2: payloads and the names of what arrives.

use crate::proto::FungibleTokenPacketData;
use light_client::{ClientId, Payload, sha256};
use prost::Message as _;
use serde::Serialize;

/// The port of transfers, and the version of what they say.
///
/// Source: ibc-go v10.3.0, `modules/apps/transfer/types/keys.go`.
const PORT: &str = "transfer";
const VERSION: &str = "ics20-1";
/// A word of Solidity's ABI.
const WORD_BYTES: usize = 32;

/// What is sent, from whom and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// The token: its own name at home, `transfer/client/name` for one that came from elsewhere.
    pub denom: String,
    /// How much, in its smallest unit.
    #[serde(serialize_with = "as_text")]
    pub amount: u128,
    /// The account it is taken from; it must sign.
    pub sender: String,
    /// The account it is for, on the other chain.
    pub receiver: String,
    /// A note; mostly empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub memo: String,
}

/// How a transfer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferEncoding {
    /// JSON.
    Json,
    /// Protobuf.
    Protobuf,
    /// Solidity's ABI.
    Abi,
}

impl TransferEncoding {
    /// The encoding's name in a payload.
    ///
    /// Source: ibc-go v10.3.0, `modules/apps/transfer/types/packet.go`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
            Self::Abi => "application/x-solidity-abi",
        }
    }
}

impl Transfer {
    /// The payload of a packet that makes this transfer.
    pub fn payload(&self, encoding: TransferEncoding) -> Payload {
        let value = match encoding {
            // A struct of texts is always JSON.
            TransferEncoding::Json => serde_json::to_vec(self).unwrap_or_default(),
            TransferEncoding::Protobuf => FungibleTokenPacketData {
                denom: self.denom.clone(),
                amount: self.amount.to_string(),
                sender: self.sender.clone(),
                receiver: self.receiver.clone(),
                memo: self.memo.clone(),
            }
            .encode_to_vec(),
            TransferEncoding::Abi => self.abi(),
        };
        Payload {
            source_port: PORT.to_owned(),
            destination_port: PORT.to_owned(),
            version: VERSION.to_owned(),
            encoding: encoding.name().to_owned(),
            value,
        }
    }

    /// One tuple (denom, sender, receiver, amount, memo): the offset of the tuple, its head of five words, its texts.
    ///
    /// Source: ibc-go v10.3.0, `modules/apps/transfer/types/solidity_abi.go`.
    fn abi(&self) -> Vec<u8> {
        const HEAD_WORDS: usize = 5;
        let word = |number: u128| {
            let mut word = [0; WORD_BYTES];
            word[WORD_BYTES - 16..].copy_from_slice(&number.to_be_bytes());
            word
        };
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        for field in [Some(&self.denom), Some(&self.sender), Some(&self.receiver), None, Some(&self.memo)] {
            let Some(text) = field else {
                head.extend_from_slice(&word(self.amount));
                continue;
            };
            head.extend_from_slice(&word((HEAD_WORDS * WORD_BYTES + tail.len()) as u128));
            tail.extend_from_slice(&word(text.len() as u128));
            tail.extend_from_slice(text.as_bytes());
            tail.resize(tail.len().next_multiple_of(WORD_BYTES), 0);
        }
        [word(WORD_BYTES as u128).to_vec(), head, tail].concat()
    }
}

/// What a token that came through a client is called on the chain where it arrived.
///
/// Source: ibc-go v10.3.0, `modules/apps/transfer/types/denom.go` (`IBCDenom`).
pub fn voucher_denom(destination_client: &ClientId, denom: &str) -> String {
    let path = format!("{PORT}/{destination_client}/{denom}");
    format!("ibc/{}", hex::encode_upper(sha256(&[path.as_bytes()])))
}

fn as_text<S: serde::Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const FILE: &str = "../../light-clients/core/vectors/ibc-v2/packets_and_acknowledgements.json";

    /// ibc-go's own encodings of transfers, made again of what they say.
    #[test]
    fn payloads_are_those_of_ibc_go() {
        let vectors: Value = serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap();
        let payload = |name: &str| {
            let packets = vectors["packets"].as_array().unwrap();
            packets.iter().find(|packet| packet["name"] == name).unwrap()["payloads"][0].clone()
        };
        let value = |name: &str| hex::decode(payload(name)["value"].as_str().unwrap()).unwrap();
        let json: Value = serde_json::from_slice(&value("transfer_json")).unwrap();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let transfer = Transfer {
            denom: text("denom"),
            amount: text("amount").parse().unwrap(),
            sender: text("sender"),
            receiver: text("receiver"),
            memo: String::new(),
        };
        for (name, encoding, memo) in [
            ("transfer_json", TransferEncoding::Json, ""),
            ("transfer_protobuf", TransferEncoding::Protobuf, "memo"),
            ("transfer_abi", TransferEncoding::Abi, "memo"),
        ] {
            let transfer = Transfer { memo: memo.to_owned(), ..transfer.clone() };
            let (ours, expected) = (transfer.payload(encoding), payload(name));
            assert_eq!(ours.encoding, expected["encoding"].as_str().unwrap());
            assert_eq!(ours.version, expected["version"].as_str().unwrap());
            assert_eq!(ours.source_port, expected["source_port"].as_str().unwrap());
            assert_eq!(hex::encode(ours.value), hex::encode(value(name)), "{name}");
        }
    }

    #[test]
    fn what_arrives_is_named_by_the_way_it_came() {
        let client: ClientId = "07-tendermint-1".parse().unwrap();
        let name = voucher_denom(&client, "uatom");
        assert_eq!(name, format!("ibc/{}", hex::encode_upper(sha256(&[b"transfer/07-tendermint-1/uatom"]))));
        assert_ne!(name, voucher_denom(&client, "uatom2"));
    }
}

//! The relayer's messages as calldata of the Router.

use super::{bindings::router, packet::to_abi, strict};
use adapter::{AdapterError, Message};
use ethers_contract::EthCall as _;
use ethers_core::{
    abi::{AbiEncode as _, ParamType, Token},
    types::{Bytes, U256},
    utils::keccak256,
};
use light_client::{ClientId, Packet};

/// How many slots `notarise` reads at once.
const NOTARISE_SLOTS: usize = 8;

/// The calldata of one message. A Router names heights by their number: a client follows a chain of one revision.
///
/// # Errors
/// [`AdapterError::Refused`] for what this Router has no function for.
pub(crate) fn calldata(message: &Message) -> Result<Vec<u8>, AdapterError> {
    let packets = |packets: &[Packet]| packets.iter().map(to_abi).collect::<Vec<_>>();
    let bytes = |bytes: &[u8]| Bytes::from(bytes.to_vec());
    Ok(match message {
        Message::UpdateClient { client, update } => {
            router::UpdateClientCall { id: client.to_string(), message: bytes(update) }.encode()
        }
        Message::ReceivePackets { packets: list, proof_height, proof } => {
            router::RecvPacketsCall { packets: packets(list), height: proof_height.number(), proof: bytes(proof) }
                .encode()
        }
        Message::AcknowledgePackets { packets: list, acknowledgements, proof_height, proof } => {
            router::AckPacketsCall {
                packets: packets(list),
                acknowledgements: acknowledgements.iter().map(|a| bytes(a)).collect(),
                height: proof_height.number(),
                proof: bytes(proof),
            }
            .encode()
        }
        Message::TimeoutPackets { packets: list, proof_height, proof } => {
            router::TimeoutPacketsCall { packets: packets(list), height: proof_height.number(), proof: bytes(proof) }
                .encode()
        }
        Message::SubmitMisbehaviour { client, evidence } => {
            router::SubmitMisbehaviourCall { id: client.to_string(), evidence: bytes(evidence) }.encode()
        }
        Message::Expire { receipt_slot, timeout_seconds } => {
            router::ExpireCall { receipt_path_hash: *receipt_slot.as_bytes(), timeout: *timeout_seconds }.encode()
        }
        Message::Notarise { slots } => {
            let words = slots.iter().flat_map(|slot| *slot.as_bytes());
            match slots.as_slice() {
                [] => return Err(unsupported("notarise", "expected 1 to 8 slots, found 0".to_owned())),
                [_] => selector("notarise(bytes32)").into_iter().chain(words).collect(),
                [.., last] if slots.len() <= NOTARISE_SLOTS => {
                    // The function takes eight: reading the last one again costs a log and says nothing new.
                    let rest = std::iter::repeat_n(*last.as_bytes(), NOTARISE_SLOTS - slots.len()).flatten();
                    selector("notarise(bytes32[8])").into_iter().chain(words).chain(rest).collect()
                }
                _ => return Err(unsupported("notarise", format!("expected 1 to 8 slots, found {}", slots.len()))),
            }
        }
        other => return Err(unsupported("call", format!("the router has no function for {other:?}"))),
    })
}

/// Several calls as one.
pub(crate) fn batch(calls: Vec<Vec<u8>>) -> Vec<u8> {
    router::BatchCall { calls: calls.into_iter().map(Bytes::from).collect() }.encode()
}

/// Whether calldata is that of several calls.
pub(crate) fn is_batch(data: &[u8]) -> bool {
    data.starts_with(&router::BatchCall::selector())
}

/// What is told to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToClient {
    Update,
    Misbehaviour,
}

/// What calldata of the Router tells a client, in order. What is encoded in another way than Solidity's compiler does is
/// passed over, and batches within batches, which the Router does not take.
pub(crate) fn to_client(data: &[u8], client: &ClientId, kind: ToClient) -> Vec<Vec<u8>> {
    let single = |data: &[u8]| {
        let selector = match kind {
            ToClient::Update => router::UpdateClientCall::selector(),
            ToClient::Misbehaviour => router::SubmitMisbehaviourCall::selector(),
        };
        match arguments(data, selector, &[ParamType::String, ParamType::Bytes])?.as_mut_slice() {
            [Token::String(id), Token::Bytes(message)] if id == client.as_str() => Some(std::mem::take(message)),
            _ => None,
        }
    };
    let list = ParamType::Array(Box::new(ParamType::Bytes));
    let calls = arguments(data, router::BatchCall::selector(), &[list]).and_then(|mut tokens| tokens.pop());
    let Some(Token::Array(calls)) = calls else { return single(data).into_iter().collect() };
    let each = calls.iter().filter_map(|call| match call {
        Token::Bytes(data) => single(data),
        _ => None,
    });
    each.collect()
}

/// What calldata of the client's own contract tells it.
pub(crate) fn to_verifier(data: &[u8], kind: ToClient) -> Vec<Vec<u8>> {
    let signature = match kind {
        ToClient::Update => "update(bytes)",
        ToClient::Misbehaviour => "misbehaviour(bytes)",
    };
    match arguments(data, selector(signature), &[ParamType::Bytes]).and_then(|mut tokens| tokens.pop()) {
        Some(Token::Bytes(message)) => vec![message],
        _ => Vec::new(),
    }
}

fn arguments(data: &[u8], selector: [u8; 4], types: &[ParamType]) -> Option<Vec<Token>> {
    strict::tokens("calldata", types, data.strip_prefix(&selector)?).ok()
}

fn selector(signature: &str) -> [u8; 4] {
    keccak256(signature).first_chunk().copied().unwrap_or_default()
}

fn unsupported(operation: &'static str, reason: String) -> AdapterError {
    AdapterError::Refused { operation, reason }
}

/// A 256-bit number's word.
pub(crate) fn word(number: U256) -> [u8; 32] {
    let mut word = [0; 32];
    number.to_big_endian(&mut word);
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::artefact::Artefact;
    use ethers_core::abi::FunctionExt as _;
    use light_client::{Height, SlotKey};

    fn selectors() -> Vec<[u8; 4]> {
        Artefact::router().abi().functions().map(|function| function.selector()).collect()
    }

    #[test]
    fn every_message_calls_a_function_of_the_router() {
        let client = "qbft-0".parse::<light_client::ClientId>().unwrap();
        let slot = SlotKey::new([7; 32]);
        let height = Height::new(5);
        let messages = [
            Message::UpdateClient { client: client.clone(), update: vec![1] },
            Message::ReceivePackets { packets: vec![], proof_height: height, proof: vec![] },
            Message::AcknowledgePackets {
                packets: vec![],
                acknowledgements: vec![],
                proof_height: height,
                proof: vec![],
            },
            Message::TimeoutPackets { packets: vec![], proof_height: height, proof: vec![] },
            Message::SubmitMisbehaviour { client, evidence: vec![2] },
            Message::Expire { receipt_slot: slot, timeout_seconds: 9 },
            Message::Notarise { slots: vec![slot] },
            Message::Notarise { slots: vec![slot; 3] },
            Message::Notarise { slots: vec![slot; 8] },
        ];
        for message in &messages {
            let data = calldata(message).unwrap();
            assert!(selectors().contains(data.first_chunk().unwrap()), "{message:?}");
        }
        let several = batch(vec![vec![1]]);
        assert!(selectors().contains(several.first_chunk().unwrap()));
        assert!(is_batch(&several) && messages.iter().all(|message| !is_batch(&calldata(message).unwrap())));
        assert_eq!(calldata(&messages[7]).unwrap().len(), 4 + 8 * 32);
    }

    #[test]
    fn what_a_client_was_told_is_found_again() {
        let [ours, other] = ["qbft-0", "qbft-1"].map(|id| id.parse::<ClientId>().unwrap());
        let update = |client: &ClientId, byte| Message::UpdateClient { client: client.clone(), update: vec![byte; 40] };
        let evidence = Message::SubmitMisbehaviour { client: ours.clone(), evidence: vec![9] };
        let messages = [update(&ours, 1), update(&other, 2), evidence, update(&ours, 3)];
        let data = messages.map(|message| calldata(&message).unwrap());
        let updates = |data: &[u8]| to_client(data, &ours, ToClient::Update);
        assert_eq!(updates(&data[0]), [vec![1; 40]]);
        assert!(updates(&data[1]).is_empty() && updates(&data[2]).is_empty() && updates(&[]).is_empty());
        let several = batch(data.to_vec());
        assert_eq!(updates(&several), [vec![1; 40], vec![3; 40]]);
        assert_eq!(to_client(&several, &ours, ToClient::Misbehaviour), [vec![9]]);
        assert!(updates(&batch(vec![several.clone()])).is_empty(), "a batch in a batch");
        for length in 0..several.len() {
            assert!(updates(&several[..length]).is_empty(), "cut to {length}");
        }
        let direct: Vec<u8> = [&selector("update(bytes)")[..], &data[0][4 + 32 + 64..]].concat();
        assert!(to_verifier(&direct, ToClient::Update).is_empty(), "another call's arguments");
        let argument = ethers_core::abi::encode(&[Token::Bytes(vec![5])]);
        let direct = [&selector("misbehaviour(bytes)")[..], &argument].concat();
        assert_eq!(to_verifier(&direct, ToClient::Misbehaviour), [vec![5]]);
        assert!(to_verifier(&direct, ToClient::Update).is_empty());
    }

    #[test]
    fn the_router_is_told_the_number_of_a_height() {
        let timeout =
            |proof_height| calldata(&Message::TimeoutPackets { packets: vec![], proof_height, proof: vec![] });
        assert_eq!(timeout(Height::with_revision(3, 5)).unwrap(), timeout(Height::new(5)).unwrap());
    }

    #[test]
    fn what_the_router_cannot_do_is_refused() {
        let slot = SlotKey::new([7; 32]);
        assert!(calldata(&Message::Notarise { slots: vec![] }).is_err());
        assert!(calldata(&Message::Notarise { slots: vec![slot; 9] }).is_err());
    }
}

//! What transactions told a hosted client.

use crate::writer::messages::UPDATE_CLIENT;
use ibc_proto::{
    cosmos::tx::v1beta1::{TxBody, TxRaw},
    ibc::core::client::v1::{MsgSubmitMisbehaviour, MsgUpdateClient},
};
use light_client::ClientId;
use prost_13::Message as _;

const SUBMIT_MISBEHAVIOUR: &str = "/ibc.core.client.v1.MsgSubmitMisbehaviour";

/// Who signed the messages of a transaction to this client, and the headers or pieces of evidence in them, in order. Those
/// that lie in other messages (of groups, or of those who act for others) are not looked for.
pub(super) fn messages_to(id: &ClientId, transaction: &[u8]) -> (String, Vec<Vec<u8>>) {
    let mut submitter = String::new();
    let mut found = Vec::new();
    let body = TxRaw::decode(transaction).and_then(|raw| TxBody::decode(raw.body_bytes.as_slice()));
    for message in body.unwrap_or_default().messages {
        // Two messages of one form: the client, what it is told, and by whom.
        let told = match message.type_url.as_str() {
            UPDATE_CLIENT => MsgUpdateClient::decode(message.value.as_slice())
                .map(|message| (message.client_id, message.client_message, message.signer)),
            SUBMIT_MISBEHAVIOUR => MsgSubmitMisbehaviour::decode(message.value.as_slice())
                .map(|message| (message.client_id, message.misbehaviour, message.signer)),
            _ => continue,
        };
        if let Ok((client, Some(any), signer)) = told
            && client == id.as_str()
        {
            submitter = signer;
            found.push(any.value);
        }
    }
    (submitter, found)
}

//! `verify packet`.

use super::{
    PacketArgs,
    input::{self, Input, bytes_of},
    value::{Fields, hex_of, shown},
    verdict::{Stop, Verdict},
};
use light_client::{
    ClientId, Packet, PacketError, Payload, Sequence, StorePath, acknowledgement_commitment, acknowledgement_path,
    commitment_path, error_acknowledgement, receipt_path, tombstone_path,
};
use serde_json::{Value, json};

const MALFORMED: &str = "packet-malformed";

/// Prints what chains store for the packet, and where; accepts when a chain would take it.
///
/// A packet that no chain takes (two payloads, an empty value) still has a commitment, and it is printed.
pub(super) fn verify(args: &PacketArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let Input::Json(packet) = input::read(&args.packet)? else {
        return Err(Stop::malformed(MALFORMED, "packet: expected JSON, found bytes"));
    };
    let packet = read_packet(&packet)?;
    verdict.note("commitment", packet.commitment().to_string());
    let receipt = receipt_path(&packet.destination_client, packet.sequence);
    for (name, path) in [
        ("commitment_path", commitment_path(&packet.source_client, packet.sequence)),
        ("receipt_path", receipt.clone()),
        ("acknowledgement_path", acknowledgement_path(&packet.destination_client, packet.sequence)),
        ("tombstone_path", tombstone_path(&receipt, packet.timeout_seconds)),
    ] {
        note_path(verdict, name, &path);
    }
    let acknowledged =
        args.acknowledgement.as_deref().map(|path| read_acknowledgement(input::read(path)?)).transpose()?;
    if let Some(acknowledgements) = &acknowledged {
        verdict.note("acknowledgement_commitment", acknowledgement_commitment(acknowledgements).to_string());
        let is_error = acknowledgements.iter().any(|bytes| bytes.as_slice() == error_acknowledgement());
        verdict.note("success", !is_error);
    }
    check_packet(&packet)?;
    acknowledged.as_deref().map_or(Ok(()), check_acknowledgement)
}

fn note_path(verdict: &mut Verdict, name: &'static str, path: &StorePath) {
    // The slot beside the path, under a name of its own, so that both are found without parsing.
    verdict.note(name, hex_of(path.as_bytes()));
    verdict.note(
        match name {
            "commitment_path" => "commitment_slot",
            "receipt_path" => "receipt_slot",
            "acknowledgement_path" => "acknowledgement_slot",
            _ => "tombstone_slot",
        },
        path.slot().to_string(),
    );
}

fn read_packet(value: &Value) -> Result<Packet, Stop> {
    let fields = Fields::new(value, MALFORMED)?;
    // As an event or a message wraps it.
    if let Some(inner) = fields.get(&["packet"])
        && fields.get(&["sequence"]).is_none()
    {
        return read_packet(inner);
    }
    let sequence = fields.u64(&["sequence"])?;
    let sequence = Sequence::try_from(sequence).map_err(|error| Stop::refused("sequence-zero", error.to_string()))?;
    let payloads = match fields.get(&["payloads"]) {
        Some(_) => fields.list(&["payloads"])?,
        None => &[],
    };
    Ok(Packet {
        sequence,
        source_client: client_id(fields, &["source_client", "sourceClient"])?,
        destination_client: client_id(
            fields,
            &["destination_client", "destinationClient", "dest_client", "destClient"],
        )?,
        timeout_seconds: fields.u64(&["timeout_timestamp", "timeoutTimestamp"])?,
        payloads: payloads.iter().map(read_payload).collect::<Result<_, _>>()?,
    })
}

fn client_id(fields: Fields<'_>, names: &[&str]) -> Result<ClientId, Stop> {
    let text = fields.text(names)?;
    text.parse().map_err(|error: light_client::IdError| Stop::refused("client-id-malformed", error.to_string()))
}

fn read_payload(value: &Value) -> Result<Payload, Stop> {
    let fields = Fields::new(value, MALFORMED)?;
    let text = |names: &[&str]| match fields.get(names) {
        // ibc-go's JSON leaves out what is empty.
        None => Ok(String::new()),
        Some(_) => fields.text(names).map(str::to_owned),
    };
    Ok(Payload {
        source_port: text(&["source_port", "sourcePort"])?,
        destination_port: text(&["destination_port", "destinationPort", "dest_port", "destPort"])?,
        version: text(&["version"])?,
        encoding: text(&["encoding"])?,
        value: match fields.get(&["value"]) {
            None => Vec::new(),
            Some(value) => read_bytes(fields, "value", value)?,
        },
    })
}

fn read_bytes(fields: Fields<'_>, name: &str, value: &Value) -> Result<Vec<u8>, Stop> {
    value
        .as_str()
        .and_then(|text| bytes_of(text.trim()))
        .ok_or_else(|| fields.wrong(&[name], "hexadecimal or base64", &shown(value)))
}

/// The application acknowledgements: a list under its name, a list alone, or the bytes of the only one.
fn read_acknowledgement(input: Input) -> Result<Vec<Vec<u8>>, Stop> {
    const MALFORMED: &str = "acknowledgement-malformed";
    let value = match input {
        Input::Bytes(bytes) => return Ok(vec![bytes]),
        Input::Json(Value::Array(list)) => json!({"app_acknowledgements": list}),
        Input::Json(value) => value,
    };
    let fields = Fields::new(&value, MALFORMED)?;
    let names = &["app_acknowledgements", "appAcknowledgements"];
    if let Some(inner) = fields.get(&["acknowledgement"])
        && fields.get(names).is_none()
    {
        return match inner.as_str().and_then(|text| bytes_of(text.trim())) {
            Some(bytes) => Ok(vec![bytes]),
            None => read_acknowledgement(Input::Json(inner.clone())),
        };
    }
    fields.list(names)?.iter().map(|item| read_bytes(fields, "app_acknowledgements", item)).collect()
}

/// What a chain refuses before it looks at its state.
///
/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/packet.go`, `ValidateBasic`; `modules/core/24-host/validate.go`.
fn check_packet(packet: &Packet) -> Result<(), Stop> {
    packet.validate().map_err(|error| {
        let rule = match error {
            PacketError::PayloadCount { .. } => "payload-count",
            PacketError::Blank { .. } => "payload-text-blank",
            PacketError::EmptyValue => "payload-value-empty",
            PacketError::ValueTooLong { .. } => "payload-value-too-long",
            PacketError::ZeroTimeout => "timeout-zero",
            _ => "packet-refused",
        };
        Stop::refused(rule, error.to_string())
    })?;
    for payload in &packet.payloads {
        for port in [&payload.source_port, &payload.destination_port] {
            let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-#[]<>".contains(&byte);
            if !(2..=128).contains(&port.len()) || !port.bytes().all(is_known) {
                return Err(Stop::refused(
                    "port-id-malformed",
                    format!("port: expected 2 to 128 letters, digits or ._+-#[]<>, found {port:?}"),
                ));
            }
        }
    }
    Ok(())
}

/// Source: ibc-go v10.3.0, `modules/core/04-channel/v2/types/acknowledgement.go`, `Validate`.
fn check_acknowledgement(acknowledgements: &[Vec<u8>]) -> Result<(), Stop> {
    match acknowledgements {
        [one] if !one.is_empty() => Ok(()),
        [_] => Err(Stop::refused("acknowledgement-empty", "acknowledgement: expected at least 1 byte, found 0")),
        _ => {
            let found = acknowledgements.len();
            Err(Stop::refused("acknowledgement-count", format!("acknowledgements: expected exactly 1, found {found}")))
        }
    }
}

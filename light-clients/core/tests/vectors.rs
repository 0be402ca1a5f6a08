//! Packets, acknowledgements and paths agree with ibc-go byte for byte.
#![allow(clippy::unwrap_used, clippy::panic)]

use light_client::{
    Packet, PacketError, Payload, acknowledgement_commitment, acknowledgement_path, commitment_path,
    error_acknowledgement, receipt_path, sha256,
};
use serde_json::Value;
use std::{fs, path::Path};

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/ibc-v2/packets_and_acknowledgements.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn packet(vector: &Value) -> Packet {
    let payloads = vector["payloads"].as_array().unwrap().iter().map(|payload| Payload {
        source_port: text(&payload["source_port"]),
        destination_port: text(&payload["destination_port"]),
        version: text(&payload["version"]),
        encoding: text(&payload["encoding"]),
        value: unhex(&payload["value"]),
    });
    Packet {
        sequence: text(&vector["sequence"]).parse::<u64>().unwrap().try_into().unwrap(),
        source_client: text(&vector["source_client"]).parse().unwrap(),
        destination_client: text(&vector["destination_client"]).parse().unwrap(),
        timeout_seconds: text(&vector["timeout_timestamp"]).parse().unwrap(),
        payloads: payloads.collect(),
    }
}

#[test]
fn commitments_and_paths_are_ibc_gos() {
    let vectors = vectors();
    let packets = vectors["packets"].as_array().unwrap();
    assert!(packets.len() >= 18, "only {} packets", packets.len());
    for vector in packets {
        let name = &vector["name"];
        let packet = packet(vector);
        assert_eq!(packet.commitment().as_bytes()[..], unhex(&vector["commitment"]), "{name}");
        for (path, field) in [
            (commitment_path(&packet.source_client, packet.sequence), "commitment_path"),
            (receipt_path(&packet.destination_client, packet.sequence), "receipt_path"),
            (acknowledgement_path(&packet.destination_client, packet.sequence), "acknowledgement_path"),
        ] {
            assert_eq!(path.as_bytes(), unhex(&vector[field]), "{name}: {field}");
            assert_eq!(path.slot().as_bytes(), &sha256(&[path.as_bytes()]), "{name}: {field}");
        }
    }
}

#[test]
fn packets_are_refused_where_ibc_go_refuses_them() {
    for vector in vectors()["packets"].as_array().unwrap() {
        let (name, verdict) = (&vector["name"], vector["ibc_go_validation"].as_str().unwrap());
        let found = packet(vector).validate();
        match verdict {
            // Which texts a port may have is the host's rule; `validate` knows only that it must not be blank.
            "ok" => assert_eq!(found, Ok(()), "{name}"),
            port if port.contains("port ID") => assert_eq!(found, Ok(()), "{name}"),
            _ if verdict.contains("exactly one payload") => {
                assert!(matches!(found, Err(PacketError::PayloadCount { found }) if found != 1), "{name}");
            }
            _ if verdict.contains("value cannot be empty") => assert_eq!(found, Err(PacketError::EmptyValue), "{name}"),
            _ if verdict.contains("version cannot be empty") => {
                assert!(matches!(found, Err(PacketError::Blank { field: "version", .. })), "{name}");
            }
            _ if verdict.contains("timestamp cannot be 0") => {
                assert_eq!(found, Err(PacketError::ZeroTimeout), "{name}")
            }
            other => panic!("{name}: {other} is not known"),
        }
    }
}

#[test]
fn acknowledgements_are_ibc_gos() {
    let vectors = vectors();
    let acknowledgements = vectors["acknowledgements"].as_array().unwrap();
    assert!(acknowledgements.len() >= 9, "only {} acknowledgements", acknowledgements.len());
    for vector in acknowledgements {
        let list: Vec<Vec<u8>> = vector["app_acknowledgements"].as_array().unwrap().iter().map(unhex).collect();
        assert_eq!(
            acknowledgement_commitment(&list).as_bytes()[..],
            unhex(&vector["commitment"]),
            "{}",
            vector["name"]
        );
    }
    assert_eq!(error_acknowledgement()[..], unhex(&vectors["error_acknowledgement"]));
    assert_eq!(unhex(&vectors["receipt_value"]), [0x02]);
}

#[test]
fn any_changed_field_changes_the_commitment_or_a_path() {
    let vectors = vectors();
    let good = packet(&vectors["packets"][0]);
    let stored = |packet: &Packet| {
        (
            packet.commitment(),
            commitment_path(&packet.source_client, packet.sequence),
            receipt_path(&packet.destination_client, packet.sequence),
        )
    };
    let changes: [fn(&mut Packet); 9] = [
        |packet| packet.sequence = packet.sequence.next().unwrap(),
        |packet| packet.source_client = "other-0".parse().unwrap(),
        |packet| packet.destination_client = "other-1".parse().unwrap(),
        |packet| packet.timeout_seconds += 1,
        |packet| packet.payloads[0].source_port.push('x'),
        |packet| packet.payloads[0].destination_port.push('x'),
        |packet| packet.payloads[0].version.push('x'),
        |packet| packet.payloads[0].encoding.push('x'),
        |packet| packet.payloads[0].value[0] ^= 1,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        assert_ne!(stored(&changed), stored(&good), "change {index}");
    }
}

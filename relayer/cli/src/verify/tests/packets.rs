//! `verify packet` on ibc-go's packets.

use super::{Answer, Desk, accepted, refused};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn vectors() -> Value {
    let path = "../../light-clients/core/vectors/ibc-v2/packets_and_acknowledgements.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn run(desk: &Desk, packet: &Value) -> Answer {
    let file = desk.put_json("packet.json", packet);
    desk.run(&["packet", "--packet", &file])
}

/// Another spelling of the same: camel case, numbers, base64.
fn camel(packet: &Value) -> Value {
    let number = |value: &Value| json!(value.as_str().unwrap().parse::<u64>().unwrap());
    let payloads: Vec<Value> = packet["payloads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payload| {
            json!({
                "sourcePort": payload["source_port"], "destinationPort": payload["destination_port"],
                "version": payload["version"], "encoding": payload["encoding"],
                "value": STANDARD.encode(hex::decode(payload["value"].as_str().unwrap()).unwrap()),
            })
        })
        .collect();
    json!({
        "sequence": number(&packet["sequence"]), "sourceClient": packet["source_client"],
        "destinationClient": packet["destination_client"], "timeoutTimestamp": number(&packet["timeout_timestamp"]),
        "payloads": payloads,
    })
}

#[test]
fn every_packet_has_ibc_gos_commitment_and_paths() {
    let desk = Desk::new();
    for packet in vectors()["packets"].as_array().unwrap() {
        let name = packet["name"].as_str().unwrap();
        for spelling in [packet.clone(), camel(packet), json!({"packet": packet})] {
            let answer = run(&desk, &spelling);
            assert_eq!(answer.0 == 0, packet["ibc_go_validation"] == "ok", "{name}: {answer:?}");
            let values = &answer.1["values"];
            for field in ["commitment", "commitment_path", "receipt_path", "acknowledgement_path"] {
                let found = values[field].as_str().unwrap().trim_start_matches("0x");
                // Four bytes in base64 may look like hexadecimal: then they are hexadecimal.
                let is_ambiguous = spelling["sourceClient"].is_string()
                    && spelling["payloads"].as_array().unwrap().iter().any(|payload| {
                        let text = payload["value"].as_str().unwrap();
                        text.len() % 2 == 0 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && !text.is_empty()
                    });
                if !is_ambiguous {
                    assert_eq!(found, packet[field].as_str().unwrap(), "{name}: {field}");
                }
            }
        }
    }
}

#[test]
fn every_acknowledgement_has_ibc_gos_commitment() {
    let desk = Desk::new();
    let vectors = vectors();
    let packet = desk.put_json("packet.json", &vectors["packets"][0]);
    for acknowledgement in vectors["acknowledgements"].as_array().unwrap() {
        let name = acknowledgement["name"].as_str().unwrap();
        let list = acknowledgement["app_acknowledgements"].as_array().unwrap();
        let mut files = vec![
            desk.put_json("ack.json", acknowledgement),
            desk.put_json("camel.json", &json!({"appAcknowledgements": list})),
            desk.put_json("list.json", &json!(list)),
        ];
        if let [one] = list.as_slice() {
            files.push(desk.put("one.hex", one.as_str().unwrap()));
        }
        for file in &files {
            let answer = desk.run(&["packet", "--packet", &packet, "--acknowledgement", file]);
            let values = &answer.1["values"];
            assert_eq!(
                values["acknowledgement_commitment"].as_str().unwrap()[2..],
                *acknowledgement["commitment"].as_str().unwrap(),
                "{name}"
            );
            assert_eq!(answer.0 == 0, acknowledgement["ibc_go_validation"] == "ok", "{name}: {answer:?}");
        }
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    let desk = Desk::new();
    let good = vectors()["packets"][0].clone();
    accepted(&run(&desk, &good));
    let with = |name: &str, value: Value| {
        let mut packet = good.clone();
        packet[name] = value;
        run(&desk, &packet)
    };
    assert_eq!(refused(&with("sequence", json!(0))), "sequence-zero");
    for (name, value) in [
        ("sequence", json!("18446744073709551616")),
        ("sequence", json!(-1)),
        ("sequence", Value::Null),
        ("timeout_timestamp", json!("tomorrow")),
        ("source_client", json!(7)),
        ("payloads", json!("none")),
        ("payloads", json!([7])),
        ("payloads", json!([{"value": "***"}])),
    ] {
        assert_eq!(refused(&with(name, value)), "packet-malformed", "{name}");
    }
    assert_eq!(refused(&with("source_client", json!("Client_1"))), "client-id-malformed");
    assert_eq!(refused(&with("payloads", json!([]))), "payload-count");
    assert_eq!(refused(&run(&desk, &json!([]))), "packet-malformed");
    let bytes = desk.put("bytes.hex", "0x00");
    assert_eq!(refused(&desk.run(&["packet", "--packet", &bytes])), "packet-malformed");
}

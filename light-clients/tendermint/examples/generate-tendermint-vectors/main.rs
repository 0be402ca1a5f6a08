//! Writes `vectors/{update,misbehaviour,membership}` from the captures, and from blocks that are voted for here by derived
//! keys so that one rule at a time is broken.
//!
//! `cargo run --release -p light-client-tendermint --example generate-tendermint-vectors`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod membership;
mod membership_recorded;
mod misbehaviour;
#[path = "../../tests/support/mod.rs"]
mod support;
mod update;
mod update_headers;
mod update_recorded;
mod update_sets;

use light_client_tendermint::{ConsensusState, Parameters};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{
    files::{client_json, trusted_json},
    vectors::{hex, reject, walk},
};

const GENERATED: &str = "made by examples/generate-tendermint-vectors: blocks voted for by keys derived from labels, over a state of its own making";

fn main() {
    let folder = folder();
    for kind in ["update", "misbehaviour", "membership"] {
        let _ = fs::remove_dir_all(folder.join(kind));
    }
    update::write_all();
    update_headers::write_all();
    update_recorded::write_all();
    update_sets::write_all();
    misbehaviour::write_all();
    membership::write_all();
    membership_recorded::write_all();
    println!("{} files under {}", walk(&folder).len(), folder.display());
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// What a verifier has before it reads the message.
#[derive(Clone)]
struct Verifier {
    parameters: Parameters,
    frozen: bool,
    stored: Vec<(u64, ConsensusState)>,
    /// In seconds.
    now: u64,
}

/// A file's content; `more` is merged into it.
fn vector(
    kind: &str,
    description: &str,
    source: &str,
    verifier: &Verifier,
    input: &[u8],
    more: Value,
    expect: Value,
) -> Value {
    let mut content = json!({
        "description": description,
        "source": source,
        "kind": kind,
        "now": verifier.now,
        "client": client_json(&verifier.parameters, verifier.frozen),
        "trusted": trusted_json(&verifier.stored),
        "input": hex(input),
        "expect": expect,
    });
    if let (Some(content), Value::Object(more)) = (content.as_object_mut(), more) {
        content.extend(more);
    }
    content
}

fn rejected(rule: &str) -> Value {
    reject(rule, "rejected", None)
}

fn malformed(rule: &str) -> Value {
    reject(rule, "malformed", None)
}

/// The name of a file that expects this.
fn name_of(expect: &Value, detail: &str) -> String {
    let verdict = match expect["reject"]["rule"].as_str() {
        Some(rule) => format!("reject-{rule}"),
        None => "accept".to_owned(),
    };
    if detail.is_empty() { verdict } else { format!("{verdict}-{detail}") }
}

/// A text as part of a file's name.
fn slug(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join("-")
}

//! Reading and writing the files under `vectors/`, whose form `light-clients/qbft/vectors/README.md` gives.

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// `0x` and lower-case digits.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// The bytes of a text of [`hex`], or of the same without `0x`.
pub(crate) fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_else(|| panic!("expected hexadecimal text, found {value}"));
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// As [`unhex`], of a fixed length.
pub(crate) fn unhex_array<const N: usize>(value: &Value) -> [u8; N] {
    let bytes = unhex(value);
    bytes.try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{value}: expected {N} bytes, found {}", bytes.len()))
}

/// A number of 64 bits.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("expected a number, found {value}"))
}

/// All files below a folder, in the order of their names.
pub(crate) fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// One file's content.
pub(crate) fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes `<folder>/<case>/<name>.json`, where `case` starts with the kind.
pub(crate) fn write(folder: &Path, case: &str, name: &str, content: &Value) {
    let path = folder.join(case).join(format!("{name}.json"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(!path.exists(), "{} is written twice", path.display());
    fs::write(&path, format!("{}\n", serde_json::to_string_pretty(content).unwrap())).unwrap();
}

/// An `expect` that refuses.
pub(crate) fn reject(rule: &str, kind: &str, cause: Option<&str>) -> Value {
    match cause {
        Some(cause) => json!({"reject": {"rule": rule, "kind": kind, "cause": cause}}),
        None => json!({"reject": {"rule": rule, "kind": kind}}),
    }
}

/// The name of a refusal's kind.
pub(crate) fn kind_name(kind: light_client::FaultKind) -> &'static str {
    use light_client::FaultKind::*;
    match kind {
        Malformed => "malformed",
        Rejected => "rejected",
        InsufficientTrust => "insufficient-trust",
        Expired => "expired",
        Frozen => "frozen",
        Misuse => "misuse",
    }
}

/// The verdict in the form of `expect`.
pub(crate) fn verdict<E: light_client::Fault>(result: Result<Value, E>) -> Value {
    match result {
        Ok(accepted) => json!({"accept": accepted}),
        Err(error) => reject(error.rule(), kind_name(error.kind()), rlp_cause(&error)),
    }
}

/// The rule of RLP that an error wraps, at whatever depth.
fn rlp_cause(error: &dyn std::error::Error) -> Option<&'static str> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(rlp) = cause.downcast_ref::<light_client_proofs::rlp::RlpError>() {
            return Some(light_client::Fault::rule(rlp));
        }
        source = cause.source();
    }
    None
}

/// Checks that a file's name says what it expects.
pub(crate) fn check_name(path: &Path, vector: &Value) {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
    let expected = match vector["expect"]["reject"]["rule"].as_str() {
        Some(rule) => format!("reject-{rule}"),
        None => "accept".to_owned(),
    };
    assert!(name.starts_with(&expected), "{}: expected a name that starts with {expected}", path.display());
    let kind = vector["kind"].as_str().unwrap();
    assert!(path.components().any(|part| part.as_os_str() == kind), "{}: not under {kind}", path.display());
}

/// The names that `fn rule` of a source file answers: read from the source, so that a new rule cannot be forgotten.
pub(crate) fn rules_of(source: &str) -> Vec<&str> {
    let (_, body) = source.split_once("fn rule(&self)").expect("a source with `fn rule`");
    let (body, _) = body.split_once("\n}\n").expect("the end of the impl");
    body.split("=> \"").skip(1).filter_map(|rest| rest.split_once('"').map(|(rule, _)| rule)).collect()
}

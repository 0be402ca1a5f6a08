//! Files: JSON, hexadecimal or base64, with whatever white space an editor left.

use super::verdict::Stop;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::{fs::File, io::Read as _, path::Path};

/// The longest file that is read. A block with all its transactions has a few megabytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What a file holds.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    Json(Value),
    Bytes(Vec<u8>),
}

/// Reads a file.
///
/// A text of JSON holds what it quotes, and the answer of a JSON-RPC node holds its `result`.
pub(super) fn read(path: &Path) -> Result<Input, Stop> {
    let unreadable = |why: String| Stop::Unreadable { message: format!("{}: {why}", path.display()) };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(format!("expected at most {MAX_FILE_BYTES} bytes, found more")));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| unreadable("expected JSON, hexadecimal or base64, found bytes that are no text".to_owned()))?;
    parse(text).ok_or_else(|| {
        if is_json(text) {
            let what = "expected numbers, texts and nesting within bounds, found JSON beyond them";
            return Stop::malformed("json-out-of-bounds", format!("{}: {what}", path.display()));
        }
        unreadable("expected JSON, hexadecimal or base64, found neither".to_owned())
    })
}

/// Whether the text is JSON, be it such as no value holds: a number beyond 10³⁰⁸, half a character, deeper than 128 levels.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text.trim_start_matches('\u{feff}').trim()).is_ok()
}

fn parse(text: &str) -> Option<Input> {
    let text = text.trim_start_matches('\u{feff}').trim();
    // A text of digits is hexadecimal rather than a number of JSON.
    if let Some(bytes) = bytes_of(text) {
        return Some(Input::Bytes(bytes));
    }
    match serde_json::from_str(text).ok()? {
        Value::Object(mut object) if is_rpc_answer(&object) => Some(unwrap(object.remove("result")?)),
        other => Some(unwrap(other)),
    }
}

/// A JSON text that quotes bytes holds these bytes.
fn unwrap(value: Value) -> Input {
    match value.as_str().and_then(|text| bytes_of(text.trim())) {
        Some(bytes) => Input::Bytes(bytes),
        None => Input::Json(value),
    }
}

fn is_rpc_answer(object: &serde_json::Map<String, Value>) -> bool {
    let named = object.contains_key("jsonrpc") || object.contains_key("id");
    // An acknowledgement may be an object with a text called `result`; a block or a proof is an object itself.
    object.get("result").is_some_and(|result| named || result.is_object())
}

/// The bytes that a text stands for: hexadecimal when all of it is hexadecimal digits (`0x` allowed) of an even number,
/// otherwise base64. Lines may be broken.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let unbroken: String;
    let text = if text.contains(['\n', '\r']) {
        unbroken = text.lines().map(str::trim).collect();
        &unbroken
    } else {
        text
    };
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    hex::decode(digits).ok().or_else(|| STANDARD.decode(text).ok())
}

#[cfg(test)]
mod unit {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_told_apart() {
        let bytes = |bytes: &[u8]| Some(Input::Bytes(bytes.to_vec()));
        assert_eq!(parse("0xAbCd"), bytes(&[0xab, 0xcd]));
        assert_eq!(parse(" abcd\n"), bytes(&[0xab, 0xcd]));
        assert_eq!(parse("ab\r\ncd\r\n"), bytes(&[0xab, 0xcd]));
        assert_eq!(parse("\"0xabcd\""), bytes(&[0xab, 0xcd]));
        assert_eq!(parse("1234"), bytes(&[0x12, 0x34]));
        assert_eq!(parse("AQID"), bytes(&[1, 2, 3]));
        assert_eq!(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x01\"}"), bytes(&[1]));
        assert_eq!(parse("{\"result\":{\"a\":1}}"), Some(Input::Json(json!({"a": 1}))));
        assert_eq!(parse("{\"result\":\"AQ==\"}"), Some(Input::Json(json!({"result": "AQ=="}))));
        assert_eq!(parse("{\"a\":{\"result\":1}}"), Some(Input::Json(json!({"a": {"result": 1}}))));
        for neither in ["{\"a\":", "not a header", "0xabc", "***", "abcde"] {
            assert_eq!(parse(neither), None, "{neither}");
        }
    }
}

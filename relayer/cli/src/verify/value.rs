//! Values within JSON and on the command line: numbers as numbers or text, hexadecimal in any case.

use super::verdict::Stop;
use light_client_crypto::Address;
use serde_json::{Map, Value};

/// The fields of a JSON object, with the rule that a wrong one breaks.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    rule: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(value: &'a Value, rule: &'static str) -> Result<Self, Stop> {
        match value.as_object() {
            Some(object) => Ok(Self { object, rule }),
            None => Err(Stop::malformed(rule, format!("expected an object, found {}", shown(value)))),
        }
    }

    /// The first of these names that is there and not null.
    pub(super) fn get(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.object.get(*name)).filter(|value| !value.is_null())
    }

    pub(super) fn need(&self, names: &[&str]) -> Result<&'a Value, Stop> {
        self.get(names).ok_or_else(|| self.wrong(names, "it to be there", "nothing"))
    }

    pub(super) fn u64(&self, names: &[&str]) -> Result<u64, Stop> {
        let value = self.need(names)?;
        number(value).ok_or_else(|| self.wrong(names, "a number of 64 bits", &shown(value)))
    }

    pub(super) fn bytes(&self, names: &[&str]) -> Result<Vec<u8>, Stop> {
        let value = self.need(names)?;
        hexadecimal(value).ok_or_else(|| self.wrong(names, "hexadecimal", &shown(value)))
    }

    pub(super) fn fixed<const N: usize>(&self, names: &[&str]) -> Result<[u8; N], Stop> {
        let bytes = self.bytes(names)?;
        let length = bytes.len();
        bytes.try_into().map_err(|_| self.wrong(names, &format!("{N} bytes"), &format!("{length}")))
    }

    /// A number of at most 32 bytes, as 32 bytes.
    pub(super) fn word(&self, names: &[&str]) -> Result<[u8; 32], Stop> {
        let value = self.need(names)?;
        word(value).ok_or_else(|| self.wrong(names, "a number of at most 32 bytes", &shown(value)))
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<&'a str, Stop> {
        let value = self.need(names)?;
        value.as_str().ok_or_else(|| self.wrong(names, "a text", &shown(value)))
    }

    pub(super) fn list(&self, names: &[&str]) -> Result<&'a [Value], Stop> {
        let value = self.need(names)?;
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(names, "a list", &shown(value)))
    }

    /// The refusal of a field.
    pub(super) fn wrong(&self, names: &[&str], expected: &str, found: &str) -> Stop {
        let name = names.first().copied().unwrap_or_default();
        Stop::malformed(self.rule, format!("{name}: expected {expected}, found {found}"))
    }
}

/// A number, decimal text, or `0x` text.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => number_text(text),
        _ => None,
    }
}

/// Decimal, or hexadecimal after `0x`.
pub(super) fn number_text(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` would take a sign.
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
        }
        None => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?,
    }
}

/// A number of at most 32 bytes: `0x` text as nodes write quantities, or what [`number`] takes.
fn word(value: &Value) -> Option<[u8; 32]> {
    match value.as_str().map(str::trim) {
        Some(text) if text.starts_with("0x") || text.starts_with("0X") => hex_word(text),
        _ => {
            let mut word = [0; 32];
            word[24..].copy_from_slice(&number(value)?.to_be_bytes());
            Some(word)
        }
    }
}

/// At most 32 bytes of hexadecimal, `0x` or not, filled up with zeros in front.
pub(super) fn hex_word(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let mut word = [0; 32];
    hex::decode_to_slice(format!("{significant:0>64}"), &mut word).ok()?;
    Some(word)
}

/// Hexadecimal, `0x` or not, in any case.
pub(super) fn hexadecimal(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?.trim();
    hex::decode(text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text)).ok()
}

/// An address in any case.
pub(super) fn address(value: &Value) -> Option<Address> {
    <[u8; 20]>::try_from(hexadecimal(value)?).ok().map(Address::new)
}

/// Seconds: a plain number, or numbers with the units w, d, h, m and s (or their words), as in `1d12h`.
pub(super) fn duration_seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == ' ').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let seconds = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = tail.trim_start();
    }
    Some(total)
}

/// `0x` and lower-case digits.
pub(super) fn hex_of(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// A value in a message, cut where it is long.
pub(super) fn shown(value: &Value) -> String {
    const MAX_SHOWN: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= MAX_SHOWN {
        return text;
    }
    text.chars().take(MAX_SHOWN).chain("…".chars()).collect()
}

#[cfg(test)]
mod unit {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_have_three_forms() {
        for value in [json!(17), json!("17"), json!("0x11"), json!("0x0011"), json!("0X11"), json!(" 17 ")] {
            assert_eq!(number(&value), Some(17), "{value}");
        }
        assert_eq!(number(&json!("18446744073709551615")), Some(u64::MAX));
        for value in [
            json!(-1),
            json!(1.5),
            json!("+1"),
            json!("0x+1"),
            json!(""),
            json!("0x"),
            json!("18446744073709551616"),
            json!("1e3"),
            json!(null),
        ] {
            assert_eq!(number(&value), None, "{value}");
        }
    }

    #[test]
    fn words_are_filled_up() {
        let mut one = [0; 32];
        one[31] = 1;
        for text in ["1", "0x1", "01", &format!("0x{:0>64}", 1), &format!("0x{:0>70}", 1)] {
            assert_eq!(hex_word(text), Some(one), "{text}");
        }
        for text in ["", "0x", "zz", &format!("1{:0>64}", 1)] {
            assert_eq!(hex_word(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("600", 600),
            ("600s", 600),
            ("10m", 600),
            ("10min", 600),
            ("1d12h", 129_600),
            ("1d 12h", 129_600),
            ("2w", 1_209_600),
            ("14days", 1_209_600),
            ("0", 0),
        ] {
            assert_eq!(duration_seconds(text), Some(seconds), "{text}");
        }
        for text in ["x", "10", "1y", "-5s", "5 s", "99999999999999999999s"] {
            assert_eq!(duration_seconds(text), if text == "10" { Some(10) } else { None }, "{text}");
        }
    }
}

//! Values within JSON and on the command line: numbers as numbers or text, hexadecimal in any case.

use super::verdict::Stop;
use light_client::Timestamp;
use light_client_crypto::Address;
use serde_json::{Map, Value};
use std::time::Duration;
use toml::value::{Datetime, Offset};

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
    hexadecimal_text(value.as_str()?)
}

/// Hexadecimal, `0x` or not, in any case.
pub(super) fn hexadecimal_text(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
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

/// A moment: seconds since 1970 as [`number_text`] reads them, the same with up to nine decimals, or by RFC 3339.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(seconds) = number_text(text) {
        return Some(Timestamp::from_unix_seconds(seconds));
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (seconds, nanos) = match text.split_once('.') {
        Some((whole, decimals)) if is_digits(whole) && is_digits(decimals) => {
            if !(1..=9).contains(&decimals.len()) {
                return None;
            }
            (whole.parse().ok()?, format!("{decimals:0<9}").parse().ok()?)
        }
        _ => date_and_time(text)?,
    };
    Some(Timestamp::from_unix_seconds(seconds).saturating_add(Duration::from_nanos(nanos)))
}

/// Seconds since 1970, and nanoseconds, of a date and time with its offset.
fn date_and_time(text: &str) -> Option<(u64, u64)> {
    // TOML's dates are those of RFC 3339.
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = text.parse().ok()? else { return None };
    let (year, month, day) = (i64::from(date.year), i64::from(date.month), i64::from(date.day));
    // Days since 1 March of the year 0, less those until 1970.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    let ahead = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let clock = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    Some((u64::try_from(days * 86_400 + clock - ahead).ok()?, time.nanosecond.into()))
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

    #[test]
    fn moments_have_three_forms() {
        for text in [
            "1795246421.817231013",
            "2026-11-21T07:33:41.817231013Z",
            "2026-11-21t07:33:41.817231013z",
            "2026-11-21 15:33:41.817231013+08:00",
        ] {
            assert_eq!(moment(text), Some(Timestamp::from_unix_nanos(1_795_246_421_817_231_013)), "{text}");
        }
        for text in ["1709164800", "0x65dfc900", "1709164800.0", "2024-02-29T00:00:00Z", "2024-02-28T23:00:00-01:00"] {
            assert_eq!(moment(text), Some(Timestamp::from_unix_seconds(1_709_164_800)), "{text}");
        }
        assert_eq!(moment("1970-01-01T00:00:00.5Z"), Some(Timestamp::from_unix_millis(500)));
        assert_eq!(moment("9999-12-31T23:59:59Z"), Some(Timestamp::from_unix_seconds(253_402_300_799)));
        for text in [
            "soon",
            "-1",
            "1.",
            "1.-5",
            "1.0000000000",
            "18446744073709551616.5",
            "1969-12-31T23:59:59Z",
            "2024-02-29",
            "00:00:00",
            "2024-02-29T00:00:00",
            "2023-02-29T00:00:00Z",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}

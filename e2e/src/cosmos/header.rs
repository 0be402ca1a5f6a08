//! A header as a scenario reads it: what a client has to store of it, and nothing more.

use super::error::CosmosError;
use super::malformed;
use crate::json_rpc::Endpoint;
use serde_json::{Value, json};

/// Days from 0000-03-01, where years begin that end with their leap day, to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

/// What a header says that a client stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// When the block was made, in nanoseconds since 1970.
    pub unix_nanoseconds: u64,
    /// The root of all stores after the block before, in hex.
    pub app_hash: String,
    /// The hash of the validators that sign the next block, in hex.
    pub next_validators_hash: String,
}

/// The header of a height, by Tendermint's RPC.
///
/// # Errors
/// [`CosmosError::Rpc`], [`CosmosError::Malformed`].
pub fn header_at(rpc: Endpoint, height: u64) -> Result<Header, CosmosError> {
    let answer: Value = rpc.call("commit", json!({"height": height.to_string()}))?;
    let header = &answer["signed_header"]["header"];
    let text = |name| header[name].as_str().ok_or_else(|| malformed(name, header));
    let time = text("time")?;
    Ok(Header {
        unix_nanoseconds: unix_nanoseconds(time).ok_or_else(|| malformed("a time of RFC 3339", &json!(time)))?,
        app_hash: text("app_hash")?.to_owned(),
        next_validators_hash: text("next_validators_hash")?.to_owned(),
    })
}

/// A time as Tendermint's JSON writes it: RFC 3339 in UTC, with up to nine digits after the second.
fn unix_nanoseconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by| text.split(by).map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>();
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    let nanoseconds: u64 = format!("{fraction:0<9}").parse().ok().filter(|_| fraction.len() <= 9)?;
    // Years from March on, so that the leap day is the last of one.
    let (year, month) = if *month > 2 { (*year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = days.checked_sub(DAYS_TO_1970)? * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let second = 1_000_000_000;
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00.5Z", 951_825_600 * second + second / 2),
            ("2026-11-21T20:15:38.123456789Z", 1_795_292_138 * second + 123_456_789),
        ] {
            assert_eq!(unix_nanoseconds(text), Some(expected), "{text}");
        }
        for text in ["", "2026-11-21", "2026-11-21T20:15:38", "2026-11-21T20:15:38.1234567891Z", "1969-12-31T23:59:59Z"]
        {
            assert_eq!(unix_nanoseconds(text), None, "{text}");
        }
    }
}

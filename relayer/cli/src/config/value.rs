//! Values that TOML has no type for: durations, addresses, URLs, accounts.

use adapter_cosmos::GasPrice;
use alloy_primitives::{Address, B256};
use std::time::Duration;

/// Why a text is not the value it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// What is needed.
    pub(crate) expected: String,
    /// What is there.
    pub(crate) found: String,
}

/// That `found`, shown with quotes, is not `expected`.
pub(crate) fn unfit<T>(expected: impl Into<String>, found: &str) -> Result<T, Unfit> {
    Err(Unfit { expected: expected.into(), found: format!("{found:?}") })
}

const DURATION: &str = "a whole number with a unit: ms, s, m, h or d (like \"15s\" or \"14d\")";

/// A duration like `500ms`, `15s`, `10m`, `12h` or `14d`.
pub(crate) fn duration(text: &str) -> Result<Duration, Unfit> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let Ok(number) = number.parse::<u64>() else { return unfit(DURATION, text) };
    let milliseconds_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return unfit(DURATION, text),
    };
    match number.checked_mul(milliseconds_per_unit) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => unfit("a duration of less than 584 million years", text),
    }
}

/// A duration between two others, both allowed.
pub(crate) fn duration_between(text: &str, least: Duration, most: Duration) -> Result<Duration, Unfit> {
    let value = duration(text)?;
    if value < least || value > most {
        return unfit(format!("a duration from {} to {}", show_duration(least), show_duration(most)), text);
    }
    Ok(value)
}

/// A duration in the largest unit that shows it exactly.
pub(crate) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    if milliseconds == 0 { "0s".into() } else { format!("{milliseconds}ms") }
}

/// An account of an EVM chain: 20 bytes in hex. With letters in both cases it must carry EIP-55's checksum.
pub(crate) fn address(text: &str) -> Result<Address, Unfit> {
    const FORM: &str = "an address: 0x and 40 hex digits";
    let Some(digits) = text.strip_prefix("0x").filter(|digits| digits.len() == 40) else { return unfit(FORM, text) };
    let Ok(address) = text.parse::<Address>() else { return unfit(FORM, text) };
    let mixed = digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase());
    if mixed && Address::parse_checksummed(text, None).is_err() {
        return unfit(format!("an address with a right checksum (were the rest right: {address})"), text);
    }
    if address == Address::ZERO {
        return unfit("an address other than zero", text);
    }
    Ok(address)
}

/// 32 bytes in hex.
pub(crate) fn hash(text: &str) -> Result<B256, Unfit> {
    match text.strip_prefix("0x").filter(|digits| digits.len() == 64).and_then(|_| text.parse().ok()) {
        Some(hash) => Ok(hash),
        None => unfit("0x and 64 hex digits", text),
    }
}

/// 32 bytes in hex, or a name of 1 to 31 graphic ASCII characters, padded with zeros on the right.
pub(crate) fn name_or_hash(text: &str) -> Result<B256, Unfit> {
    const FORM: &str = "0x and 64 hex digits, or a name of 1 to 31 printable characters without spaces";
    if text.starts_with("0x") {
        return hash(text);
    }
    if text.is_empty() || text.len() > 31 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return unfit(FORM, text);
    }
    Ok(B256::right_padding_from(text.as_bytes()))
}

/// An HTTP URL without credentials.
pub(crate) fn url(text: &str) -> Result<reqwest::Url, Unfit> {
    let wrong = |expected: &str| Err(Unfit { expected: expected.to_owned(), found: shown(text) });
    let Ok(url) = reqwest::Url::parse(text) else { return wrong("a URL like http://127.0.0.1:8545") };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return wrong("a URL that begins with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The text is not repeated: it has a password in it.
        return Err(Unfit {
            expected: "a URL without user and password (use url_variable, or header_variables)".into(),
            found: "one with them".into(),
        });
    }
    Ok(url)
}

/// What was given for a URL, when it is a scheme and a host at the most: whatever else is in it may be a secret.
fn shown(text: &str) -> String {
    let host = text.split_once("://").map_or(text, |(_, host)| host);
    if host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b)) {
        format!("{text:?}")
    } else {
        "another text".to_owned()
    }
}

/// A price like `0.025stake` or `0uatom`.
pub(crate) fn gas_price(text: &str) -> Result<GasPrice, Unfit> {
    const FORM: &str = "an amount and a denomination, like \"0.025stake\" or \"0stake\"";
    text.parse().or_else(|_| unfit(FORM, text))
}

/// What begins the addresses of a chain of the Cosmos SDK.
pub(crate) fn bech32_prefix(text: &str) -> Result<String, Unfit> {
    // Source: BIP-173; the SDK's are lower-case letters and digits, and `1` is the separator.
    if text.is_empty() || text.len() > 32 || !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return unfit("1 to 32 lower-case letters and digits, like \"cosmos\"", text);
    }
    Ok(text.to_owned())
}

/// How much of QBFT's trusted set must seal a header under a changed one.
pub(crate) fn qbft_trust_level(text: &str) -> Result<light_client_qbft::TrustLevel, Unfit> {
    match text {
        "strict" => Ok(light_client_qbft::TrustLevel::Strict),
        "one-third" => Ok(light_client_qbft::TrustLevel::OneThird),
        _ => unfit("\"strict\" or \"one-third\"", text),
    }
}

/// A share of Tendermint's trusted power, like `1/3`.
pub(crate) fn tendermint_trust_level(text: &str) -> Result<light_client_tendermint::TrustLevel, Unfit> {
    let parts = text.split_once('/').and_then(|(numerator, denominator)| {
        light_client_tendermint::TrustLevel::new(numerator.parse().ok()?, denominator.parse().ok()?).ok()
    });
    parts.map_or_else(|| unfit("a fraction from \"1/3\" to \"1/1\"", text), Ok)
}

/// What a Tendermint chain calls itself.
pub(crate) fn tendermint_chain_id(text: &str) -> Result<light_client::ChainId, Unfit> {
    match text.parse() {
        Ok(id) if text.len() <= light_client_tendermint::MAX_CHAIN_ID_BYTES => Ok(id),
        _ => unfit("1 to 50 printable characters, as `network` of the nodes' /status", text),
    }
}

/// An account as configured: an address, or a key's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccountName {
    /// An address.
    Address(Address),
    /// The address of the key of this name.
    Key(String),
}

/// `0x…` or `key:<name>`.
pub(crate) fn account(text: &str) -> Result<AccountName, Unfit> {
    match text.strip_prefix("key:") {
        Some(name) => Ok(AccountName::Key(name.to_owned())),
        None if text.starts_with("0x") => address(text).map(AccountName::Address),
        None => unfit("an address (0x…) or \"key:<name>\"", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_fit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("14d"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in
            ["", "15", "s", "1.5s", "-1s", "1 s", "1w", "1S", "٣s", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        for text in ["0s", "1ms", "90s", "2m", "36h", "2d"] {
            assert_eq!(duration(text).map(show_duration), Ok(text.to_owned()));
        }
    }

    #[test]
    fn addresses_keep_their_checksum() {
        let right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert!(address(right).is_ok());
        assert!(address(&right.to_lowercase()).is_ok());
        let wrong = right.replace("5aA", "5AA");
        assert!(address(&wrong).is_err_and(|unfit| unfit.expected.contains(right)));
        for bad in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
            "0x0000000000000000000000000000000000000000",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn trust_levels_are_at_least_a_third() {
        for good in ["1/3", "2/3", "1/1"] {
            assert!(tendermint_trust_level(good).is_ok(), "{good}");
        }
        for bad in ["", "1/4", "2/1", "1/0", "one-third", "1", "-1/3"] {
            assert!(tendermint_trust_level(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_refused_and_not_repeated() {
        assert!(url("http://user:secret@node:8545").is_err_and(|unfit| !unfit.found.contains("secret")));
        for (none, secret) in [
            ("ftp://user:secret@node", "secret"),
            ("user:secret@node", "secret"),
            ("htps://node/v3/a1b2c3", "a1b2c3"),
            ("http//node?key=a1b2c3", "a1b2c3"),
            ("http:///a1b2c3@", "a1b2c3"),
        ] {
            assert!(url(none).is_err_and(|unfit| !unfit.found.contains(secret)), "{none}");
        }
        assert!(url("ftp://node").is_err_and(|unfit| unfit.found.contains("ftp://node")));
        assert!(url("node:8545").is_err_and(|unfit| unfit.found.contains("node:8545")));
        assert!(url("https://node/path").is_ok());
    }
}

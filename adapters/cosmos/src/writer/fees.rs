//! What is paid for gas.

use std::{fmt, str::FromStr};

/// Digits of a gas price behind the point; prices are kept in these parts of the smallest unit.
///
/// Source: cosmos-sdk 0.53, `math/dec.go` (`LegacyPrecision`).
const PRICE_DECIMALS: usize = 18;
const PARTS: u128 = 1_000_000_000_000_000_000;
/// The lengths that a denomination may have.
///
/// Source: cosmos-sdk 0.53, `types/coin.go` (`reDnmString`).
const DENOM_BYTES: std::ops::RangeInclusive<usize> = 3..=128;

/// A price for one unit of gas, as nodes configure it: `0.025stake`; 0 where gas is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GasPrice {
    /// In parts of 10⁻¹⁸ of the smallest unit.
    parts: u128,
    denom: String,
}

/// Why a text is no gas price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "gas price: expected a number with at most {PRICE_DECIMALS} digits behind the point and a denomination, like 0.025stake, found {found:?}"
)]
pub struct GasPriceError {
    found: String,
}

impl GasPrice {
    /// What is paid in.
    pub fn denom(&self) -> &str {
        &self.denom
    }

    /// Whether gas is free.
    pub const fn is_zero(&self) -> bool {
        self.parts == 0
    }

    /// The price in parts of 10⁻¹⁸ of the smallest unit.
    pub(crate) const fn parts(&self) -> u128 {
        self.parts
    }

    /// The fee for this much gas, in the smallest unit, rounded up; `None` when it is more than there can be.
    pub(crate) fn fee(&self, gas: u64) -> Option<u128> {
        self.parts.checked_mul(gas.into()).map(|parts| parts.div_ceil(PARTS))
    }
}

impl FromStr for GasPrice {
    type Err = GasPriceError;

    fn from_str(text: &str) -> Result<Self, GasPriceError> {
        let wrong = || GasPriceError { found: text.chars().take(160).collect() };
        let start = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, denom) = text.split_at(start);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.len() > PRICE_DECIMALS || fraction.contains('.') {
            return Err(wrong());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | ':' | '.' | '_' | '-');
        let letter_first = denom.starts_with(|c: char| c.is_ascii_alphabetic());
        if !DENOM_BYTES.contains(&denom.len()) || !letter_first || !denom.chars().all(allowed) {
            return Err(wrong());
        }
        let whole: u128 = whole.parse().map_err(|_| wrong())?;
        let fraction: u128 = format!("{fraction:0<PRICE_DECIMALS$}").parse().map_err(|_| wrong())?;
        let parts = whole.checked_mul(PARTS).and_then(|parts| parts.checked_add(fraction)).ok_or_else(wrong)?;
        Ok(Self { parts, denom: denom.to_owned() })
    }
}

impl fmt::Display for GasPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:018}", self.parts % PARTS);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}{}", self.parts / PARTS, self.denom),
            fraction => write!(f, "{}.{fraction}{}", self.parts / PARTS, self.denom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_and_written() {
        for (text, parts) in [
            ("0stake", 0),
            ("0.025stake", 25_000_000_000_000_000),
            ("1uatom", PARTS),
            ("10.5ibc/0471F1C4E7AFD3F07702BEF6DC365268D64570F7C1FDC98EA6098DD6DE59817B", 10 * PARTS + PARTS / 2),
            ("0.000000000000000001aevmos", 1),
        ] {
            let price: GasPrice = text.parse().unwrap();
            assert_eq!(price.parts, parts, "{text}");
            assert_eq!(price.to_string(), text);
        }
        for bad in
            ["", "1", "stake", ".5stake", "1.stake", "1..5stake", "-1stake", "1 stake", "1st", "1st ke", "1éstake"]
        {
            assert!(bad.parse::<GasPrice>().is_err(), "{bad:?}");
        }
        assert!("0.0000000000000000001stake".parse::<GasPrice>().is_err());
        assert!(format!("{}stake", u128::MAX).parse::<GasPrice>().is_err());
        assert!(format!("1{}", "a".repeat(129)).parse::<GasPrice>().is_err());
    }

    #[test]
    fn fees_are_rounded_up() {
        let price: GasPrice = "0.025stake".parse().unwrap();
        assert_eq!(
            [0, 1, 40, 41, 200_000].map(|gas| price.fee(gas)),
            [Some(0), Some(1), Some(1), Some(2), Some(5_000)]
        );
        let dear: GasPrice = "340282366920938463463stake".parse().unwrap();
        assert!(dear.fee(1).is_some() && dear.fee(2).is_none());
    }
}

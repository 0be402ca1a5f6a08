//! What a transaction bids for gas, first and when it has to replace one that is stuck.

use crate::{
    FeePolicy,
    rpc::{Pool, RpcError, big_quantity},
};
use adapter::{AdapterError, FeeBid, FeeBump};
use serde_json::{Value, json};

/// The blocks whose base fee the bid must outlast: the base fee grows by at most an eighth with each, so that twice
/// the present one outlasts five full blocks.
const BASE_FEE_FACTOR: u128 = 2;
/// Nodes replace a transaction only by one that bids a tenth more (Besu, go-ethereum) or an eighth more (Nethermind).
const BUMP_DIVISOR: u128 = 8;

/// What the chain asks for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    Legacy { gas_price: u128 },
    Dynamic { base_fee: u128, priority_fee: u128 },
}

/// Asks the chain what it asks for; nothing is asked where the configuration says it all.
pub(crate) async fn market(pool: &Pool, policy: FeePolicy) -> Result<Market, AdapterError> {
    match policy {
        FeePolicy::Legacy { gas_price: Some(gas_price), .. } => Ok(Market::Legacy { gas_price }),
        FeePolicy::Legacy { gas_price: None, .. } => {
            let gas_price = ask(pool, "eth_gasPrice", json!([]), |value| amount("gas price", value)).await?;
            Ok(Market::Legacy { gas_price })
        }
        FeePolicy::Dynamic { priority_fee, .. } => {
            let base_fee = ask(pool, "eth_getBlockByNumber", json!(["latest", false]), base_fee_of).await?;
            let priority_fee = match priority_fee {
                Some(priority_fee) => priority_fee,
                None => ask(pool, "eth_maxPriorityFeePerGas", json!([]), |v| amount("priority fee", v)).await?,
            };
            Ok(Market::Dynamic { base_fee, priority_fee })
        }
    }
}

/// One question; the endpoints take turns, since nothing shows that a price is false.
async fn ask<T>(
    pool: &Pool,
    method: &'static str,
    params: Value,
    read: impl Fn(&Value) -> Result<T, RpcError>,
) -> Result<T, AdapterError> {
    pool.call_at(pool.by_turns(), method, params, read).await
}

/// The bid by the rule, within the policy's ceiling.
///
/// A replacement bids an eighth more than the transaction it replaces (at least 1 more), and never less than the chain
/// asks for now. On a chain without fees the ceiling is 0: nothing can be outbid there, so that the bid stays 0. Nodes
/// take it when they have dropped the older transaction, and otherwise refuse it and keep the older one, which needs
/// no replacement then: where nothing is paid, nothing waits for being underpaid.
///
/// # Errors
/// [`AdapterError::Config`] when the ceiling is too low.
pub(super) fn bid(policy: FeePolicy, market: Market, bump: FeeBump) -> Result<FeeBid, AdapterError> {
    let bid = match (market, bump) {
        (Market::Legacy { gas_price }, FeeBump::First) => FeeBid::Legacy { gas_price },
        (Market::Legacy { gas_price }, FeeBump::Replace(old)) => {
            let old = match old {
                FeeBid::Legacy { gas_price } => gas_price,
                // The policy was changed in between: both prices of the old one must be outbid.
                FeeBid::Dynamic { max_fee, .. } => max_fee,
            };
            FeeBid::Legacy { gas_price: gas_price.max(raised(old)) }
        }
        (Market::Dynamic { base_fee, priority_fee }, FeeBump::First) => dynamic(base_fee, priority_fee),
        (Market::Dynamic { base_fee, priority_fee }, FeeBump::Replace(old)) => {
            let (old_max, old_priority) = match old {
                FeeBid::Legacy { gas_price } => (gas_price, gas_price),
                FeeBid::Dynamic { max_fee, max_priority_fee } => (max_fee, max_priority_fee),
            };
            let priority_fee = priority_fee.max(raised(old_priority));
            match dynamic(base_fee, priority_fee) {
                FeeBid::Dynamic { max_fee, max_priority_fee } => {
                    FeeBid::Dynamic { max_fee: max_fee.max(raised(old_max)), max_priority_fee }
                }
                legacy @ FeeBid::Legacy { .. } => legacy,
            }
        }
    };
    let base_fee = match market {
        Market::Legacy { .. } => 0,
        Market::Dynamic { base_fee, .. } => base_fee,
    };
    within_ceiling(policy, bid, bump, base_fee)
}

fn dynamic(base_fee: u128, priority_fee: u128) -> FeeBid {
    let max_fee = base_fee.saturating_mul(BASE_FEE_FACTOR).saturating_add(priority_fee);
    FeeBid::Dynamic { max_fee, max_priority_fee: priority_fee }
}

fn raised(old: u128) -> u128 {
    old.saturating_add(old.div_ceil(BUMP_DIVISOR).max(1))
}

fn within_ceiling(policy: FeePolicy, bid: FeeBid, bump: FeeBump, base_fee: u128) -> Result<FeeBid, AdapterError> {
    let too_low = |key, expected: u128, found: u128| AdapterError::Config {
        key,
        expected: format!("at least {expected}, which a transaction has to bid now"),
        found: found.to_string(),
    };
    match (policy, bid) {
        (FeePolicy::Legacy { max_gas_price: 0, .. }, FeeBid::Legacy { .. }) if matches!(bump, FeeBump::Replace(_)) => {
            Ok(FeeBid::Legacy { gas_price: 0 })
        }
        (FeePolicy::Legacy { max_gas_price, .. }, FeeBid::Legacy { gas_price }) if gas_price > max_gas_price => {
            Err(too_low("fees.max_gas_price", gas_price, max_gas_price))
        }
        // Less than twice the base fee still gets in as long as the ceiling covers what is asked for now.
        (FeePolicy::Dynamic { max_fee: ceiling, .. }, FeeBid::Dynamic { max_fee, max_priority_fee }) => {
            let needed = match bump {
                FeeBump::Replace(FeeBid::Dynamic { max_fee: old, .. } | FeeBid::Legacy { gas_price: old }) => {
                    raised(old).max(max_priority_fee).max(base_fee)
                }
                FeeBump::First => max_priority_fee.max(base_fee),
            };
            if needed > ceiling {
                return Err(too_low("fees.max_fee", needed, ceiling));
            }
            Ok(FeeBid::Dynamic { max_fee: max_fee.min(ceiling), max_priority_fee })
        }
        (_, bid) => Ok(bid),
    }
}

/// An amount of at most 128 bits: more money than there is.
pub(super) fn amount(field: &'static str, value: &Value) -> Result<u128, RpcError> {
    let bytes = big_quantity(field, value)?;
    let mut padded = [0; 16];
    match padded.len().checked_sub(bytes.len()).and_then(|start| padded.get_mut(start..)) {
        Some(low) => {
            low.copy_from_slice(&bytes);
            Ok(u128::from_be_bytes(padded))
        }
        None => Err(RpcError::Shape { field, expected: "at most 128 bits", found: format!("{} bytes", bytes.len()) }),
    }
}

fn base_fee_of(block: &Value) -> Result<u128, RpcError> {
    match block.get("baseFeePerGas") {
        None if block.is_null() => Err(RpcError::NotYet { field: "latest block" }),
        Some(fee) => amount("baseFeePerGas", fee),
        None => Err(RpcError::Shape {
            field: "baseFeePerGas",
            expected: "a base fee (the chain has none: configure legacy fees)",
            found: "nothing".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGACY: FeePolicy = FeePolicy::Legacy { gas_price: None, max_gas_price: 1_000 };
    const DYNAMIC: FeePolicy = FeePolicy::Dynamic { priority_fee: None, max_fee: 1_000 };

    fn legacy(gas_price: u128) -> FeeBid {
        FeeBid::Legacy { gas_price }
    }

    #[test]
    fn a_replacement_outbids_by_an_eighth_and_by_what_is_asked_for() {
        let asks = |gas_price| Market::Legacy { gas_price };
        for (asked, old, expected) in [(10, 80, 90), (10, 81, 92), (1, 1, 2), (10, 1, 10), (0, 0, 1), (500, 80, 500)] {
            let bid = bid(LEGACY, asks(asked), FeeBump::Replace(legacy(old))).unwrap();
            assert_eq!(bid, legacy(expected), "asked {asked}, old {old}");
        }
        let old = FeeBid::Dynamic { max_fee: 100, max_priority_fee: 8 };
        let market = Market::Dynamic { base_fee: 10, priority_fee: 1 };
        let expected = FeeBid::Dynamic { max_fee: 113, max_priority_fee: 9 };
        assert_eq!(bid(DYNAMIC, market, FeeBump::Replace(old)).unwrap(), expected);
    }

    #[test]
    fn the_ceiling_is_never_passed() {
        let market = Market::Legacy { gas_price: 1_001 };
        let refusal = bid(LEGACY, market, FeeBump::First).unwrap_err();
        assert!(matches!(refusal, AdapterError::Config { key: "fees.max_gas_price", .. }), "{refusal}");
        assert!(bid(LEGACY, Market::Legacy { gas_price: 1 }, FeeBump::Replace(legacy(1_000))).is_err());
        let market = Market::Dynamic { base_fee: 1_001, priority_fee: 5 };
        assert!(bid(DYNAMIC, market, FeeBump::First).is_err());
        let market = Market::Dynamic { base_fee: 900, priority_fee: 50 };
        let first = bid(DYNAMIC, market, FeeBump::First).unwrap();
        assert_eq!(first, FeeBid::Dynamic { max_fee: 1_000, max_priority_fee: 50 });
        let refusal = bid(DYNAMIC, market, FeeBump::Replace(first)).unwrap_err();
        assert!(matches!(refusal, AdapterError::Config { key: "fees.max_fee", .. }), "{refusal}");
    }

    #[test]
    fn a_chain_without_fees_stays_without() {
        let free = FeePolicy::Legacy { gas_price: Some(0), max_gas_price: 0 };
        let market = Market::Legacy { gas_price: 0 };
        assert_eq!(bid(free, market, FeeBump::First).unwrap(), legacy(0));
        assert_eq!(bid(free, market, FeeBump::Replace(legacy(0))).unwrap(), legacy(0));
    }

    #[test]
    fn amounts_are_bounded() {
        assert_eq!(amount("a", &json!("0x100")).ok(), Some(256));
        assert_eq!(amount("a", &json!(format!("0x{}", "f".repeat(32)))).ok(), Some(u128::MAX));
        assert!(amount("a", &json!(format!("0x1{}", "0".repeat(32)))).is_err());
    }
}

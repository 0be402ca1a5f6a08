//! Looking up blocks by what is indexed of them: their height.
//!
//! Source: CometBFT 0.38, `rpc/core/blocks.go` (`BlockSearch`), `libs/pubsub/query/syntax/parser.go`.

use crate::rpc::error::RpcError;

/// Longest query, characters.
const MAX_QUERY_LENGTH: usize = 1_024;

/// The key under which a block's height is indexed. The application tells of nothing else.
const HEIGHT: &str = "block.height";

/// The operators, those first of which others are the beginning.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Below),
    (">", Operator::Above),
    ("=", Operator::Equal),
    (" EXISTS", Operator::Exists),
    (" CONTAINS", Operator::Contains),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtMost,
    AtLeast,
    Below,
    Above,
    Equal,
    Exists,
    Contains,
}

/// The heights from 1 to `latest` of the blocks that match, ascending.
pub(super) fn heights(query: &str, latest: u64) -> Result<Vec<u64>, RpcError> {
    if query.len() > MAX_QUERY_LENGTH {
        return Err(RpcError::invalid_params(format!("query: expected at most {MAX_QUERY_LENGTH} characters")));
    }
    let (mut from, mut to) = (1, latest);
    let mut matches = true;
    for condition in query.split(" AND ") {
        let (key, operator, value) = parse(condition.trim())?;
        // A condition on what was never told of is met by nothing.
        let (low, high) = match key == HEIGHT {
            true => range(operator, value)?,
            false => (1, 0),
        };
        (from, to) = (from.max(low), to.min(high));
        matches &= from <= to;
    }
    Ok(if matches { (from..=to).collect() } else { Vec::new() })
}

fn parse(condition: &str) -> Result<(&str, Operator, &str), RpcError> {
    let wrong = || RpcError::internal(format!("got invalid query: {condition:?} is no condition"));
    let place = |(text, operator): (&'static str, Operator)| Some((condition.find(text)?, text, operator));
    // The first one; of two in one place the longer.
    let found = OPERATORS.into_iter().filter_map(place).min_by_key(|(at, ..)| *at).ok_or_else(wrong)?;
    let (at, text, operator) = found;
    let (key, rest) = condition.split_at(at);
    let (key, value) = (key.trim(), rest.get(text.len()..).unwrap_or_default().trim());
    let is_tag = !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "'\"()".contains(c));
    if !is_tag || (value.is_empty() != (operator == Operator::Exists)) {
        return Err(wrong());
    }
    Ok((key, operator, value))
}

/// The heights that a condition allows.
fn range(operator: Operator, value: &str) -> Result<(u64, u64), RpcError> {
    if operator == Operator::Exists {
        return Ok((0, u64::MAX));
    }
    let number = value.parse::<u64>();
    Ok(match (operator, number) {
        (Operator::AtMost, Ok(number)) => (0, number),
        (Operator::AtLeast, Ok(number)) => (number, u64::MAX),
        (Operator::Below, Ok(number)) => number.checked_sub(1).map_or((1, 0), |last| (0, last)),
        (Operator::Above, Ok(number)) => number.checked_add(1).map_or((1, 0), |first| (first, u64::MAX)),
        (Operator::Equal, Ok(number)) => (number, number),
        // Heights are numbers: no text is one.
        (Operator::Equal | Operator::Contains, _) if value.starts_with('\'') => (1, 0),
        _ => return Err(RpcError::internal(format!("got invalid query: {value:?} is no height"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_the_height_are_met_together() {
        for (query, expected) in [
            ("block.height = 5", vec![5]),
            ("block.height=5", vec![5]),
            ("block.height >= 3 AND block.height <= 5", vec![3, 4, 5]),
            ("block.height > 3 AND block.height < 5", vec![4]),
            ("block.height > 5 AND block.height < 4", vec![]),
            ("block.height > 8", vec![9, 10]),
            ("block.height <= 0", vec![]),
            ("block.height < 0", vec![]),
            ("block.height EXISTS AND block.height < 2", vec![1]),
            ("block.height = '5'", vec![]),
            ("send_packet.packet_sequence EXISTS", vec![]),
            ("send_packet.packet_source_client='a<=b' AND block.height = 5", vec![]),
            ("block.height > 18446744073709551615", vec![]),
        ] {
            assert_eq!(heights(query, 10).unwrap_or_else(|error| panic!("{query}: {error}")), expected, "{query}");
        }
        assert!(heights("block.height EXISTS", 0).expect("a query").is_empty(), "there is no block yet");
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let long = format!("block.height = {}", "1".repeat(MAX_QUERY_LENGTH));
        for query in [
            "",
            "block.height",
            "= 5",
            "block.height =",
            "block.height = x",
            "block.height = 5 AND ",
            "EXISTS",
            "block height = 5",
            "block.height = -1",
            &long,
        ] {
            assert!(heights(query, 10).is_err(), "{query:?}");
        }
    }
}

//! The reasons that contracts give when they revert, made readable.

use super::{artefact::Artefact, strict};
use crate::rpc::hex_data;
use ethers_core::{
    abi::{ParamType, Token, ethabi::AbiError},
    types::U256,
};
use std::{collections::HashMap, sync::OnceLock};

const SELECTOR_BYTES: usize = 4;
/// `Error(string)`, what `require` with a text reverts with.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`, what the compiler's own checks revert with.
const PANIC_SELECTOR: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];
/// The longest text or byte string that is printed of a reason.
const MAX_PRINTED: usize = 96;
/// How deep reasons within reasons are decoded.
const MAX_DEPTH: u8 = 3;

/// A readable form of what a call reverted with, like `TooFewSeals(expected 3, found 2)`.
pub(crate) fn of_revert(data: &[u8]) -> String {
    at_depth(data, 0)
}

fn at_depth(data: &[u8], depth: u8) -> String {
    if data.is_empty() {
        return "no reason given (out of gas, or a call of something that is no contract)".to_owned();
    }
    let unknown = || format!("unknown error {}", clipped(data));
    let Some((selector, arguments)) = data.split_first_chunk::<SELECTOR_BYTES>() else {
        return unknown();
    };
    if *selector == ERROR_SELECTOR {
        return match strict::tokens("error", &[ParamType::String], arguments).ok().and_then(|mut t| t.pop()) {
            Some(Token::String(text)) => quoted(&text),
            _ => unknown(),
        };
    }
    if *selector == PANIC_SELECTOR {
        return match strict::tokens("panic", &[ParamType::Uint(256)], arguments).as_deref() {
            Ok([Token::Uint(code)]) => format!("panic {code:#x} ({})", panic_words(*code)),
            _ => unknown(),
        };
    }
    let Some(error) = known_errors().get(selector) else {
        return unknown();
    };
    let types: Vec<ParamType> = error.inputs.iter().map(|input| input.kind.clone()).collect();
    let Ok(values) = strict::tokens("error", &types, arguments) else {
        return format!("{} with arguments {}", error.name, clipped(arguments));
    };
    let arguments: Vec<String> = error
        .inputs
        .iter()
        .zip(&values)
        .map(|(input, value)| {
            let text = match value {
                Token::Bytes(inner) if input.name == "reason" && depth < MAX_DEPTH => at_depth(inner, depth + 1),
                other => printed(other),
            };
            if input.name.is_empty() { text } else { format!("{} {text}", input.name) }
        })
        .collect();
    format!("{}({})", error.name, arguments.join(", "))
}

/// Every custom error of our contracts, by selector.
fn known_errors() -> &'static HashMap<[u8; 4], AbiError> {
    static ERRORS: OnceLock<HashMap<[u8; 4], AbiError>> = OnceLock::new();
    ERRORS.get_or_init(|| {
        let errors = Artefact::all().into_iter().flat_map(|artefact| artefact.abi().errors());
        errors
            .filter_map(|error| {
                let selector = error.signature().as_bytes().first_chunk::<SELECTOR_BYTES>().copied();
                selector.map(|selector| (selector, error.clone()))
            })
            .collect()
    })
}

fn printed(value: &Token) -> String {
    match value {
        Token::Address(address) => format!("{address:?}"),
        Token::Uint(number) if number.bits() <= 64 => number.to_string(),
        Token::Uint(number) => format!("{number:#x}"),
        Token::Bool(truth) => truth.to_string(),
        Token::String(text) => quoted(text),
        Token::FixedBytes(bytes) | Token::Bytes(bytes) => clipped(bytes),
        Token::Int(number) => format!("{number:#x}"),
        Token::Array(values) | Token::FixedArray(values) => format!("a list of {}", values.len()),
        Token::Tuple(values) => format!("a record of {}", values.len()),
    }
}

fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_PRINTED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

fn clipped(bytes: &[u8]) -> String {
    match bytes.get(..MAX_PRINTED) {
        Some(start) if start.len() < bytes.len() => format!("{}… ({} bytes)", hex_data(start), bytes.len()),
        _ => hex_data(bytes),
    }
}

/// Source: the Solidity documentation, "Panic via assert and Error via require".
fn panic_words(code: U256) -> &'static str {
    match code.low_u64() {
        0x01 => "failed assertion",
        0x11 => "arithmetic overflow",
        0x12 => "division by zero",
        0x21 => "no such enum value",
        0x31 => "pop of an empty array",
        0x32 => "index out of bounds",
        0x41 => "out of memory",
        _ => "see the compiler's documentation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethers_core::abi;

    fn revert(signature: &str, values: &[Token]) -> Vec<u8> {
        let selector = ethers_core::utils::keccak256(signature);
        selector[..4].iter().copied().chain(abi::encode(values)).collect()
    }

    #[test]
    fn custom_errors_name_their_operands() {
        let data = revert("TooFewSeals(uint256,uint256)", &[Token::Uint(3.into()), Token::Uint(2.into())]);
        assert_eq!(of_revert(&data), "TooFewSeals(expected 3, found 2)");
        let inner = Token::Bytes(data);
        let outer = revert("ActFailed(uint256,bytes)", &[Token::Uint(7.into()), inner]);
        assert_eq!(of_revert(&outer), "ActFailed(id 7, reason TooFewSeals(expected 3, found 2))");
    }

    #[test]
    fn the_compilers_own_reasons_are_read() {
        assert_eq!(of_revert(&revert("Error(string)", &[Token::String("no\nway".to_owned())])), "\"no\\nway\"");
        let panic = revert("Panic(uint256)", &[Token::Uint(0x11.into())]);
        assert_eq!(of_revert(&panic), "panic 0x11 (arithmetic overflow)");
    }

    #[test]
    fn anything_else_is_shown_as_it_is_and_bounded() {
        assert!(of_revert(&[]).starts_with("no reason given"));
        assert_eq!(of_revert(&[1, 2]), "unknown error 0x0102");
        let long = of_revert(&[0xee; 100_000]);
        assert!(long.len() < 300 && long.ends_with("(100000 bytes)"), "{long}");
        // The right selector with arguments that are none.
        let cut = &revert("TooFewSeals(uint256,uint256)", &[Token::Uint(3.into()), Token::Uint(2.into())])[..40];
        assert!(of_revert(cut).starts_with("TooFewSeals with arguments 0x"));
    }
}

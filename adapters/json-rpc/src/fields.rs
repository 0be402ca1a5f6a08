use crate::{RpcError, error::printable};
use alloy_primitives::hex;
use serde_json::{Map, Value};

/// The members of a JSON object that a node sent, each read by the form it must have.
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The members of a value called `field` in errors.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is no object.
    pub fn of(field: &'static str, value: &'a Value) -> Result<Self, RpcError> {
        value.as_object().map(Self).ok_or_else(|| shape(field, "an object", value))
    }

    /// `None` when it is missing or null.
    pub fn optional(&self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// What must be there.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is missing or null.
    pub fn required(&self, field: &'static str) -> Result<&'a Value, RpcError> {
        self.optional(field).ok_or(RpcError::Shape { field, expected: "a value", found: "nothing".to_owned() })
    }

    /// As [`quantity`].
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is missing or has another form.
    pub fn quantity(&self, field: &'static str) -> Result<u64, RpcError> {
        quantity(field, self.required(field)?)
    }

    /// As [`fixed`].
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is missing or has another form.
    pub fn fixed<const N: usize>(&self, field: &'static str) -> Result<[u8; N], RpcError> {
        fixed(field, self.required(field)?)
    }

    /// As [`bytes`].
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is missing, has another form or is longer.
    pub fn bytes(&self, field: &'static str, max: usize) -> Result<Vec<u8>, RpcError> {
        bytes(field, self.required(field)?, max)
    }

    /// As [`array`].
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is missing, no list or longer.
    pub fn array(&self, field: &'static str, max: usize) -> Result<&'a [Value], RpcError> {
        array(field, self.required(field)?, max)
    }
}

/// A number of at most 64 bits, `0x` and hexadecimal digits.
///
/// # Errors
/// [`RpcError::Shape`] when the value has another form.
pub fn quantity(field: &'static str, value: &Value) -> Result<u64, RpcError> {
    let wrong = || shape(field, "a hexadecimal number of at most 64 bits", value);
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    // `from_str_radix` also takes a sign.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u64::from_str_radix(digits, 16).map_err(|_| wrong())
}

/// The big-endian bytes of a number of at most 256 bits, without leading zeros.
///
/// # Errors
/// [`RpcError::Shape`] when the value has another form.
pub fn big_quantity(field: &'static str, value: &Value) -> Result<Vec<u8>, RpcError> {
    let wrong = || shape(field, "a hexadecimal number of at most 256 bits", value);
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    if digits.is_empty() || digits.len() > 64 {
        return Err(wrong());
    }
    let even = if digits.len() % 2 == 0 { digits.to_owned() } else { format!("0{digits}") };
    let bytes = decode(&even).ok_or_else(wrong)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// Exactly `N` bytes.
///
/// # Errors
/// [`RpcError::Shape`] when the value has another form.
pub fn fixed<const N: usize>(field: &'static str, value: &Value) -> Result<[u8; N], RpcError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).filter(|digits| hex::check_raw(digits));
    digits
        .and_then(|digits| hex::decode_to_array(digits).ok())
        .ok_or_else(|| shape(field, "hexadecimal bytes of the field's length", value))
}

/// At most `max` bytes.
///
/// # Errors
/// [`RpcError::Shape`] when the value has another form.
pub fn bytes(field: &'static str, value: &Value, max: usize) -> Result<Vec<u8>, RpcError> {
    let wrong = || shape(field, "hexadecimal bytes within the field's limit", value);
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).ok_or_else(wrong)?;
    if digits.len() / 2 > max {
        return Err(wrong());
    }
    decode(digits).ok_or_else(wrong)
}

/// Digits to bytes. The decoder would take a second `0x` before them.
fn decode(digits: &str) -> Option<Vec<u8>> {
    if hex::check_raw(digits) { hex::decode(digits).ok() } else { None }
}

/// A list of at most `max` elements.
///
/// # Errors
/// [`RpcError::Shape`] when the value has another form.
pub fn array<'a>(field: &'static str, value: &'a Value, max: usize) -> Result<&'a [Value], RpcError> {
    match value.as_array() {
        Some(elements) if elements.len() <= max => Ok(elements),
        _ => Err(shape(field, "a list within the field's limit", value)),
    }
}

/// `0x` and hexadecimal digits, for requests.
pub fn hex_data(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

fn shape(field: &'static str, expected: &'static str, value: &Value) -> RpcError {
    let found = match value {
        Value::String(text) => {
            format!("{:?} ({} characters)", printable(&text.chars().take(80).collect::<String>()), text.len())
        }
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
        other => printable(&other.to_string()),
    };
    RpcError::Shape { field, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_have_one_form() {
        assert_eq!(quantity("n", &json!("0x10")).ok(), Some(16));
        assert_eq!(quantity("n", &json!("0xffffffffffffffff")).ok(), Some(u64::MAX));
        for bad in [
            json!("10"),
            json!("0x"),
            json!("0x+1"),
            json!("0x-1"),
            json!(16),
            json!(null),
            json!("0x1ffffffffffffffff"),
        ] {
            assert!(quantity("n", &bad).is_err(), "{bad}");
        }
        assert_eq!(big_quantity("n", &json!("0x0")).ok(), Some(vec![]));
        assert_eq!(big_quantity("n", &json!("0x100")).ok(), Some(vec![1, 0]));
        assert!(big_quantity("n", &json!(format!("0x{}", "f".repeat(65)))).is_err());
    }

    #[test]
    fn bytes_are_bounded_and_exact() {
        assert_eq!(fixed::<2>("b", &json!("0x0102")).ok(), Some([1, 2]));
        for bad in
            [json!("0x01"), json!("0x010203"), json!("0102"), json!("0x010g"), json!("0x0x0102"), json!(["0x0102"])]
        {
            assert!(fixed::<2>("b", &bad).is_err(), "{bad}");
        }
        assert_eq!(bytes("b", &json!("0xAb01"), 2).ok(), Some(vec![0xab, 1]));
        assert!(bytes("b", &json!("0x0x01"), 9).is_err());
        assert!(bytes("b", &json!("0x010203"), 2).is_err());
        assert!(bytes("b", &json!("0x123"), 2).is_err());
        assert!(array("a", &json!([1, 2, 3]), 2).is_err());
    }
}

use alloc::string::String;
use core::{fmt, str::FromStr};

/// The length of an [`Address`].
pub const ADDRESS_BYTES: usize = 20;

/// An account of an EVM chain: the last 20 bytes of the hash of its public key, or of a contract's making.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; ADDRESS_BYTES]);

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address: expected 20 bytes of hexadecimal, found {found:?}")]
pub struct AddressParseError {
    found: String,
}

impl Address {
    /// Takes 20 bytes as they are.
    pub const fn new(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }
}

impl From<[u8; ADDRESS_BYTES]> for Address {
    fn from(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Address {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressParseError;

    fn from_str(text: &str) -> Result<Self, AddressParseError> {
        let mut bytes = [0; ADDRESS_BYTES];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
            .map_err(|_| AddressParseError { found: text.chars().take(80).collect() })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use alloc::string::ToString;

    #[test]
    fn texts_and_addresses_agree() {
        let text = "0x21b638fe66050042161b827e9355abe947c8b629";
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(text[2..].parse(), Ok(address));
        for bad in ["", "0x", &text[..41], "0x21b638fe66050042161b827e9355abe947c8b6299", "0xzz"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}

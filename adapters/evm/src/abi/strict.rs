//! Decoding of ABI data that a node sent. The encoding must be the one that Solidity's compiler writes: every offset
//! points at the next free byte, every padding is zero, nothing is left over. So the work and the result are never
//! larger than the input: the general decoders follow offsets backwards and can be made to copy one blob a thousand
//! times.

use super::AbiFault;
use ethers_core::{
    abi::{AbiType, ParamType, Token, Tokenizable},
    types::{Address, U256},
};

const WORD: usize = 32;

/// Reads the arguments of an event, an error or a return, as one typed tuple.
pub(crate) fn decode<T: AbiType + Tokenizable>(what: &'static str, data: &[u8]) -> Result<T, AbiFault> {
    let tokens = match T::param_type() {
        ParamType::Tuple(types) => Token::Tuple(tokens(what, &types, data)?),
        single => {
            tokens(what, &[single], data)?.pop().ok_or(AbiFault { what, offset: 0, expected: "a value", found: 0 })?
        }
    };
    T::from_token(tokens).map_err(|_| AbiFault { what, offset: 0, expected: "a value of its type", found: 0 })
}

/// Reads arguments of the given types from exactly `data`.
pub(crate) fn tokens(what: &'static str, types: &[ParamType], data: &[u8]) -> Result<Vec<Token>, AbiFault> {
    let reader = Reader { what, data };
    let (tokens, end) = reader.sequence(types.iter(), types.len(), 0)?;
    if end != data.len() {
        return Err(reader.fault(end, "the end", data.len().saturating_sub(end)));
    }
    Ok(tokens)
}

struct Reader<'a> {
    what: &'static str,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Values one after another: heads first, then the tails in the same order. Offsets count from `start`.
    fn sequence<'t>(
        &self,
        types: impl Iterator<Item = &'t ParamType> + Clone,
        count: usize,
        start: usize,
    ) -> Result<(Vec<Token>, usize), AbiFault> {
        let heads = types.clone().try_fold(0_usize, |sum, kind| sum.checked_add(head_bytes(kind)?));
        let mut tail = heads
            .and_then(|heads| start.checked_add(heads))
            .filter(|tail| *tail <= self.data.len())
            .ok_or_else(|| self.fault(start, "all its members", self.data.len().saturating_sub(start)))?;
        let mut head = start;
        let mut values = Vec::with_capacity(count);
        for kind in types {
            if kind.is_dynamic() {
                let offset = self.number(head, "an offset")?;
                if offset != tail.saturating_sub(start) {
                    return Err(self.fault(head, "an offset to the next free byte", offset));
                }
                let (value, end) = self.dynamic(kind, tail)?;
                values.push(value);
                (head, tail) = (head.saturating_add(WORD), end);
            } else {
                let (value, end) = self.fixed(kind, head)?;
                values.push(value);
                head = end;
            }
        }
        Ok((values, tail))
    }

    fn dynamic(&self, kind: &ParamType, at: usize) -> Result<(Token, usize), AbiFault> {
        match kind {
            ParamType::Bytes => self.blob(at).map(|(bytes, end)| (Token::Bytes(bytes.to_vec()), end)),
            ParamType::String => {
                let (bytes, end) = self.blob(at)?;
                let text = std::str::from_utf8(bytes).map_err(|_| self.fault(at, "utf-8 text", bytes.len()))?;
                Ok((Token::String(text.to_owned()), end))
            }
            ParamType::Array(element) => {
                let count = self.number(at, "a length")?;
                let start = at.saturating_add(WORD);
                let room = self.data.len().saturating_sub(start);
                // Each element takes at least a word, so that the length cannot ask for more than there is.
                match head_bytes(element) {
                    Some(bytes) if bytes >= WORD && count <= room / bytes => {}
                    _ => return Err(self.fault(at, "a length within the data", count)),
                }
                let (values, end) = self.sequence(std::iter::repeat_n(element.as_ref(), count), count, start)?;
                Ok((Token::Array(values), end))
            }
            ParamType::FixedArray(element, count) => {
                let (values, end) = self.sequence(std::iter::repeat_n(element.as_ref(), *count), *count, at)?;
                Ok((Token::FixedArray(values), end))
            }
            ParamType::Tuple(kinds) => {
                let (values, end) = self.sequence(kinds.iter(), kinds.len(), at)?;
                Ok((Token::Tuple(values), end))
            }
            _ => self.fixed(kind, at),
        }
    }

    fn fixed(&self, kind: &ParamType, at: usize) -> Result<(Token, usize), AbiFault> {
        if let ParamType::Tuple(kinds) = kind {
            let (values, end) = self.sequence(kinds.iter(), kinds.len(), at)?;
            return Ok((Token::Tuple(values), end));
        }
        if let ParamType::FixedArray(element, count) = kind {
            let (values, end) = self.sequence(std::iter::repeat_n(element.as_ref(), *count), *count, at)?;
            return Ok((Token::FixedArray(values), end));
        }
        let word = self.word(at)?;
        let (before, after) = (|count: usize| word.iter().take(count), |count: usize| word.iter().skip(count));
        let is_padded = |byte: &u8, fill: u8| *byte == fill;
        let token = match kind {
            ParamType::Address if before(12).all(|b| is_padded(b, 0)) => {
                let mut address = [0; 20];
                address.copy_from_slice(word.get(12..).unwrap_or(&[0; 20]));
                Some(Token::Address(Address::from(address)))
            }
            ParamType::Bool if before(31).all(|b| is_padded(b, 0)) && word.last().is_some_and(|b| *b < 2) => {
                Some(Token::Bool(word.last() == Some(&1)))
            }
            ParamType::Uint(bits) if before(WORD.saturating_sub(bits / 8)).all(|b| is_padded(b, 0)) => {
                Some(Token::Uint(U256::from_big_endian(word)))
            }
            ParamType::Int(bits) => {
                let width = (bits / 8).clamp(1, WORD);
                let negative = word.get(WORD - width).is_some_and(|byte| byte & 0x80 != 0);
                let fill = if negative { 0xff } else { 0 };
                before(WORD - width).all(|b| is_padded(b, fill)).then(|| Token::Int(U256::from_big_endian(word)))
            }
            ParamType::FixedBytes(size) if after(*size).all(|b| is_padded(b, 0)) => {
                Some(Token::FixedBytes(before(*size).copied().collect()))
            }
            _ => None,
        };
        match token {
            Some(token) => Ok((token, at.saturating_add(WORD))),
            None => Err(self.fault(at, "a value padded to its type", 0)),
        }
    }

    fn blob(&self, at: usize) -> Result<(&'a [u8], usize), AbiFault> {
        let length = self.number(at, "a length")?;
        let start = at.saturating_add(WORD);
        let end = length.checked_next_multiple_of(WORD).and_then(|padded| start.checked_add(padded));
        let padded = end
            .and_then(|end| self.data.get(start..end))
            .ok_or_else(|| self.fault(at, "a length within the data", length))?;
        let (bytes, padding) = padded.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self.fault(start.saturating_add(length), "zeros to the end of the word", 0));
        }
        Ok((bytes, start.saturating_add(padded.len())))
    }

    fn number(&self, at: usize, expected: &'static str) -> Result<usize, AbiFault> {
        let word = self.word(at)?;
        let (high, low) = word.split_at(WORD - 4);
        match <[u8; 4]>::try_from(low) {
            Ok(low) if high.iter().all(|byte| *byte == 0) => {
                usize::try_from(u32::from_be_bytes(low)).map_err(|_| self.fault(at, expected, 0))
            }
            _ => Err(self.fault(at, expected, usize::MAX)),
        }
    }

    fn word(&self, at: usize) -> Result<&'a [u8; WORD], AbiFault> {
        let slice = self.data.get(at..).and_then(<[u8]>::first_chunk::<WORD>);
        slice.ok_or_else(|| self.fault(at, "32 more bytes", self.data.len().saturating_sub(at)))
    }

    fn fault(&self, offset: usize, expected: &'static str, found: usize) -> AbiFault {
        AbiFault { what: self.what, offset, expected, found }
    }
}

/// The bytes that a value takes among the heads; `None` for a type too large to be one.
fn head_bytes(kind: &ParamType) -> Option<usize> {
    if kind.is_dynamic() {
        return Some(WORD);
    }
    match kind {
        ParamType::FixedArray(element, count) => head_bytes(element)?.checked_mul(*count),
        ParamType::Tuple(kinds) => kinds.iter().try_fold(0_usize, |sum, kind| sum.checked_add(head_bytes(kind)?)),
        _ => Some(WORD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethers_core::abi;

    fn packet_like() -> Vec<ParamType> {
        let payload = ParamType::Tuple(vec![ParamType::String, ParamType::Bytes]);
        vec![
            ParamType::Tuple(vec![ParamType::Uint(64), ParamType::String, ParamType::Array(Box::new(payload))]),
            ParamType::Address,
            ParamType::FixedArray(Box::new(ParamType::FixedBytes(4)), 2),
        ]
    }

    fn sample() -> Vec<Token> {
        let payload = |n: usize| Token::Tuple(vec![Token::String("x".repeat(n)), Token::Bytes(vec![7; n + 31])]);
        vec![
            Token::Tuple(vec![
                Token::Uint(U256::from(u64::MAX)),
                Token::String("qbft-0".to_owned()),
                Token::Array(vec![payload(0), payload(1), payload(33)]),
            ]),
            Token::Address(Address::repeat_byte(0x11)),
            Token::FixedArray(vec![Token::FixedBytes(vec![1, 2, 3, 4]), Token::FixedBytes(vec![5, 6, 7, 8])]),
        ]
    }

    #[test]
    fn what_the_reference_encoder_writes_is_read_back() {
        let encoded = abi::encode(&sample());
        assert_eq!(tokens("sample", &packet_like(), &encoded).ok(), Some(sample()));
    }

    #[test]
    fn only_one_encoding_is_read() {
        let encoded = abi::encode(&sample());
        for position in 0..encoded.len() {
            for bit in 0..8 {
                let mut changed = encoded.clone();
                changed[position] ^= 1 << bit;
                if let Ok(read) = tokens("sample", &packet_like(), &changed) {
                    assert_eq!(abi::encode(&read), changed, "byte {position} bit {bit}");
                }
            }
        }
        for length in 0..encoded.len() {
            assert!(tokens("sample", &packet_like(), &encoded[..length]).is_err(), "{length}");
        }
        let longer: Vec<u8> = encoded.iter().copied().chain([0; 32]).collect();
        assert!(tokens("sample", &packet_like(), &longer).is_err());
    }

    #[test]
    fn many_offsets_to_one_blob_are_refused_before_anything_is_copied() {
        // bytes[] of 3,000 elements that all point at the same 100 kB.
        let mut data = vec![0; 32];
        data[31] = 32;
        let word = |n: usize| U256::from(n);
        let mut push = |n: usize| {
            let mut bytes = [0; 32];
            word(n).to_big_endian(&mut bytes);
            data.extend_from_slice(&bytes);
        };
        push(3000);
        (0..3000).for_each(|_| push(3000 * 32));
        push(100_000);
        data.resize(data.len() + 100_000_usize.next_multiple_of(32), 0);
        let kind = [ParamType::Array(Box::new(ParamType::Bytes))];
        let fault = tokens("list", &kind, &data).unwrap_err();
        assert_eq!(fault.expected, "an offset to the next free byte");
    }

    #[test]
    fn lengths_beyond_the_data_ask_for_no_memory() {
        let mut data = vec![0; 64];
        data[31] = 32;
        data[60..64].copy_from_slice(&u32::MAX.to_be_bytes());
        for element in [ParamType::Bytes, ParamType::Uint(256), ParamType::Tuple(vec![])] {
            assert!(tokens("list", &[ParamType::Array(Box::new(element))], &data).is_err());
        }
        assert!(tokens("text", &[ParamType::String], &data).is_err());
    }
}

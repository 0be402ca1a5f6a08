/// Reads untrusted bytes from front to back: exactly what is asked for, or an error that says what is missing.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// Why bytes could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The input ends early.
    #[error("{field} at byte {offset}: expected {expected} bytes, found {found}")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Its length.
        expected: usize,
        /// What is left.
        found: usize,
    },
    /// Bytes are left over.
    #[error("expected the end at byte {offset}, found {found} more bytes")]
    Trailing {
        /// Where the end was expected.
        offset: usize,
        /// The bytes left.
        found: usize,
    },
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// [`CursorError::Truncated`] when fewer are left.
    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], CursorError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                self.offset += count;
                Ok(taken)
            }
            None => Err(CursorError::Truncated { field, offset: self.offset, expected: count, found: self.rest.len() }),
        }
    }

    /// Takes the next `N` bytes as an array.
    ///
    /// # Errors
    /// [`CursorError::Truncated`] when fewer are left.
    pub fn take_array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], CursorError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    /// Takes a big-endian 64-bit number.
    ///
    /// # Errors
    /// [`CursorError::Truncated`] when fewer than 8 bytes are left.
    pub fn take_u64(&mut self, field: &'static str) -> Result<u64, CursorError> {
        self.take_array(field).map(u64::from_be_bytes)
    }

    /// Takes a big-endian 16-bit number.
    ///
    /// # Errors
    /// [`CursorError::Truncated`] when fewer than 2 bytes are left.
    pub fn take_u16(&mut self, field: &'static str) -> Result<u16, CursorError> {
        self.take_array(field).map(u16::from_be_bytes)
    }

    /// What has not been taken yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have been taken.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`CursorError::Trailing`] when bytes are left.
    pub const fn finish(self) -> Result<(), CursorError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(CursorError::Trailing { offset: self.offset, found: self.rest.len() })
        }
    }
}

//! Append-only block log in a folder, safe against a kill at any instant.
//!
//! Layout: magic (8 bytes) ‖ identity of the chain (32) ‖ records. A record is payload length (u32, big-endian) ‖ checksum (the first
//! 8 bytes of keccak-256 of the payload) ‖ payload, written by one call and synced before the block is published. A kill can only leave a
//! part of the last record; that part is cut off at the next start, since nobody has seen its block.

use std::fs::{File, OpenOptions, TryLockError, create_dir_all};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::{B256, keccak256};
use tracing::warn;

use crate::error::ChainError;

/// Name of the log in its folder.
pub const LOG_FILE: &str = "blocks.log";

const MAGIC: [u8; 8] = *b"DEVCHN01";
const HEADER_BYTES: u64 = 40;
const RECORD_HEADER_BYTES: usize = 12;

/// An open log, locked against other processes.
#[derive(Debug)]
pub(crate) struct BlockLog {
    file: File,
    path: PathBuf,
    /// Where the last whole record ends.
    end: u64,
    /// A write failed and could not be taken back, so what the file ends with is unknown until it is read again.
    failed: bool,
}

impl BlockLog {
    /// Opens or creates the log in `folder` and hands every record to `replay`, in order.
    ///
    /// # Errors
    /// When the folder cannot be used, belongs to another chain, is in use, or is corrupt before its last record; and what `replay` says.
    pub(crate) fn open(
        folder: &Path,
        identity: B256,
        mut replay: impl FnMut(&[u8]) -> Result<(), ChainError>,
    ) -> Result<Self, ChainError> {
        let path = folder.join(LOG_FILE);
        let failed = |action, path: &Path, source| ChainError::Io { action, file: path.to_owned(), source };
        create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| failed("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ChainError::FolderInUse { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
        }
        let mut log = Self { file, path, end: 0, failed: false };
        let io = |action, log: &Self, source| failed(action, &log.path, source);
        let length = log.file.metadata().map_err(|source| io("read", &log, source))?.len();
        let end = if length < HEADER_BYTES {
            log.check_unfinished_header(folder, identity)?;
            log.write_header(folder, identity).map_err(|source| io("write", &log, source))?;
            HEADER_BYTES
        } else {
            log.check_header(folder, identity)?;
            log.read_records(length, &mut replay)?
        };
        if end < length {
            warn!(file = %log.path.display(), from = end, bytes = length - end, "cut a torn record off the block log");
            log.file.set_len(end).map_err(|source| io("truncate", &log, source))?;
            log.file.sync_all().map_err(|source| io("sync", &log, source))?;
        }
        log.file.seek(SeekFrom::Start(end)).map_err(|source| io("seek in", &log, source))?;
        log.end = end;
        Ok(log)
    }

    /// Writes one record and waits until it is on disk.
    ///
    /// # Errors
    /// When it cannot be stored, for want of space for instance; the log is then as before. When not even that can be had, nothing more
    /// is stored until the log is opened again.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), ChainError> {
        if self.failed {
            return Err(ChainError::LogClosed);
        }
        // A block is bounded by its gas limit, far below 4 GiB.
        let length = u32::try_from(payload.len()).expect("a block is shorter than 4 GiB");
        let mut record = Vec::with_capacity(RECORD_HEADER_BYTES + payload.len());
        record.extend_from_slice(&length.to_be_bytes());
        record.extend_from_slice(&checksum(payload).to_be_bytes());
        record.extend_from_slice(payload);
        let written = self.file.write_all(&record).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.end += record.len() as u64;
                Ok(())
            }
            Err(source) => {
                self.failed = self.take_back().is_err();
                Err(self.io("write", source))
            }
        }
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.sync_all()
    }

    /// A kill during creation leaves a part of the header; anything else of that length is not ours.
    fn check_unfinished_header(&mut self, folder: &Path, identity: B256) -> Result<(), ChainError> {
        let mut found = Vec::new();
        self.file.read_to_end(&mut found).map_err(|source| self.io("read", source))?;
        let expected = [MAGIC.as_slice(), identity.as_slice()].concat();
        if !expected.starts_with(&found) {
            return Err(ChainError::LogHeader { folder: folder.to_owned(), expected: MAGIC, found });
        }
        Ok(())
    }

    fn write_header(&mut self, folder: &Path, identity: B256) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&[MAGIC.as_slice(), identity.as_slice()].concat())?;
        self.file.sync_all()?;
        // The file's name must survive too.
        File::open(folder)?.sync_all()
    }

    fn check_header(&mut self, folder: &Path, identity: B256) -> Result<(), ChainError> {
        let mut magic = [0; MAGIC.len()];
        let mut found = B256::ZERO;
        let read = self.file.read_exact(&mut magic).and_then(|()| self.file.read_exact(found.as_mut_slice()));
        read.map_err(|source| self.io("read", source))?;
        if magic != MAGIC {
            return Err(ChainError::LogHeader { folder: folder.to_owned(), expected: MAGIC, found: magic.to_vec() });
        }
        if found != identity {
            return Err(ChainError::OtherChain { folder: folder.to_owned(), expected: identity, found });
        }
        Ok(())
    }

    /// Reads all records and returns where the last whole one ends.
    fn read_records(
        &self,
        length: u64,
        replay: &mut impl FnMut(&[u8]) -> Result<(), ChainError>,
    ) -> Result<u64, ChainError> {
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut at = HEADER_BYTES;
        let mut payload = Vec::new();
        loop {
            let left = length - at;
            if left < RECORD_HEADER_BYTES as u64 {
                return Ok(at);
            }
            let (mut size, mut sum) = ([0; 4], [0; 8]);
            let read = reader.read_exact(&mut size).and_then(|()| reader.read_exact(&mut sum));
            read.map_err(|source| self.io("read", source))?;
            let size = u32::from_be_bytes(size);
            let end = at + RECORD_HEADER_BYTES as u64 + u64::from(size);
            if end > length {
                return Ok(at);
            }
            payload.resize(size as usize, 0);
            reader.read_exact(&mut payload).map_err(|source| self.io("read", source))?;
            let (expected, found) = (u64::from_be_bytes(sum), checksum(&payload));
            if expected != found || size == 0 {
                // After a power cut a file may end in a record, or in zeros, that never reached the disk whole.
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).map_err(|source| self.io("read", source))?;
                if rest.iter().all(|byte| *byte == 0) {
                    return Ok(at);
                }
                return Err(ChainError::CorruptLog { file: self.path.clone(), offset: at, expected, found });
            }
            replay(&payload)?;
            at = end;
        }
    }

    fn io(&self, action: &'static str, source: io::Error) -> ChainError {
        ChainError::Io { action, file: self.path.clone(), source }
    }
}

impl Drop for BlockLog {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started and still has a copy of the file.
        if let Err(error) = self.file.unlock() {
            warn!(file = %self.path.display(), %error, "cannot unlock the block log");
        }
    }
}

fn checksum(payload: &[u8]) -> u64 {
    let digest = keccak256(payload);
    u64::from_be_bytes(digest.first_chunk().copied().expect("a digest has 32 bytes"))
}

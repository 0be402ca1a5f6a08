use super::file::DatabaseFile;
use crate::StoreError;
use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
};

/// The longest text that is read as the name of a lock's owner, in bytes.
const MAX_OWNER_BYTES: u64 = 256;

/// The sole right to a database, for as long as this lives. The operating system gives it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    file: File,
}

impl Drop for DatabaseLock {
    /// Closing the file alone would leave the lock to a process that is being started, until that process closes the
    /// copies of all files with which it began.
    fn drop(&mut self) {
        // An error leaves what closing does.
        let _ = self.file.unlock();
    }
}

impl DatabaseLock {
    /// Locks the file beside the database and writes into it who holds it.
    pub(super) fn take(database: &DatabaseFile, owner: &str) -> Result<Self, StoreError> {
        let path = database.beside(".lock");
        let failed = |operation| {
            let path = path.display().to_string();
            move |source| StoreError::File { path, operation, source }
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("opening the lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let read = (&file).take(MAX_OWNER_BYTES).read_to_string(&mut owner);
                let named = read.is_ok() && !owner.trim().is_empty();
                let owner = if named { owner.trim().to_owned() } else { "another process".to_owned() };
                return Err(StoreError::InUse { path: database.path().display().to_string(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locking")(source)),
        }
        file.set_len(0).map_err(failed("emptying the lock"))?;
        file.rewind().map_err(failed("writing the lock"))?;
        let owner: String = owner.chars().filter(|c| !c.is_control()).take(200).collect();
        writeln!(file, "{owner}").map_err(failed("writing the lock"))?;
        Ok(Self { file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_copy_of_the_file_in_a_process_that_starts_does_not_keep_the_lock() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("relayer.db");
        let database = DatabaseFile::find(&path).unwrap();
        let lock = DatabaseLock::take(&database, "the first").unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(matches!(DatabaseLock::take(&database, "the second"), Err(StoreError::InUse { .. })));
        drop(lock);
        DatabaseLock::take(&database, "the second").unwrap();
        drop(copy);
    }
}

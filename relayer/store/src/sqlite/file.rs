//! What stands at a path, before SQLite is let near it.

use crate::StoreError;
use std::{
    ffi::OsString,
    fs::Metadata,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// SQLite's page size when nobody chose another one, in bytes.
const PAGE_BYTES: u64 = 4_096;

/// A database file, by the one name to which all links to it lead: so that it has one lock, whatever it is called.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    bytes: u64,
}

impl DatabaseFile {
    /// Follows links to a database, or to where one is to be made.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] for what is no regular file, [`StoreError::SeveralNames`] for one with hard links, and
    /// [`StoreError::File`] for what cannot be reached.
    pub(super) fn find(file: &Path) -> Result<Self, StoreError> {
        let failed = |operation| {
            let path = file.display().to_string();
            move |source| StoreError::File { path, operation, source }
        };
        match file.canonicalize() {
            Ok(path) => {
                let metadata = path.metadata().map_err(failed("looking at the file"))?;
                check(file, &metadata)?;
                Ok(Self { path, bytes: metadata.len() })
            }
            // A link that leads nowhere is a mistake, and no place for a new database.
            Err(error) if error.kind() == ErrorKind::NotFound && !file.is_symlink() => {
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let folder = folder.canonicalize().map_err(failed("looking at the folder"))?;
                let name = file.file_name().ok_or_else(|| foreign(file, "a folder"))?;
                Ok(Self { path: folder.join(name), bytes: 0 })
            }
            Err(error) => Err(failed("looking at the file")(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything in it to be looked at.
    ///
    /// A relayer that is killed while it makes its database leaves an empty file, or one of a single page and a journal to
    /// take it back. No table fits there.
    pub(super) fn has_content(&self) -> bool {
        self.bytes > PAGE_BYTES || (self.bytes > 0 && !self.beside("-journal").exists())
    }

    /// Whether nothing but the file belongs to the database: no log and no journal is left to be read with it.
    pub(super) fn is_complete(&self) -> bool {
        !self.beside("-wal").exists() && !self.beside("-journal").exists()
    }

    /// The file beside the database with this ending.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(ending);
        PathBuf::from(name)
    }
}

fn check(file: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    if metadata.is_dir() {
        return Err(foreign(file, "a folder"));
    }
    if !metadata.is_file() {
        return Err(foreign(file, "no regular file"));
    }
    match names(metadata) {
        0 | 1 => Ok(()),
        found => Err(StoreError::SeveralNames { path: file.display().to_string(), found }),
    }
}

fn foreign(file: &Path, found: &str) -> StoreError {
    StoreError::Foreign { path: file.display().to_string(), found: found.to_owned() }
}

#[cfg(unix)]
fn names(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn names(_metadata: &Metadata) -> u64 {
    1
}

//! Opening a database: alone, of a version that is understood, with a library that is sound.

use super::{SqliteStore, failed};
use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Marks a relayer's database; set by the first migration. "LMR1" in ASCII.
const APPLICATION_ID: i64 = 0x4c4d_5231;
/// Earlier versions can corrupt a database in WAL mode with several connections.
///
/// Source: SQLite release notes of 3.51.3, "fix the WAL-reset bug".
const SQLITE_OLDEST: (&str, [u32; 3]) = ("3.51.3", [3, 51, 3]);
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most of a lock file that is read back for an error's text.
const MAX_OWNER_BYTES: u64 = 256;

impl SqliteStore {
    /// Opens or makes a database, and holds it until it is dropped. `owner` is shown to whoever else tries.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it open, [`StoreError::NewerVersion`] and [`StoreError::Foreign`] when
    /// it is not one that this relayer understands. Nothing has been changed then.
    pub async fn open(path: &Path, owner: &str) -> Result<Self, StoreError> {
        let lock = lock(path, owner)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that a power cut could take back would mean a transaction sent and not remembered.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        check_foreign(path).await?;
        let writer = pool(1).connect_with(options.clone()).await.map_err(|source| foreign_or_failed(path, source))?;
        check_library(&writer).await?;
        migrate(path, &writer).await?;
        let readers = pool(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(|source| failed("open reading connections", source))?;
        Ok(Self { writer, readers, _lock: lock })
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new().min_connections(1).max_connections(connections).idle_timeout(None).max_lifetime(None)
}

/// Takes the lock that the system gives up with the process: a row would survive a `kill -9`.
fn lock(path: &Path, owner: &str) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let file_error = |operation| {
        let path = lock_path.display().to_string();
        move |source| StoreError::File { path, operation, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(file_error("cannot be opened for locking the database"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut found = Vec::new();
            file.take(MAX_OWNER_BYTES).read_to_end(&mut found).map_err(file_error("cannot be read"))?;
            let owner = match String::from_utf8_lossy(&found).trim() {
                "" => "another process".to_owned(),
                owner => owner.to_owned(),
            };
            return Err(StoreError::InUse { path: path.display().to_string(), owner });
        }
        Err(TryLockError::Error(source)) => return Err(file_error("cannot be locked")(source)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(owner.as_bytes()))
        .map_err(file_error("cannot be written"))?;
    Ok(file)
}

/// Refuses a file that something else made, before anything is changed in it.
async fn check_foreign(path: &Path) -> Result<(), StoreError> {
    if std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let foreign = |found: String| StoreError::Foreign { path: path.display().to_string(), found };
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    let mut connection =
        SqliteConnection::connect_with(&options).await.map_err(|source| foreign_or_failed(path, source))?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut connection)
        .await
        .map_err(|source| foreign_or_failed(path, source))?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .map_err(|source| foreign_or_failed(path, source))?;
    connection.close().await.map_err(|source| failed("close", source))?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        return Ok(());
    }
    Err(foreign(format!("application id {id:#x} and {tables} tables and indexes of something else")))
}

async fn check_library(pool: &SqlitePool) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await
        .map_err(|source| failed("ask for the version", source))?;
    let (expected, oldest) = SQLITE_OLDEST;
    let parts: Vec<u32> = found.split('.').map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() >= oldest.as_slice() { Ok(()) } else { Err(StoreError::SqliteVersion { expected, found }) }
}

async fn migrate(path: &Path, pool: &SqlitePool) -> Result<(), StoreError> {
    let text = || path.display().to_string();
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match MIGRATIONS.run(pool).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) if found > newest => {
            Err(StoreError::NewerVersion { path: text(), expected: newest, found })
        }
        Err(error @ (MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) | MigrateError::Dirty(_))) => {
            Err(StoreError::Foreign { path: text(), found: error.to_string() })
        }
        Err(error) => Err(StoreError::Database { operation: "migrate", source: Box::new(error) }),
    }
}

/// SQLite's codes for a file that is no database, or a broken one.
const NOT_A_DATABASE: [&str; 2] = ["26", "11"];

fn foreign_or_failed(path: &Path, source: sqlx::Error) -> StoreError {
    let code = source.as_database_error().and_then(|error| error.code());
    if code.is_some_and(|code| NOT_A_DATABASE.contains(&code.as_ref())) {
        return StoreError::Foreign { path: path.display().to_string(), found: source.to_string() };
    }
    failed("open", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Executor as _;

    #[tokio::test]
    async fn a_second_relayer_is_refused_and_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relayer.db");
        let first = SqliteStore::open(&path, "first, process 7").await.unwrap();
        match SqliteStore::open(&path, "second").await {
            Err(StoreError::InUse { owner, .. }) => assert_eq!(owner, "first, process 7"),
            other => panic!("{other:?}"),
        }
        first.close().await;
        drop(first);
        SqliteStore::open(&path, "third").await.unwrap();
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relayer.db");
        let store = SqliteStore::open(&path, "x").await.unwrap();
        let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)";
        store.writer.execute(insert).await.unwrap();
        store.close().await;
        drop(store);
        match SqliteStore::open(&path, "x").await {
            Err(StoreError::NewerVersion { found: 9999, .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_foreign_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.db");
        std::fs::write(&text, "these are notes and no database at all, as anyone can see who reads them").unwrap();
        assert!(matches!(SqliteStore::open(&text, "x").await, Err(StoreError::Foreign { .. })));

        let other = folder.path().join("other.db");
        let options = SqliteConnectOptions::new().filename(&other).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        connection.execute("CREATE TABLE lease (x INTEGER)").await.unwrap();
        connection.close().await.unwrap();
        let before = std::fs::read(&other).unwrap();
        assert!(matches!(SqliteStore::open(&other, "x").await, Err(StoreError::Foreign { .. })));
        assert_eq!(std::fs::read(&other).unwrap(), before);
    }
}

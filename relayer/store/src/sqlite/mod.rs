//! SQLite: one file, one relayer.

mod conflicts;
mod file;
mod lock;
mod passed_over;
#[cfg(test)]
mod plans;
mod read;
mod value;
mod write;

use crate::{AttemptView, Guard, PacketQuery, PacketView, Store, StoreError};
use async_trait::async_trait;
use file::DatabaseFile;
use light_client::{Height, Packet, Sequence};
use lock::DatabaseLock;
use relayer_core::{
    Conflict, Direction, Evidence, Lease, LeaseDecision, PacketState, PassedOver, PathId, PathStart, SignerId,
    SignerStart, UnixMillis, Write, decide_lease,
};
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The oldest SQLite in which several connections on a write-ahead log cannot corrupt the file.
///
/// Source: SQLite 3.51.3 release notes, the "WAL-reset" corruption of 3.7.0 to 3.51.2.
const OLDEST_SQLITE: &str = "3.51.3";
/// Marks the file as a relayer's: "LGHT".
const APPLICATION_ID: i64 = 0x4c47_4854;
/// How long a statement waits for a lock before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read beside the one that writes.
const READERS: u32 = 4;
/// Pages that a connection keeps in memory, as SQLite counts it: negative, in KiB.
const CACHE_KIB: &str = "-4096";
/// Pages in the log before they are written into the file: pages that change often are written once for many changes.
/// 16 MiB, which is read through when the database is opened after a crash.
const CHECKPOINT_PAGES: &str = "4096";

const VERSION: &str = "SELECT sqlite_version() AS version";
const GET_APPLICATION_ID: &str = "PRAGMA application_id";
// 0x4c474854 in decimal: a pragma takes no parameters.
const SET_APPLICATION_ID: &str = "PRAGMA application_id = 1279739988";
const TABLES: &str = "SELECT count(*) AS tables FROM sqlite_schema";
const RECORD: &str = "SELECT count(*) AS tables FROM sqlite_schema WHERE name = '_sqlx_migrations'";
const MIGRATED: &str = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version";
/// What SQLite answers to a file that is none of its own.
///
/// Source: SQLite's result codes, `SQLITE_NOTADB`.
const NOT_A_DATABASE: &str = "26";
const RELEASE_ALL: &str = "UPDATE leases SET expires_millis = 0";
const LEASE: &str = "SELECT owner, expires_millis, fence FROM leases WHERE name = $1";
const PUT_LEASE: &str = "INSERT INTO leases (name, owner, expires_millis, fence) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_millis = excluded.expires_millis, \
     fence = excluded.fence";
const RELEASE: &str = "UPDATE leases SET expires_millis = 0 WHERE name = $1 AND fence = $2";
const FENCE: &str = "SELECT fence FROM leases WHERE name = $1";
const PATH_ID: &str = "SELECT id FROM paths WHERE name = $1";
const NEW_PATH: &str = "INSERT INTO paths (name) VALUES ($1) RETURNING id";
const SIGNER_ID: &str = "SELECT id FROM signers WHERE chain = $1 AND account = $2";
const NEW_SIGNER: &str = "INSERT INTO signers (chain, account) VALUES ($1, $2) RETURNING id";

/// A store in one SQLite file, which it alone may use: a second relayer on the same file is refused as long as the
/// first one's process lives.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    file: PathBuf,
    ids: Mutex<Ids>,
    // `None` when opened to look only.
    _lock: Option<DatabaseLock>,
}

/// Numbers by name. What a transaction adds is kept when it is committed: one that is rolled back takes its numbers back.
#[derive(Clone, Debug, Default)]
struct Ids {
    paths: BTreeMap<PathId, i64>,
    signers: BTreeMap<SignerId, i64>,
}

impl SqliteStore {
    /// Opens or creates the database, alone. `owner` is shown to whoever comes second.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another relayer has it open, [`StoreError::NewerVersion`] and
    /// [`StoreError::Foreign`] when it is not one that this version can use; the file is not changed then.
    pub async fn open(file: &Path, owner: &str) -> Result<Self, StoreError> {
        let found = DatabaseFile::find(file)?;
        let lock = DatabaseLock::take(&found, owner)?;
        // Looked at first, and by a connection that cannot write: the writer's first act is to change the journal's mode.
        if found.has_content() {
            check(probe(found.path(), found.is_complete()), file).await?;
        }
        let options = options(found.path()).create_if_missing(true);
        let writer = SqlitePoolOptions::new()
            // Nothing lies between us and the file that could break a connection, and asking costs changes of threads.
            .test_before_acquire(false)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(failed("opening the database"))?;
        check_library(&writer).await?;
        migrate(&writer, file).await?;
        // Whoever held a lease is gone: its process could not have outlived the lock.
        sqlx::query(RELEASE_ALL).execute(&writer).await.map_err(failed("releasing leases"))?;
        let readers = readers(options).await?;
        Ok(Self { writer, readers, file: file.to_owned(), ids: Mutex::default(), _lock: Some(lock) })
    }

    /// Opens an existing database to look at it, also while a relayer works on it. Every write is refused.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; and when there is no such file.
    pub async fn look(file: &Path) -> Result<Self, StoreError> {
        let found = DatabaseFile::find(file)?;
        check(probe(found.path(), false), file).await?;
        let readers = readers(options(found.path())).await?;
        let writer = readers.clone();
        Ok(Self { writer, readers, file: file.to_owned(), ids: Mutex::default(), _lock: None })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Closes all connections; what was applied is durable in any case.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn fence(&self, connection: &mut SqliteConnection, guard: &Guard) -> Result<(), StoreError> {
        let row = sqlx::query(FENCE).bind(&guard.lease).fetch_optional(connection).await;
        let found = match row.map_err(failed("checking a lease"))? {
            Some(row) => Some(value::number(value::column(&row, "fence")?)),
            None => None,
        };
        if found == Some(guard.fence) {
            return Ok(());
        }
        Err(StoreError::Fenced { lease: guard.lease.clone(), expected: guard.fence, found })
    }
}

impl Ids {
    /// The number under which a path is kept; given out at its first write.
    async fn path(&mut self, connection: &mut SqliteConnection, path: &PathId) -> Result<i64, StoreError> {
        if let Some(id) = self.paths.get(path) {
            return Ok(*id);
        }
        let operation = "naming a path";
        let found = sqlx::query(PATH_ID).bind(path.as_str()).fetch_optional(&mut *connection).await;
        let row = match found.map_err(failed(operation))? {
            Some(row) => row,
            None => {
                let new = sqlx::query(NEW_PATH).bind(path.as_str()).fetch_one(connection);
                new.await.map_err(failed(operation))?
            }
        };
        let id = value::column(&row, "id")?;
        self.paths.insert(path.clone(), id);
        Ok(id)
    }

    /// The number under which a signer is kept; given out at its first write.
    async fn signer(&mut self, connection: &mut SqliteConnection, signer: &SignerId) -> Result<i64, StoreError> {
        if let Some(id) = self.signers.get(signer) {
            return Ok(*id);
        }
        let operation = "naming a signer";
        let found = sqlx::query(SIGNER_ID).bind(&signer.chain).bind(&signer.account).fetch_optional(&mut *connection);
        let row = match found.await.map_err(failed(operation))? {
            Some(row) => row,
            None => {
                let new = sqlx::query(NEW_SIGNER).bind(&signer.chain).bind(&signer.account).fetch_one(connection);
                new.await.map_err(failed(operation))?
            }
        };
        let id = value::column(&row, "id")?;
        self.signers.insert(signer.clone(), id);
        Ok(id)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn lease(&self, name: &str, owner: &str, now: UnixMillis, ttl_millis: u64) -> Result<Lease, StoreError> {
        let operation = "taking a lease";
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed(operation))?;
        let row = sqlx::query(LEASE).bind(name).fetch_optional(&mut *transaction).await.map_err(failed(operation))?;
        let present = match row {
            Some(row) => Some(Lease {
                owner: value::column(&row, "owner")?,
                expires: value::millis(&row, "expires_millis")?,
                fence: value::number(value::column(&row, "fence")?),
            }),
            None => None,
        };
        match decide_lease(present.as_ref(), owner, now, ttl_millis) {
            LeaseDecision::Granted(lease) => {
                sqlx::query(PUT_LEASE)
                    .bind(name)
                    .bind(&lease.owner)
                    .bind(value::bits(lease.expires.get().min(i64::MAX.unsigned_abs())))
                    .bind(value::bits(lease.fence))
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed(operation))?;
                transaction.commit().await.map_err(failed(operation))?;
                Ok(lease)
            }
            LeaseDecision::Held(held) => Err(StoreError::LeaseHeld { lease: name.to_owned(), held }),
        }
    }

    async fn release(&self, guard: &Guard) -> Result<(), StoreError> {
        let query = sqlx::query(RELEASE).bind(&guard.lease).bind(value::bits(guard.fence));
        query.execute(&self.writer).await.map_err(failed("releasing a lease"))?;
        Ok(())
    }

    async fn apply(&self, guard: &Guard, writes: &[Write]) -> Result<(), StoreError> {
        let operation = "applying changes";
        // Immediate: a transaction that reads before it writes would otherwise fail when another wrote in between.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed(operation))?;
        self.fence(&mut transaction, guard).await?;
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ids.write_all(&mut transaction, writes).await?;
        transaction.commit().await.map_err(failed(operation))?;
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(())
    }

    async fn path(&self, path: &PathId) -> Result<PathStart, StoreError> {
        self.read_path(path).await
    }

    async fn signer(&self, signer: &SignerId) -> Result<SignerStart, StoreError> {
        self.read_signer(signer).await
    }

    async fn bodies(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Packet>>, StoreError> {
        self.read_bodies(path, direction, sequences).await
    }

    async fn acknowledgements(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read_acknowledgements(path, direction, sequences).await
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        self.read_packets(query).await
    }

    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        self.read_attempts(path, direction, sequence).await
    }

    async fn evidence(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<Evidence>, StoreError> {
        self.read_evidence(path, direction, sequence).await
    }

    async fn conflicts(&self, path: &PathId) -> Result<Vec<Conflict>, StoreError> {
        self.read_conflicts(path).await
    }

    async fn compared(&self, path: &PathId) -> Result<[Option<Height>; 2], StoreError> {
        self.read_compared(path).await
    }

    async fn passed_over(&self, path: &PathId) -> Result<Vec<PassedOver>, StoreError> {
        self.read_passed_over(path).await
    }

    async fn counts(&self, path: &PathId) -> Result<[[u64; PacketState::ALL.len()]; 2], StoreError> {
        self.read_counts(path).await
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // With less, a power cut could take back the record of a transaction that was sent.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIB)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .statement_cache_capacity(64)
}

async fn readers(options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .test_before_acquire(false)
        .max_connections(READERS)
        .min_connections(0)
        .connect_with(options.create_if_missing(false).read_only(true))
        .await
        .map_err(failed("opening the database to read"))
}

/// A connection that leaves everything as it is; `complete` when no log is left to be read with the file, so that SQLite
/// need not even make its own files beside it.
fn probe(file: &Path, complete: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).read_only(true).immutable(complete).busy_timeout(BUSY_TIMEOUT)
}

/// Refuses a file that is not a relayer's or is newer than this relayer.
async fn check(probe: SqliteConnectOptions, file: &Path) -> Result<(), StoreError> {
    let foreign = |found: String| StoreError::Foreign { path: file.display().to_string(), found };
    let failed = |error: sqlx::Error| match error {
        sqlx::Error::Database(error) if error.code().as_deref() == Some(NOT_A_DATABASE) => {
            foreign("a file that is not SQLite's".to_owned())
        }
        error => failed("looking at the database")(error),
    };
    let mut connection = probe.connect().await.map_err(&failed)?;
    let row = sqlx::query(GET_APPLICATION_ID).fetch_one(&mut connection).await.map_err(&failed)?;
    let application: i64 = row.try_get(0).map_err(&failed)?;
    let row = sqlx::query(TABLES).fetch_one(&mut connection).await.map_err(&failed)?;
    let tables: i64 = value::column(&row, "tables")?;
    // A relayer that was killed while it made its database may have got to any of these points.
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(foreign(format!("application id {application} and {tables} tables")));
    }
    if tables > 0 {
        let row = sqlx::query(RECORD).fetch_one(&mut connection).await.map_err(&failed)?;
        if value::column::<i64>(&row, "tables")? == 0 {
            return Err(foreign("no record of its migrations".to_owned()));
        }
        let migrated = sqlx::query(MIGRATED).fetch_all(&mut connection).await.map_err(&failed)?;
        let expected = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        for row in &migrated {
            let found: i64 = value::column(row, "version")?;
            if found > expected {
                return Err(StoreError::NewerVersion { path: file.display().to_string(), expected, found });
            }
            let checksum: &[u8] = value::column(row, "checksum")?;
            let ours = MIGRATIONS.iter().find(|migration| migration.version == found);
            if ours.is_none_or(|migration| *migration.checksum != *checksum) {
                return Err(foreign(format!("another migration {found} than this relayer has")));
            }
        }
    }
    connection.close().await.map_err(&failed)
}

/// Refuses a library that is too old.
async fn check_library(pool: &SqlitePool) -> Result<(), StoreError> {
    let row = sqlx::query(VERSION).fetch_one(pool).await.map_err(failed("asking for SQLite's version"))?;
    let version: String = value::column(&row, "version")?;
    if numbers(&version) < numbers(OLDEST_SQLITE) {
        return Err(StoreError::SqliteVersion { expected: OLDEST_SQLITE, found: version });
    }
    Ok(())
}

async fn migrate(writer: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    let operation = "marking the database";
    let row = sqlx::query(GET_APPLICATION_ID).fetch_one(writer).await.map_err(failed(operation))?;
    if row.try_get::<i64, _>(0).map_err(failed(operation))? != APPLICATION_ID {
        sqlx::query(SET_APPLICATION_ID).execute(writer).await.map_err(failed(operation))?;
    }
    MIGRATIONS.run(writer).await.map_err(|error| match error {
        MigrateError::VersionMismatch(version) => StoreError::Foreign {
            path: file.display().to_string(),
            found: format!("another migration {version} than this relayer has"),
        },
        error => StoreError::Database { operation: "migrating", source: Box::new(error) },
    })
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { operation, source: Box::new(source) }
}

//! SQLite: one file, one relayer.

mod lock;
mod read;
mod value;
mod write;

use crate::{AttemptView, Guard, PacketQuery, PacketView, Store, StoreError};
use async_trait::async_trait;
use light_client::{Packet, Sequence};
use lock::DatabaseLock;
use relayer_core::{
    Direction, Evidence, Lease, LeaseDecision, PacketState, PathId, PathStart, SignerId, SignerStart, UnixMillis,
    Write, decide_lease,
};
use sqlx::{
    Row as _, SqliteConnection, SqlitePool,
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

const VERSION: &str = "SELECT sqlite_version() AS version";
const GET_APPLICATION_ID: &str = "PRAGMA application_id";
// 0x4c474854 in decimal: a pragma takes no parameters.
const SET_APPLICATION_ID: &str = "PRAGMA application_id = 1279739988";
const TABLES: &str = "SELECT count(*) AS tables FROM sqlite_schema";
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
        let lock = DatabaseLock::take(file, owner)?;
        let options = options(file).create_if_missing(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(failed("opening the database"))?;
        check(&writer, file).await?;
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
        let readers = readers(options(file).read_only(true)).await?;
        check(&readers, file).await?;
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
        .statement_cache_capacity(64)
}

async fn readers(options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(0)
        .connect_with(options.create_if_missing(false).read_only(true))
        .await
        .map_err(failed("opening the database to read"))
}

/// Refuses a library that is too old, and a file that is not a relayer's or is newer than this relayer.
async fn check(pool: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    let operation = "looking at the database";
    let row = sqlx::query(VERSION).fetch_one(pool).await.map_err(failed(operation))?;
    let version: String = value::column(&row, "version")?;
    if numbers(&version) < numbers(OLDEST_SQLITE) {
        return Err(StoreError::SqliteVersion { expected: OLDEST_SQLITE, found: version });
    }
    let path = || file.display().to_string();
    let row = sqlx::query(GET_APPLICATION_ID).fetch_one(pool).await.map_err(failed(operation))?;
    let application: i64 = row.try_get(0).map_err(failed(operation))?;
    let row = sqlx::query(TABLES).fetch_one(pool).await.map_err(failed(operation))?;
    let tables: i64 = value::column(&row, "tables")?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path(),
            found: format!("application id {application} and {tables} tables"),
        });
    }
    if tables > 0 {
        let newest = "SELECT coalesce(max(version), 0) AS version FROM _sqlx_migrations";
        let row = sqlx::query(newest).fetch_one(pool).await.map_err(failed(operation))?;
        let found: i64 = value::column(&row, "version")?;
        let expected = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if found > expected {
            return Err(StoreError::NewerVersion { path: path(), expected, found });
        }
    }
    Ok(())
}

async fn migrate(writer: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    sqlx::query(SET_APPLICATION_ID).execute(writer).await.map_err(failed("marking the database"))?;
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

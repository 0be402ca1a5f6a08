//! Which files are opened: one's own, alone. Whatever else is refused stays as it is, byte for byte.

use light_client::{CommitmentHash, Height, Sequence};
use relayer_core::{Direction, PacketRow, PathId, Told, UnixMillis, Write};
use relayer_store::{Guard, PacketQuery, SqliteStore, Store as _, StoreError};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Tells the process that holds a database which one.
const HELD: &str = "RELAYER_STORE_TEST_HELD";
const LEASE: &str = "path/shfe-to-bank";

/// A process that opens a database, writes to it, says so, and waits to be killed.
struct Holder {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["holds_a_database_until_it_is_killed", "--exact", "--nocapture"])
            .env(HELD, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// Waits until it has written.
    fn has_written(&mut self) {
        let mut line = String::new();
        while !line.contains("written") {
            line.clear();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the process ended early");
        }
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What the process of a [`Holder`] runs; without a database it starts one such process itself.
#[tokio::test]
#[allow(clippy::print_stdout)]
async fn holds_a_database_until_it_is_killed() {
    let Some(file) = std::env::var_os(HELD).map(PathBuf::from) else {
        let folder = TempDir::new().unwrap();
        let mut holder = Holder::start(&folder.path().join("relayer.db"));
        holder.has_written();
        assert!(holder.child.try_wait().unwrap().is_none(), "it lets go by itself");
        return holder.kill();
    };
    let store = SqliteStore::open(&file, &format!("process {}", std::process::id())).await.unwrap();
    write(&store, 1).await;
    println!("written");
    // Ends by itself when the test that started it is gone.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

async fn write(store: &SqliteStore, number: u64) {
    let lease = store.lease(LEASE, "test", UnixMillis::new(1_000), 1_000).await.unwrap();
    let told =
        Told { commitment: CommitmentHash::new([1; 32]), timeout_seconds: 9, body_bytes: 1, height: Height::new(1) };
    let sequence = Sequence::try_from(number).unwrap();
    let row = PacketRow::announced(sequence, told, UnixMillis::new(1_000));
    let write = Write::Packet { path: path(), direction: Direction::AToB, row };
    store.apply(&Guard { lease: LEASE.to_owned(), fence: lease.fence }, &[write]).await.unwrap();
}

async fn sequences(store: &SqliteStore) -> Vec<u64> {
    let packets = store.packets(&PacketQuery { limit: 100, ..PacketQuery::default() }).await.unwrap();
    packets.iter().map(|packet| packet.row.sequence.get()).collect()
}

fn path() -> PathId {
    "shfe-to-bank".parse().unwrap()
}

/// A database with one packet, closed.
async fn database(folder: &TempDir) -> PathBuf {
    let file = folder.path().join("relayer.db");
    let store = SqliteStore::open(&file, "test").await.unwrap();
    write(&store, 1).await;
    store.close().await;
    file
}

/// Changes a database as another program would.
async fn sql(file: &Path, statements: &'static str) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Every file of a folder with its bytes; locks are the relayer's own and come and go.
fn contents(folder: &TempDir) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept = paths.filter(|path| path.is_file() && path.extension().is_none_or(|ending| ending != "lock"));
    kept.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Refused for the reason given, whether to be used or to be looked at, and nothing is changed, made or left behind.
async fn assert_refused(folder: &TempDir, file: &Path, is_expected: impl Fn(&StoreError) -> bool) {
    let before = contents(folder);
    for _ in 0..2 {
        let error = SqliteStore::open(file, "test").await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        assert!(contents(folder) == before, "{file:?} was changed, or something beside it");
    }
    let error = SqliteStore::look(file).await.unwrap_err();
    assert!(is_expected(&error), "{error:?}");
    assert_eq!(fs::read(file).ok(), before.get(file).cloned(), "{file:?} was changed by looking");
}

#[tokio::test]
async fn a_second_relayer_is_refused_until_the_first_is_killed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relayer.db");
    let mut holder = Holder::start(&file);
    holder.has_written();
    let name = format!("process {}", holder.child.id());
    for _ in 0..3 {
        let error = SqliteStore::open(&file, "the second").await.unwrap_err();
        assert!(matches!(&error, StoreError::InUse { owner, .. } if *owner == name), "{error:?}");
    }
    let looking = SqliteStore::look(&file).await.unwrap();
    assert_eq!(sequences(&looking).await, [1]);
    looking.close().await;
    // It can neither tidy up nor say goodbye: the next one must not have to wait for anything, nor lose anything.
    holder.kill();
    let killed = Instant::now();
    let store = SqliteStore::open(&file, "the second").await.unwrap();
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    assert_eq!(sequences(&store).await, [1]);
    write(&store, 2).await;
    assert_eq!(sequences(&store).await, [2, 1]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_relayer_is_refused_by_whatever_name_it_calls_the_file() {
    use std::os::unix::fs::symlink;
    let folder = TempDir::new().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, folder.path().join("linked")).unwrap();
    let file = real.join("relayer.db");
    let [link, chain] = ["link.db", "chain.db"].map(|name| folder.path().join(name));
    // One link stands before there is a database.
    symlink(&file, &link).unwrap();
    symlink("link.db", &chain).unwrap();
    let names = [
        file.clone(),
        link,
        chain,
        folder.path().join("linked/relayer.db"),
        real.join("../real/./relayer.db"),
        folder.path().join("linked/../real/relayer.db"),
    ];
    let dangling = SqliteStore::open(&names[1], "test").await.unwrap_err();
    assert!(matches!(dangling, StoreError::File { .. }), "{dangling:?}");
    for first in [&names[3], &names[0], &names[1], &names[2]] {
        let store = SqliteStore::open(first, "the first").await.unwrap();
        for second in &names {
            let error = SqliteStore::open(second, "the second").await.unwrap_err();
            assert!(matches!(&error, StoreError::InUse { owner, .. } if owner == "the first"), "{second:?}: {error:?}");
        }
        store.close().await;
    }
    // Through another hard link SQLite would look for another log: there, not even one relayer is safe.
    let hard = folder.path().join("hard.db");
    fs::hard_link(&file, &hard).unwrap();
    for name in [&file, &hard] {
        let error = SqliteStore::open(name, "test").await.unwrap_err();
        assert!(matches!(error, StoreError::SeveralNames { found: 2, .. }), "{error:?}");
    }
    fs::remove_file(&hard).unwrap();
    SqliteStore::open(&file, "test").await.unwrap();
}

#[tokio::test]
async fn a_newer_version_is_refused_with_what_was_expected_and_found() {
    let folder = TempDir::new().unwrap();
    let file = database(&folder).await;
    sql(
        &file,
        "INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, 1, checksum, 1 FROM _sqlx_migrations LIMIT 1",
    )
    .await;
    assert_refused(
        &folder,
        &file,
        |error| matches!(error, StoreError::NewerVersion { expected, found: 9_999, .. } if *expected < 9_999),
    )
    .await;
    // Also when the newer relayer was killed and its last writes are in the log still.
    sql(&file, "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    let [log, index] = ["relayer.db-wal", "relayer.db-shm"].map(|name| folder.path().join(name));
    let options = SqliteConnectOptions::new().filename(&file);
    let mut newer = options.connect().await.unwrap();
    let insert =
        "INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, 1, checksum, 1 FROM _sqlx_migrations LIMIT 1";
    sqlx::raw_sql(insert).execute(&mut newer).await.unwrap();
    let (left, base) = (fs::read(&log).unwrap(), fs::read(&file).unwrap());
    newer.close().await.unwrap();
    fs::write(&file, &base).unwrap();
    fs::write(&log, &left).unwrap();
    assert!(!index.exists());
    let error = SqliteStore::open(&file, "test").await.unwrap_err();
    assert!(matches!(error, StoreError::NewerVersion { found: 9_999, .. }), "{error:?}");
    assert!(fs::read(&file).unwrap() == base && fs::read(&log).unwrap() == left, "the file or its log was changed");
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = database(&folder).await;
    sql(&file, "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1").await;
    assert_refused(&folder, &file, |error| {
        matches!(error, StoreError::Foreign { found, .. } if found == "another migration 1 than this relayer has")
    })
    .await;
    sql(&file, "DROP TABLE _sqlx_migrations").await;
    assert_refused(
        &folder,
        &file,
        |error| matches!(error, StoreError::Foreign { found, .. } if found == "no record of its migrations"),
    )
    .await;
}

#[tokio::test]
async fn a_foreign_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let foreign = |error: &StoreError| matches!(error, StoreError::Foreign { .. });
    // Databases of other applications: in either journal mode, with and without a mark of their own.
    let others = [
        ("wallet.db", "CREATE TABLE coins (id INTEGER PRIMARY KEY); INSERT INTO coins VALUES (7)"),
        ("marked.db", "PRAGMA application_id = 7; CREATE TABLE coins (id INTEGER PRIMARY KEY)"),
        ("empty.db", "PRAGMA application_id = 7"),
        ("log.db", "PRAGMA journal_mode = WAL; CREATE TABLE coins (id INTEGER PRIMARY KEY)"),
    ];
    for (name, statements) in others {
        let file = folder.path().join(name);
        sql(&file, statements).await;
        assert_refused(&folder, &file, foreign).await;
    }
    // And what is not SQLite's at all.
    let texts: [(&str, &[u8]); 3] =
        [("notes.txt", b"# what to buy\n"), ("long.txt", &[b'x'; 20_000]), ("cut.db", b"SQLite format 3\0")];
    for (name, bytes) in texts {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        assert_refused(&folder, &file, foreign).await;
    }
    let beneath = folder.path().join("folder");
    fs::create_dir(&beneath).unwrap();
    assert_refused(
        &folder,
        &beneath,
        |error| matches!(error, StoreError::Foreign { found, .. } if found == "a folder"),
    )
    .await;
    assert!(!folder.path().join("folder.lock").exists());
}

#[tokio::test]
async fn what_cannot_be_reached_is_refused() {
    let folder = TempDir::new().unwrap();
    let is_file = |error: &StoreError| matches!(error, StoreError::File { .. });
    assert_refused(&folder, &folder.path().join("no/such/folder/relayer.db"), is_file).await;
    fs::write(folder.path().join("file"), b"text").unwrap();
    assert_refused(&folder, &folder.path().join("file/relayer.db"), is_file).await;
    // Looking makes nothing.
    let file = folder.path().join("relayer.db");
    assert!(SqliteStore::look(&file).await.is_err());
    assert!(!file.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn an_unreadable_file_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let file = database(&folder).await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let opened = SqliteStore::open(&file, "test").await;
    // Whoever may read everything, as root may, is refused nothing here.
    match fs::File::open(&file) {
        Ok(_) => assert_eq!(sequences(&opened.unwrap()).await, [1]),
        Err(_) => assert!(matches!(opened.unwrap_err(), StoreError::Database { .. })),
    }
}

/// What a relayer leaves behind that is killed while it makes its database is not taken for somebody else's.
#[tokio::test]
async fn a_database_whose_making_was_cut_short_is_made_again() {
    let folder = TempDir::new().unwrap();
    // An empty file holds nothing that could be lost.
    let file = folder.path().join("touched.db");
    fs::write(&file, b"").unwrap();
    SqliteStore::open(&file, "test").await.unwrap().close().await;
    for (name, statements) in [
        ("moded.db", "PRAGMA journal_mode = WAL"),
        ("marked.db", "PRAGMA journal_mode = WAL; PRAGMA application_id = 1279739988"),
    ] {
        let file = folder.path().join(name);
        sql(&file, statements).await;
        assert!(fs::metadata(&file).unwrap().len() > 0);
        SqliteStore::open(&file, "test").await.unwrap().close().await;
    }
    // The page is written and the journal that would take it back is there still.
    let file = folder.path().join("paged.db");
    fs::write(&file, fs::read(folder.path().join("moded.db")).unwrap().split_at(4_096).0).unwrap();
    // Magic, no records, a nonce, no page before, sectors of 512 bytes, pages of 4,096: take everything back.
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    journal.extend([0, 7, 0, 512, 4_096].into_iter().flat_map(u32::to_be_bytes));
    journal.resize(512, 0);
    fs::write(folder.path().join("paged.db-journal"), journal).unwrap();
    SqliteStore::open(&file, "test").await.unwrap().close().await;
}

/// Whenever it is killed, also while it makes its database, the next one opens it.
#[tokio::test]
async fn killed_while_it_starts_it_starts_again() {
    const ROUNDS: u32 = 40;
    let mut cut_short = 0;
    for round in 0..ROUNDS {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("relayer.db");
        let holder = Holder::start(&file);
        // It is a moment before the process gets to the database; then each round cuts it a little later.
        let started = Instant::now();
        while !folder.path().join("relayer.db.lock").exists() && started.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(u64::from(round) * 400));
        holder.kill();
        let store = SqliteStore::open(&file, "test").await.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        let found = sequences(&store).await;
        cut_short += u32::from(found.is_empty());
        write(&store, 2).await;
        assert!(sequences(&store).await.starts_with(&[2]), "round {round}");
    }
    assert!(cut_short > 0, "none was killed before it had written");
}

/// Writes are under the sole lock: what the table of leases says of a process that is gone does not count.
#[tokio::test]
async fn a_killed_relayers_leases_are_free_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("relayer.db");
    let mut holder = Holder::start(&file);
    holder.has_written();
    holder.kill();
    let store = SqliteStore::open(&file, "the second").await.unwrap();
    let lease = store.lease(LEASE, "the second", UnixMillis::new(1_001), 1_000).await.unwrap();
    assert_eq!((lease.owner.as_str(), lease.fence), ("the second", 2));
    // The fence of the one before writes nothing any more.
    let guard = Guard { lease: LEASE.to_owned(), fence: 1 };
    let late = store
        .apply(&guard, &[Write::KnownThrough { path: path(), direction: Direction::AToB, sequence: 7 }])
        .await
        .unwrap_err();
    assert!(matches!(late, StoreError::Fenced { expected: 1, found: Some(2), .. }), "{late:?}");
    let mut connection = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let row = sqlx::query("SELECT count(*) AS owners FROM leases").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<i64, _>("owners"), 1);
}

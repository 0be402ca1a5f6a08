use relayer_core::Lease;

/// Why something could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another relayer has the database open.
    #[error("{path}: expected to be the only relayer on this database, found {owner}")]
    InUse {
        /// The database.
        path: String,
        /// Who has it open, as far as it said.
        owner: String,
    },
    /// The database was written by a newer relayer.
    #[error("{path}: expected a database of version {expected} or earlier, found {found}: use the newer relayer")]
    NewerVersion {
        /// The database.
        path: String,
        /// The newest version known here.
        expected: i64,
        /// The database's version.
        found: i64,
    },
    /// The database was not made by a relayer, or a migration was changed.
    #[error("{path}: expected a relayer's database, found {found}")]
    Foreign {
        /// The database.
        path: String,
        /// What was found.
        found: String,
    },
    /// The database goes by several names, and its log and its lock by only one of them.
    #[error("{path}: expected one name for the database, found {found} hard links: remove all but one")]
    SeveralNames {
        /// The database.
        path: String,
        /// How many names it has.
        found: u64,
    },
    /// The SQLite library is too old to be trusted with several connections.
    #[error("sqlite: expected version {expected} or later, found {found}")]
    SqliteVersion {
        /// The oldest version that will do.
        expected: &'static str,
        /// The version found.
        found: String,
    },
    /// The lease has changed hands.
    #[error("lease {lease}: expected fence {expected}, found {found:?}")]
    Fenced {
        /// The lease's name.
        lease: String,
        /// The fence of the write.
        expected: u64,
        /// The fence of the lease now, if there is one.
        found: Option<u64>,
    },
    /// Another holds the lease.
    #[error("lease {lease}: held by {} until {} ms", held.owner, held.expires.get())]
    LeaseHeld {
        /// The lease's name.
        lease: String,
        /// The lease.
        held: Lease,
    },
    /// A stored value is not one that was ever written.
    #[error("{column}: expected {expected}, found {found}")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A value does not fit the database's numbers.
    #[error("{column}: expected at most {max}, found {found}")]
    Range {
        /// Table and column.
        column: &'static str,
        /// The greatest value.
        max: u64,
        /// The value.
        found: u64,
    },
    /// A write breaks the store's own rules: our own caller is wrong.
    #[error("write refused: expected {expected}, found {found}")]
    Misuse {
        /// The rule.
        expected: &'static str,
        /// What was asked.
        found: String,
    },
    /// The file system said no.
    #[error("{path}: {operation}")]
    File {
        /// The file.
        path: String,
        /// What was tried.
        operation: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The database said no.
    #[error("database: {operation}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

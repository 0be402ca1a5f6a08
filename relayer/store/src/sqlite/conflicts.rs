//! Headers that contradict one another, and how far it was looked for them in what hosted clients stored.

use super::{Ids, SqliteStore, failed, value};
use crate::{StoreError, store::end_index};
use light_client::{BlockHash, Height};
use relayer_core::{CONFLICTS_KEPT, Conflict, ConflictingHeader, End, PathId};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

const KEEP: &str = "INSERT INTO conflicts (path, host, first_hash, second_hash, first_height, second_height, first_origin, \
     second_origin, first_certified, second_certified, first_header, second_header, seen_millis, evidence, submitted_millis) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (path, host, first_hash, second_hash) DO UPDATE SET \
     first_origin = CASE WHEN excluded.first_certified THEN excluded.first_origin ELSE first_origin END, \
     first_header = CASE WHEN excluded.first_certified THEN excluded.first_header ELSE first_header END, \
     first_certified = first_certified OR excluded.first_certified, \
     second_origin = CASE WHEN excluded.second_certified THEN excluded.second_origin ELSE second_origin END, \
     second_header = CASE WHEN excluded.second_certified THEN excluded.second_header ELSE second_header END, \
     second_certified = second_certified OR excluded.second_certified, \
     evidence = excluded.evidence, submitted_millis = excluded.submitted_millis";
// A kind for each [`relayer_core::ConflictKind`].
const MAKE_ROOM: &str = "DELETE FROM conflicts WHERE rowid IN (SELECT id FROM (SELECT rowid AS id, row_number() OVER (\
     PARTITION BY CASE WHEN evidence IS NOT NULL THEN 2 ELSE first_certified AND second_certified END \
     ORDER BY seen_millis DESC, first_hash, second_hash) AS place FROM conflicts WHERE path = $1 AND host = $2) \
     WHERE place > $3)";
const FORGET: &str = "DELETE FROM conflicts WHERE path = $1 AND host = $2 AND first_hash = $3 AND second_hash = $4";
const CONFLICTS: &str = "SELECT conflicts.* FROM conflicts JOIN paths ON paths.id = conflicts.path WHERE paths.name = $1 \
     ORDER BY seen_millis DESC, host, first_hash, second_hash";
const COMPARED_TO: &str = "INSERT INTO compared (path, host, height) VALUES ($1, $2, $3) \
     ON CONFLICT (path, host) DO UPDATE SET height = excluded.height";
const COMPARED: &str = "SELECT host, height FROM compared JOIN paths ON paths.id = compared.path WHERE paths.name = $1";

impl Ids {
    pub(super) async fn write_conflict(
        &mut self,
        connection: &mut SqliteConnection,
        path: &PathId,
        conflict: &Conflict,
    ) -> Result<(), StoreError> {
        let operation = "keeping headers that conflict";
        let path = self.path(connection, path).await?;
        let host = value::end_bit(conflict.host);
        let [first, second] = &conflict.headers;
        let query = sqlx::query(KEEP)
            .bind(path)
            .bind(host)
            .bind(first.hash.as_bytes().as_slice())
            .bind(second.hash.as_bytes().as_slice())
            .bind(first.height.to_string())
            .bind(second.height.to_string())
            .bind(&first.origin)
            .bind(&second.origin)
            .bind(i64::from(first.certified))
            .bind(i64::from(second.certified))
            .bind(first.bytes.as_slice())
            .bind(second.bytes.as_slice())
            .bind(value::bits(conflict.seen.get()))
            .bind(conflict.evidence.as_deref())
            .bind(conflict.submitted.map(|moment| value::bits(moment.get())));
        query.execute(&mut *connection).await.map_err(failed(operation))?;
        let kept = i64::try_from(CONFLICTS_KEPT).unwrap_or(i64::MAX);
        let query = sqlx::query(MAKE_ROOM).bind(path).bind(host).bind(kept);
        query.execute(connection).await.map_err(failed(operation))?;
        Ok(())
    }

    pub(super) async fn forget_conflict(
        &mut self,
        connection: &mut SqliteConnection,
        path: &PathId,
        host: End,
        [first, second]: &[BlockHash; 2],
    ) -> Result<(), StoreError> {
        let path = self.path(connection, path).await?;
        let query = sqlx::query(FORGET)
            .bind(path)
            .bind(value::end_bit(host))
            .bind(first.as_bytes().as_slice())
            .bind(second.as_bytes().as_slice());
        query.execute(connection).await.map_err(failed("forgetting headers that conflict"))?;
        Ok(())
    }

    pub(super) async fn write_compared(
        &mut self,
        connection: &mut SqliteConnection,
        path: &PathId,
        host: End,
        height: Height,
    ) -> Result<(), StoreError> {
        let path = self.path(connection, path).await?;
        let query = sqlx::query(COMPARED_TO).bind(path).bind(value::end_bit(host)).bind(height.to_string());
        query.execute(connection).await.map_err(failed("writing which states were compared"))?;
        Ok(())
    }
}

impl SqliteStore {
    pub(super) async fn read_conflicts(&self, path: &PathId) -> Result<Vec<Conflict>, StoreError> {
        let rows = sqlx::query(CONFLICTS).bind(path.as_str()).fetch_all(&self.readers).await;
        rows.map_err(failed("reading headers that conflict"))?.iter().map(conflict).collect()
    }

    pub(super) async fn read_compared(&self, path: &PathId) -> Result<[Option<Height>; 2], StoreError> {
        let rows = sqlx::query(COMPARED).bind(path.as_str()).fetch_all(&self.readers).await;
        let mut compared = [None; 2];
        for row in rows.map_err(failed("reading which states were compared"))? {
            compared[end_index(value::end(&row, "host")?)] = Some(value::height(&row, "height")?);
        }
        Ok(compared)
    }
}

fn conflict(row: &SqliteRow) -> Result<Conflict, StoreError> {
    let submitted: Option<i64> = value::column(row, "submitted_millis")?;
    Ok(Conflict {
        host: value::end(row, "host")?,
        headers: [
            ConflictingHeader {
                height: value::height(row, "first_height")?,
                hash: BlockHash::new(value::hash(row, "first_hash")?),
                origin: value::column(row, "first_origin")?,
                certified: value::column::<i64>(row, "first_certified")? == 1,
                bytes: value::column(row, "first_header")?,
            },
            ConflictingHeader {
                height: value::height(row, "second_height")?,
                hash: BlockHash::new(value::hash(row, "second_hash")?),
                origin: value::column(row, "second_origin")?,
                certified: value::column::<i64>(row, "second_certified")? == 1,
                bytes: value::column(row, "second_header")?,
            },
        ],
        seen: value::millis(row, "seen_millis")?,
        evidence: value::column(row, "evidence")?,
        submitted: submitted.map(|bits| relayer_core::UnixMillis::new(value::number(bits))),
    })
}

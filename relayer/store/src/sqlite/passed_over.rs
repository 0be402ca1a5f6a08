//! What was left out for good.

use super::{Ids, SqliteStore, failed, value};
use crate::StoreError;
use relayer_core::{PASSED_OVER_KEPT, PassedOver, PassedOverKind, PathId};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

const KEEP: &str = "INSERT INTO passed_over (path, host, kind, first_height, last_height, reason, at_millis) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (path, host, kind, first_height) DO UPDATE SET \
     last_height = excluded.last_height, reason = excluded.reason, at_millis = excluded.at_millis";
const MAKE_ROOM: &str = "DELETE FROM passed_over WHERE rowid IN (SELECT rowid FROM passed_over \
     WHERE path = $1 AND host = $2 AND kind = $3 ORDER BY at_millis DESC, first_height LIMIT -1 OFFSET $4)";
const PASSED_OVER: &str = "SELECT passed_over.* FROM passed_over JOIN paths ON paths.id = passed_over.path \
     WHERE paths.name = $1 ORDER BY at_millis DESC, host, kind, first_height";

impl Ids {
    pub(super) async fn write_passed_over(
        &mut self,
        connection: &mut SqliteConnection,
        path: &PathId,
        passed: &PassedOver,
    ) -> Result<(), StoreError> {
        let operation = "writing what was left out";
        let path = self.path(connection, path).await?;
        let (host, kind) = (value::end_bit(passed.end), kind_bit(passed.kind));
        let query = sqlx::query(KEEP)
            .bind(path)
            .bind(host)
            .bind(kind)
            .bind(passed.first.to_string())
            .bind(passed.last.to_string())
            .bind(&passed.reason)
            .bind(value::bits(passed.at.get()));
        query.execute(&mut *connection).await.map_err(failed(operation))?;
        let kept = i64::try_from(PASSED_OVER_KEPT).unwrap_or(i64::MAX);
        let query = sqlx::query(MAKE_ROOM).bind(path).bind(host).bind(kind).bind(kept);
        query.execute(connection).await.map_err(failed(operation))?;
        Ok(())
    }
}

impl SqliteStore {
    pub(super) async fn read_passed_over(&self, path: &PathId) -> Result<Vec<PassedOver>, StoreError> {
        let rows = sqlx::query(PASSED_OVER).bind(path.as_str()).fetch_all(&self.readers).await;
        rows.map_err(failed("reading what was left out"))?.iter().map(passed_over).collect()
    }
}

fn passed_over(row: &SqliteRow) -> Result<PassedOver, StoreError> {
    Ok(PassedOver {
        end: value::end(row, "host")?,
        kind: match value::column::<i64>(row, "kind")? {
            0 => PassedOverKind::Block,
            1 => PassedOverKind::States,
            found => return Err(value::corrupt("kind", "0 or 1", found)),
        },
        first: value::height(row, "first_height")?,
        last: value::height(row, "last_height")?,
        reason: value::column(row, "reason")?,
        at: value::millis(row, "at_millis")?,
    })
}

const fn kind_bit(kind: PassedOverKind) -> i64 {
    match kind {
        PassedOverKind::Block => 0,
        PassedOverKind::States => 1,
    }
}

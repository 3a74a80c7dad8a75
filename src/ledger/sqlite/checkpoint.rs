//! Folds the log beside the ledger into its file, on a connection of its own: no scan waits while thousands of pages are copied.
//!
//! What has been copied is written over only once all of it has been, and during writes there is always more. So nearly all of it is
//! copied beside the writes, and the rest, which came meanwhile, while writes wait.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqliteConnection, query_as};
use tokio::time::sleep;

use super::writer::Writer;
use crate::{ledger::error::LedgerError, limits};

/// Keeps the log short until the task is dropped.
pub(super) async fn keep_short(writer: Arc<Writer>, mut beside: SqliteConnection) {
    loop {
        sleep(limits::CHECKPOINT_INTERVAL).await;
        if let Err(error) = shorten(&writer, &mut beside).await {
            tracing::warn!(error = %error, "the log beside the ledger is not folded into its file; it grows");
        }
    }
}

async fn shorten(writer: &Writer, beside: &mut SqliteConnection) -> Result<(), LedgerError> {
    if checkpoint(beside, "noop").await? < i64::from(limits::CHECKPOINT_PAGES) {
        return Ok(());
    }
    checkpoint(beside, "passive").await?;
    let _nobody_writes = writer.lock().await?;
    checkpoint(beside, "passive").await?;
    Ok(())
}

/// Does as much as this mode does; answers how many pages the log holds.
async fn checkpoint(db: &mut SqliteConnection, mode: &'static str) -> Result<i64, sqlx::Error> {
    let (_busy, pages, _copied): (i64, i64, i64) = query_as(AssertSqlSafe(format!("pragma wal_checkpoint({mode})"))).fetch_one(db).await?;
    Ok(pages)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use sqlx::{ConnectOptions, Executor, sqlite::SqliteConnectOptions};

    use super::*;

    #[tokio::test]
    async fn a_long_log_is_begun_anew_and_a_short_one_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("book")).create_if_missing(true);
        let options = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal).pragma("wal_autocheckpoint", "0");
        let writer = Writer::new(options.clone(), options.connect().await.unwrap());
        let mut beside = options.connect().await.unwrap();
        let write = async |sql: &'static str| writer.lock().await.unwrap().execute(sql).await.unwrap();

        write("create table pages (page blob)").await;
        shorten(&writer, &mut beside).await.unwrap();
        let short = checkpoint(&mut beside, "noop").await.unwrap();
        assert!((1..10).contains(&short), "{short}");

        write("insert into pages select zeroblob(4096000) from json_each('[1,2,3,4,5,6,7,8,9]')").await;
        assert!(checkpoint(&mut beside, "noop").await.unwrap() > i64::from(limits::CHECKPOINT_PAGES));
        shorten(&writer, &mut beside).await.unwrap();
        write("insert into pages values (null)").await;
        let anew = checkpoint(&mut beside, "noop").await.unwrap();
        assert!((1..10).contains(&anew), "{anew}");
    }
}

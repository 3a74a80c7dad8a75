//! Follows the log of changes in Postgres, and its clock: woken by `NOTIFY`, and in any case every
//! [`limits::CHANGE_LOG_POLL_INTERVAL`].

use std::sync::Arc;

use fail::fail_point;
use tokio::time::{sleep, timeout};

use super::{
    change_log::{self, ChangeLog},
    error::LedgerError,
    postgres::Postgres,
};
use crate::{clock, limits};

/// Follows until the task is dropped.
pub(super) async fn follow(ledger: Arc<Postgres>, log: Arc<ChangeLog>) {
    let mut clock_read = clock::mark();
    loop {
        // Without a listener the poll alone carries the guarantee.
        match ledger.listen().await {
            Ok(mut listener) => {
                while catch_up(&ledger, &log).await.is_ok() {
                    if clock::since(clock_read) >= limits::CHANGE_LOG_POLL_INTERVAL {
                        clock_read = clock::mark();
                        let _ = ledger.read_clock().await;
                    }
                    let woken = timeout(limits::CHANGE_LOG_POLL_INTERVAL, listener.recv()).await;
                    if matches!(woken, Ok(Err(_))) {
                        break;
                    }
                }
            }
            Err(_) => {
                let _ = catch_up(&ledger, &log).await;
            }
        }
        sleep(limits::CHANGE_LOG_POLL_INTERVAL).await;
    }
}

/// Reads every change up to now.
async fn catch_up(ledger: &Postgres, log: &ChangeLog) -> Result<(), LedgerError> {
    loop {
        fail_point!("before-hearing");
        let asked = clock::mark();
        let changes = change_log::changes_after_on(&mut ledger.reader(limits::LEDGER_CALL_TIMEOUT).await?, log.position()).await?;
        // Numbers have no gaps: one that is missing was pruned while this gateway was away.
        if let Some(first) = changes.first()
            && first.seq > log.position() + 1
        {
            log.missed(first.seq);
        }
        for change in &changes {
            log.note(change.seq, &change.ids);
        }
        let last = changes.last().map_or(log.position(), |change| change.seq);
        let more = i64::try_from(changes.len()).unwrap_or(0) >= limits::CHANGES_AT_ONCE_MAX;
        log.read_to(last, asked);
        if !more {
            return Ok(());
        }
    }
}

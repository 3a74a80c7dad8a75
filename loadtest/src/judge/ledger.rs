//! The ledger itself, where it may be read: the tables that auditors read, and nothing is written.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use anyhow::Context;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use uuid::Uuid;

use super::{Judgement, Kind};
use crate::run::{Evidence, Outcome};
use crate::world::World;

const ADMISSIONS: &str = "select id, seq from admissions where event_id = $1";
const SALES: &str = "select id, receipt_number from sales where event_id = $1";

/// Ids and numbers: of admissions, and of sales.
type Rows = [Vec<(Uuid, i64)>; 2];

/// Every answer has its row, and the other way round.
pub async fn judge(judgement: &mut Judgement, url: &str, world: &World, evidence: &Evidence) -> anyhow::Result<()> {
    let [admissions, sales] = rows(url, world.event.id).await.context("the ledger cannot be read")?;
    judgement.compared("rows of the ledger", admissions.len() + sales.len());
    let admissions: HashMap<Uuid, i64> = admissions.into_iter().collect();
    let mut asked: HashSet<Uuid> = HashSet::new();
    for sent in &evidence.scans {
        asked.insert(sent.id);
        if let Outcome::Done { told, .. } = &sent.outcome
            && admissions.get(&sent.id) != Some(&i64::from(told.seq))
        {
            judgement.find(Kind::LostAdmission, || {
                format!("scan {} of {} was {told:?}; its row: {:?}", sent.id, sent.code, admissions.get(&sent.id))
            });
        }
    }
    let sales: HashMap<Uuid, i64> = sales.into_iter().collect();
    for sent in &evidence.sales {
        asked.insert(sent.id);
        if let Outcome::Done { told, .. } = &sent.outcome
            && sales.get(&sent.id).copied() != i64::try_from(told.receipt_number).ok()
        {
            judgement.find(Kind::LostSale, || {
                format!("sale {} has receipt {}; its row: {:?}", sent.id, told.receipt_number, sales.get(&sent.id))
            });
        }
    }
    for id in sales.keys().filter(|id| !asked.contains(id)) {
        judgement.find(Kind::Unasked, || format!("the ledger has the sale {id}, and nobody has sent it"));
    }
    Ok(())
}

async fn rows(url: &str, event: Uuid) -> anyhow::Result<Rows> {
    if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
        let admissions = sqlx::query_as::<_, (Uuid, i32)>(ADMISSIONS).bind(event).fetch_all(&pool).await?;
        let sales = sqlx::query_as(SALES).bind(event).fetch_all(&pool).await?;
        pool.close().await;
        return Ok([admissions.into_iter().map(|(id, seq)| (id, seq.into())).collect(), sales]);
    }
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(SqliteConnectOptions::from_str(url)?.read_only(true)).await?;
    let admissions = sqlx::query_as(ADMISSIONS).bind(event).fetch_all(&pool).await?;
    let sales = sqlx::query_as(SALES).bind(event).fetch_all(&pool).await?;
    pool.close().await;
    Ok([admissions, sales])
}

//! Reads that both databases can do: one statement at a time, on a lent connection, within one deadline.
//!
//! A statement is written once, with its arguments as [`Arg`]s; what the two databases spell differently depends on [`Reader::kind`].

use std::time::Duration;

use sqlx::{
    Arguments, Encode, Executor, FromRow, SqlSafeStr, Type, error::BoxDynError, postgres::PgArguments, postgres::PgRow, query_as_with,
    sqlite::SqliteArguments, sqlite::SqliteRow, types::Json,
};
use tokio::time::{Instant, error::Elapsed, timeout_at};
use uuid::Uuid;

use super::{
    Store,
    error::LedgerError,
    lease::Lease,
    postgres::{Connector, Postgres},
    sqlite::{Open, Sqlite},
};
use crate::{
    clock::{self, Moment},
    limits,
};

/// The two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    /// After a column: whether it is among the ids of the first argument, an [`Arg::Uuids`].
    pub fn among_ids(self) -> &'static str {
        match self {
            Self::Postgres => "= any($1)",
            Self::Sqlite => "in (select unhex(value, '-') from json_each($1))",
        }
    }

    /// After a column: whether it is among the texts of the first argument, an [`Arg::Texts`].
    pub fn among_texts(self) -> &'static str {
        match self {
            Self::Postgres => "= any($1)",
            Self::Sqlite => "in (select value from json_each($1))",
        }
    }

    /// Begins a transaction that only reads, and sees the ledger as it was at one moment.
    fn snapshot(self) -> &'static str {
        match self {
            Self::Postgres => "begin isolation level repeatable read read only",
            Self::Sqlite => "begin",
        }
    }
}

/// A row that both databases can give. A single value is a tuple of one.
pub(super) trait Row: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin> Row for T {}

/// An argument of a statement. Ids and JSON are as each database has them in its columns; lists are arrays in Postgres and JSON in SQLite.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    Uuid(Option<Uuid>),
    Text(Option<&'a str>),
    I32(i32),
    I64(i64),
    Bool(bool),
    Moment(Option<Moment>),
    Json(&'a serde_json::Value),
    Uuids(&'a [Uuid]),
    Texts(&'a [&'a str]),
}

impl Arg<'_> {
    pub fn id(id: impl Into<Uuid>) -> Self {
        Self::Uuid(Some(id.into()))
    }

    pub fn optional_id(id: Option<impl Into<Uuid>>) -> Self {
        Self::Uuid(id.map(Into::into))
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i32> for Arg<'_> {
    fn from(number: i32) -> Self {
        Self::I32(number)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<u32> for Arg<'_> {
    fn from(number: u32) -> Self {
        Self::I64(number.into())
    }
}

impl From<bool> for Arg<'_> {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Moment> for Arg<'_> {
    fn from(moment: Moment) -> Self {
        Self::Moment(Some(moment))
    }
}

impl From<Option<Moment>> for Arg<'_> {
    fn from(moment: Option<Moment>) -> Self {
        Self::Moment(moment)
    }
}

/// The arguments of a statement for Postgres.
pub(super) fn for_postgres(args: &[Arg<'_>]) -> Result<PgArguments, sqlx::Error> {
    let mut all = PgArguments::default();
    for arg in args {
        match *arg {
            Arg::Uuids(ids) => all.add(ids),
            Arg::Texts(texts) => all.add(texts),
            single => add(&mut all, single),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(all)
}

/// The arguments of a statement for SQLite.
pub(super) fn for_sqlite(args: &[Arg<'_>]) -> Result<SqliteArguments, sqlx::Error> {
    let mut all = SqliteArguments::default();
    for arg in args {
        match *arg {
            Arg::Uuids(ids) => all.add(Json(ids)),
            Arg::Texts(texts) => all.add(Json(texts)),
            single => add(&mut all, single),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(all)
}

/// Adds an argument that both databases take alike.
fn add<'a, A: Arguments>(all: &mut A, arg: Arg<'a>) -> Result<(), BoxDynError>
where
    Option<Uuid>: Encode<'a, A::Database> + Type<A::Database>,
    Option<&'a str>: Encode<'a, A::Database> + Type<A::Database>,
    i32: Encode<'a, A::Database> + Type<A::Database>,
    i64: Encode<'a, A::Database> + Type<A::Database>,
    bool: Encode<'a, A::Database> + Type<A::Database>,
    Option<Moment>: Encode<'a, A::Database> + Type<A::Database>,
    Json<&'a serde_json::Value>: Encode<'a, A::Database> + Type<A::Database>,
{
    match arg {
        Arg::Uuid(id) => all.add(id),
        Arg::Text(text) => all.add(text),
        Arg::I32(number) => all.add(number),
        Arg::I64(number) => all.add(number),
        Arg::Bool(truth) => all.add(truth),
        Arg::Moment(moment) => all.add(moment),
        Arg::Json(value) => all.add(Json(value)),
        Arg::Uuids(_) | Arg::Texts(_) => Err("a list has a form of its own in each database".into()),
    }
}

/// A statement that is put together, with its arguments.
pub(super) struct Statement<'a> {
    pub sql: String,
    pub args: Vec<Arg<'a>>,
}

impl<'a> Statement<'a> {
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), args: Vec::new() }
    }

    /// Appends text. It must never come from a request.
    pub fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Appends text and, after it, the place of an argument.
    pub fn push_with(&mut self, sql: &str, arg: impl Into<Arg<'a>>) {
        self.args.push(arg.into());
        self.sql.push_str(&format!("{sql}${}", self.args.len()));
    }
}

enum Connection {
    Postgres(Lease<Connector>),
    Sqlite(Lease<Open>),
}

/// A connection to either database, lent for the statements of one read. Each statement ends at the read's deadline.
///
/// The connection goes back to its pool only if every statement that was begun has succeeded and no snapshot is open; otherwise it is
/// closed.
pub(super) struct Reader {
    connection: Connection,
    deadline: Instant,
    in_snapshot: bool,
}

impl Reader {
    fn new(connection: Connection, deadline: Instant) -> Self {
        let mut reader = Self { connection, deadline, in_snapshot: false };
        reader.set_finished(true);
        reader
    }

    pub fn kind(&self) -> Kind {
        match self.connection {
            Connection::Postgres(_) => Kind::Postgres,
            Connection::Sqlite(_) => Kind::Sqlite,
        }
    }

    /// All rows of a statement.
    pub async fn all<T: Row>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Vec<T>, LedgerError> {
        let sql = sql.into_sql_str();
        self.set_finished(false);
        let done = match &mut self.connection {
            Connection::Postgres(lease) => timeout_at(self.deadline, query_as_with(sql, for_postgres(args)?).fetch_all(&mut **lease)).await,
            Connection::Sqlite(lease) => timeout_at(self.deadline, query_as_with(sql, for_sqlite(args)?).fetch_all(&mut **lease)).await,
        };
        self.end_statement(done)
    }

    /// The values of a statement that gives one column.
    pub async fn values<T>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Vec<T>, LedgerError>
    where
        (T,): Row,
    {
        Ok(self.all::<(T,)>(sql, args).await?.into_iter().map(|(value,)| value).collect())
    }

    /// The row of a statement that gives one at most.
    pub async fn optional<T: Row>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Option<T>, LedgerError> {
        let sql = sql.into_sql_str();
        self.set_finished(false);
        let done = match &mut self.connection {
            Connection::Postgres(lease) => {
                timeout_at(self.deadline, query_as_with(sql, for_postgres(args)?).fetch_optional(&mut **lease)).await
            }
            Connection::Sqlite(lease) => {
                timeout_at(self.deadline, query_as_with(sql, for_sqlite(args)?).fetch_optional(&mut **lease)).await
            }
        };
        self.end_statement(done)
    }

    /// The row of a statement that always gives one.
    pub async fn one<T: Row>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<T, LedgerError> {
        self.optional(sql, args).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// The value of a statement that always gives one.
    pub async fn value<T>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<T, LedgerError>
    where
        (T,): Row,
    {
        self.one::<(T,)>(sql, args).await.map(|(value,)| value)
    }

    /// From here on every statement sees the ledger as it was at one moment.
    pub async fn begin_snapshot(&mut self) -> Result<(), LedgerError> {
        self.in_snapshot = true;
        self.execute(self.kind().snapshot()).await
    }

    /// Ends the snapshot.
    pub async fn commit(&mut self) -> Result<(), LedgerError> {
        self.execute("commit").await?;
        self.in_snapshot = false;
        self.set_finished(true);
        Ok(())
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), LedgerError> {
        self.set_finished(false);
        let done = match &mut self.connection {
            Connection::Postgres(lease) => timeout_at(self.deadline, lease.execute(sql)).await.map(|done| done.map(drop)),
            Connection::Sqlite(lease) => timeout_at(self.deadline, lease.execute(sql)).await.map(|done| done.map(drop)),
        };
        self.end_statement(done)
    }

    fn end_statement<T>(&mut self, done: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, LedgerError> {
        let answer = done.map_err(|_| LedgerError::Unavailable)??;
        self.set_finished(!self.in_snapshot);
        Ok(answer)
    }

    fn set_finished(&mut self, finished: bool) {
        match &mut self.connection {
            Connection::Postgres(lease) => lease.set_finished(finished),
            Connection::Sqlite(lease) => lease.set_finished(finished),
        }
    }
}

impl Postgres {
    /// A connection for one read, which takes so long at the most, the wait for the connection included.
    pub(super) async fn reader(&self, limit: Duration) -> Result<Reader, LedgerError> {
        let deadline = clock::deadline(limit);
        Ok(Reader::new(Connection::Postgres(self.lease().await?), deadline))
    }
}

impl Sqlite {
    /// A connection for one read, which takes so long at the most, the wait for the connection included.
    pub(super) async fn reader(&self, limit: Duration) -> Result<Reader, LedgerError> {
        let deadline = clock::deadline(limit);
        Ok(Reader::new(Connection::Sqlite(self.lease().await?), deadline))
    }
}

impl Store {
    /// A connection for one read, which takes so long at the most, the wait for the connection included.
    pub(super) async fn reader(&self, limit: Duration) -> Result<Reader, LedgerError> {
        match self {
            Self::Postgres(ledger) => ledger.reader(limit).await,
            Self::Sqlite(ledger) => ledger.reader(limit).await,
        }
    }

    /// A connection for fresh looks.
    pub(super) async fn reader_for_looks(&self) -> Result<Reader, LedgerError> {
        let connection = match self {
            Self::Postgres(ledger) => Connection::Postgres(ledger.looks.lease().await?),
            Self::Sqlite(ledger) => Connection::Sqlite(ledger.lease().await?),
        };
        Ok(Reader::new(connection, clock::deadline(limits::ATTEMPT_TIMEOUT)))
    }
}

//! Extractors of handlers besides the body, and the pages of lists.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{header, request::Parts},
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::problem::Problem;
use crate::{
    faults::{Faults, Whole},
    ledger::Page,
    limits,
    openapi_schemas::Cursor,
};

/// The bearer token of a request, if it has an Authorization header.
pub struct Bearer(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let Some(header) = parts.headers.get(header::AUTHORIZATION) else { return Ok(Self(None)) };
        let bearer =
            header.to_str().ok().and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        // A header that is not a bearer token counts as an invalid token: it must not pass for a sign-in without a device.
        Ok(Self(Some(bearer.map_or_else(String::new, |(_, token)| token.trim().to_owned()))))
    }
}

/// The id in a path. One that is not a UUID becomes the nil UUID, which never exists, and so is answered like any other unknown id.
pub struct Id(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.ok().and_then(|Path(id)| id.parse().ok()).unwrap_or_default()))
    }
}

/// The two ids in a path, likewise.
pub struct TwoIds(pub Uuid, pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for TwoIds {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let ids = path.ok().and_then(|Path((first, second))| Some((first.parse().ok()?, second.parse().ok()?)));
        let (first, second) = ids.unwrap_or_default();
        Ok(Self(first, second))
    }
}

/// A parsed body or query whose error is not reported yet: errors of the caller (token, permission, event) come first. The one way to keep
/// this order is [`Deferred::after`]; [`Deferred::get`] is for calls that check the caller in any case, or have none.
pub struct Deferred<T>(Result<T, Problem>);

impl<T> Deferred<T> {
    /// The value. If it is ill-formed, `check` runs first, and its error is returned in place of the value's. A well-formed value costs no
    /// check here: the operation itself does the same check.
    pub async fn after<C, E: Into<Problem>, F: Future<Output = Result<C, E>>>(self, check: impl FnOnce() -> F) -> Result<T, Problem> {
        if self.0.is_err() {
            check().await.map_err(Into::into)?;
        }
        self.0
    }

    /// The value, without a check before it.
    pub fn get(self) -> Result<T, Problem> {
        self.0
    }

    /// A second step of parsing, whose error is deferred as well.
    pub fn and_then<U>(self, parse: impl FnOnce(T) -> Result<U, Problem>) -> Deferred<U> {
        Deferred(self.0.and_then(parse))
    }
}

impl<T> From<Result<T, Problem>> for Deferred<T> {
    fn from(parsed: Result<T, Problem>) -> Self {
        Self(parsed)
    }
}

/// The parameters of the query.
pub struct QueryParams<T>(pub Deferred<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let query = query.map(|Query(query)| query).map_err(|rejection| Problem::invalid(Faults::one("", rejection.body_text())));
        Ok(Self(query.into()))
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    pub cursor: Option<String>,
}

impl PageQuery {
    pub fn page(&self) -> Result<Page, Problem> {
        let limit = self.limit.unwrap_or(limits::PAGE_DEFAULT_ROWS);
        let mut faults = Faults::default();
        faults.count("/limit", Whole(limit), 1, limits::PAGE_ROWS_MAX);
        let after = match &self.cursor {
            None => Some(Uuid::nil()),
            Some(cursor) => BASE64URL_NOPAD.decode(cursor.as_bytes()).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok()),
        };
        if after.is_none() {
            faults.add("/cursor", "is not a cursor of this list");
        }
        faults.none_or(Page { limit, after: after.unwrap_or_default() }).map_err(Problem::invalid)
    }
}

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// `id` is the key that the cursor of the next page is made of.
    pub fn of(items: Vec<T>, page: Page, id: impl Fn(&T) -> Uuid) -> Self {
        let full = items.len() >= usize::try_from(page.limit).unwrap_or(usize::MAX);
        let next_cursor = items.last().filter(|_| full).map(|last| BASE64URL_NOPAD.encode(id(last).as_bytes()));
        Self { items, next_cursor }
    }
}

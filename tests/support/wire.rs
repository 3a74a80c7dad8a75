//! A caller's client to one gateway, and what comes back over it.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client as HttpClient, Method, RequestBuilder};
use serde_json::Value;
use uuid::Uuid;

/// The id that a client makes for a scan or a sale before it sends.
pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// One caller, one gateway, one bearer token or none.
#[derive(Clone)]
pub struct Client {
    http: HttpClient,
    base: String,
    token: Option<String>,
}

impl Client {
    /// An anonymous client to the gateway at `base`.
    pub fn to(base: &str) -> Self {
        let http = HttpClient::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { http, base: base.to_owned(), token: None }
    }

    /// The same client, over another client.
    pub fn with_client(client: &Client, http: HttpClient) -> Self {
        Self { http, ..client.clone() }
    }

    /// The same gateway, without a token.
    pub fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The same gateway, with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same caller at another gateway.
    pub fn at(&self, other: &Client) -> Self {
        Self { token: self.token.clone(), ..other.clone() }
    }

    /// The bearer token, where there is one.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("an anonymous line has no token")
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The address of the gateway, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to be filled in by a test that sends something unusual.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(body)).await
    }

    /// A POST without a body.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::POST, path)).await
    }

    /// A POST of bytes under a media type, as they are.
    pub async fn post_raw(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::to(self.request(Method::POST, path).header("Content-Type", media_type).body(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, path)).await
    }
}

/// What a gateway answered, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    what: String,
}

impl Answer {
    /// Sends the request and reads the answer to its end.
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let what = format!("{} {}", request.method(), request.url().path());
        let response = client.execute(request).await.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{what}: half an answer: {error:?}"));
        Self { status, headers, text, what }
    }

    /// Sends the request and reads the answer to its end; none if the way to the gateway breaks before that.
    pub async fn if_any(request: RequestBuilder) -> Option<Self> {
        let response = request.send().await.ok()?;
        let (status, headers, what) = (response.status().as_u16(), response.headers().clone(), response.url().path().to_owned());
        let text = response.text().await.ok()?;
        Some(Self { status, headers, text, what })
    }

    /// Sends the request and reads the head of the answer: for an answer that has no end.
    pub async fn begun(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let what = format!("GET {}", response.url().path());
        Self { status: response.status().as_u16(), headers: response.headers().clone(), text: String::new(), what }
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self} is not JSON"))
    }

    /// The body of an answer that must have this status. What has no content is `null`.
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        if status == 204 {
            assert_eq!(self.text, "", "{self}: no content means none");
            return Value::Null;
        }
        self.json()
    }

    /// The body of an answer whose exact success the contract leaves open.
    pub fn fine(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.json()
    }

    /// The problem that the answer must be: status, code, and all that every problem has.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/problem+json")), "{self}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self}");
        assert_eq!(problem["status"], status, "{self}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{self}: no {member}");
        }
        if matches!(status, 429 | 503) {
            assert!(self.header("retry-after").is_some(), "{self}: no Retry-After");
        }
        problem
    }

    /// The 422 that points at what is wrong in the body.
    pub fn invalid_at(&self, pointer: &str) {
        let problem = self.problem(422, "invalid_body");
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{self}: no errors"));
        assert!(errors.iter().all(|error| error["detail"].is_string()), "{self}");
        assert!(errors.iter().any(|error| error["pointer"] == pointer), "{self}: nothing points at {pointer}");
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether this is the first answer once more.
    pub fn replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} answered {}: {}", self.what, self.status, self.text)
    }
}

/// The id of something that an answer names, as `{id, name}` or as the bare id.
pub fn ref_id(named: &Value) -> String {
    let id = if named.is_object() { &named["id"] } else { named };
    id.as_str().unwrap_or_else(|| panic!("no id in {named}")).to_owned()
}

/// The ids of a list of such things.
pub fn ids_of(list: &Value) -> Vec<String> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(ref_id).collect()
}

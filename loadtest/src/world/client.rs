//! Somebody's line to a gateway, for everything that is not measured.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Member;
use crate::wire::{Connection, Target, get, whole};

/// Past this, a gateway that says nothing is taken for hung.
const PATIENCE: Duration = Duration::from_secs(60);
/// Times that a call is sent when the gateway is busy. Everything that is sent here is safe to repeat, or fails loudly.
const TRIES: usize = 40;
/// Time between two of them.
const BUSY: Duration = Duration::from_millis(250);

/// A line to one gateway as one caller. It reconnects by itself.
pub struct Client {
    target: Target,
    token: Option<String>,
    connection: Option<Connection>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Whether this is the first answer once more.
    pub replayed: bool,
    /// The body; null if there is none.
    pub body: Value,
    what: String,
}

impl Answer {
    /// The body of an answer that has to be a success.
    pub fn ok(self) -> anyhow::Result<Value> {
        match self.status {
            200..300 => Ok(self.body),
            status => bail!("{} answered {status}: {}", self.what, self.body),
        }
    }
}

impl Client {
    /// A client without a token.
    pub fn nobody(target: &Target) -> Self {
        Self::with(target, None)
    }

    /// A client with this token.
    pub fn with(target: &Target, token: Option<&str>) -> Self {
        Self { target: target.clone(), token: token.map(str::to_owned), connection: None }
    }

    /// The same caller on a line of their own.
    pub fn another(&self) -> Self {
        Self::with(&self.target, self.token.as_deref())
    }

    /// Signs in with what bearer this line has, and goes on as that session. Answers what the sign-in answered.
    pub async fn sign_in(&mut self, organisation: &str, who: &Member) -> anyhow::Result<Value> {
        let body = json!({"organisation": organisation, "username": who.username, "password": who.password});
        let answer = self.post("/v1/sessions", &body).await?.ok()?;
        self.token = Some(answer.get("session_token").and_then(Value::as_str).context("a sign-in without a token")?.to_owned());
        Ok(answer)
    }

    /// The bearer.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Asks for something.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = get(&self.target, "GET", path, self.token.as_deref());
        self.send("GET", path, &request).await
    }

    /// Asks for something that has to be there.
    pub async fn read(&mut self, path: &str) -> anyhow::Result<Value> {
        self.get(path).await?.ok()
    }

    /// All items of a list.
    pub async fn list(&mut self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut page = self.read(&format!("{path}{joint}limit=1000{cursor}")).await?;
            if let Some(Value::Array(some)) = page.get_mut("items").map(Value::take) {
                items.extend(some);
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Sends JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send_json("POST", path, body).await
    }

    /// Changes something.
    pub async fn patch(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send_json("PATCH", path, body).await
    }

    /// Replaces something.
    pub async fn put(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send_json("PUT", path, body).await
    }

    /// Ends something.
    pub async fn delete(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = get(&self.target, "DELETE", path, self.token.as_deref());
        self.send("DELETE", path, &request).await
    }

    /// Sends bytes under a media type.
    pub async fn post_raw(&mut self, path: &str, media_type: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let request = whole(&self.target, "POST", path, self.token.as_deref(), media_type, body);
        self.send("POST", path, &request).await
    }

    async fn send_json(&mut self, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let request = whole(&self.target, method, path, self.token.as_deref(), "application/json", &serde_json::to_vec(body)?);
        self.send(method, path, &request).await
    }

    async fn send(&mut self, method: &str, path: &str, request: &[u8]) -> anyhow::Result<Answer> {
        let what = format!("{method} {path}");
        for _ in 1..TRIES {
            let answer = self.once(&what, request).await?;
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            tokio::time::sleep(BUSY).await;
        }
        self.once(&what, request).await
    }

    async fn once(&mut self, what: &str, request: &[u8]) -> anyhow::Result<Answer> {
        let reused = self.connection.is_some();
        match self.on_line(what, request).await {
            // An idle connection is closed after a while, and that is noticed only when it is used.
            Err(_) if reused => self.on_line(what, request).await,
            answered => answered,
        }
    }

    async fn on_line(&mut self, what: &str, request: &[u8]) -> anyhow::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.target).await.with_context(|| format!("{} cannot be reached", self.target.url))?,
        };
        let reply = timeout(PATIENCE, connection.call(request)).await.with_context(|| format!("{what}: no answer"))?;
        let reply = reply.with_context(|| format!("{what}: half an answer"))?;
        let body = if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(reply.body).unwrap_or_default() };
        let answer = Answer { status: reply.status, replayed: reply.replayed, body, what: what.to_owned() };
        self.connection = Some(connection);
        Ok(answer)
    }
}

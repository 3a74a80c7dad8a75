//! A connection on which a test says every byte itself: for what no client library would send, and for what it would hide.

use std::io::{self, ErrorKind};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Client, PATIENCE};

/// One connection to a gateway.
pub struct Raw {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// What came back, as it stood on the wire.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    pub body: String,
}

impl Raw {
    /// Connects to the gateway at the other end of this client.
    pub async fn to(client: &Client) -> io::Result<Self> {
        Self::connect(client.base().strip_prefix("http://").unwrap()).await
    }

    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// The next answer; an error if the connection ends before it is whole.
    pub async fn answer(&mut self) -> io::Result<RawAnswer> {
        timeout(PATIENCE, self.whole_answer()).await?
    }

    async fn whole_answer(&mut self) -> io::Result<RawAnswer> {
        let end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).map_err(|_| ErrorKind::InvalidData)?.to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let length = header_of(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            self.more().await?;
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).map_err(|_| ErrorKind::InvalidData)?;
        Ok(RawAnswer { status, head, body })
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Waits until the other end closes, and answers what it said until then.
    pub async fn rest(mut self) -> io::Result<Vec<u8>> {
        timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await??;
        Ok(self.read)
    }
}

impl RawAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header_of(&self.head, name)
    }

    /// Whether the connection ends with this answer.
    pub fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }

    /// The problem that the answer must be.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/problem+json")), "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{self:?}");
        for member in ["type", "title", "detail", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{self:?}: no {member}");
        }
        problem
    }
}

fn header_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// A request as a well-behaved client writes it.
pub fn request(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", client.base().strip_prefix("http://").unwrap());
    if client.has_token() {
        request.push_str(&format!("authorization: Bearer {}\r\n", client.token()));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    format!("{request}\r\n{body}").into_bytes()
}

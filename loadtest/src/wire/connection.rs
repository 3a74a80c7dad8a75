//! One connection to a gateway.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Target;

/// Bytes that an answer may have, head and body. Lists of a thousand sales are the largest that is asked for.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Headers that an answer may have.
const HEADERS: usize = 64;
/// Bytes that are reserved at once. Most answers fit, and ten thousand connections have one buffer each.
const CHUNK: usize = 2 * 1024;

/// A connection that is kept open from one request to the next.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as it lies in the connection's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    pub status: u16,
    /// Whether this is the first answer once more.
    pub replayed: bool,
    pub body: &'a [u8],
}

/// What the head of an answer says.
struct Head {
    bytes: usize,
    status: u16,
    replayed: bool,
    close: bool,
    length: Length,
}

enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    /// Connects.
    pub async fn open(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads its answer to the end.
    pub async fn call(&mut self, request: &[u8]) -> io::Result<Reply<'_>> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends a request, and waits for nothing.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Reads one answer to the end.
    pub async fn receive(&mut self) -> io::Result<Reply<'_>> {
        self.buffer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(head) = parse(&self.buffer)? {
                break head;
            }
        };
        let body = match head.length {
            Length::Known(length) => {
                while self.buffer.len() < head.bytes + length {
                    self.read_more().await?;
                }
                head.bytes..head.bytes + length
            }
            Length::Chunked => self.join_chunks(head.bytes).await?,
        };
        if head.close {
            // What is answered is good; the next request on this connection will find it closed.
            let _ = self.stream.shutdown().await;
        }
        let body = self.buffer.get(body).unwrap_or_default();
        Ok(Reply { status: head.status, replayed: head.replayed, body })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        if self.buffer.len() > ANSWER_BYTES {
            return Err(io::Error::new(ErrorKind::InvalidData, "an answer has no end"));
        }
        self.buffer.reserve(CHUNK);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// A proxy in front of a gateway may send in chunks. They are put together where the first one begins.
    async fn join_chunks(&mut self, begin: usize) -> io::Result<std::ops::Range<usize>> {
        let (mut joined, mut at) = (begin, begin);
        loop {
            let rest = self.buffer.get(at..).unwrap_or_default();
            let broken = |_| io::Error::new(ErrorKind::InvalidData, "a broken chunk");
            let httparse::Status::Complete((head, size)) = httparse::parse_chunk_size(rest).map_err(broken)? else {
                self.read_more().await?;
                continue;
            };
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let (data, end) = (at + head, (at + head).saturating_add(size).saturating_add(2));
            while self.buffer.len() < end {
                self.read_more().await?;
            }
            if size == 0 {
                return Ok(begin..joined);
            }
            self.buffer.copy_within(data..data + size, joined);
            joined += size;
            at = end;
        }
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let broken = |error| io::Error::new(ErrorKind::InvalidData, error);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(broken)? else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let mut head = Head { bytes: length, status, replayed: false, close: false, length: Length::Known(0) };
    for header in response.headers {
        let value = header.value;
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            head.length = Length::Known(length.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no length"))?);
        } else if header.name.eq_ignore_ascii_case("idempotent-replayed") {
            head.replayed = value == b"true";
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.length = Length::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            head.close = value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(head))
}

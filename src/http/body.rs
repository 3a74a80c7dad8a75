//! Request bodies: limited in bytes and in time, and parsed so that an error has the pointer of the wrong field.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{de::DeserializeOwned, de::IgnoredAny};
use serde_path_to_error::Segment;
use tokio::{
    io::{AsyncSeekExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    extract::Deferred,
    layers::InFlight,
    problem::{Code, Problem},
};
use crate::{clock, faults::Faults, limits};

/// A JSON body of at most [`limits::BODY_BYTES`].
pub struct JsonBody<T>(pub Deferred<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(receive(request).await.into()))
    }
}

async fn receive<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    if media_type(&parts.headers).is_none_or(|media_type| media_type != "application/json") {
        return Err(unsupported_media_type());
    }
    let bytes = collect(body, limits::BODY_BYTES, limits::BODY_READ_TIMEOUT).await?;
    // Only now: while the body arrives slowly, the request counts for no limit.
    if let Some(in_flight) = parts.extensions.get::<InFlight>() {
        in_flight.begin()?;
    }
    parse(&bytes)
}

/// The media type of a body, without its parameters. None for a compressed body, which is never accepted: a few bytes could decompress to
/// any number.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return None;
    }
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

pub fn unsupported_media_type() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, "This media type is not taken here.")
}

/// All bytes of a body: at most `most` and within this time.
pub async fn collect(body: Body, most: usize, within: Duration) -> Result<Bytes, Problem> {
    match timeout(within, Limited::new(body, most).collect()).await {
        Err(_) => Err(too_slow()),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(body_error(&*error, most)),
    }
}

/// Writes a body into an unnamed temporary file and returns it at its start: at most `most` bytes and within this time. A client that sends
/// less than [`limits::UPLOAD_MIN_BYTES_PER_SECOND`] fails earlier.
pub async fn to_file(body: Body, most: usize, within: Duration) -> Result<std::fs::File, Problem> {
    match timeout(within, write_to_file(body, most)).await {
        Err(_) => Err(too_slow()),
        Ok(written) => written,
    }
}

async fn write_to_file(body: Body, most: usize) -> Result<std::fs::File, Problem> {
    let mut body = Limited::new(body, most);
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(|error| temporary_file_failed(&error))?);
    let grace = clock::deadline(limits::UPLOAD_GRACE_TIMEOUT);
    let (begun, mut received) = (clock::mark(), 0_u64);
    loop {
        match timeout(limits::IMPORT_PAUSE_TIMEOUT, body.frame()).await {
            Err(_) => return Err(too_slow()),
            Ok(Some(Err(error))) => return Err(body_error(&*error, most)),
            Ok(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    file.write_all(bytes).await.map_err(|error| temporary_file_failed(&error))?;
                    received = received.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                }
            }
            Ok(None) => break,
        }
        if clock::is_past(grace) && received < clock::since(begun).as_secs() * limits::UPLOAD_MIN_BYTES_PER_SECOND {
            return Err(too_slow());
        }
    }
    file.rewind().await.map_err(|error| temporary_file_failed(&error))?;
    Ok(file.into_std().await)
}

pub fn temporary_file_failed(error: &std::io::Error) -> Problem {
    tracing::error!(error = %error, "an upload could not be kept in a temporary file");
    Problem::internal()
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, Code::RequestTimeout, "The request took too long to arrive.")
}

fn body_error(error: &(dyn std::error::Error + 'static), most: usize) -> Problem {
    if error.is::<LengthLimitError>() {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge, format!("The body is larger than {most} bytes."));
    }
    malformed("The body did not arrive whole.")
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, Code::MalformedBody, detail)
}

/// Parses JSON: a text that is not JSON is malformed, JSON of another shape is invalid at a pointer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Most bodies are valid, and tracking the path costs more than parsing, so only a failed body is parsed again with its path.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("The body is not UTF-8."))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize::<_, T>(&mut json).map_err(|error| (error.path().clone(), error.into_inner()));
    match parsed {
        Ok(value) => json.end().map(|()| value).map_err(|_| malformed("The body is not JSON.")),
        Err((path, error)) => Err(shape_error(text, &path, &error)),
    }
}

fn shape_error(text: &str, path: &serde_path_to_error::Path, error: &serde_json::Error) -> Problem {
    // The parser stops at the first wrong shape; only if the whole text is JSON, the shape is what is wrong.
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return malformed("The body is not JSON.");
    }
    let message = error.to_string();
    // serde_json appends line and column to its message; the pointer replaces them.
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    Problem::invalid(Faults::one(pointer(path, detail), detail))
}

/// The JSON pointer of a path. A field that is missing or unknown is named in the message, not in the path.
fn pointer(path: &serde_path_to_error::Path, detail: &str) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    let named = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|begin| detail.strip_prefix(begin));
    if let Some(field) = named.and_then(|rest| rest.split('`').next())
        && !pointer.ends_with(&format!("/{field}"))
    {
        pointer.push('/');
        pointer.push_str(field);
    }
    pointer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only parsed")]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[expect(dead_code, reason = "only parsed")]
        quantity: u32,
    }

    fn refused(text: &[u8]) -> (Code, Value) {
        let problem = parse::<Order>(text).unwrap_err();
        let first = problem.members.get("errors").and_then(|errors| errors.get(0)).and_then(|e| e.get("pointer"));
        (problem.code, first.cloned().unwrap_or_default())
    }

    #[test]
    fn a_shape_error_has_its_pointer() {
        assert_eq!(refused(br#"{"lines":[{"quantity":-1}]}"#), (Code::InvalidBody, json!("/lines/0/quantity")));
        assert_eq!(refused(br#"{"lines":[{}]}"#), (Code::InvalidBody, json!("/lines/0/quantity")));
        assert_eq!(refused(br#"{"lines":[{"quantity":1,"qty":1}]}"#), (Code::InvalidBody, json!("/lines/0/qty")));
        assert_eq!(refused(br#"{"lines":[],"note":1}"#), (Code::InvalidBody, json!("/note")));
        assert_eq!(refused(br#"{}"#), (Code::InvalidBody, json!("/lines")));
        assert_eq!(refused(br#"{"lines":[],"lines":[]}"#), (Code::InvalidBody, json!("/lines")));
    }

    #[test]
    fn text_that_is_not_json_is_malformed() {
        for text in [&b""[..], b"{", b"{\"lines\":[]} x", b"{\"lines\":[\xff]}", b"{\"note\":1,", b"[[[["] {
            assert_eq!(refused(text).0, Code::MalformedBody, "{text:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(refused(deep.as_bytes()).0, Code::MalformedBody);
    }
}

//! Requests as bytes.

use std::io::Write;

use super::Target;

/// All of a POST but its body: made once for each device, used for each of its requests.
#[derive(Clone, Debug)]
pub struct Form {
    head: Vec<u8>,
}

impl Form {
    /// A POST of JSON to `path` with this token.
    pub fn post(target: &Target, path: &str, token: Option<&str>) -> Self {
        let mut head = head(target, "POST", path, token);
        head.extend_from_slice(b"content-type: application/json\r\ncontent-length: ");
        Self { head }
    }

    /// The request with this body, in place of what `into` held.
    pub fn fill(&self, into: &mut Vec<u8>, body: &[u8]) {
        into.clear();
        into.extend_from_slice(&self.head);
        // Writing into memory does not fail.
        let _ = write!(into, "{}\r\n\r\n", body.len());
        into.extend_from_slice(body);
    }
}

/// A request without a body.
pub fn get(target: &Target, method: &str, path: &str, token: Option<&str>) -> Vec<u8> {
    let mut head = head(target, method, path, token);
    head.extend_from_slice(b"\r\n");
    head
}

/// A request with a body of some kind.
pub fn whole(target: &Target, method: &str, path: &str, token: Option<&str>, media_type: &str, body: &[u8]) -> Vec<u8> {
    let mut request = head(target, method, path, token);
    let _ = write!(request, "content-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    request.extend_from_slice(body);
    request
}

fn head(target: &Target, method: &str, path: &str, token: Option<&str>) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", target.host).into_bytes();
    if let Some(token) = token {
        let _ = write!(head, "authorization: Bearer {token}\r\n");
    }
    head
}

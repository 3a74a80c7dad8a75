//! Detects a head that has both `Content-Length` and `Transfer-Encoding`. A proxy in front of the gateway may have used the other of the two
//! to find the end of the body (request smuggling; RFC 9112, section 6.1). hyper uses the encoding and ignores the length without a report,
//! so the lines are checked here as they arrive; hyper alone interprets them.

use memchr::memchr_iter;

const LENGTH: &[u8] = b"content-length:";
const ENCODING: &[u8] = b"transfer-encoding:";

/// The headers of the current head that give a length, as far as it has arrived.
#[derive(Default)]
pub(super) struct LengthHeaders {
    length: bool,
    encoding: bool,
    /// The beginning of an incomplete line: as many bytes as the longer of the two names has.
    partial_line: Vec<u8>,
}

impl LengthHeaders {
    /// Takes the next bytes of a head. True if the head ends in them and has both headers. Bytes after its end are ignored.
    pub(super) fn ends_ambiguous(&mut self, bytes: &[u8]) -> bool {
        let mut begin = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = bytes.get(begin..=end).unwrap_or_default();
            begin = end + 1;
            let is_blank = if self.partial_line.is_empty() {
                self.note_line(line)
            } else {
                let whole = self.extend_partial(line);
                self.note_line(&whole)
            };
            if is_blank {
                let Self { length, encoding, .. } = std::mem::take(self);
                return length && encoding;
            }
        }
        self.partial_line = self.extend_partial(bytes.get(begin..).unwrap_or_default());
        false
    }

    /// Notes which header a line has. True if the line is blank, which ends the head.
    fn note_line(&mut self, line: &[u8]) -> bool {
        self.length |= has_name(line, LENGTH);
        self.encoding |= has_name(line, ENCODING);
        line.len() <= b"\r\n".len()
    }

    /// The partial line with these bytes appended, as far as the names need them.
    fn extend_partial(&mut self, more: &[u8]) -> Vec<u8> {
        let mut partial = std::mem::take(&mut self.partial_line);
        partial.extend(more.iter().take(ENCODING.len().saturating_sub(partial.len())));
        partial
    }
}

fn has_name(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] = b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 4\r\nTRANSFER-encoding: chunked\r\n\r\n";

    #[test]
    fn both_headers_are_found_wherever_the_head_is_split() {
        for first in 0..BOTH.len() {
            for second in first..BOTH.len() {
                let mut headers = LengthHeaders::default();
                let parts = [&BOTH[..first], &BOTH[first..second], &BOTH[second..]];
                assert_eq!(parts.map(|part| headers.ends_ambiguous(part)), [false, false, true], "cut at {first} and {second}");
                assert!(!headers.ends_ambiguous(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), "the next head starts anew");
            }
        }
    }

    #[test]
    fn one_header_or_a_body_is_not_ambiguous() {
        for whole in
            [&b"POST / HTTP/1.1\nContent-Length: 24\n\ntransfer-encoding: chunked"[..], b"\r\n", b"", b"x-content-length: 1\r\n\r\n"]
        {
            for cut in 0..=whole.len() {
                let mut headers = LengthHeaders::default();
                let (head, rest) = whole.split_at(cut);
                assert!(!headers.ends_ambiguous(head) & !headers.ends_ambiguous(rest), "{cut}");
            }
        }
    }
}

//! Whether a head says twice how long its body is, by `Content-Length` and by `Transfer-Encoding`. Who stands in front of us may have
//! believed the other of the two (RFC 9112, section 6.1). hyper believes the encoding and keeps silent about the length, so the lines are
//! looked at here, as they come in; what they mean is left to hyper.

use memchr::memchr_iter;

const LENGTH: &[u8] = b"content-length:";
const ENCODING: &[u8] = b"transfer-encoding:";

/// What a head has named so far.
#[derive(Default)]
pub(super) struct Lengths {
    length: bool,
    encoding: bool,
    /// The beginning of a line that has not ended yet: as much of it as the longer of the two names.
    begun: Vec<u8>,
}

impl Lengths {
    /// More of a head has come: whether it has ended here, and has named both. What comes after its end is not looked at.
    pub(super) fn are_two(&mut self, news: &[u8]) -> bool {
        let mut begin = 0;
        for end in memchr_iter(b'\n', news) {
            let line = news.get(begin..=end).unwrap_or_default();
            begin = end + 1;
            let is_blank = if self.begun.is_empty() {
                self.take(line)
            } else {
                let whole = self.keep(line);
                self.take(&whole)
            };
            if is_blank {
                let Self { length, encoding, .. } = std::mem::take(self);
                return length && encoding;
            }
        }
        self.begun = self.keep(news.get(begin..).unwrap_or_default());
        false
    }

    /// What a line names; or whether it is the last.
    fn take(&mut self, line: &[u8]) -> bool {
        self.length |= names(line, LENGTH);
        self.encoding |= names(line, ENCODING);
        line.len() <= b"\r\n".len()
    }

    /// The line that has begun, and what comes after, as far as it is needed.
    fn keep(&mut self, more: &[u8]) -> Vec<u8> {
        let mut begun = std::mem::take(&mut self.begun);
        begun.extend(more.iter().take(ENCODING.len().saturating_sub(begun.len())));
        begun
    }
}

fn names(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[u8] = b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 4\r\nTRANSFER-encoding: chunked\r\n\r\n";

    #[test]
    fn two_lengths_are_seen_wherever_the_head_is_cut() {
        for first in 0..BOTH.len() {
            for second in first..BOTH.len() {
                let mut lengths = Lengths::default();
                let parts = [&BOTH[..first], &BOTH[first..second], &BOTH[second..]];
                assert_eq!(parts.map(|part| lengths.are_two(part)), [false, false, true], "cut at {first} and {second}");
                assert!(!lengths.are_two(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), "the next head is another");
            }
        }
    }

    #[test]
    fn one_length_and_a_body_are_none() {
        for whole in
            [&b"POST / HTTP/1.1\nContent-Length: 24\n\ntransfer-encoding: chunked"[..], b"\r\n", b"", b"x-content-length: 1\r\n\r\n"]
        {
            for cut in 0..=whole.len() {
                let mut lengths = Lengths::default();
                let (head, rest) = whole.split_at(cut);
                assert!(!lengths.are_two(head) & !lengths.are_two(rest), "{cut}");
            }
        }
    }
}

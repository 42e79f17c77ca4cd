//! An HTTP/1.1 reply as it comes in, whatever its pieces.
//!
//! Told the bytes; reads no socket. Never holds more than its bounds say, never follows anything, and
//! never takes a reply that was cut short for a whole one. [RFC 9112]

use std::fmt;

use palisade_host::secret::Secret;

/// Longest head of a reply; those of BMCs have one or two thousand bytes.
const HEAD_MAX: usize = 16 * 1024;

/// Most header fields.
const FIELDS_MAX: usize = 64;

/// Longest body of a reply. Descriptions of systems have some twenty thousand bytes.
pub const BODY_MAX: usize = 256 * 1024;

/// Most bytes that the marks between the chunks of a body may take on top.
const CHUNKS_MAX: usize = 64 * 1024;

/// A whole reply.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// The token of a new session.
    pub token: Option<Secret>,
    /// Where what was created is.
    pub location: Option<String>,
    /// Whether another request may be sent over the same connection.
    pub is_kept: bool,
    /// The body.
    pub body: Vec<u8>,
}

/// Why what came in is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rubbish {
    /// Not HTTP.
    NotHttp,
    /// The head is too long, or has too many fields.
    LongHead,
    /// The length of the body is not told in a way that means one thing.
    Length,
    /// The body is too long.
    LongBody,
    /// The connection ended within the reply, after so many bytes.
    CutShort(usize),
}

impl fmt::Display for Rubbish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => out.write_str("what it answers is not HTTP"),
            Self::LongHead => write!(out, "the head of its answer is longer than {HEAD_MAX} bytes"),
            Self::Length => out.write_str("its answer does not say how long it is"),
            Self::LongBody => write!(out, "its answer is longer than {BODY_MAX} bytes"),
            Self::CutShort(bytes) => write!(out, "it hung up after {bytes} bytes of its answer"),
        }
    }
}

/// Reads one reply.
#[derive(Debug, Default)]
pub struct Reader {
    raw: Vec<u8>,
    /// Up to where the head was searched for its end.
    searched: usize,
    head: Option<(Reply, Framing)>,
    has_heard: bool,
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    /// The next chunk begins there.
    Chunked {
        at: usize,
    },
    UntilClosed,
}

impl Reader {
    /// Takes the next bytes; the whole reply if they are its last.
    ///
    /// # Errors
    /// [`Rubbish`], after which nothing more can be read.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Rubbish> {
        self.raw.extend_from_slice(bytes);
        self.has_heard |= !bytes.is_empty();
        while self.head.is_none() {
            let Some(end) = self.head_end()? else { return Ok(None) };
            self.read_head(end)?;
        }
        self.read_body()
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// [`Rubbish::CutShort`] unless that is how this reply was to end.
    pub fn close(&mut self) -> Result<Reply, Rubbish> {
        match self.head.take() {
            Some((reply, Framing::UntilClosed)) => {
                Ok(Reply { body: std::mem::take(&mut self.raw), ..reply })
            }
            _ => Err(Rubbish::CutShort(self.raw.len())),
        }
    }

    /// Whether anything has come.
    pub const fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// Where the head ends, if its end is there.
    fn head_end(&mut self) -> Result<Option<usize>, Rubbish> {
        if !self.looks_like_http() {
            return Err(Rubbish::NotHttp);
        }
        let from = self.searched.saturating_sub(3);
        let tail = self.raw.get(from..).unwrap_or_default();
        let end = tail.windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 4);
        self.searched = self.raw.len();
        match end {
            Some(end) if end <= HEAD_MAX => Ok(Some(end)),
            None if self.raw.len() <= HEAD_MAX => Ok(None),
            _ => Err(Rubbish::LongHead),
        }
    }

    fn looks_like_http(&self) -> bool {
        let start = b"HTTP/1.";
        self.raw.iter().zip(start).all(|(found, expected)| found == expected)
    }

    /// Reads the head; an interim one is dropped.
    fn read_head(&mut self, end: usize) -> Result<(), Rubbish> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        match head.parse(self.raw.get(..end).unwrap_or_default()) {
            Ok(httparse::Status::Complete(used)) if used == end => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Rubbish::LongHead),
            Ok(_) | Err(_) => return Err(Rubbish::NotHttp),
        }
        let status = head.code.unwrap_or_default();
        let read = match status {
            100 | 102..=199 => None,
            200..=599 => Some(judge(status, head.version == Some(1), head.headers)?),
            _ => return Err(Rubbish::NotHttp),
        };
        self.raw.drain(..end);
        self.searched = 0;
        self.head = read;
        Ok(())
    }

    fn read_body(&mut self) -> Result<Option<Reply>, Rubbish> {
        let Some((reply, framing)) = &mut self.head else { return Ok(None) };
        let is_whole = match framing {
            Framing::Length(length) => self.raw.len() >= *length,
            Framing::Chunked { at } => unchunk(&self.raw, at, &mut reply.body)?,
            Framing::UntilClosed => false,
        };
        let marks = if matches!(framing, Framing::Chunked { .. }) { CHUNKS_MAX } else { 0 };
        if !is_whole {
            let is_short = self.raw.len() <= BODY_MAX + marks;
            return is_short.then_some(None).ok_or(Rubbish::LongBody);
        }
        let framing = *framing;
        Ok(self.head.take().map(|(reply, _)| self.finish(reply, framing)))
    }

    fn finish(&mut self, reply: Reply, framing: Framing) -> Reply {
        match framing {
            Framing::Length(length) => {
                // What follows a reply that nobody asked for ends the use of the connection.
                let is_kept = reply.is_kept && self.raw.len() == length;
                self.raw.truncate(length);
                Reply { is_kept, body: std::mem::take(&mut self.raw), ..reply }
            }
            Framing::Chunked { at } => {
                Reply { is_kept: reply.is_kept && self.raw.len() == at, ..reply }
            }
            Framing::UntilClosed => reply,
        }
    }
}

/// What the head says about the rest.
fn judge(
    status: u16,
    is_kept_by_default: bool,
    fields: &[httparse::Header<'_>],
) -> Result<(Reply, Framing), Rubbish> {
    let (mut length, mut is_chunked) = (None, false);
    let mut reply = Reply {
        status,
        token: None,
        location: None,
        is_kept: is_kept_by_default,
        body: Vec::new(),
    };
    for field in fields {
        let value = std::str::from_utf8(field.value).unwrap_or_default().trim();
        match field.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let told = number(value).ok_or(Rubbish::Length)?;
                if length.replace(told).is_some_and(|other| other != told) {
                    return Err(Rubbish::Length);
                }
            }
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => is_chunked = true,
            "transfer-encoding" => return Err(Rubbish::Length),
            "connection" if has_word(value, "close") => reply.is_kept = false,
            "connection" if has_word(value, "keep-alive") => reply.is_kept = true,
            "x-auth-token" => reply.token = shown(value).map(Secret::new),
            "location" => reply.location = shown(value),
            _ => {}
        }
    }
    let framing = match (length, is_chunked) {
        _ if matches!(status, 204 | 304) => Framing::Length(0),
        (Some(_), true) => return Err(Rubbish::Length),
        (Some(length), false) if length <= BODY_MAX => Framing::Length(length),
        (Some(_), false) => return Err(Rubbish::LongBody),
        (None, true) => Framing::Chunked { at: 0 },
        (None, false) => Framing::UntilClosed,
    };
    let is_kept = reply.is_kept && framing != Framing::UntilClosed;
    Ok((Reply { is_kept, ..reply }, framing))
}

/// Digits only: a sign or a blank would mean another length to somebody else.
fn number(text: &str) -> Option<usize> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn has_word(value: &str, word: &str) -> bool {
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// What can be sent back in a request line or field.
fn shown(value: &str) -> Option<String> {
    let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then(|| value.to_owned())
}

/// Moves whole chunks into the body; true after the last. [RFC9112 §7.1]
fn unchunk(raw: &[u8], at: &mut usize, body: &mut Vec<u8>) -> Result<bool, Rubbish> {
    loop {
        let rest = raw.get(*at..).unwrap_or_default();
        let (used, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((used, size))) => (used, size),
            Ok(httparse::Status::Partial) if rest.len() < CHUNK_HEAD_MAX => return Ok(false),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Rubbish::Length),
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= BODY_MAX);
        let size = size.ok_or(Rubbish::LongBody)?;
        let rest = rest.get(used..).unwrap_or_default();
        if size == 0 {
            return Ok(trailer(rest).inspect(|end| *at += used + end).is_some());
        }
        let Some((chunk, end)) = rest.get(..size + 2).map(|whole| whole.split_at(size)) else {
            return Ok(false);
        };
        if end != b"\r\n" {
            return Err(Rubbish::Length);
        }
        body.extend_from_slice(chunk);
        if body.len() > BODY_MAX {
            return Err(Rubbish::LongBody);
        }
        *at += used + size + 2;
    }
}

/// Longest line before a chunk.
const CHUNK_HEAD_MAX: usize = 1024;

/// Where the fields after the last chunk end, if their end is there.
fn trailer(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reply of these bytes, which must be the same however they are cut, with the end of the
    /// connection after them.
    fn read(bytes: &[u8]) -> Result<Reply, Rubbish> {
        let whole = in_pieces(bytes, bytes.len().max(1));
        for size in [1, 2, 7] {
            let again = in_pieces(bytes, size);
            let same = match (&whole, &again) {
                (Ok(one), Ok(other)) => (one.status, &one.body) == (other.status, &other.body),
                (one, other) => one.is_err() == other.is_err(),
            };
            assert!(same, "pieces of {size}: {again:?} is not {whole:?}");
        }
        whole
    }

    fn in_pieces(bytes: &[u8], size: usize) -> Result<Reply, Rubbish> {
        let mut reader = Reader::default();
        for piece in bytes.chunks(size) {
            if let Some(reply) = reader.hear(piece)? {
                return Ok(reply);
            }
        }
        reader.close()
    }

    #[test]
    fn a_reply_has_a_status_a_token_a_place_and_a_body() {
        let reply = read(
            b"HTTP/1.1 201 Created\r\nX-Auth-Token: abc\r\nLocation: /redfish/v1/x\r\n\
              Content-Length: 2\r\n\r\n{}",
        )
        .unwrap();
        assert_eq!((reply.status, reply.is_kept, reply.body.as_slice()), (201, true, &b"{}"[..]));
        assert_eq!(reply.token.unwrap().expose(), "abc");
        assert_eq!(reply.location.as_deref(), Some("/redfish/v1/x"));
    }

    #[test]
    fn a_body_may_come_in_chunks_or_until_the_end() {
        let chunked = read(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
              4;a=b\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\nX: y\r\n\r\n",
        )
        .unwrap();
        assert_eq!((chunked.is_kept, chunked.body.as_slice()), (true, &b"{\"a\":1}"[..]));
        let closed = read(b"HTTP/1.0 200 OK\r\n\r\n{}").unwrap();
        assert_eq!((closed.is_kept, closed.body.as_slice()), (false, &b"{}"[..]));
        let empty = read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!((empty.is_kept, empty.body.len()), (true, 0));
    }

    #[test]
    fn what_is_cut_short_is_no_reply() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        ] {
            assert_eq!(read(bytes).unwrap_err(), Rubbish::CutShort(in_raw(bytes)));
        }
    }

    /// What is counted as having come of a reply's last part.
    fn in_raw(bytes: &[u8]) -> usize {
        let text = String::from_utf8_lossy(bytes);
        text.split_once("\r\n\r\n").map_or(bytes.len(), |(_, rest)| rest.len())
    }

    #[test]
    fn rubbish_is_known_early() {
        for (bytes, rubbish) in [
            (&b"SSH-2.0-OpenSSH"[..], Rubbish::NotHttp),
            (b"\r\nHTTP/1.1 204 No Content\r\n\r\n", Rubbish::NotHttp),
            (b"HTTP/1.1 700 Odd\r\n\r\n", Rubbish::NotHttp),
            (b"HTTP/1.1 101 Switching\r\n\r\n", Rubbish::NotHttp),
            (b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}", Rubbish::Length),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                Rubbish::Length,
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}", Rubbish::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", Rubbish::LongBody),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
                Rubbish::LongBody,
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Rubbish::Length),
        ] {
            assert_eq!(read(bytes).unwrap_err(), rubbish, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn no_reply_is_longer_than_its_bounds() {
        let mut reader = Reader::default();
        let flood = [b'a'; 8192];
        assert_eq!(reader.hear(b"HTTP/1.1 200 OK\r\nX: "), Ok(None));
        assert_eq!(reader.hear(&flood), Ok(None));
        assert_eq!(reader.hear(&flood), Err(Rubbish::LongHead));
        let mut reader = Reader::default();
        let mut heard = reader.hear(b"HTTP/1.1 200 OK\r\n\r\n");
        for _ in 0..=BODY_MAX / flood.len() {
            heard = heard.and_then(|_| reader.hear(&flood));
        }
        assert_eq!(heard, Err(Rubbish::LongBody));
        let mut reader = Reader::default();
        let mut heard = reader.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..=BODY_MAX {
            heard = heard.and_then(|_| reader.hear(b"1\r\na\r\n"));
        }
        assert_eq!(heard, Err(Rubbish::LongBody));
    }

    #[test]
    fn a_connection_with_more_on_it_than_was_asked_for_is_not_used_again() {
        let mut reader = Reader::default();
        let reply = reader.hear(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        assert!(!reply.unwrap().unwrap().is_kept);
    }
}

//! One item of a list: a host, or a pattern of hosts with ranges in brackets.

use super::error::Problem;
use super::host::{Host, PORT};
use super::list::Mistake;

/// Longest number in a range.
const DIGITS_MAX: usize = 9;

/// A pattern and a port.
#[derive(Debug)]
pub(super) struct Item {
    pieces: Vec<Piece>,
    v6: bool,
    port: u16,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Numbers(Vec<Span>),
}

/// The numbers from `low` to `high`, padded with zeros to `width`.
#[derive(Clone, Copy, Debug)]
struct Span {
    low: u32,
    high: u32,
    width: usize,
}

impl Item {
    /// Reads an item. The column of a mistake is counted from 0.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        if text.is_empty() {
            return Err(Mistake { column: 0, problem: Problem::Nothing });
        }
        let mut cursor = Cursor { rest: text, column: 0 };
        let v6 = is_v6(text);
        if v6 {
            cursor.skip(1);
        }
        let pieces = cursor.pieces(if v6 { is_of_v6 } else { is_of_name })?;
        if v6 {
            cursor.close()?;
        }
        let port = cursor.port()?;
        Ok(Self { pieces, v6, port })
    }

    /// How many hosts it stands for; nothing if that is beyond counting.
    pub(super) fn count(&self) -> Option<usize> {
        self.pieces.iter().try_fold(1_usize, |count, piece| count.checked_mul(piece.count()?))
    }

    /// The hosts, the last range counting fastest.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Result<Host, Problem>> {
        let texts = self.pieces.iter().fold(vec![String::new()], |texts, piece| {
            texts.iter().flat_map(|text| piece.after(text)).collect()
        });
        texts.into_iter().map(|text| match self.v6 {
            true => Host::v6(&text, self.port),
            false => Host::named(&text, self.port),
        })
    }
}

impl Piece {
    fn count(&self) -> Option<usize> {
        match self {
            Self::Text(_) => Some(1),
            Self::Numbers(spans) => spans.iter().try_fold(0_usize, |sum, span| {
                sum.checked_add(usize::try_from(span.high - span.low).ok()?.checked_add(1)?)
            }),
        }
    }

    /// Each of its values behind `begin`.
    fn after(&self, begin: &str) -> Vec<String> {
        match self {
            Self::Text(text) => vec![format!("{begin}{text}")],
            Self::Numbers(spans) => spans.iter().flat_map(|span| span.after(begin)).collect(),
        }
    }
}

impl Span {
    fn after(self, begin: &str) -> impl Iterator<Item = String> {
        (self.low..=self.high)
            .map(move |number| format!("{begin}{number:0width$}", width = self.width))
    }

    /// `7`, `1-100` or `01-20`.
    fn parse(text: &str) -> Result<Self, Problem> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (Some(from), Some(to)) = (number(low), number(high)) else {
            return Err(Problem::NoRange(text.to_owned()));
        };
        if from > to {
            return Err(Problem::Backwards(text.to_owned()));
        }
        let padded = is_padded(low) || is_padded(high);
        if padded && low.len() != high.len() {
            return Err(Problem::Padding(text.to_owned()));
        }
        Ok(Self { low: from, high: to, width: if padded { low.len() } else { 0 } })
    }
}

/// What of an item has not been read.
#[derive(Debug)]
struct Cursor<'a> {
    rest: &'a str,
    column: usize,
}

impl Cursor<'_> {
    fn pieces(&mut self, is_of: fn(char) -> bool) -> Result<Vec<Piece>, Mistake> {
        let mut pieces = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            if first == '[' {
                pieces.push(Piece::Numbers(self.numbers()?));
                continue;
            }
            let len = self.rest.find(|next| !is_of(next)).unwrap_or(self.rest.len());
            if len == 0 {
                break;
            }
            pieces.push(Piece::Text(self.rest[..len].to_owned()));
            self.skip(len);
        }
        Ok(pieces)
    }

    /// What stands in brackets here.
    fn numbers(&mut self) -> Result<Vec<Span>, Mistake> {
        let end = self.rest.find(']').ok_or_else(|| self.mistake(Problem::Unclosed))?;
        let inside = self.rest[1..end].to_owned();
        self.skip(1);
        let mut spans = Vec::new();
        for text in inside.split(',') {
            spans.push(Span::parse(text).map_err(|problem| self.mistake(problem))?);
            // Everything up to here was ASCII.
            self.skip(text.len() + 1);
        }
        Ok(spans)
    }

    /// The end of an address in brackets.
    fn close(&mut self) -> Result<(), Mistake> {
        match self.rest.chars().next() {
            Some(']') => {
                self.skip(1);
                Ok(())
            }
            Some(other) => Err(self.mistake(Problem::Character(other))),
            None => Err(self.mistake(Problem::Unclosed)),
        }
    }

    fn port(&self) -> Result<u16, Mistake> {
        let Some(first) = self.rest.chars().next() else { return Ok(PORT) };
        let Some(port) = self.rest.strip_prefix(':') else {
            return Err(self.mistake(Problem::Character(first)));
        };
        if port.contains(':') {
            return Err(self.mistake(Problem::BareIpv6));
        }
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|number| digits && *number != 0);
        number.ok_or_else(|| self.mistake(Problem::Port(port.to_owned())))
    }

    fn skip(&mut self, bytes: usize) {
        self.column += bytes;
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn mistake(&self, problem: Problem) -> Mistake {
        Mistake { column: self.column, problem }
    }
}

/// Whether the item begins with an IPv6 address in brackets: no range has a colon in it.
fn is_v6(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else { return false };
    inside.split([']', '[']).next().is_some_and(|begin| begin.contains(':'))
}

fn is_of_v6(character: char) -> bool {
    character.is_ascii_hexdigit() || matches!(character, ':' | '.' | '%')
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_')
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty()
        && text.len() <= DIGITS_MAX
        && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn is_padded(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

//! The live timeline on a terminal: one line an event. Shows; knows nothing else.

use super::event::{Mark, What};
use palisade_protocol::time::{Duration, Instant};

/// How lines are painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Escape codes for colour.
    Colour,
    /// Plain text.
    Plain,
}

impl Paint {
    /// `text` in the colour of such an event.
    pub fn event(self, what: What, text: &str) -> String {
        match (self, colour(what)) {
            (Self::Colour, Some(code)) => wrapped(code, text),
            (Self::Colour, None) | (Self::Plain, _) => text.to_owned(),
        }
    }

    /// `text` in green or red.
    pub fn good(self, good: bool, text: &str) -> String {
        match self {
            Self::Colour => wrapped(if good { "32" } else { "1;31" }, text),
            Self::Plain => text.to_owned(),
        }
    }

    /// `text` less bright.
    pub fn dim(self, text: &str) -> String {
        match self {
            Self::Colour => wrapped("2", text),
            Self::Plain => text.to_owned(),
        }
    }
}

/// What a reader is spared: several voters say the same within a moment.
#[derive(Debug, Default)]
pub struct Reader {
    told: Vec<Mark>,
}

/// The moment within which the same event of another witness is not news.
const MOMENT: Duration = Duration::from_millis(300);

impl Reader {
    /// Whether the reader should see `mark`: it helps, and it was not told a moment ago.
    pub fn wants(&mut self, mark: &Mark) -> bool {
        let same = |told: &Mark| {
            (told.node, told.what) == (mark.node, mark.what) && mark.at.since(told.at) <= MOMENT
        };
        let wanted = helps(mark.what) && !self.told.iter().any(same);
        if wanted {
            self.told.push(mark.clone());
        }
        wanted
    }
}

/// What of the events outside the contract helps a reader.
const fn helps(what: What) -> bool {
    what.is_contract() || matches!(what, What::Started | What::Lost)
}

/// The line of one event; times count from `origin`.
pub fn line(paint: Paint, origin: Instant, mark: &Mark) -> String {
    let time = format!("{:>+8.0} ms", mark.ms_from(origin));
    let name = paint.event(mark.what, &format!("{:<12}", mark.what.name()));
    format!("{time}  {}  {name}  {}", mark.node, paint.dim(&mark.detail))
}

const fn colour(what: What) -> Option<&'static str> {
    match what {
        What::Fault | What::Alarm => Some("1;31"),
        What::Suspected | What::RefusedPet | What::SelfReset | What::Lost => Some("33"),
        What::Warrant | What::OffSent | What::OffVerified => Some("35"),
        What::Fenced => Some("1;35"),
        What::Promoted => Some("1;32"),
        What::OnSent | What::OnVerified | What::Admitted | What::Rejoined => Some("36"),
        What::Started | What::Quorum | What::Declined | What::Hook => None,
    }
}

fn wrapped(code: &str, text: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::node::Node;

    #[test]
    fn what_two_voters_say_is_told_once() {
        let mut reader = Reader::default();
        let at = |ms, node| Mark::seen(Instant::from_millis(ms), node, What::Suspected, "");
        assert!(reader.wants(&at(1_000, Node::OWNER)));
        assert!(!reader.wants(&at(1_002, Node::OWNER)));
        assert!(reader.wants(&at(1_002, Node::STANDBY)));
        assert!(reader.wants(&at(2_000, Node::OWNER)));
    }

    #[test]
    fn a_plain_line_has_no_escape_codes() {
        let fault = Instant::from_millis(1_000);
        let mark = Mark::seen(Instant::from_millis(1_306), Node::OWNER, What::Suspected, "silent");
        assert_eq!(line(Paint::Plain, fault, &mark), "    +306 ms  node1  suspected     silent");
        assert!(line(Paint::Colour, fault, &mark).contains("\x1b[33m"));
    }
}

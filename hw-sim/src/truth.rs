//! What was really so: ground truth against which every claim of a fencer is judged.
//!
//! Kept by the simulator alone and never shown to a daemon. A fact is noted when it changes.

use std::collections::BTreeMap;

use palisade_protocol::time::Instant;
use serde::{Deserialize, Serialize};

/// Something that is so, or not, of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The machine has power.
    Powered,
    /// The BMC answers.
    BmcAlive,
    /// The operating system runs: powered, booted, not hung.
    Running,
    /// The service answers on this machine.
    Serving,
}

/// One change: a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, on the simulator's boot clock.
    pub t_ns: u64,
    /// Of which machine.
    pub node: String,
    /// What.
    pub fact: Fact,
    /// Whether it is so from now on.
    pub is: bool,
    /// Why, in words.
    pub why: String,
}

impl Line {
    /// The line as JSON, without a line end.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A stretch of time in which something was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From when on.
    pub from: Instant,
    /// Until when; `None`: still.
    pub to: Option<Instant>,
}

/// The log of one simulation.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    spans: BTreeMap<(String, Fact), Vec<Span>>,
}

impl Truth {
    /// Notes what is so from `at` on. Returns the line to write if that is a change; times of
    /// one fact never go backwards.
    pub fn note(
        &mut self,
        at: Instant,
        node: &str,
        fact: Fact,
        is: bool,
        why: &str,
    ) -> Option<Line> {
        let spans = self.spans.entry((node.to_owned(), fact)).or_default();
        let known = !spans.is_empty();
        let was = spans.last().is_some_and(|span| span.to.is_none());
        if known && was == is {
            return None;
        }
        match (is, spans.last_mut()) {
            (true, _) => spans.push(Span { from: at, to: None }),
            (false, Some(span)) => span.to = Some(at.max(span.from)),
            (false, None) => spans.push(Span { from: at, to: Some(at) }),
        }
        let (t_ns, node, why) = (at.as_nanos(), node.to_owned(), why.to_owned());
        Some(Line { t_ns, node, fact, is, why })
    }

    /// Whether it was so at `at`; never noted is not so.
    pub fn was(&self, at: Instant, node: &str, fact: Fact) -> bool {
        self.spans(node, fact)
            .iter()
            .any(|span| span.from <= at && span.to.is_none_or(|to| at < to))
    }

    /// The stretches in which it was so, oldest first.
    pub fn spans(&self, node: &str, fact: Fact) -> &[Span] {
        self.spans.get(&(node.to_owned(), fact)).map_or(&[], Vec::as_slice)
    }

    /// The machines of which `fact` is so at `at`.
    pub fn all(&self, at: Instant, fact: Fact) -> Vec<&str> {
        let of_fact = self.spans.keys().filter(|(_, of)| *of == fact);
        of_fact.map(|(node, _)| node.as_str()).filter(|node| self.was(at, node, fact)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn what_does_not_change_is_not_said_twice() {
        let mut truth = Truth::default();
        assert!(truth.note(ms(0), "node1", Fact::Powered, true, "start").is_some());
        assert!(truth.note(ms(1), "node1", Fact::Powered, true, "again").is_none());
        assert!(truth.note(ms(2), "node1", Fact::Powered, false, "off").is_some());
        assert!(truth.note(ms(3), "node1", Fact::Powered, false, "again").is_none());
    }

    #[test]
    fn truth_knows_who_was_powered_when() {
        let mut truth = Truth::default();
        truth.note(ms(0), "node1", Fact::Powered, true, "start");
        truth.note(ms(10), "node1", Fact::Powered, false, "chassis control");
        truth.note(ms(20), "node1", Fact::Powered, true, "chassis control");
        truth.note(ms(5), "node2", Fact::Powered, true, "start");
        assert!(truth.was(ms(9), "node1", Fact::Powered));
        assert!(!truth.was(ms(10), "node1", Fact::Powered));
        assert_eq!(truth.all(ms(15), Fact::Powered), ["node2"]);
        assert_eq!(truth.all(ms(25), Fact::Powered), ["node1", "node2"]);
        let first = Span { from: ms(0), to: Some(ms(10)) };
        assert_eq!(truth.spans("node1", Fact::Powered)[0], first);
    }

    #[test]
    fn a_machine_that_begins_off_was_never_on() {
        let mut truth = Truth::default();
        assert!(truth.note(ms(0), "node1", Fact::Powered, false, "start").is_some());
        assert!(!truth.was(ms(0), "node1", Fact::Powered));
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let mut truth = Truth::default();
        let line = truth.note(ms(7), "node\"1", Fact::BmcAlive, true, "start").unwrap();
        assert!(line.to_json().contains(r#""fact":"bmc_alive","is":true"#), "{}", line.to_json());
        assert_eq!(serde_json::from_str::<Line>(&line.to_json()).unwrap(), line);
    }
}

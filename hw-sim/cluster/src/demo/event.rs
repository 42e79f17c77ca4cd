//! What happened, as the journals of the daemons and the simulator tell it.
//!
//! Reads and names events; never decides whether they were right.

use super::node::Node;
pub use palisade_host::journal::What;
use palisade_protocol::time::Instant;
use serde::Deserialize;

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// The simulator, which sees what really happens.
    Simulator,
    /// The agent of a machine.
    Agent(Node),
    /// The fencer of a machine.
    Fencer(Node),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When, on this machine's boot clock.
    pub at: Instant,
    /// The machine it is about (whose power was cut, not who cut it).
    pub node: Node,
    /// What happened.
    pub what: What,
    /// Who says so.
    pub witness: Witness,
    /// For a reader.
    pub detail: String,
}

impl Mark {
    /// An event that the simulator itself caused or saw.
    pub fn seen(at: Instant, node: Node, what: What, detail: impl Into<String>) -> Self {
        Self { at, node, what, witness: Witness::Simulator, detail: detail.into() }
    }

    /// Reads one line of a journal; `None` if it is not an event of one of our machines.
    pub fn from_journal(line: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(line).ok()?;
        let writer = Node::from_name(&line.node)?;
        let node = line.target.as_deref().and_then(Node::from_name).unwrap_or(writer);
        let witness = match line.by.as_str() {
            "agent" => Witness::Agent(writer),
            "fencer" => Witness::Fencer(writer),
            _ => return None,
        };
        Some(Self {
            at: Instant::from_nanos(line.t_ns),
            node,
            what: What::from_name(&line.event)?,
            witness,
            detail: told(&line.by, node, writer, &line.detail),
        })
    }

    /// Milliseconds from `origin`, negative before it.
    pub fn ms_from(&self, origin: Instant) -> f64 {
        signed_ms(origin, self.at)
    }
}

/// Milliseconds from `origin` to `at`, negative if `at` is the earlier.
pub fn signed_ms(origin: Instant, at: Instant) -> f64 {
    if at >= origin {
        at.since(origin).as_secs_f64() * 1e3
    } else {
        -origin.since(at).as_secs_f64() * 1e3
    }
}

/// The journal's line (common to agent and fencer).
#[derive(Deserialize)]
struct Line {
    t_ns: u64,
    node: String,
    by: String,
    event: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    detail: String,
}

/// The detail with its witness, where that is somebody else.
fn told(by: &str, node: Node, writer: Node, detail: &str) -> String {
    let source = if node == writer { by.to_owned() } else { format!("{writer}'s {by}") };
    if detail.is_empty() { source } else { format!("{source}: {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_line_is_about_its_target() {
        let line = r#"{"t_ns":5000000,"node":"node2","by":"fencer","event":"suspected","target":"node1","detail":"300 ms"}"#;
        let mark = Mark::from_journal(line).unwrap();
        assert_eq!((mark.node, mark.witness), (Node::ALL[0], Witness::Fencer(Node::ALL[1])));
        assert_eq!(mark.detail, "node2's fencer: 300 ms");
    }

    #[test]
    fn a_line_without_target_is_about_its_writer() {
        let line = r#"{"t_ns":5,"node":"node3","by":"agent","event":"refused_pet"}"#;
        let mark = Mark::from_journal(line).unwrap();
        assert_eq!((mark.node, mark.what), (Node::ALL[2], What::RefusedPet));
        assert_eq!(mark.detail, "agent");
    }

    #[test]
    fn foreign_lines_are_no_events() {
        for line in ["", "{}", "not json", r#"{"t_ns":5,"node":"mars","event":"fenced"}"#] {
            assert_eq!(Mark::from_journal(line), None, "{line}");
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for what in What::ALL {
            assert_eq!(What::from_name(what.name()), Some(what));
        }
        assert_eq!(What::ALL.iter().filter(|what| what.is_contract()).count(), 13);
    }

    #[test]
    fn time_before_the_fault_is_negative() {
        let fault = Instant::from_millis(100);
        assert!((signed_ms(fault, Instant::from_millis(75)) + 25.0).abs() < 1e-9);
        assert!((signed_ms(fault, Instant::from_millis(125)) - 25.0).abs() < 1e-9);
    }
}

//! The step debugger: a run event by event, each in words, with what it changed.
//!
//! On a terminal it waits for its user after each event; otherwise it tells a number of events and
//! stops. It looks and never touches: the story is the one that a run without it tells.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;

use super::diff::{Flat, changed, flatten};
use super::options::Options;
use super::run::run_watched;
use crate::world::{Event, Watch, World};

/// Lines of a difference beyond which the rest is counted.
const LINES_MAX: usize = 60;

/// Parts of the paths of what nearly every event changes: what came over which link and when, what
/// was sent when, when the next turn is.
const BOOKKEEPING: [&str; 7] = [
    ".peer.heard.",
    ".peer.sent.",
    ".window.",
    ".turned_at",
    ".turn_at",
    ".deadline",
    ".known.heard",
];

/// Arguments of a run that is told event by event.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct StepArgs {
    /// Event by event, each with the states it changed
    #[arg(long)]
    pub(super) step: bool,
    /// Events from here on, in the world's time, e.g. 12.5s
    #[arg(long, value_name = "TIME", value_parser = instant, default_value = "0s", requires = "step")]
    from: Instant,
    /// Events of this node alone
    #[arg(long, value_name = "N", value_parser = node, requires = "step")]
    node: Option<NodeId>,
    /// The bookkeeping of links and timers too
    #[arg(long, requires = "step")]
    all: bool,
    /// How many events to tell where nobody can be asked
    #[arg(long, default_value_t = 50, requires = "step")]
    count: usize,
}

/// Tells the run of `seed` event by event; 0, or 1 if there was none to tell.
pub(super) fn step(seed: u64, options: Options, args: StepArgs) -> ExitCode {
    let asks = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let stepper = Stepper::new(args, asks, Box::new(std::io::stdout()));
    run_watched(seed, options, Some(Box::new(stepper)));
    ExitCode::SUCCESS
}

/// Who tells a run event by event.
struct Stepper {
    args: StepArgs,
    /// Whether somebody can be asked.
    asks: bool,
    /// Events left before somebody is asked, or before the end.
    left: usize,
    out: Box<dyn Write>,
    states: BTreeMap<NodeId, Flat>,
    /// Facts told so far.
    facts: usize,
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stepper").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Stepper {
    fn new(args: StepArgs, asks: bool, out: Box<dyn Write>) -> Self {
        let left = if asks { 1 } else { args.count };
        Self { args, asks, left, out, states: BTreeMap::new(), facts: 0 }
    }

    /// The states of the machines looked at by now, and what differs from the last look.
    fn look(&mut self, world: &World) -> Vec<String> {
        let mut lines = Vec::new();
        let only = self.args.node;
        for node in world.shape().nodes().filter(|node| only.is_none_or(|only| only == *node)) {
            let state = flatten(&format!("node{}", node.get()), &world.state_of(node));
            let before = self.states.insert(node, state);
            if let (Some(before), Some(now)) = (before, self.states.get(&node)) {
                lines.extend(changed(&before, now));
            }
        }
        lines
    }

    fn tell(&mut self, heading: &str, lines: &[String]) {
        let shown = lines.iter().filter(|line| self.args.all || !is_bookkeeping(line));
        let shown: Vec<_> = shown.take(LINES_MAX).collect();
        let more = lines.len() - shown.len();
        let mut text = format!("{heading}\n");
        shown.into_iter().for_each(|line| text.extend(["    ", line.as_str(), "\n"]));
        if more > 0 {
            text.push_str(&format!(
                "    and {more} more changes, of links and timers most often\n"
            ));
        }
        if self.out.write_all(text.as_bytes()).is_err() {
            self.left = 0;
        }
    }

    /// What was noted since the last look, one fact a line.
    fn noted(&mut self, world: &World) -> Vec<String> {
        let fresh = world.facts().get(self.facts..).unwrap_or_default();
        self.facts = world.facts().len();
        fresh.iter().map(|(_, fact)| format!("! {fact}")).collect()
    }

    fn goes_on(&mut self) -> ControlFlow<()> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 && self.asks {
            self.left = asked(&mut self.out);
        }
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Watch for Stepper {
    fn wants(&self, at: Instant, node: Option<NodeId>) -> bool {
        at >= self.args.from && (self.args.node.is_none() || self.args.node == node)
    }

    fn before(&mut self, world: &World) {
        if self.states.is_empty() {
            self.facts = world.facts().len();
        }
        let lines = self.look(world);
        let mut noted = self.noted(world);
        noted.extend(lines);
        if !noted.is_empty() {
            self.tell("meanwhile", &noted);
        }
    }

    fn after(&mut self, world: &World, event: &Event) -> ControlFlow<()> {
        let mut lines = self.noted(world);
        lines.extend(self.look(world));
        self.tell(&format!("{}  event {}: {}", event.at, event.number, event.what), &lines);
        self.goes_on()
    }
}

/// Whether a change is one that nearly every event makes.
fn is_bookkeeping(line: &str) -> bool {
    let path = line.split(": ").next().unwrap_or_default();
    BOOKKEEPING.iter().any(|part| path.contains(part)) && !line.starts_with('!')
}

/// How many events the user wants next; none to end.
fn asked(out: &mut dyn Write) -> usize {
    let mut answer = String::new();
    let prompted = out.write_all(b"[Enter: next, N: so many, q: quit] ").and_then(|()| out.flush());
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (prompted, read, answer.trim()) {
        (Err(_), _, _) | (_, Err(_) | Ok(0), _) | (_, _, "q") => 0,
        (_, _, number) => number.parse().unwrap_or(1),
    }
}

fn instant(text: &str) -> Result<Instant, String> {
    let wrong = || format!("{text} is no time: write 12.5s");
    let (whole, part) = text
        .strip_suffix('s')
        .unwrap_or(text)
        .split_once('.')
        .unwrap_or((text.strip_suffix('s').unwrap_or(text), ""));
    let nanos = format!("{part:0<9}");
    let nanos: u64 = nanos.get(..9).unwrap_or_default().parse().map_err(|_| wrong())?;
    let seconds: u64 = whole.parse().map_err(|_| wrong())?;
    Ok(Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)))
}

fn node(text: &str) -> Result<NodeId, String> {
    let id = text.strip_prefix("node").unwrap_or(text).parse().ok();
    id.and_then(NodeId::new).ok_or_else(|| format!("{text} is no node: write 2 or node2"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::explore::profile::Profile;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn quick() -> Options {
        Options { profile: Some(Profile::LanFast), ..Options::default() }
    }

    fn told(from: &str, node: Option<u8>, count: usize) -> String {
        let node = node.and_then(NodeId::new);
        let args = StepArgs { step: true, from: instant(from).unwrap(), node, all: false, count };
        let paper = Paper::default();
        let stepper = Stepper::new(args, false, Box::new(paper.clone()));
        run_watched(1, quick(), Some(Box::new(stepper)));
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_boot_and_what_follows_are_told_with_what_they_change() {
        let told = told("0s", Some(1), 30);
        assert!(told.contains("node 1 has booted"), "{told}");
        assert!(told.contains("    node1.booted: false -> true"), "{told}");
        assert!(told.contains("node 1 receives from the fencer of node 2"), "{told}");
        assert!(told.contains("peer.known: None -> Known"), "{told}");
        assert!(!told.contains("node 2 has booted"), "{told}");
    }

    #[test]
    fn a_renewal_is_told_with_what_it_says_and_that_it_was_granted() {
        let told = told("12s", Some(1), 60);
        assert!(told.contains("from the agent of node 2") && told.contains("Renew {"), "{told}");
        assert!(told.contains("granted_at: "), "{told}");
        assert!(told.contains("Grant("), "{told}");
    }

    #[test]
    fn so_many_events_are_told_and_no_more() {
        assert_eq!(told("5s", None, 7).matches("  event ").count(), 7);
        let told = told("5.5s", None, 1);
        assert!(told.lines().find(|line| line.contains("  event ")).unwrap().starts_with("5.5"));
    }

    #[test]
    fn to_be_watched_changes_nothing() {
        let node = NodeId::new(9);
        let args = StepArgs { step: true, from: Instant::BOOT, node, all: false, count: 1 };
        let stepper = Stepper::new(args, false, Box::new(std::io::sink()));
        let (watched, _) = run_watched(5, quick(), Some(Box::new(stepper)));
        let (alone, _) = run_watched(5, quick(), None);
        assert_eq!(watched.hash, alone.hash);
    }

    #[test]
    fn a_time_is_read_to_the_nanosecond() {
        assert_eq!(instant("12.5s"), Ok(Instant::from_millis(12_500)));
        assert_eq!(instant("3"), Ok(Instant::from_millis(3_000)));
        assert!(instant("noon").is_err());
    }
}

//! `check` from the command line to the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use palisade_host::clock;
use palisade_protocol::time::Duration;

use super::args::CheckArgs;
use super::milestone::Milestone;
use super::search::{Found, search};
use super::setting::{Menu, Setting};

/// The promises that are judged at every event.
const PROMISES: [&str; 4] = ["S1", "S2", "S3", "S4"];

/// Searches. Exit code 0 if every promise held, 1 with a counterexample in words if not.
pub fn run(args: &CheckArgs) -> ExitCode {
    let ends_at = clock::now() + args.budget;
    let mut all = Vec::new();
    for setting in args.settings() {
        let left = clock::now().until(ends_at);
        if left.is_zero() {
            break;
        }
        let found = search(&setting, left, usize::from(args.threads));
        if !args.json {
            print(&line(&setting, &found));
        }
        let broken = found.counterexample.is_some();
        all.push((setting, found));
        if broken {
            break;
        }
    }
    let held = all.iter().all(|(_, found)| found.counterexample.is_none());
    print(&if args.json { json(&all, held) } else { summary(&all, held) });
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(setting: &Setting, found: &Found) -> String {
    let menu = match setting.menu {
        Menu::Machines => "machines",
        Menu::Frames => "machines and frames",
    };
    format!(
        "{}: {} faults of {menu} in {} ticks: {} runs, {} states, {} unique, depth {}, {:.1} s, {}\n",
        setting.name,
        setting.faults,
        setting.ticks,
        found.runs,
        found.states,
        found.unique,
        found.depth,
        found.took.as_secs_f64(),
        if found.complete { "complete" } else { "not complete" },
    )
}

fn summary(all: &[(Setting, Found)], held: bool) -> String {
    let sum = |figure: fn(&Found) -> u64| all.iter().map(|(_, found)| figure(found)).sum::<u64>();
    let took: Duration = all.iter().map(|(_, found)| found.took).sum();
    let complete = all.iter().filter(|(_, found)| found.complete).count();
    let told = all.iter().filter_map(|(_, found)| found.counterexample.as_ref());
    let stories: String = told
        .map(|(broken, story)| {
            format!("\n{} is broken: {}\n  {}\n", broken.promise, broken.why, story.join("\n  "))
        })
        .collect();
    let reached: Vec<_> = Milestone::ALL
        .iter()
        .map(|milestone| format!("{} {}", milestone.name(), times(all, *milestone)))
        .collect();
    format!(
        "{stories}\nreached: {}\n{} states, {} unique, in {:.1} s; {complete} of {} settings complete; {} {}\n",
        reached.join(", "),
        sum(|found| found.states),
        sum(|found| found.unique),
        took.as_secs_f64(),
        all.len(),
        PROMISES.join(", "),
        if held { "held" } else { "were judged: broken" },
    )
}

fn times(all: &[(Setting, Found)], milestone: Milestone) -> u64 {
    let counts = all.iter().flat_map(|(_, found)| &found.reached);
    counts.filter(|(reached, _)| *reached == milestone).map(|(_, count)| count).sum()
}

fn json(all: &[(Setting, Found)], held: bool) -> String {
    let settings: Vec<_> =
        all.iter().map(|(setting, found)| setting_json(setting, found)).collect();
    let report = serde_json::json!({ "ok": held, "promises": PROMISES, "settings": settings });
    format!("{report}\n")
}

fn setting_json(setting: &Setting, found: &Found) -> serde_json::Value {
    let broken = found.counterexample.as_ref().map(
        |(broken, story)| serde_json::json!({ "promise": broken.promise, "why": broken.why, "story": story }),
    );
    let reached: serde_json::Map<_, _> =
        found.reached.iter().map(|(m, count)| (m.name().to_owned(), (*count).into())).collect();
    serde_json::json!({
        "name": setting.name,
        "members": setting.members,
        "voters": setting.voters,
        "faults": setting.faults,
        "frames": setting.menu == Menu::Frames,
        "ticks": setting.ticks,
        "runs": found.runs,
        "states": found.states,
        "unique": found.unique,
        "depth": found.depth,
        "took_ms": u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
        "complete": found.complete,
        "reached": reached,
        "broken": broken,
    })
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        log::debug!("nobody reads the report: {error}");
    }
}

//! `check` from the command line to the exit code.

use std::io;
use std::process::ExitCode;

use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use super::args::CheckArgs;
use super::milestone::Milestone;
use super::schedule::Schedule;
use super::search::{Counterexample, Found, search};
use super::setting::Setting;
use super::truth::PROMISES;
use crate::mutants;

/// Usage or configuration is wrong.
const USAGE: u8 = 2;

/// What the world around the cores leaves out; at length in the documentation of this module.
const LEFT_OUT: &str = "\
left out: frames lost, late, repeated or overtaken one by one beyond the faults of a run (any loss \
only where a line says so); faults of other lengths than the menu lists; time between ticks of 30 \
ms; clocks that wander; a second link; bytes and tags; a BMC that misreads twice; boots, disks and \
BMCs slower than a fault makes them; pauses of virtual machines that vote; of the cores: nothing
";

/// Whether every promise held.
type Held = bool;

/// Searches, or tells one run. Exit code 0 if every promise held, 1 with a counterexample in words
/// if not, 2 if there is nothing of that name.
pub fn run(args: &CheckArgs) -> ExitCode {
    match obey(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            write(io::stderr().lock(), &format!("{error}\n"));
            ExitCode::from(USAGE)
        }
    }
}

fn obey(args: &CheckArgs) -> Result<Held, String> {
    if args.list_mutants {
        mutants::names().iter().for_each(|(name, rule)| print(&format!("{name}: {rule}\n")));
        return Ok(true);
    }
    args.mutant.as_ref().map_or(Ok(()), |name| mutants::choose(name))?;
    let settings = args.settings();
    let first = settings.first().ok_or("no setting has such a line; --list names them all")?;
    if args.list {
        settings.iter().for_each(|setting| print(&format!("{}\n", setting.label())));
        return Ok(true);
    }
    match &args.schedule {
        Some(schedule) => tell(first, schedule),
        None => Ok(search_all(args, &settings)),
    }
}

fn tell(setting: &Setting, schedule: &Schedule) -> Result<Held, String> {
    let (broken, story) = schedule.tell(setting)?;
    print(&format!("{}\n  {}\n", setting.label(), story.join("\n  ")));
    let verdict = broken.as_ref().map_or_else(
        || format!("{} held", PROMISES.join(", ")),
        |broken| format!("{} is broken: {}", broken.promise, broken.why),
    );
    print(&format!("{verdict}\n"));
    Ok(broken.is_none())
}

fn search_all(args: &CheckArgs, settings: &[Setting]) -> Held {
    let ends_at = args.budget.map_or(Instant::NEVER, |budget| clock::now() + budget);
    let mut all: Vec<(&Setting, Found)> = Vec::new();
    for setting in settings {
        let left = clock::now().until(ends_at);
        if left.is_zero() || all.iter().any(|(_, found)| found.counterexample.is_some()) {
            break;
        }
        let found = search(setting, left, usize::from(args.threads));
        if !args.json {
            print(&line(setting, &found));
        }
        all.push((setting, found));
    }
    let held = all.iter().all(|(_, found)| found.counterexample.is_none());
    let text = if args.json {
        json(args, &all, settings.len())
    } else {
        summary(args, &all, settings.len())
    };
    print(&text);
    held
}

fn line(setting: &Setting, found: &Found) -> String {
    let verdict = match &found.counterexample {
        Some(Counterexample { broken, .. }) => format!("{} is broken", broken.promise),
        None if found.complete => "complete".to_owned(),
        None => "not complete".to_owned(),
    };
    format!(
        "{}: {} runs, {} states, {} unique, depth {}, {:.1} s, {verdict}\n",
        setting.label(),
        found.runs,
        found.states,
        found.unique,
        found.depth,
        found.took.as_secs_f64(),
    )
}

fn summary(args: &CheckArgs, all: &[(&Setting, Found)], planned: usize) -> String {
    let stories: String = all.iter().map(|(setting, found)| story(args, setting, found)).collect();
    let sum = |figure: fn(&Found) -> u64| all.iter().map(|(_, found)| figure(found)).sum::<u64>();
    let took: Duration = all.iter().map(|(_, found)| found.took).sum();
    let complete = all.iter().filter(|(_, found)| found.complete).count();
    let depth = all.iter().map(|(_, found)| found.depth).max().unwrap_or(0);
    let held = stories.is_empty();
    format!(
        "{stories}\nreached: {}\njudged: {}\n{LEFT_OUT}{} states, {} unique, depth {depth}, in {:.1} s; \
         {complete} of {planned} settings complete; {}\n",
        list(&reached(all)),
        list(&judged(all)),
        sum(|found| found.states),
        sum(|found| found.unique),
        took.as_secs_f64(),
        if held { "every promise held" } else { "a promise is broken" },
    )
}

fn story(args: &CheckArgs, setting: &Setting, found: &Found) -> String {
    let Some(Counterexample { broken, schedule, story }) = &found.counterexample else {
        return String::new();
    };
    let (promise, why, story) = (broken.promise, &broken.why, story.join("\n  "));
    let again = args.again(setting);
    format!(
        "\n  {story}\n\n{promise} is broken: {why}\n\
         replay: palisade-sim check{again} --schedule \"{schedule}\"\n"
    )
}

fn reached(all: &[(&Setting, Found)]) -> Vec<(&'static str, u64)> {
    let times = |milestone: Milestone| {
        let counts = all.iter().flat_map(|(_, found)| &found.reached);
        counts.filter(|(reached, _)| *reached == milestone).map(|(_, count)| count).sum()
    };
    Milestone::ALL.into_iter().map(|milestone| (milestone.name(), times(milestone))).collect()
}

fn judged(all: &[(&Setting, Found)]) -> Vec<(&'static str, u64)> {
    let times = |promise: &str| {
        let counts = all.iter().flat_map(|(_, found)| &found.judged);
        counts.filter(|(judged, _)| *judged == promise).map(|(_, count)| count).sum()
    };
    PROMISES.into_iter().map(|promise| (promise, times(promise))).collect()
}

fn list(counts: &[(&'static str, u64)]) -> String {
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn json(args: &CheckArgs, all: &[(&Setting, Found)], planned: usize) -> String {
    let settings: Vec<_> =
        all.iter().map(|(setting, found)| setting_json(args, setting, found)).collect();
    let held = all.iter().all(|(_, found)| found.counterexample.is_none());
    let complete = all.iter().filter(|(_, found)| found.complete).count();
    let report = serde_json::json!({
        "ok": held,
        "promises": PROMISES,
        "complete": complete == planned,
        "planned": planned,
        "settings": settings,
    });
    format!("{report}\n")
}

fn setting_json(args: &CheckArgs, setting: &Setting, found: &Found) -> serde_json::Value {
    let map = |counts: Vec<(&'static str, u64)>| {
        let map = counts.into_iter().map(|(name, count)| (name.to_owned(), count.into()));
        serde_json::Value::Object(map.collect())
    };
    let broken = found.counterexample.as_ref().map(|c| {
        serde_json::json!({
            "promise": c.broken.promise,
            "why": c.broken.why,
            "replay": format!("palisade-sim check{} --schedule \"{}\"", args.again(setting), c.schedule),
            "story": c.story,
        })
    });
    serde_json::json!({
        "name": setting.name,
        "line": setting.label(),
        "members": setting.members,
        "voters": setting.voters,
        "faults": setting.faults,
        "frames": setting.menu.has_frames(),
        "ticks": setting.ticks,
        "runs": found.runs,
        "states": found.states,
        "unique": found.unique,
        "depth": found.depth,
        "took_ms": u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
        "complete": found.complete,
        "reached": map(found.reached.iter().map(|(m, count)| (m.name(), *count)).collect()),
        "judged": map(found.judged.clone()),
        "broken": broken,
    })
}

fn print(text: &str) {
    write(io::stdout().lock(), text);
}

fn write(mut out: impl io::Write, text: &str) {
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        log::debug!("nobody reads the report: {error}");
    }
}

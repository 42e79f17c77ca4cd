//! The run as one line of JSON: a contract with scripts. Nothing for readers.

use super::event::Mark;
use super::judge::{Verdict, all_held};
use super::run::Run;
use serde::Serialize;

/// The last line of `--json`.
///
/// `node` is the machine an event is about; `t_ms` counts whole milliseconds from the fault. Only
/// events of the contract are listed, from the fault on, each with every witness.
pub fn line(run: &Run, verdicts: &[Verdict]) -> String {
    let from = run.origin();
    let marks = run.marks.iter().filter(|mark| mark.what.is_contract() && mark.at >= from);
    let report = Report {
        scenario: run.scenario.name,
        ok: all_held(verdicts),
        seed: run.seed,
        events: marks.map(|mark| event(run, mark)).collect(),
    };
    serde_json::to_string(&report).unwrap_or_else(|_| "{}".to_owned())
}

#[derive(Serialize)]
struct Report {
    scenario: &'static str,
    ok: bool,
    seed: u64,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    t_ms: i64,
    node: String,
    event: &'static str,
    detail: String,
}

fn event(run: &Run, mark: &Mark) -> Event {
    Event {
        t_ms: whole_ms(mark.ms_from(run.origin())),
        node: mark.node.name(),
        event: mark.what.name(),
        detail: mark.detail.clone(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a demo lasts seconds; `as` saturates")]
fn whole_ms(ms: f64) -> i64 {
    ms.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::judge::judge;
    use crate::demo::sample;

    #[test]
    fn the_line_has_the_keys_of_the_contract_and_no_others() {
        let run = sample::kill();
        let line = line(&run, &judge(&run));
        assert!(
            line.starts_with(r#"{"scenario":"kill","ok":true,"seed":7,"events":[{"t_ms":"#),
            "{line}"
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let event = value["events"].as_array().unwrap().last().unwrap();
        let mut keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["detail", "event", "node", "t_ms"]);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn events_outside_the_contract_are_left_out() {
        let run = sample::kill();
        assert!(run.marks.iter().any(|mark| !mark.what.is_contract()));
        assert!(!line(&run, &judge(&run)).contains("\"started\""));
    }
}

//! What stands below the timeline: measured times beside their bounds, and each promise with its
//! evidence. Words only; the judgement is made elsewhere.

use super::event::What;
use super::judge::{Fate, Verdict, all_held, ms, proof_bound};
use super::numbers::{BEAT, HOST, PROMISE, SUSPECT_AFTER};
use super::run::Run;
use super::scenario::{Act, Ending, ProofKind};
use super::timeline::Paint;
use palisade_protocol::time::Duration;
use std::fmt::Write as _;

/// The whole summary, several lines.
pub fn text(paint: Paint, run: &Run, verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    for row in measured(run) {
        push(&mut out, &row);
    }
    for verdict in verdicts {
        push(&mut out, &promise(paint, verdict));
    }
    push(&mut out, &last(paint, run, verdicts));
    out
}

fn push(out: &mut String, line: &str) {
    // Writing to a String cannot fail.
    writeln!(out, "{line}").unwrap_or_default();
}

/// Measured times beside their bounds; empty where nobody is to be fenced.
fn measured(run: &Run) -> Vec<String> {
    let Ending::Replaced(proof) = run.scenario.ending else { return Vec::new() };
    let mut rows = vec!["                 measured      bound".to_owned()];
    if !run.scenario.does(Act::ServiceFails) {
        rows.push(row(run, "suspected", What::Suspected, Some(SUSPECT_AFTER + BEAT + HOST)));
    }
    if proof == ProofKind::PowerOff {
        rows.push(row(run, "power read off", What::OffVerified, Some(proof_bound(run, proof).0)));
    }
    rows.push(row(run, "proof", What::Fenced, Some(proof_bound(run, proof).0)));
    rows.push(promoted(run));
    rows.push(format!(
        "  {:<14} {:>8}   {:>8}   without any BMC",
        "lease end",
        "",
        ms(PROMISE + BEAT)
    ));
    rows
}

fn row(run: &Run, name: &str, what: What, bound: Option<Duration>) -> String {
    let took = run.victim_first(what).map(|mark| mark.at.since(run.origin()));
    format!("  {name:<14} {:>8}   {:>8}", shown(took), shown(bound))
}

fn promoted(run: &Run) -> String {
    let mark = run.marks.iter().find(|mark| mark.what == What::Promoted && mark.at >= run.origin());
    format!("  {:<14} {:>8}", "service back", shown(mark.map(|mark| mark.at.since(run.origin()))))
}

fn shown(span: Option<Duration>) -> String {
    span.map_or_else(|| "-".to_owned(), ms)
}

fn promise(paint: Paint, verdict: &Verdict) -> String {
    let fate = match verdict.fate {
        Fate::Held => paint.good(true, "held    "),
        Fate::Broken => paint.good(false, "BROKEN  "),
        Fate::Untested => paint.dim("untested"),
    };
    format!("  {:<3}  {:<16} {fate}  {}", verdict.promise, verdict.title, verdict.evidence)
}

fn last(paint: Paint, run: &Run, verdicts: &[Verdict]) -> String {
    let good = all_held(verdicts);
    let broken = |verdict: &&Verdict| verdict.fate == Fate::Broken && verdict.promise != "end";
    let word = match verdicts.iter().filter(broken).count() {
        0 if good => "every promise put to the test held".to_owned(),
        0 => "the expected end was not reached".to_owned(),
        1 => "a promise was broken".to_owned(),
        many => format!("{many} promises were broken"),
    };
    format!("{}: {}", run.scenario.name, paint.good(good, &word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::judge::judge;
    use crate::demo::sample;

    #[test]
    fn the_summary_sets_measured_times_beside_their_bounds() {
        let run = sample::kill();
        let text = text(Paint::Plain, &run, &judge(&run));
        assert!(text.contains("proof            791 ms"), "{text}");
        assert!(text.contains("service back     799 ms"), "{text}");
        assert!(text.contains("S1   one owner        held"), "{text}");
        assert!(text.ends_with("kill: every promise put to the test held\n"), "{text}");
    }
}

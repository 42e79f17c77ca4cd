//! From the fault to the proof, measured over many runs of the demo.
//!
//! `cargo bench -p palisade-tests --bench failover [-- RUNS [SCENARIO]]`, by default 20 runs of
//! `kill`. Prints; judges nothing: the demo itself holds each run to the promises, and a run that
//! does not is counted and left out.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use palisade_tests::programs;
use palisade_tests::series::Series;
use serde_json::Value;

type Failure = Box<dyn Error>;

/// Spans between two events about the node that was hit, or, for the last, about any node.
const SPANS: [(&str, &str, &str); 8] = [
    ("fault to suspicion", "fault", "suspected"),
    ("suspicion to warrant", "suspected", "warrant"),
    ("warrant to order", "warrant", "off_sent"),
    ("order to off verified", "off_sent", "off_verified"),
    ("warrant to off verified", "warrant", "off_verified"),
    ("fault to off verified", "fault", "off_verified"),
    ("fault to proof", "fault", "fenced"),
    ("fault to service", "fault", "promoted"),
];

fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runs = words.first().map_or(Ok(20), |word| word.parse())?;
    let scenario = words.get(1).map_or("kill", String::as_str);
    let demo = programs::released("palisade-sim", "palisade-sim")?;
    let (mut spans, mut bad) = (SPANS.map(|_| Series::default()), 0);
    for seed in 0..runs {
        let report = play(&demo, scenario, seed)?;
        if report["ok"] == true {
            measure(&report, &mut spans);
        } else {
            bad += 1;
        }
    }
    println!("{runs} runs of {scenario}, {bad} of them left out, in milliseconds");
    for ((name, _, _), series) in SPANS.iter().zip(&spans) {
        println!("{name:<24} {series}");
    }
    Ok(())
}

fn play(demo: &Path, scenario: &str, seed: u32) -> Result<Value, Failure> {
    let mut command = Command::new(demo);
    command.args(["demo", "--json", "--scenario", scenario, "--seed", &seed.to_string()]);
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().ok_or_else(|| format!("the demo says nothing: {complaint}"))?;
    Ok(serde_json::from_str(last)?)
}

fn measure(report: &Value, spans: &mut [Series]) {
    for ((_, from, to), series) in SPANS.iter().zip(spans) {
        if let (Some(from), Some(to)) = (first(report, from), first(report, to)) {
            series.push(to - from);
        }
    }
}

/// Milliseconds from the fault to the first event of that name; the fault itself is event 0.
fn first(report: &Value, event: &str) -> Option<f64> {
    let rows = report["events"].as_array()?.iter().filter(|row| row["event"] == event);
    rows.filter_map(|row| row["t_ms"].as_f64()).find(|t_ms| *t_ms >= 0.0)
}

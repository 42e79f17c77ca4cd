//! The demo as people and scripts start it: the real binary, its exit code and its last line.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use serde_json::Value;
use std::process::{Command, Output};

fn demo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-sim"));
    command.arg("demo").args(args).output().expect("the binary starts")
}

/// Plays a scenario and returns its report; panics with everything it said if it does not end well.
fn played(scenario: &str) -> Value {
    let output = demo(&["--scenario", scenario, "--seed", "7", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let report: Value =
        serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {output:?}"));
    assert!(output.status.success(), "{scenario}: {}\n{report:#}", output.status);
    assert_eq!((&report["ok"], &report["scenario"]), (&Value::Bool(true), &scenario.into()));
    report
}

/// Milliseconds of the first event of that name about that node.
fn first(report: &Value, node: &str, event: &str) -> Option<i64> {
    let events = report["events"].as_array().expect("a list of events");
    let found = events.iter().filter(|row| row["node"] == node && row["event"] == event);
    found.filter_map(|row| row["t_ms"].as_i64()).find(|t_ms| *t_ms >= 0)
}

#[test]
fn a_killed_node_is_powered_off_before_its_service_starts_elsewhere() {
    let report = played("kill");
    let order = ["fault", "suspected", "warrant", "off_sent", "off_verified", "fenced"];
    let times = order.map(|event| first(&report, "node1", event).expect(event));
    assert!(times.is_sorted(), "{times:?}");
    let promoted = first(&report, "node2", "promoted").expect("promoted");
    assert!(promoted >= times[5] && promoted < 1_600, "{promoted} after {times:?}");
    assert!(first(&report, "node1", "admitted").is_some_and(|back| back > promoted));
}

#[test]
fn a_node_that_died_with_its_bmc_is_replaced_when_its_lease_has_expired() {
    let report = played("bmc-dead");
    assert_eq!(first(&report, "node1", "off_verified"), None);
    let fenced = first(&report, "node1", "fenced").expect("fenced");
    assert!((1_500..2_000).contains(&fenced), "{fenced}");
}

#[test]
fn one_cut_link_fences_nobody() {
    let report = played("one-link");
    for node in ["node1", "node2", "node3"] {
        for event in ["suspected", "warrant", "off_sent", "fenced", "self_reset", "promoted"] {
            assert_eq!(first(&report, node, event), None, "{node} {event}");
        }
    }
}

#[test]
fn an_unknown_scenario_is_a_usage_error() {
    let output = demo(&["--scenario", "flood"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bmc-dead"));
}

#[test]
fn the_list_names_every_scenario() {
    let output = demo(&["--list"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 11);
}

//! An audit as a table for people, or a line of JSON for each node.

use serde_json::{Value, json};

use super::Audit;
use super::finding::Finding;

/// A heading for each node and a line for each finding.
pub(super) fn text(audits: &[Audit]) -> String {
    audits.iter().map(of_node).collect()
}

/// A JSON object and a line end for each node.
pub(super) fn json(audits: &[Audit]) -> String {
    audits.iter().map(|audit| format!("{}\n", value(audit))).collect()
}

fn of_node(audit: &Audit) -> String {
    let lines: String = audit.findings.iter().map(line).collect();
    let bmc = audit.bmc.as_ref().map(|bmc| format!(", bmc {bmc}")).unwrap_or_default();
    format!("{}{bmc}\n{lines}", audit.node)
}

fn line(finding: &Finding) -> String {
    let Finding { check, grade, says, remedy } = finding;
    let remedy = if remedy.is_empty() { String::new() } else { format!("\n{:19}{remedy}", "") };
    format!("  {:5}{check:12}{says}{remedy}\n", grade.word())
}

fn value(audit: &Audit) -> Value {
    let seen = audit.facts.as_ref().map(|facts| &facts.seen);
    let ms = |span: std::time::Duration| (span.as_secs_f64() * 1e6).round() / 1e3;
    let findings: Vec<Value> = audit.findings.iter().map(of_finding).collect();
    json!({
        "node": audit.node,
        "bmc": audit.bmc,
        "grade": audit.worst().word(),
        "guid": seen.map(|seen| seen.guid.to_string()),
        "login_ms": seen.map(|seen| ms(seen.login)),
        "round_trip_ms": seen.map(|seen| ms(seen.round_trip)),
        "findings": findings,
    })
}

fn of_finding(finding: &Finding) -> Value {
    let Finding { check, grade, says, remedy } = finding;
    json!({"check": check, "grade": grade.word(), "says": says, "remedy": remedy})
}

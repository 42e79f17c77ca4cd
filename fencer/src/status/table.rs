//! A status as a table that a person reads at three in the morning.
//!
//! Pure text: no colour, no cursor, no terminal width.

use super::advice::percent;
use super::{BmcStatus, Heard, Member, MemberState, NodeStatus, Status, Voter, span};

/// The whole table, with a line break at its end.
pub fn table(status: &Status) -> String {
    let parts = [head(status), nodes(status), heard(status), cases(status), to_do(status)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(status: &Status) -> String {
    let Status { cluster, node, voters, voters_heard, stand, .. } = status;
    let quorum = if *voters_heard >= status.majority() { "majority" } else { "NO MAJORITY" };
    format!(
        "cluster {cluster}, seen from {node}: {stand}; {voters_heard} of {voters} fencers heard ({quorum})\n"
    )
}

fn nodes(status: &Status) -> String {
    let mut rows = vec![row(["NODE", "AGENT", "LEASE", "HEALTH", "WATCHDOG", "POWER"])];
    rows.extend(status.nodes.iter().map(node_row));
    columns(&rows)
}

fn node_row(node: &NodeStatus) -> Vec<String> {
    let member = node.member.as_ref();
    let living = member.filter(|member| !is_over(member.state));
    vec![
        node.name.clone(),
        member.map_or("(none)".to_owned(), |member| member.state.to_string()),
        living.map_or_else(dash, lease),
        living.and_then(|member| member.health.clone()).unwrap_or_else(dash),
        living.map_or_else(dash, dog),
        node.bmc.as_ref().map_or("no BMC".to_owned(), power),
    ]
}

/// Whether what is known of a member is of a life that is over.
const fn is_over(state: MemberState) -> bool {
    match state {
        MemberState::Unseen | MemberState::Fenced | MemberState::Left => true,
        MemberState::Member | MemberState::Silent | MemberState::Condemned => false,
    }
}

fn lease(member: &Member) -> String {
    match member.lease_left_ms {
        None => dash(),
        Some(0) => "expired".to_owned(),
        Some(left) => format!("{} left", span(left)),
    }
}

fn dog(member: &Member) -> String {
    let Some(dog) = &member.dog else { return dash() };
    let armed = if dog.armed { "armed" } else { "NOT ARMED" };
    let trust = if dog.certified { "" } else { ", not certified" };
    format!("{armed}, {} within {}{trust}", dog.class, span(dog.fire_ms))
}

fn power(bmc: &BmcStatus) -> String {
    let on = match bmc.on {
        Some(true) => "on, ",
        Some(false) => "OFF, ",
        None => "",
    };
    let can = match bmc.ready {
        Some(true) => "can be cut",
        Some(false) => "CANNOT BE CUT",
        None => "not tried yet",
    };
    let age = bmc.checked_ms.map_or(String::new(), |ms| format!(" ({} ago)", span(ms)));
    format!("{on}{can}{age}")
}

fn heard(status: &Status) -> String {
    let mut first = vec!["HEARD".to_owned()];
    first.extend(status.links.iter().cloned());
    let mut rows = vec![first];
    for node in &status.nodes {
        rows.extend(node.member.iter().map(|member| heard_row(node, "agent", &member.heard)));
        let others = node.voter.iter().filter(|voter| !voter.me);
        rows.extend(others.map(|voter| heard_row(node, fencer(voter), &voter.heard)));
    }
    columns(&rows)
}

const fn fencer(voter: &Voter) -> &'static str {
    if voter.holding { "fencer (just started)" } else { "fencer" }
}

fn heard_row(node: &NodeStatus, who: &str, heard: &[Heard]) -> Vec<String> {
    let mut row = vec![format!("{} {who}", node.name)];
    row.extend(heard.iter().map(heard_cell));
    row
}

fn heard_cell(heard: &Heard) -> String {
    let Some(last) = heard.last_ms else { return "never".to_owned() };
    let loss =
        heard.loss_permille.map_or(String::new(), |loss| format!(", loss {}", percent(loss)));
    format!("{} ago{loss}", span(last))
}

fn cases(status: &Status) -> String {
    let mut text = String::new();
    for case in &status.cases {
        let (name, since) = (&case.node, span(case.since_ms));
        text += &format!("FENCING {name}: {} ({since}); because: {}\n", case.state, case.reason);
        text += &case.last_report.as_ref().map_or(String::new(), |last| format!("    {last}\n"));
    }
    for raise in &status.raises {
        let (name, since) = (&raise.node, span(raise.since_ms));
        let last = raise.last_report.as_ref().map_or(String::new(), |last| format!("; {last}"));
        text += &format!("REBOOT {name} by a cluster manager: {} ({since}){last}\n", raise.state);
    }
    for node in &status.nodes {
        let old = node.verdict.as_ref().filter(|_| status.case(&node.name).is_none());
        let ago = |at: u64| span(status.at_ns.saturating_sub(at) / 1_000_000);
        text += &old.map_or(String::new(), |verdict| {
            format!("LAST CASE {} ({} ago): {}\n", node.name, ago(verdict.at_ns), verdict.detail)
        });
    }
    text
}

fn to_do(status: &Status) -> String {
    if status.advice.is_empty() {
        return "TO DO: nothing, all is well\n".to_owned();
    }
    let lines = status.advice.iter().map(|line| format!("  * {line}\n"));
    format!("TO DO:\n{}", lines.collect::<String>())
}

fn dash() -> String {
    "-".to_owned()
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Rows of cells, each column as wide as its widest cell.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::{CaseStatus, Dog, Stand};
    use super::*;

    #[test]
    fn the_table_says_who_is_being_fenced_and_why() {
        let shown = table(&troubled());
        for expected in [
            "cluster pair, seen from node1: serving; 2 of 3 fencers heard (majority)",
            "node3  CONDEMNED  expired",
            "armed, physical within 1.0 s",
            "on, CANNOT BE CUT (4.0 s ago)",
            "node3 agent   650 ms ago, loss 1.5 %",
            "FENCING node3: off sent (351 ms); because: silent for 302 ms",
            "TO DO:\n  * node3: look",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
    }

    #[test]
    fn a_quiet_night_ends_with_nothing_to_do() {
        let shown = table(&Status { advice: Vec::new(), ..troubled() });
        assert!(shown.ends_with("TO DO: nothing, all is well\n"), "{shown}");
    }

    fn troubled() -> Status {
        let dog = Dog { armed: true, class: "physical".into(), fire_ms: 1_000, certified: true };
        let heard = Heard { last_ms: Some(650), loss_permille: Some(15) };
        let member = Member {
            state: MemberState::Condemned,
            lease_left_ms: Some(0),
            health: Some("running".into()),
            dog: Some(dog),
            heard: vec![heard, Heard::default()],
            ..Member::default()
        };
        let bmc = BmcStatus {
            ready: Some(false),
            on: Some(true),
            checked_ms: Some(4_000),
            ..BmcStatus::default()
        };
        let node = NodeStatus {
            name: "node3".into(),
            id: 3,
            member: Some(member),
            voter: Some(Voter::default()),
            bmc: Some(bmc),
            verdict: None,
        };
        let case = CaseStatus {
            node: "node3".into(),
            state: "off sent".into(),
            reason: "silent for 302 ms".into(),
            since_ms: 351,
            last_report: None,
        };
        Status {
            cluster: "pair".into(),
            node: "node1".into(),
            voters: 3,
            voters_heard: 2,
            stand: Stand::Serving,
            links: vec!["ring0".into(), "ring1".into()],
            nodes: vec![node],
            cases: vec![case],
            advice: vec!["node3: look".into()],
            ..Status::default()
        }
    }
}

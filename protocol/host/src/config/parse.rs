//! The whole file: sections, defaults, and the rules that hold across nodes.

use std::path::PathBuf;

use palisade_protocol::ids::{CASES_MAX, FENCES_REMEMBERED, LINKS_MAX, NODES_MAX};
use palisade_protocol::time::Duration;
use toml_edit::Table;

use super::cluster::Cluster;
use super::node::Node;
use super::parse_node::{Claims, node};
use super::register::Register;
use super::section::{Section, Sheet};
use super::settings::{AgentSettings, FencerSettings, Hooks, Link, Profile};
use super::timing;

/// Numbers of voters with which a majority is more than half and no vote is wasted.
const VOTERS_ALLOWED: [usize; 4] = [1, 3, 5, 7];

/// Reads everything; marks every mistake on the sheet. Nothing only if something was marked.
pub(super) fn cluster(sheet: &Sheet<'_>, table: &Table) -> Option<Cluster> {
    let mut root = Section::root(sheet, table);
    let (name, profile, line) = identity(root.section("cluster"));
    let timing = timing::read(root.section("timing"), profile);
    let agent = agent(root.section("agent"));
    let fencer = fencer(root.section("fencer"));
    if agent.control_socket == fencer.control_socket {
        sheet.mark(line, "fencer.control_socket", "the agent's", "a socket of its own");
    }
    let hooks = hooks(root.section("hooks"));
    let links = links(sheet, &mut root, line);
    let nodes = nodes(sheet, &mut root, line, links.len());
    root.close();
    let timing = timing::settle(sheet, timing, nodes.as_deref().unwrap_or_default());
    Some(Cluster {
        name: name?,
        profile,
        timing: timing?,
        agent,
        fencer,
        hooks,
        links,
        nodes: nodes?,
        warnings: Vec::new(),
    })
}

/// Whether `text` can be the name of a cluster, node or link.
pub(super) fn is_name(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(letters)
}

/// What [`is_name`] accepts, in words.
pub(super) const NAME_ALLOWED: &str = "1 to 32 characters of a-z, 0-9 and -";

fn identity(mut section: Section<'_>) -> (Option<String>, Profile, usize) {
    let name = name(&mut section);
    let all = [Profile::LanFast, Profile::Lan, Profile::Wan].map(|it| (it.name(), it));
    let profile = section.choice("profile", &all).unwrap_or_default();
    let line = section.line();
    section.close();
    (name, profile, line)
}

fn name(section: &mut Section<'_>) -> Option<String> {
    let accept = |text: &str| is_name(text).then(|| text.to_owned());
    let read = |section: &mut Section<'_>, allowed: &str| section.parsed("name", allowed, accept);
    section.needed("name", NAME_ALLOWED, read).map(|found| found.value)
}

fn agent(mut section: Section<'_>) -> AgentSettings {
    let settings = AgentSettings {
        key_file: path_or(&mut section, "key_file", "/etc/palisade/{node}.key"),
        state_dir: path_or(&mut section, "state_dir", "/var/lib/palisade"),
        journal: path_or(&mut section, "journal", "/var/lib/palisade/agent.jsonl"),
        control_socket: path_or(&mut section, "control_socket", "/run/palisade/agent.sock"),
        realtime: section.flag("realtime").unwrap_or(true),
    };
    section.close();
    settings
}

fn fencer(mut section: Section<'_>) -> FencerSettings {
    let settings = FencerSettings {
        key_file: path_or(&mut section, "key_file", "/etc/palisade/{node}.key"),
        state_dir: path_or(&mut section, "state_dir", "/var/lib/palisade"),
        journal: path_or(&mut section, "journal", "/var/lib/palisade/fencer.jsonl"),
        control_socket: path_or(&mut section, "control_socket", "/run/palisade/fencer.sock"),
        power_on: section.flag("power_on").unwrap_or(true),
        fences_per_hour_max: section
            .small("fences_per_hour_max", 1..=FENCES_REMEMBERED)
            .unwrap_or(3),
        fences_at_once_max: section.small("fences_at_once_max", 1..=CASES_MAX).unwrap_or(1),
    };
    section.close();
    settings
}

fn hooks(mut section: Section<'_>) -> Hooks {
    let hooks = Hooks {
        on_lost: section.path("on_lost"),
        on_fenced: section.path("on_fenced"),
        on_failed: section.path("on_failed"),
        on_rejoined: section.path("on_rejoined"),
        timeout: section.millis("timeout_ms", 100..=3_600_000).unwrap_or(Duration::from_secs(10)),
    };
    section.close();
    hooks
}

fn path_or(section: &mut Section<'_>, key: &'static str, default: &str) -> PathBuf {
    section.path(key).unwrap_or_else(|| PathBuf::from(default))
}

fn links(sheet: &Sheet<'_>, root: &mut Section<'_>, line: usize) -> Vec<Link> {
    let sections = root.sections("link");
    let mut names = Register::new();
    match sections.len() {
        count @ 1..=LINKS_MAX => {
            if count == 1 {
                sheet.warn(
                    line,
                    "one link only: its failure takes every lease with it; add another",
                );
            }
        }
        count => {
            let allowed = format!("1 to {LINKS_MAX} tables [[link]]");
            root.mark(line, "link", &format!("{count} links"), &allowed);
        }
    }
    sections.into_iter().map(|section| link(section, &mut names)).collect()
}

fn link(mut section: Section<'_>, names: &mut Register) -> Link {
    let name = name(&mut section).unwrap_or_default();
    if !name.is_empty() {
        names.claim(&section, "name", section.line_of("name"), &name);
    }
    section.close();
    Link { name }
}

/// The nodes; nothing if one of them has a mistake that leaves it without name, id or key.
fn nodes(
    sheet: &Sheet<'_>,
    root: &mut Section<'_>,
    line: usize,
    links: usize,
) -> Option<Vec<Node>> {
    let sections = root.sections("node");
    if !(1..=NODES_MAX).contains(&sections.len()) {
        let allowed = format!("1 to {NODES_MAX} tables [[node]]");
        root.mark(line, "node", &format!("{} nodes", sections.len()), &allowed);
    }
    let mut claims = Claims::new();
    let nodes: Vec<Option<Node>> =
        sections.into_iter().map(|section| node(sheet, section, links, &mut claims)).collect();
    judge_roles(sheet, line, &claims);
    nodes.into_iter().collect()
}

fn judge_roles(sheet: &Sheet<'_>, line: usize, claims: &Claims) {
    let voters = claims.voters;
    if !VOTERS_ALLOWED.contains(&voters) {
        let allowed = "1, 3, 5 or 7 nodes with fencer = true (an even one more cannot outvote)";
        sheet.mark(line, "node", &format!("{voters} voters"), allowed);
    }
    if voters == 1 {
        sheet.warn(line, "one voter only: when it is down, no node keeps its lease; run three");
    }
    if claims.members == 0 {
        sheet.mark(line, "node", "no node with an agent", "at least one with agent = true");
    }
}

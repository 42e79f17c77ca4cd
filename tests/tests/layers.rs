//! Which crate may lean on which: every crate that the pure ones link, and the directions between
//! ours.
//!
//! The allow lists stand in `layers/`, one name a line. Asks cargo; builds nothing.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use palisade_tests::tree;
use serde_json::Value;

/// One target for all machines, so that the lists are the same everywhere.
const TARGET: &str = "x86_64-unknown-linux-gnu";

type Names = BTreeSet<String>;

#[test]
fn the_protocol_links_only_what_is_allowed() {
    hold_to_list("palisade-protocol");
}

#[test]
fn the_agents_rules_link_only_what_is_allowed() {
    hold_to_list("palisade-agent-core");
}

#[test]
fn the_fencers_rules_link_only_what_is_allowed() {
    hold_to_list("palisade-fencer-core");
}

#[test]
fn the_ipmi_protocol_links_only_what_is_allowed() {
    hold_to_list("palisade-ipmi");
}

#[test]
fn the_protocol_leans_on_none_of_ours() {
    let reached = reached_from("palisade-protocol");
    assert_eq!(reached, Names::new(), "palisade-protocol is the ground that all stand on");
}

#[test]
fn the_rules_know_the_protocol_and_nothing_else_of_ours() {
    let protocol = Names::from(["palisade-protocol".to_owned()]);
    for core in ["palisade-agent-core", "palisade-fencer-core"] {
        assert_eq!(reached_from(core), protocol, "{core}: rules are told, they never ask a host");
    }
}

#[test]
fn the_ipmi_protocol_has_no_socket_and_no_clock() {
    let why = "it is told the time and given the bytes";
    forbid("palisade-ipmi", &["palisade-host", "palisade-hw", "palisade-sim"], why);
}

#[test]
fn models_of_hardware_know_no_rule() {
    let rules =
        ["palisade-agent-core", "palisade-fencer-core", "palisade-agent", "palisade-fencer"];
    forbid("palisade-hw", &rules, "a model that knows the rules proves nothing about them");
}

#[test]
fn agent_and_fencer_never_lean_on_each_other() {
    let why = "they share a protocol, so that one fault cannot take both";
    forbid("palisade-agent", &["palisade-fencer", "palisade-fencer-core"], why);
    forbid("palisade-fencer", &["palisade-agent", "palisade-agent-core"], why);
}

#[test]
fn no_product_leans_on_a_simulator() {
    for product in ["palisade-agent", "palisade-fencer", "palisade-host"] {
        let why = "what runs on a node is not a model";
        forbid(product, &["palisade-hw", "palisade-sim", "palisade-tests"], why);
    }
}

#[test]
fn the_foreign_lan_transport_is_nowhere_in_the_tree() {
    let lock = fs::read_to_string(tree::root().join("Cargo.lock")).expect("Cargo.lock");
    assert!(lock.contains("name = \"ipmi-rs-core\""), "its types are used");
    let remedy =
        "it opens sockets, waits and retries by itself: use ipmi-rs-core and palisade-ipmi";
    assert!(!lock.contains("name = \"ipmi-rs\"\n"), "the crate ipmi-rs came in: {remedy}");
}

/// Everything that `package` links is on its list, and everything on the list is linked.
fn hold_to_list(package: &str) {
    let file = format!("tests/tests/layers/{package}.txt");
    let text = fs::read_to_string(tree::root().join(&file)).expect("the list");
    let (allowed, linked) = (text.lines().map(str::to_owned).collect(), linked_by(package));
    let new: Vec<_> = Names::difference(&linked, &allowed).collect();
    assert!(
        new.is_empty(),
        "{package} now links {new:?}: leave it out, or, if it opens no socket, reads no clock and \
         is worth its review, add it to {file}; who brings it: cargo tree -p {package} -i {}",
        new.first().map_or("", |name| name)
    );
    let gone: Vec<_> = Names::difference(&allowed, &linked).collect();
    assert!(gone.is_empty(), "{package} no longer links {gone:?}: take it off {file}");
}

/// Fails if `package` leans on one of `others`, through however many of ours.
fn forbid(package: &str, others: &[&str], why: &str) {
    let reached = reached_from(package);
    for other in others {
        let remedy =
            format!("find the way with: cargo tree -p {package} -i {other} --edges normal");
        assert!(!reached.contains(*other), "{package} leans on {other}, but {why}; {remedy}");
    }
}

/// Names of all crates in the normal dependency tree of `package`, macros too, without itself.
fn linked_by(package: &str) -> Names {
    let fixed = ["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let text = cargo(&[&fixed[..], &["--target", TARGET, "--package", package]].concat());
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != package).map(str::to_owned).collect()
}

/// Names of our own crates that `package` leans on, directly or through others, to be linked or to
/// build.
fn reached_from(package: &str) -> Names {
    let edges = our_edges();
    assert!(edges.contains_key(package), "{package} is no crate of this workspace");
    let (mut reached, mut ahead) = (Names::new(), vec![package.to_owned()]);
    while let Some(next) = ahead.pop() {
        let fresh = edges[&next].iter().filter(|name| reached.insert((*name).clone()));
        ahead.extend(fresh.cloned().collect::<Vec<_>>());
    }
    reached
}

/// For each of our crates, those of ours that it names as a dependency, except for its tests.
fn our_edges() -> BTreeMap<String, Names> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: Names = packages.iter().map(name).collect();
    let edges = |package: &Value| -> Names {
        let all = package["dependencies"].as_array().expect("a list of dependencies").iter();
        let kept = all.filter(|dependency| dependency["kind"] != "dev").map(name);
        kept.filter(|other| ours.contains(other)).collect()
    };
    packages.iter().map(|package| (name(package), edges(package))).collect()
}

fn cargo(words: &[&str]) -> String {
    let program = env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    let mut command = Command::new(program);
    command.args(words).arg("--locked").current_dir(tree::root());
    let output = command.output().expect("cargo starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {words:?}: {complaint}");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

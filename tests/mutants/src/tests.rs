use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::catalogue::{Catalogue, Hunt};
use super::{CATALOGUE, hunt, root, tree, weaken};

/// The fewest weakenings that are hunted.
const MUTANTS_MIN: usize = 48;

fn catalogue() -> Catalogue {
    Catalogue::read(CATALOGUE).expect("mutants.toml is read")
}

#[test]
fn every_weakening_fits_its_source_exactly_once() {
    let mut texts = tree::sources(&root()).expect("the sources are read");
    if let Err(failure) = weaken::apply(&mut texts, &catalogue().mutants) {
        panic!("{failure}");
    }
}

#[test]
fn there_are_many_weakenings_each_with_a_name_of_its_own() {
    let catalogue = catalogue();
    let names: BTreeSet<_> = catalogue.mutants.iter().map(|mutant| &mutant.name).collect();
    assert_eq!(names.len(), catalogue.mutants.len(), "a name is used twice");
    assert!(names.len() >= MUTANTS_MIN, "{} weakenings", names.len());
    let is_kebab = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert!(names.iter().all(|name| is_kebab(name)), "names are in kebab-case");
}

#[test]
fn every_weakening_says_what_it_weakens_and_what_breaks() {
    let promises = ["S1", "S2", "S3", "S4", "S5", "S6", "one-writer", "L1", "L2"];
    for mutant in catalogue().mutants {
        assert!(mutant.weakens.len() > 20, "{}: weakens what?", mutant.name);
        assert!(promises.contains(&mutant.breaks.as_str()), "{}: breaks what?", mutant.name);
        let switched = mutant.edits.iter().any(|edit| edit.with.contains("$on"));
        assert!(switched, "{}: no edit of it has the switch", mutant.name);
    }
}

#[test]
fn every_hunt_names_faults_and_settings_that_there_are() {
    let text = |name: &str| fs::read_to_string(root().join(name)).expect(name);
    let faults = text("hw-sim/cluster/src/explore/fault.rs");
    for mutant in catalogue().mutants {
        match &mutant.hunt {
            Hunt::Explore { only, voters, .. } => {
                for fault in only {
                    let kind = format!("    {fault},\n");
                    assert!(faults.contains(&kind), "{}: no fault {fault}", mutant.name);
                }
                assert!(voters.is_none_or(|n| n % 2 == 1), "{}: voters are odd", mutant.name);
            }
            Hunt::Check { only, .. } => assert!(!only.is_empty(), "{}: which?", mutant.name),
        }
    }
}

/// The switch exists in the copy alone.
#[test]
fn no_production_source_knows_the_switch() {
    let switch = concat!("mutant", "::");
    let mut folders: Vec<_> =
        ["protocol", "agent", "fencer", "hw-sim"].map(|name| root().join(name)).into();
    let mut sources = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources += 1;
                let text = fs::read_to_string(&path).expect("a source");
                assert!(!text.contains(switch), "{} knows the switch", path.display());
            }
        }
    }
    assert!(sources > 200, "the whole tree is read, not {sources} files");
    assert!(!root().join("protocol/src/mutant.rs").exists(), "there is no switch");
}

#[test]
fn the_simulator_that_ships_weakens_nothing() {
    let path = root().join("hw-sim/cluster/src/mutants.rs");
    let text = fs::read_to_string(path).expect("the simulator's own table");
    assert!(text.contains("    &[]\n"), "its table is empty");
    assert!(text.contains("    Err(format!("), "it chooses none");
}

#[test]
fn what_the_simulator_says_is_read() {
    let read = |said: &str, code| hunt::read(said, Some(code), Duration::ZERO, String::new());
    let explored = read("runs        17\nseed 12: S1 broken at 3.2s: node2 holds\nreplay: x\n", 1);
    assert_eq!(explored.promise.as_deref(), Some("S1"));
    assert_eq!((explored.at.as_str(), explored.seed), ("seed 12", Some(12)));
    assert_eq!(explored.effort, 17);
    let checked = read(
        "pair, lease 2 ticks: 1 faults of machines in 8 ticks: 3 runs, 90 states, 80 unique, depth 9, 0.1 s, not complete\n\nS2 is broken: node1 pets\n  tick 3: x\n\nreached: x\n90 states, 80 unique, in 0.1 s; 0 of 1 settings complete; S1 were judged: broken\n",
        1,
    );
    assert_eq!(checked.promise.as_deref(), Some("S2"));
    assert_eq!(checked.at, "pair, lease 2 ticks");
    assert_eq!(checked.effort, 90);
    let said =
        "replay: palisade-sim check --mutant x --only \"a pair: 1 fault\" --schedule \"3.1\"";
    let same = hunt::schedule(said).expect("words");
    assert_eq!(same, ["check", "--only", "a pair: 1 fault", "--schedule", "3.1"]);
    assert!(!read("violations  0\n", 0).is_found());
    assert!(read("thread panicked", 101).is_found());
    assert!(!read("error: no such fault", 2).is_found());
}

#[test]
fn the_copy_leaves_out_what_the_demo_needs() {
    let lists = tree::CRATES.iter().all(|name| Path::new(&root()).join(name).is_dir());
    assert!(lists, "each crate of the copy is there");
}

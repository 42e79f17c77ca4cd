//! The description in XML, for those who read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rig::{by_stdin, ours, run, stderr, stdout, theirs, words};

/// Where fence-agents keeps the rules for metadata.
const SCHEMA: &str = "/usr/share/cluster/relaxng/metadata.rng";
/// Where pcs keeps the rules that it enforces before it touches an agent. [pcs, lib/resource_agent/xml.py]
const SCHEMA_OF_PCS: &str = "usr/share/pcs/data/ocf-1.0.rng";

#[test]
fn the_metadata_is_valid_by_the_schemas_of_fence_agents_and_of_pcs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.xml");
    let by_argument = run(ours(), &words("-o metadata"), "");
    assert_eq!(stdout(&by_argument), stdout(&by_stdin(ours(), &words("action=metadata"))));
    fs::write(&file, &by_argument.stdout).unwrap();
    assert!(Path::new(SCHEMA).is_file(), "{SCHEMA} is missing: apt-get install fence-agents");
    must_be_valid(&file, Path::new(SCHEMA));
    must_be_valid(&file, &schema_of_pcs());
}

/// What makes a manual page of it reads XML, and knows actions and options by their names.
#[test]
fn the_manual_page_is_the_metadata_with_its_texts_escaped_for_roff_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manpage.xml");
    let page = stdout(&by_stdin(ours(), &words("action=manpage")));
    fs::write(&file, &page).unwrap();
    must_be_valid(&file, Path::new(SCHEMA));
    let metadata = stdout(&by_stdin(ours(), &words("action=metadata")));
    assert_eq!(page.replace("\\-", "-"), metadata);
    assert_eq!((actions(&page), parameters(&page)), (actions(&metadata), parameters(&metadata)));
}

/// Installed, or unpacked without being installed.
fn schema_of_pcs() -> PathBuf {
    let unpacked = palisade_tests::tree::root().join("target/peers/pcs");
    let places = [Path::new("/").join(SCHEMA_OF_PCS), unpacked.join(SCHEMA_OF_PCS)];
    let found = places.into_iter().find(|place| place.is_file());
    found.unwrap_or_else(|| {
        panic!("/{SCHEMA_OF_PCS} is missing: tests/run --only peers, or apt-get install pcs")
    })
}

fn must_be_valid(file: &Path, schema: &Path) {
    let judged = Command::new("xmllint")
        .args(["--noout", "--relaxng"])
        .arg(schema)
        .arg(file)
        .output()
        .expect("xmllint is missing: apt-get install libxml2-utils");
    assert!(judged.status.success(), "{}: {}", schema.display(), stderr(&judged));
}

#[test]
fn every_option_of_fence_ipmilan_is_there_with_its_forms_and_default() {
    let of = |agent| parameters(&stdout(&by_stdin(agent, &words("action=metadata"))));
    let (ours, theirs) = (of(ours()), of(theirs()));
    assert!(theirs.len() > 40, "read only {theirs:?}");
    for (name, wanted) in theirs {
        assert_eq!(ours.get(&name), Some(&wanted), "option {name}");
    }
}

/// The actions offered, in any order.
pub(super) fn actions(metadata: &str) -> BTreeSet<String> {
    metadata.split("<action ").skip(1).filter_map(|part| attribute(part, "name")).collect()
}

/// Each parameter's forms, kind and default by its name.
pub(super) fn parameters(metadata: &str) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for block in metadata.split("<parameter ").skip(1) {
        let name = attribute(block, "name").unwrap();
        let facts = ["required", "deprecated", "obsoletes", "mixed", "type", "default"];
        let mut facts: Vec<String> =
            facts.map(|fact| attribute(block, fact).unwrap_or_default()).to_vec();
        // What a value is called is for people; upstream forgets it once.
        facts[3] = facts[3].split('=').next().unwrap().to_owned();
        facts.extend(block.split("<option ").skip(1).filter_map(|part| attribute(part, "value")));
        all.insert(name, facts);
    }
    all
}

fn attribute(text: &str, name: &str) -> Option<String> {
    let after = text.split_once(&format!("{name}=\""))?.1;
    Some(after.split_once('"')?.0.to_owned())
}

//! The border to the operator: the configuration file.

use palisade_host::config::{self, Cluster};

const EXAMPLE: &str = include_str!("../../../fencer/palisade.toml");

/// Judges `input` as a configuration, and does with an accepted one what the programs do at their
/// start.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Cluster::parse("palisade.toml", text) {
        Ok(cluster) => begin(&cluster),
        Err(mistakes) => {
            assert!(!mistakes.all().is_empty(), "a refusal says why");
            assert!(!mistakes.to_string().is_empty(), "and can be printed");
        }
    }
}

/// The example, and each of its sections alone.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let sections = EXAMPLE.split("\n[").map(|section| format!("[{section}"));
    let plain: String = EXAMPLE.lines().map(without_comment).collect();
    [EXAMPLE.to_owned(), plain].into_iter().chain(sections).map(String::into_bytes).collect()
}

fn begin(cluster: &Cluster) {
    assert!(!cluster.voters().count().is_multiple_of(2), "the voters are an odd number");
    assert!(cluster.majority() <= cluster.voters().count(), "a majority can be reached");
    assert!(!config::report(cluster).is_empty(), "an accepted file can be explained");
    for node in cluster.members().chain(cluster.voters()) {
        assert!(cluster.for_node(&node.name).is_some(), "{} is one of the nodes", node.name);
    }
}

/// No line of the example has a `#` in a text.
fn without_comment(line: &str) -> String {
    format!("{}\n", line.split('#').next().unwrap_or_default().trim_end())
}

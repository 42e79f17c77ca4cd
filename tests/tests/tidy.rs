//! Rules that hold for every file of the tree, whatever its language. Reads files; changes none.
#![cfg(test)]

use palisade_tests::tree::{self, Leaf};

/// All that may stand at the top beside dotfiles.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "agent",
    "clippy.toml",
    "deny.toml",
    "fencer",
    "hw-sim",
    "protocol",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

/// Marks of work put off.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

#[test]
fn no_line_has_tabs_or_ends_in_blanks() {
    report(each_line(|_, line| match line {
        _ if line.contains('\t') => Some("a tab".to_owned()),
        _ if line.ends_with(char::is_whitespace) => Some("blanks at the end".to_owned()),
        _ => None,
    }));
}

#[test]
fn every_text_ends_with_one_line_end() {
    report(each_file(|leaf| {
        let text = leaf.text.as_deref().filter(|text| !text.is_empty())?;
        let neat = text.ends_with('\n') && !text.ends_with("\n\n");
        (!neat).then(|| "does not end with exactly one line end".to_owned())
    }));
}

#[test]
fn nothing_is_left_for_later() {
    report(each_line(|_, line| {
        let found = LATER.iter().find(|mark| has_word(line, mark))?;
        Some(format!("{found}: do it, or say to the user what is not done"))
    }));
}

#[test]
fn documents_name_no_path_below_a_temporary_directory() {
    report(each_line(|leaf, line| {
        let found = is_prose(leaf, line) && line.contains(concat!("/tm", "p/"));
        found.then(|| "a temporary path: name the file by what it is".to_owned())
    }));
}

#[test]
fn every_crate_has_a_licence_and_the_lints() {
    report(each_file(|leaf| {
        let text = leaf.text.as_deref().filter(|_| leaf.ends_with("/Cargo.toml"))?;
        let needed = ["license.workspace = true", "[lints]\nworkspace = true"];
        needed.iter().find(|line| !text.contains(**line)).map(|line| format!("lacks {line:?}"))
    }));
}

#[test]
fn every_source_file_begins_with_what_it_is_for() {
    report(each_file(|leaf| {
        let text = leaf.text.as_deref().filter(|_| leaf.ends_with(".rs"))?;
        // The tests of a module are described by the module.
        let exempt = leaf.ends_with("/tests.rs") || text.starts_with("//!");
        (!exempt).then(|| "begins without //!: what it does and what it never does".to_owned())
    }));
}

#[test]
fn the_top_level_holds_only_what_the_design_names() {
    let known = |name: &String| TOP_LEVEL.contains(&name.as_str());
    let mut strange = tree::top_level().expect("the tree can be read");
    strange.retain(|name| !known(name) && !name.starts_with('.'));
    assert!(strange.is_empty(), "move into a folder: {strange:?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    report(each_line(|leaf, line| {
        let folder = leaf.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let here = tree::root().join(folder);
        let targets = links(line).filter(|_| leaf.ends_with(".md"));
        let broken =
            targets.filter(|target| is_local(target) && !here.join(file_of(target)).exists());
        broken.map(|target| format!("a link to {target}, which is not there")).next()
    }));
}

/// Targets of the Markdown links in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

fn is_local(target: &str) -> bool {
    !target.contains("://") && !target.starts_with('#')
}

fn file_of(target: &str) -> &str {
    target.split_once('#').map_or(target, |(file, _)| file)
}

/// Whether this is text for people: a document or a comment.
fn is_prose(leaf: &Leaf, line: &str) -> bool {
    let start = line.trim_start();
    leaf.ends_with(".md") || start.starts_with("//") || start.starts_with('#')
}

/// Whether `word` stands in `line` with no letter or digit beside it.
fn has_word(line: &str, word: &str) -> bool {
    let apart = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| {
        apart(line[..at].chars().next_back()) && apart(line[at + word.len()..].chars().next())
    })
}

/// What a rule finds wrong, each with its file and line.
fn each_line(rule: impl Fn(&Leaf, &str) -> Option<String>) -> Vec<String> {
    let of_file = |leaf: &Leaf| {
        let wrong = leaf.lines().filter_map(|(n, line)| Some((n, rule(leaf, line)?)));
        wrong.map(|(n, what)| format!("{}:{n}: {what}", leaf.path)).collect::<Vec<_>>()
    };
    leaves().iter().flat_map(of_file).collect()
}

/// What a rule finds wrong, each with its file.
fn each_file(rule: impl Fn(&Leaf) -> Option<String>) -> Vec<String> {
    let of_file = |leaf: &Leaf| rule(leaf).map(|what| format!("{}: {what}", leaf.path));
    leaves().iter().filter_map(of_file).collect()
}

fn leaves() -> Vec<Leaf> {
    let leaves = tree::leaves().expect("the tree can be read");
    assert!(leaves.len() > 50, "the whole tree is checked, not {} files", leaves.len());
    leaves
}

fn report(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

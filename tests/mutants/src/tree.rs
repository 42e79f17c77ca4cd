//! The copy of the sources, weakened and built. Never writes outside its own directory below the
//! target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::weaken::{self, Texts};

/// The crates that the explorer and the checker need.
pub(crate) const CRATES: [&str; 5] =
    ["protocol", "protocol/host", "agent/core", "fencer/core", "hw-sim/cluster"];

/// What else the build reads.
const BESIDES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// Dependencies of the simulator that only its demo and its BMCs need.
const DEMO_ONLY: [&str; 6] =
    ["palisade-agent.", "palisade-fencer.", "palisade-hw.", "palisade-ipmi.", "tempfile.", "ureq."];

/// Modules of the simulator that only need those.
const DEMO_MODULES: [&str; 3] = ["pub mod bmc_cmd;", "pub mod child;", "pub mod demo;"];

/// The simulator's own entry, without the demo.
const MAIN: &str = "//! The explorer and the checker, with rules that can be weakened.
use clap::Parser;
use palisade_mutants::{check, explore};

#[derive(Debug, Parser)]
enum Cli {
    Check(check::CheckArgs),
    Explore(explore::ExploreArgs),
    Replay(explore::ReplayArgs),
}

fn main() -> std::process::ExitCode {
    match Cli::parse() {
        Cli::Check(args) => check::run(&args),
        Cli::Explore(args) => explore::explore(&args),
        Cli::Replay(args) => explore::replay(&args),
    }
}
";

/// Copies, weakens and builds; the program.
///
/// # Errors
/// [`Failure`], with the file, the text that does not fit, or what the compiler says.
pub(crate) fn build(root: &Path, target: &Path, catalogue: &Catalogue) -> Result<PathBuf, Failure> {
    let tree = target.join("mutants/tree");
    let mut texts = sources(root)?;
    weaken::apply(&mut texts, &catalogue.mutants)?;
    prune(&mut texts);
    texts.insert("protocol/src/mutant.rs".into(), weaken::SWITCH.into());
    texts.insert("hw-sim/cluster/src/mutants.rs".into(), weaken::names(&catalogue.mutants));
    texts.insert("hw-sim/cluster/src/main.rs".into(), MAIN.into());
    lay_out(&tree, &texts)?;
    compile(&tree, target)?;
    Ok(target.join("release/palisade-mutants"))
}

/// Every source that is copied, by its path from the top.
///
/// # Errors
/// [`Failure::File`].
pub(crate) fn sources(root: &Path) -> Result<Texts, Failure> {
    let mut texts = Texts::new();
    for name in BESIDES {
        read_file(root, &root.join(name), &mut texts)?;
    }
    for name in CRATES {
        read_file(root, &root.join(name).join("Cargo.toml"), &mut texts)?;
        read_folder(root, &root.join(name).join("src"), &mut texts)?;
    }
    Ok(texts)
}

fn read_folder(root: &Path, folder: &Path, texts: &mut Texts) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path.is_dir() {
            read_folder(root, &path, texts)?;
        } else {
            read_file(root, &path, texts)?;
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: &Path, texts: &mut Texts) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    texts.insert(name, text);
    Ok(())
}

/// Leaves out what explorer and checker do not need, and makes room for the switch.
fn prune(texts: &mut Texts) {
    let demo = ["demo/", "bmc_cmd.rs", "child.rs"].map(|name| format!("hw-sim/cluster/src/{name}"));
    texts.retain(|name, _| !demo.iter().any(|start| name.starts_with(start)));
    let mut change = |name: &str, how: &dyn Fn(&str) -> String| {
        if let Some(text) = texts.get_mut(name) {
            *text = how(text);
        }
    };
    change("Cargo.toml", &|text| {
        let (before, rest) = text.split_once("members = [").unwrap_or((text, ""));
        let after = rest.split_once("]\n").map_or("", |(_, after)| after);
        let members: Vec<_> = CRATES.iter().map(|name| format!("{name:?}")).collect();
        format!("{before}members = [{}]\n{after}", members.join(", "))
    });
    change("hw-sim/cluster/Cargo.toml", &|text| {
        let kept = without_lines(text, &DEMO_ONLY);
        kept.replace("name = \"palisade-sim\"", "name = \"palisade-mutants\"")
    });
    change("hw-sim/cluster/src/lib.rs", &|text| without_lines(text, &DEMO_MODULES));
    change("protocol/src/lib.rs", &|text| format!("{text}\npub mod mutant;\n"));
}

fn without_lines(text: &str, starts: &[&str]) -> String {
    let kept = text.lines().filter(|line| !starts.iter().any(|start| line.starts_with(start)));
    kept.map(|line| format!("{line}\n")).collect()
}

/// Writes what differs, so that only that is compiled again, and removes what is no longer there.
fn lay_out(tree: &Path, texts: &Texts) -> Result<(), Failure> {
    let mut old = Texts::new();
    if tree.exists() {
        read_folder(tree, tree, &mut old)?;
    }
    for name in old.keys().filter(|name| !texts.contains_key(*name)) {
        let path = tree.join(name);
        fs::remove_file(&path).map_err(Failure::file(&path))?;
    }
    for (name, text) in texts.iter().filter(|(name, text)| old.get(*name) != Some(*text)) {
        let path = tree.join(name);
        let folder = path.parent().unwrap_or(tree);
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        fs::write(&path, text).map_err(Failure::file(&path))?;
    }
    Ok(())
}

/// One build for all weakenings; what it shares with the product's build is not built again.
fn compile(tree: &Path, target: &Path) -> Result<(), Failure> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--package", "palisade-mutants"]);
    cargo.arg("--target-dir").arg(target).current_dir(tree);
    // What cargo says about this driver is not about that build.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output();
    let output = output.map_err(|error| Failure::Program { program: "cargo".to_owned(), error })?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(Failure::Build { tree: tree.to_path_buf(), said })
}

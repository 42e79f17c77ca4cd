//! The claims of `timing-proof/` and the solver that judges them. Knows no timing itself.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::tree;

/// Longest that z3 may think about one script, in seconds. None needs a tenth of it.
const SECONDS_MAX: u32 = 60;

/// What z3 says of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There are numbers for which everything asserted is true.
    Sat,
    /// There are none.
    Unsat,
}

/// One statement, by its contrary: it is proved if its text cannot be satisfied.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name of its file.
    pub name: String,
    /// The terms without which it must not hold.
    pub needs: Vec<String>,
    text: String,
}

impl Claim {
    /// All claims, in the order of their names.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder().join("claims"))? {
            files.push(entry?.path());
        }
        files.sort_unstable();
        files.iter().map(Self::read).collect()
    }

    /// The whole script, which ends with its one question.
    ///
    /// # Errors
    /// If the rules cannot be read.
    pub fn script(&self) -> io::Result<String> {
        let world = fs::read_to_string(folder().join("world.smt2"))?;
        Ok(format!("{}\n{world}\n{}\n(check-sat)\n", rules()?, self.text))
    }

    fn read(path: &PathBuf) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let lists = text.lines().filter_map(|line| line.strip_prefix("; needs: "));
        let needs = lists.flat_map(str::split_whitespace).map(str::to_owned).collect();
        Ok(Self { name, needs, text })
    }
}

/// The rules of the code as formulas.
///
/// # Errors
/// If the file cannot be read.
pub fn rules() -> io::Result<String> {
    fs::read_to_string(folder().join("rules.smt2"))
}

/// `script` with the term called `switch` left out; nothing if it has no such term.
pub fn without(script: &str, switch: &str) -> Option<String> {
    let on = format!("(define-fun {switch} () Bool true)");
    let off = format!("(define-fun {switch} () Bool false)");
    script.contains(&on).then(|| script.replace(&on, &off))
}

/// Every term of `script` that can be left out.
pub fn switches(script: &str) -> BTreeSet<&str> {
    let name = |line: &'_ str| -> Option<usize> {
        line.starts_with("(define-fun ").then(|| line.find(" () Bool true)")).flatten()
    };
    script.lines().filter_map(|line| line.get(12..name(line)?)).collect()
}

/// What z3 answers to each question of `script`.
///
/// # Errors
/// If z3 cannot be run, does not know, or complains: with its words.
pub fn ask(script: &str) -> io::Result<Vec<Answer>> {
    let (status, said) = talk(script)?;
    let answers = said.lines().map(|line| match line {
        "sat" => Ok(Answer::Sat),
        "unsat" => Ok(Answer::Unsat),
        other => Err(io::Error::other(format!("z3 says {other:?}"))),
    });
    let answers = answers.collect::<io::Result<_>>()?;
    if status { Ok(answers) } else { Err(io::Error::other("z3 failed without a word")) }
}

fn talk(script: &str) -> io::Result<(bool, String)> {
    let mut command = Command::new("z3");
    command.args(["-in", &format!("-T:{SECONDS_MAX}")]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|why| {
        let remedy = "install it: apt-get install z3 (a Debian package)";
        io::Error::new(why.kind(), format!("z3 does not start: {why}; {remedy}"))
    })?;
    let pipe = child.stdin.take();
    let text = script.to_owned();
    // A thread of its own, so that neither side waits for the other with a full pipe.
    let writer = std::thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output()?;
    // A pipe that broke shows in what z3 says.
    drop(writer.join());
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn folder() -> PathBuf {
    tree::root().join("tests/timing-proof")
}

//! What a guest said on its console, and what that says of each act of its script. Starts nothing.

#![expect(
    clippy::panic,
    reason = "a script that did not do what it was for must stop what uses it"
)]

use std::io::{BufRead as _, BufReader, Read};

/// What a guest said, line by line.
#[derive(Debug)]
pub struct Transcript(Vec<String>);

impl Transcript {
    /// Reads until the guest's end.
    pub(super) fn read(console: impl Read) -> Self {
        let lines = BufReader::new(console).split(b'\n').map_while(Result::ok);
        let text = |line: Vec<u8>| String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        Self(lines.map(text).collect())
    }

    /// Whether it said this line.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.0.iter().any(|line| line == wanted)
    }

    /// What follows `word` in each line that begins with it.
    pub fn after<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
    }

    /// The act of that name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn act(&self, name: &str) -> Act {
        let mut lines = self.after("act");
        let found = lines.find_map(|line| Act::read(line.strip_prefix(name)?.strip_prefix(' ')?));
        found.unwrap_or_else(|| panic!("no act {name}: {self:#?}"))
    }
}

/// What came of one command of a script, and when by the guest's two clocks, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Act {
    /// Its exit code.
    pub exit: i32,
    /// When it began, after the start of the guest.
    pub began: f64,
    /// When it had ended, after the start of the guest.
    pub ended: f64,
    /// How far the wall clock went meanwhile; less than nothing if it was set back.
    pub wall: f64,
}

impl Act {
    /// How long it took.
    #[must_use]
    pub fn took(&self) -> f64 {
        self.ended - self.began
    }

    fn read(line: &str) -> Option<Self> {
        let (exit, rest) = line.split_once(' ')?;
        let numbers: Result<Vec<f64>, _> = rest.split(' ').map(str::parse).collect();
        let [began, ended, wall_before, wall_after] = numbers.ok()?.try_into().ok()?;
        Some(Self { exit: exit.parse().ok()?, began, ended, wall: wall_after - wall_before })
    }
}

//! The list: items between commas or blanks, and files of such items.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{HostListError, Problem};
use super::expand::Item;
use super::host::Host;

/// Most hosts in one list: a whole 16-bit network.
pub const HOSTS_MAX: usize = 65_536;

/// Hosts in the order in which they were named, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList {
    hosts: Vec<Host>,
    repeated: Vec<Host>,
}

impl HostList {
    /// Reads `text`; `file` gives the content of a file that it names with `@`.
    ///
    /// # Errors
    /// [`HostListError`] for the first mistake.
    pub fn parse(
        text: &str,
        file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, HostListError> {
        let mut gathered = Gathered::default();
        for item in items(text) {
            match item.text.strip_prefix('@') {
                Some(path) => gathered.add_file(Path::new(path), item.column, file)?,
                None => gathered.add(&item).map_err(|mistake| mistake.somewhere(None))?,
            }
        }
        if gathered.list.hosts.is_empty() {
            return Err(HostListError { file: None, column: 1, problem: Problem::Empty });
        }
        Ok(gathered.list)
    }

    /// The hosts, at most [`HOSTS_MAX`], each once, in the order in which they were named.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Those that were named again, once for each time.
    pub fn repeated(&self) -> &[Host] {
        &self.repeated
    }
}

/// A mistake in one line.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) column: usize,
    pub(super) problem: Problem,
}

impl Mistake {
    fn somewhere(self, file: Option<(PathBuf, usize)>) -> HostListError {
        HostListError { file, column: self.column, problem: self.problem }
    }
}

/// The text between two separators, and the column of its first character.
#[derive(Debug)]
struct Word<'a> {
    text: &'a str,
    column: usize,
}

#[derive(Debug, Default)]
struct Gathered {
    list: HostList,
    seen: BTreeSet<Host>,
}

impl Gathered {
    fn add_file(
        &mut self,
        path: &Path,
        column: usize,
        file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<(), HostListError> {
        let text = file(path).map_err(|error| {
            let problem = Problem::File(format!("{}: {error}", path.display()));
            HostListError { file: None, column, problem }
        })?;
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default();
            self.add_line(line)
                .map_err(|mistake| mistake.somewhere(Some((path.to_owned(), number))))?;
        }
        Ok(())
    }

    fn add_line(&mut self, line: &str) -> Result<(), Mistake> {
        for word in items(line) {
            if word.text.starts_with('@') {
                return Err(Mistake { column: word.column, problem: Problem::FileInFile });
            }
            self.add(&word)?;
        }
        Ok(())
    }

    fn add(&mut self, word: &Word<'_>) -> Result<(), Mistake> {
        let item = Item::parse(word.text)
            .map_err(|wrong| Mistake { column: word.column + wrong.column, ..wrong })?;
        let at_word = |problem| Mistake { column: word.column, problem };
        let room = HOSTS_MAX.saturating_sub(self.list.hosts.len() + self.list.repeated.len());
        if item.count().is_none_or(|count| count > room) {
            return Err(at_word(Problem::TooMany));
        }
        for host in item.hosts() {
            self.put(host.map_err(at_word)?);
        }
        Ok(())
    }

    fn put(&mut self, host: Host) {
        if self.seen.insert(host.clone()) {
            self.list.hosts.push(host);
        } else {
            self.list.repeated.push(host);
        }
    }
}

/// The items of one line: a comma or blanks stand between two, and neither inside a bracket.
fn items(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut words = Vec::new();
    let (mut depth, mut begin, mut begin_column, mut after_comma) = (0_u32, 0, 1, false);
    for (column, (at, character)) in (1..).zip(line.char_indices()) {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_comma = character == ',';
        if depth > 0 || !(is_comma || character.is_whitespace()) {
            continue;
        }
        let text = &line[begin..at];
        // Blanks around a comma separate nothing of their own.
        if !text.is_empty() || is_comma && (after_comma || words.is_empty()) {
            words.push(Word { text, column: begin_column });
            after_comma = false;
        }
        after_comma |= is_comma;
        (begin, begin_column) = (at + character.len_utf8(), column + 1);
    }
    let last = &line[begin..];
    if !last.is_empty() || after_comma {
        words.push(Word { text: last, column: begin_column });
    }
    words.into_iter()
}

//! One table of the file, read key by key; whatever is wrong is marked on the sheet and reading
//! goes on with the default, so that one run finds all mistakes.
//!
//! A section remembers each key that was asked for; [`Section::close`] marks all others. So the
//! list of known keys is the code that reads them.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use palisade_protocol::time::Duration;
use toml_edit::{Item, Table, TableLike, Value};

use super::cluster::Cluster;
use super::mistake::{Mistake, Mistakes};
use super::suggest::nearest;

/// The text under correction and the marks made on it.
pub(super) struct Sheet<'a> {
    file: &'a str,
    text: &'a str,
    marks: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, marks: RefCell::default(), warnings: RefCell::default() }
    }

    /// Notes a mistake.
    pub(super) fn mark(&self, line: usize, key: &str, found: &str, allowed: &str) {
        self.marks.borrow_mut().push(Mistake {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            found: found.to_owned(),
            allowed: allowed.to_owned(),
        });
    }

    /// Notes what is allowed but weak.
    pub(super) fn warn(&self, line: usize, text: &str) {
        self.warnings.borrow_mut().push(format!("{}:{line}: {text}", self.file));
    }

    /// Whether a key that holds one of `parts` was marked.
    pub(super) fn is_marked(&self, parts: &[&str]) -> bool {
        let marks = self.marks.borrow();
        marks.iter().any(|mark| parts.iter().any(|part| mark.key.contains(part)))
    }

    /// The line on which `span` begins; 1 if it is nowhere.
    pub(super) fn line_of(&self, span: Option<Range<usize>>) -> usize {
        let before = span.and_then(|span| self.text.as_bytes().get(..span.start));
        before.map_or(1, |before| before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    /// The configuration with its warnings, or all mistakes.
    pub(super) fn verdict(self, cluster: Option<Cluster>) -> Result<Cluster, Mistakes> {
        let mistakes = Mistakes::from_unsorted(self.marks.into_inner());
        assert!(mistakes.is_some() || cluster.is_some(), "what was not read was not marked either");
        match (mistakes, cluster) {
            (None, Some(cluster)) => {
                Ok(Cluster { warnings: self.warnings.into_inner(), ..cluster })
            }
            (mistakes, _) => Err(mistakes.unwrap_or_default()),
        }
    }

    /// What stands in `span`, on one line and not too long.
    fn excerpt(&self, span: Option<Range<usize>>) -> String {
        let raw = span.and_then(|span| self.text.get(span)).unwrap_or("something else");
        let line = raw.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = line.chars().take(EXCERPT_MAX).collect();
        if short.len() < line.len() { format!("{short}…") } else { short }
    }
}

/// Longest quotation of what was found: enough for a key in base64.
const EXCERPT_MAX: usize = 60;

/// One table, or the lack of one.
pub(super) struct Section<'a> {
    sheet: &'a Sheet<'a>,
    path: String,
    line: usize,
    table: Option<&'a dyn TableLike>,
    known: Vec<&'static str>,
}

/// A value and where it stands.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(sheet: &'a Sheet<'a>, table: &'a Table) -> Self {
        Self { sheet, path: String::new(), line: 1, table: Some(table), known: Vec::new() }
    }

    /// The line of its header.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Whether the file has it at all.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether it has `key`, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Marks `key` if it is there: it is known, but not `allowed` here.
    pub(super) fn exclude(&self, key: &str, allowed: &str) {
        if self.has(key) {
            self.mark(self.line_of(key), key, "a value", allowed);
        }
    }

    /// Reads `key` by `read`; marks it as missing if it is not there.
    pub(super) fn needed<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.miss(key, allowed);
        }
        read(self, allowed)
    }

    /// Calls itself by another path in mistakes from now on.
    pub(super) fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// The dotted path of one of its keys.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Marks `key` at `line`.
    pub(super) fn mark(&self, line: usize, key: &str, found: &str, allowed: &str) {
        self.sheet.mark(line, &self.key(key), found, allowed);
    }

    /// Marks that `key` is not there.
    pub(super) fn miss(&self, key: &str, allowed: &str) {
        self.mark(self.line, key, "nothing", allowed);
    }

    /// The line of `key`, or of the section if it is not there.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let found = self.table.and_then(|table| table.get_key_value(key));
        found.map_or(self.line, |(name, item)| {
            self.sheet.line_of(name.span().or_else(|| item.span()))
        })
    }

    /// The table `[path.key]`; also if it is not there, for its defaults.
    pub(super) fn section(&mut self, key: &'static str) -> Self {
        let path = self.key(key);
        let line = self.line_of(key);
        let table = match self.item(key) {
            None => None,
            Some(item) if item.is_table_like() => item.as_table_like(),
            Some(item) => self.refuse(key, item, "a table"),
        };
        Self { sheet: self.sheet, path, line, table, known: Vec::new() }
    }

    /// The tables `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        match self.item(key) {
            Some(Item::ArrayOfTables(tables)) => {
                let numbered = tables.iter().enumerate();
                numbered.map(|(index, table)| self.numbered(key, index, table)).collect()
            }
            Some(item @ (Item::None | Item::Value(_) | Item::Table(_))) => {
                self.refuse(key, item, &format!("tables headed [[{key}]]")).unwrap_or_default()
            }
            None => Vec::new(),
        }
    }

    /// Text that `accept` understands.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        accept: impl Fn(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        let item = self.item(key)?;
        match item.as_str().and_then(accept) {
            Some(value) => Some(Found { value, line: self.line_of(key) }),
            None => self.refuse(key, item, allowed),
        }
    }

    /// An absolute path. Anything else is not quoted: somebody may have written a password.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.item(key)?.as_str().filter(|text| text.starts_with('/'));
        if text.is_none() {
            let allowed = "an absolute path, in which {node} stands for the node's name";
            self.mark(self.line_of(key), key, "no text that begins with /", allowed);
        }
        text.map(PathBuf::from)
    }

    /// One of the named values.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, all: &[(&str, T)]) -> Option<T> {
        let names: Vec<String> = all.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let accept = |text: &str| all.iter().find(|(name, _)| *name == text).map(|(_, it)| *it);
        self.parsed(key, &names.join(" or "), accept).map(|found| found.value)
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        item.as_bool().or_else(|| self.refuse(key, item, "true or false"))
    }

    /// A whole number; `what` names it in the mistake.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        what: &str,
        range: RangeInclusive<u64>,
    ) -> Option<Found<u64>> {
        let item = self.item(key)?;
        let number = item.as_integer().and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(value) => Some(Found { value, line: self.line_of(key) }),
            None => {
                let allowed = format!("{what} from {} to {}", range.start(), range.end());
                self.refuse(key, item, &allowed)
            }
        }
    }

    /// A whole number of milliseconds.
    pub(super) fn millis(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<Duration> {
        let found = self.number(key, "a whole number of milliseconds", range)?;
        Some(Duration::from_millis(found.value))
    }

    /// A small whole number.
    pub(super) fn small(&mut self, key: &'static str, range: RangeInclusive<usize>) -> Option<u8> {
        let bound = |end: &usize| u64::try_from(*end).unwrap_or(u64::MAX);
        let range = bound(range.start())..=bound(range.end());
        let found = self.number(key, "a whole number", range)?;
        u8::try_from(found.value).ok()
    }

    /// An array, each element of which `accept` understands.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        accept: impl Fn(&Value) -> Option<T>,
    ) -> Option<Found<Vec<T>>> {
        let item = self.item(key)?;
        let read = item.as_array().map(|array| array.iter().map(accept).collect());
        match read.flatten() {
            Some(value) => Some(Found { value, line: self.line_of(key) }),
            None => self.refuse(key, item, allowed),
        }
    }

    /// The entries of the table `[path.key]`, each of which `accept` understands; none if there is no
    /// such table. What was found is not quoted: somebody may have written a password.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        accept: impl Fn(&str, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(item) = self.item(key) else { return Some(Vec::new()) };
        let read = item.as_table_like().map(|table| {
            let entries = table.iter().map(|(name, item)| accept(name, item.as_value()?));
            entries.collect::<Option<Vec<T>>>()
        });
        if read.as_ref().is_none_or(Option::is_none) {
            self.mark(self.line_of(key), key, "something else", allowed);
        }
        read.flatten()
    }

    /// Marks every key that nobody asked for.
    pub(super) fn close(self) {
        let Some(table) = self.table else { return };
        for (key, _item) in table.iter().filter(|(key, _)| !self.known.contains(key)) {
            let allowed = match nearest(key, &self.known) {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => format!("one of {}", self.known.join(", ")),
            };
            self.mark(self.line_of(key), key, "an unknown key", &allowed);
        }
    }

    fn numbered(&self, key: &str, index: usize, table: &'a Table) -> Self {
        let path = self.key(&format!("{key}[#{}]", index + 1));
        let line = self.sheet.line_of(table.span());
        Self { sheet: self.sheet, path, line, table: Some(table), known: Vec::new() }
    }

    fn item(&mut self, key: &'static str) -> Option<&'a Item> {
        self.known.push(key);
        self.table.and_then(|table| table.get(key)).filter(|item| !item.is_none())
    }

    fn refuse<T>(&self, key: &str, item: &Item, allowed: &str) -> Option<T> {
        self.mark(self.line_of(key), key, &self.sheet.excerpt(item.span()), allowed);
        None
    }
}

//! Follows the journals of the daemons: files that only grow. Reads; never waits or writes.

use super::event::Mark;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

/// Journals being followed.
#[derive(Debug, Default)]
pub struct Tails(Vec<Tail>);

impl Tails {
    /// Follows these files; they need not exist yet.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(Tail::of).collect())
    }

    /// The events written since the last call, in order of time.
    pub fn fresh(&mut self) -> Vec<Mark> {
        let lines = self.0.iter_mut().flat_map(Tail::fresh_lines);
        let mut marks: Vec<_> = lines.filter_map(|line| Mark::from_journal(&line)).collect();
        marks.sort_by_key(|mark| mark.at);
        marks
    }
}

#[derive(Debug)]
struct Tail {
    path: PathBuf,
    file: Option<File>,
    unfinished: Vec<u8>,
}

impl Tail {
    const fn of(path: PathBuf) -> Self {
        Self { path, file: None, unfinished: Vec::new() }
    }

    /// Whole lines only; the beginning of an unfinished one is kept for the next time.
    fn fresh_lines(&mut self) -> Vec<String> {
        self.read_on();
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.unfinished.split_off(end.saturating_add(1));
        let whole = std::mem::replace(&mut self.unfinished, rest);
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }

    fn read_on(&mut self) {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            // A journal that cannot be read says nothing; the run then misses its end.
            file.read_to_end(&mut self.unfinished).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn half_a_line_is_not_an_event_until_its_other_half_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.jsonl");
        let mut tails = Tails::of([path.clone()]);
        assert_eq!(tails.fresh(), []);
        let mut file = File::create(&path).unwrap();
        file.write_all(br#"{"t_ns":5,"node":"node1","by":"agent","event":"#).unwrap();
        assert_eq!(tails.fresh(), []);
        file.write_all(b"\"started\"}\n").unwrap();
        assert_eq!(tails.fresh().len(), 1);
        assert_eq!(tails.fresh(), []);
    }

    #[test]
    fn events_of_several_journals_come_in_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [("a", 9), ("b", 4)].map(|(name, t_ns)| {
            let path = dir.path().join(name);
            let line = format!(
                "{{\"t_ns\":{t_ns},\"node\":\"node1\",\"by\":\"agent\",\"event\":\"started\"}}\n"
            );
            std::fs::write(&path, line).unwrap();
            path
        });
        let times: Vec<_> =
            Tails::of(paths).fresh().iter().map(|mark| mark.at.as_nanos()).collect();
        assert_eq!(times, [4, 9]);
    }
}

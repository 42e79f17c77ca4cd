//! Condemnations on the disk: read once at the start, written off the loop, reported when they are safe.
//!
//! Writes the newest state only: one that was overtaken while another was being written is skipped.
//! Never says that something is on the disk before fsync has returned.

use std::future::pending;
use std::path::{Path, PathBuf};

use palisade_fencer_core::durable::DURABLE_MAX;
use palisade_fencer_core::{DurableState, Memory};
use palisade_host::durable::{Loaded, SaveError, load, save};
use tokio::task::JoinHandle;

/// The file of condemnations.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    writing: Option<Writing>,
    next: Option<DurableState>,
    is_blank: bool,
}

#[derive(Debug)]
struct Writing {
    version: u32,
    task: JoinHandle<Result<(), SaveError>>,
}

/// A write that has ended.
#[derive(Debug)]
pub(super) struct Written {
    /// Which state.
    pub(super) version: u32,
    /// Whether it is on the disk; the error is a text with its remedy.
    pub(super) result: Result<(), String>,
}

impl Disk {
    /// The file of `node` in `folder`, which is made if it is not there.
    pub(super) fn open(folder: &Path, node: &str) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // Simulated nodes share a folder; the name keeps them apart.
        Ok(Self {
            path: folder.join(format!("condemned-{node}")),
            writing: None,
            next: None,
            is_blank: true,
        })
    }

    /// What was written last.
    pub(super) fn recall(&mut self) -> Memory {
        match load(&self.path) {
            Loaded::Good(bytes) => match DurableState::decode(&bytes) {
                Some(state) => {
                    self.is_blank = false;
                    Memory::Recalled(state)
                }
                None => self.lost("it holds something else than condemnations"),
            },
            Loaded::Missing => {
                self.tell_lost("there is none: first start, or another disk");
                Memory::Blank
            }
            Loaded::Damaged { why } => self.lost(&why),
        }
    }

    fn lost(&self, why: &str) -> Memory {
        self.tell_lost(why);
        Memory::Lost
    }

    fn tell_lost(&self, why: &str) {
        let path = self.path.display();
        log::warn!("{path}: {why}; this fencer waits until all that it may have promised is over");
    }

    /// Writes `state` as soon as the write before it has ended.
    pub(super) fn write(&mut self, state: DurableState) {
        self.is_blank = false;
        self.next = Some(state);
        self.begin();
    }

    /// All that may have been forgotten is over: from now on an empty file means that nobody was
    /// condemned, and the next start need not wait so long.
    pub(super) fn begin_anew(&mut self) {
        if self.is_blank {
            self.write(DurableState::default());
        }
    }

    /// The next write that ends; waits for ever while none is under way. May be dropped and asked
    /// again.
    pub(super) async fn written(&mut self) -> Written {
        let Some(writing) = &mut self.writing else { return pending().await };
        let ended = (&mut writing.task).await;
        let version = writing.version;
        self.writing = None;
        self.begin();
        let result = match ended {
            Ok(saved) => saved.map_err(|error| error.to_string()),
            Err(broken) => Err(format!("the writing task broke: {broken}")),
        };
        Written { version, result }
    }

    fn begin(&mut self) {
        if self.writing.is_some() {
            return;
        }
        if let Some(state) = self.next.take() {
            let (path, version) = (self.path.clone(), state.version);
            let task = tokio::task::spawn_blocking(move || save_state(&path, &state));
            self.writing = Some(Writing { version, task });
        }
    }
}

fn save_state(path: &Path, state: &DurableState) -> Result<(), SaveError> {
    let mut bytes = [0; DURABLE_MAX];
    let len = state.encode(&mut bytes);
    save(path, bytes.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_fencer_core::durable::{Sentence, ShotBy};
    use palisade_protocol::ids::{BootId, NodeId};

    #[test]
    fn a_condemnation_is_recalled_after_it_was_reported_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), "node1").unwrap();
        assert_eq!(disk.recall(), Memory::Blank, "nothing was ever written");
        let written = on_loop(async {
            disk.write(state(7, 3));
            disk.written().await
        });
        assert_eq!((written.version, written.result), (7, Ok(())));
        let Memory::Recalled(recalled) = disk.recall() else { panic!("it was written") };
        assert_eq!(recalled.sentences, state(7, 3).sentences);
    }

    #[test]
    fn the_newest_state_is_the_one_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), "node1").unwrap();
        on_loop(async {
            (1..=3).for_each(|version| disk.write(state(version, 3)));
            while disk.written().await.version < 3 {}
        });
        let Memory::Recalled(_) = disk.recall() else { panic!("it was written") };
    }

    #[test]
    fn a_file_begun_anew_never_overwrites_a_condemnation() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), "node1").unwrap();
        on_loop(async {
            disk.write(state(1, 3));
            disk.written().await
        });
        disk.begin_anew();
        assert!(disk.writing.is_none());
        let mut restarted = Disk::open(folder.path(), "node1").unwrap();
        assert!(matches!(restarted.recall(), Memory::Recalled(_)));
        restarted.begin_anew();
        assert!(restarted.writing.is_none());
    }

    #[test]
    fn a_damaged_file_is_a_lost_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), "node1").unwrap();
        std::fs::write(folder.path().join("condemned-node1"), b"rubbish").unwrap();
        assert_eq!(disk.recall(), Memory::Lost);
    }

    #[test]
    fn a_folder_that_vanished_is_reported_as_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), "node1").unwrap();
        folder.close().unwrap();
        let written = on_loop(async {
            disk.write(state(1, 3));
            disk.written().await
        });
        assert!(written.result.unwrap_err().contains("condemned"));
    }

    fn state(version: u32, target: u8) -> DurableState {
        let target = NodeId::new(target).unwrap();
        let mut state = DurableState { version, ..DurableState::default() };
        let (boot, shot_by) = (BootId(9), ShotBy::Many);
        let sentence = Sentence { target, boot, closed: None, released: false, shot_by };
        state.sentences.push(sentence).unwrap();
        state
    }

    fn on_loop<T>(story: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(story)
    }
}

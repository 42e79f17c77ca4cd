//! The reboots under way on the disk, so that a restarted fencer goes on with them.
//!
//! Written off the loop, newest first; damage is said and forgotten: it costs a machine that a human
//! switches on, and nobody's life.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use palisade_host::durable::{Loaded, load, save};
use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::time::Instant;
use serde::{Deserialize, Serialize};

use super::raise::{Raise, Stage};

/// The file.
#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
    boot: BootId,
    newest: Arc<AtomicU64>,
    writing: Arc<Mutex<()>>,
}

/// What stands in it. Instants mean nothing in another boot of this machine.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    boot: String,
    raises: Vec<KeptRaise>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptRaise {
    node: u8,
    stage: Stage,
    since_ns: u64,
}

impl Memory {
    /// The file of `node` in `folder`, in this boot of the machine.
    pub(super) fn new(folder: &Path, node: &str, boot: BootId) -> Self {
        let path = folder.join(format!("raises-{node}"));
        Self { path, boot, newest: Arc::default(), writing: Arc::default() }
    }

    /// What was under way when it was last written.
    pub(super) fn recall(&self, now: Instant) -> BTreeMap<NodeId, Raise> {
        let kept = match load(&self.path) {
            Loaded::Missing => return BTreeMap::new(),
            Loaded::Good(bytes) => {
                serde_json::from_slice::<Kept>(&bytes).map_err(|e| e.to_string())
            }
            Loaded::Damaged { why } => Err(why),
        };
        match kept {
            Ok(kept) => self.recalled(now, &kept),
            Err(why) => {
                log::warn!(
                    "{}: {why}; look whether a rebooted machine has stayed off",
                    self.path.display()
                );
                BTreeMap::new()
            }
        }
    }

    /// Writes them as soon as the write before has ended; needs a tokio runtime.
    pub(super) fn keep(&self, raises: &BTreeMap<NodeId, Raise>) {
        let kept = Kept { boot: self.boot.to_string(), raises: raises.iter().map(kept).collect() };
        let number = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let (path, newest) = (self.path.clone(), Arc::clone(&self.newest));
        let writing = Arc::clone(&self.writing);
        tokio::task::spawn_blocking(move || {
            let _alone = writing.lock().unwrap_or_else(PoisonError::into_inner);
            if newest.load(Ordering::SeqCst) == number {
                write(&path, &kept);
            }
        });
    }

    fn recalled(&self, now: Instant, kept: &Kept) -> BTreeMap<NodeId, Raise> {
        let same_boot = kept.boot == self.boot.to_string();
        let raises = kept.raises.iter().filter_map(|raise| {
            let since = if same_boot { Instant::from_nanos(raise.since_ns).min(now) } else { now };
            Some((NodeId::new(raise.node)?, Raise::recalled(raise.stage, since)))
        });
        raises.collect()
    }
}

fn kept((node, raise): (&NodeId, &Raise)) -> KeptRaise {
    KeptRaise { node: node.get(), stage: raise.stage(), since_ns: raise.since().as_nanos() }
}

fn write(path: &Path, kept: &Kept) {
    let bytes = serde_json::to_vec(kept).map_err(|error| error.to_string());
    let saved = bytes.and_then(|bytes| save(path, &bytes).map_err(|error| error.to_string()));
    if let Err(error) = saved {
        log::error!("{error}; should this fencer end, a rebooted machine may stay off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(number: u128) -> BootId {
        BootId::from_kernel(number)
    }

    #[test]
    fn what_was_under_way_is_there_after_a_restart_and_begins_anew_after_a_reboot() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::new(3).unwrap();
        let raises = BTreeMap::from([(node, Raise::resting(Instant::from_millis(7_000)))]);
        let memory = Memory::new(folder.path(), "node1", boot(1));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { memory.keep(&raises) });
        // Dropping it waits for what it has begun.
        drop(runtime);
        let recalled = memory.recall(Instant::from_millis(9_000));
        assert_eq!(recalled[&node].since(), raises[&node].since());
        assert_eq!(recalled[&node].stage(), Stage::Resting);
        let later = Memory::new(folder.path(), "node1", boot(2));
        let anew = later.recall(Instant::from_millis(500));
        assert_eq!(anew[&node].since(), Instant::from_millis(500));
    }

    #[test]
    fn a_damaged_file_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path(), "node1", boot(1));
        assert!(memory.recall(Instant::BOOT).is_empty());
        std::fs::write(folder.path().join("raises-node1"), "rubbish").unwrap();
        assert!(memory.recall(Instant::BOOT).is_empty());
    }
}

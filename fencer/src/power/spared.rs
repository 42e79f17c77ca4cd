//! A way to power that is left alone for a while after a login by it was refused for good.
//!
//! Whoever uses the way shares the memory: cases, rehearsals and reboots together try the account no more
//! often than one of them would. What is refused meanwhile is refused as the login was, so that the next
//! way gets its turn at once. Never holds up a way that was not refused, and never keeps a password: of the
//! files it keeps a digest, to notice that they changed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use palisade_host::clock;
use palisade_host::secret::read_secret_file;
use palisade_protocol::time::Instant;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::device::{Opening, PowerDevice, Working};
use super::error::PowerError;
use super::refusal::{Mark, Memory};
use super::session::PowerStatus;
use super::verdict::{Seen, Switch, Terms};

/// Longest that a look at the files may hold up an order: a dead mount is no change.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// The way, and what is known of its account.
#[derive(Debug)]
pub(crate) struct Spared {
    way: Arc<dyn PowerDevice>,
    files: Files,
    memory: Mutex<Memory>,
}

impl Spared {
    /// That way, which logs in with what these files hold: once one of them changes, it is tried at once.
    pub(crate) fn new(way: Arc<dyn PowerDevice>, files: Vec<PathBuf>) -> Self {
        Self { way, files: Files::new(files), memory: Mutex::default() }
    }

    /// When the try began that may begin now.
    async fn ask(&self) -> Result<Instant, PowerError> {
        let is_new = self.memory().is_empty();
        let mark = if is_new { None } else { self.files.look().await };
        let now = clock::now();
        self.memory().ask(now, mark).map(|()| now)
    }

    async fn note(&self, begun: Instant, failed: Option<&PowerError>) {
        match failed {
            None => self.memory().succeeded(),
            Some(error) if error.is_definite() => self.refused(begun, error).await,
            Some(_) => self.try_now(),
        }
    }

    async fn refused(&self, begun: Instant, error: &PowerError) {
        self.memory().refused(begun, clock::now(), error.clone());
        for rest in self.resting() {
            log::warn!("{error}; {rest}");
        }
        if self.memory().wants_mark() {
            let mark = self.files.look().await;
            self.memory().held(mark);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PowerDevice for Spared {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let begun = self.ask().await?;
            let opened = self.way.open(by).await;
            self.note(begun, opened.as_ref().err()).await;
            opened
        })
    }

    fn describe(&self) -> String {
        self.way.describe()
    }

    fn patience(&self, terms: &Terms) -> Duration {
        self.way.patience(terms)
    }

    fn switch<'a>(&'a self, switch: Switch, terms: &'a Terms) -> Working<'a, Seen> {
        Box::pin(async move {
            let begun = self.ask().await?;
            let seen = self.way.switch(switch, terms).await;
            self.note(begun, seen.as_ref().err()).await;
            seen
        })
    }

    fn read<'a>(&'a self, terms: &'a Terms) -> Working<'a, PowerStatus> {
        Box::pin(async move {
            let begun = self.ask().await?;
            let read = self.way.read(terms).await;
            self.note(begun, read.as_ref().err()).await;
            read
        })
    }

    /// Not every way can: that it cannot says nothing about the account.
    fn diagnose<'a>(&'a self, terms: &'a Terms) -> Working<'a, ()> {
        Box::pin(async move {
            let begun = self.ask().await?;
            let done = self.way.diagnose(terms).await;
            if done.is_ok() {
                self.note(begun, None).await;
            }
            done
        })
    }

    fn check(&self) -> Result<(), PowerError> {
        self.way.check()
    }

    fn troubles(&self) -> Vec<String> {
        self.way.troubles()
    }

    fn resting(&self) -> Vec<String> {
        let left = self.memory().left(clock::now());
        let told = |left: Duration| {
            let seconds = left.as_millis().div_ceil(1000);
            format!("its login was refused: tried next in {seconds} s{}", self.files.or_when())
        };
        left.map(told).into_iter().collect()
    }

    fn try_now(&self) {
        self.memory().try_now(clock::now());
    }
}

/// The files that a login is made of.
#[derive(Debug)]
struct Files {
    paths: Arc<[PathBuf]>,
    /// Whether a look is under way: of those that a dead mount swallows, one is enough.
    is_looking: Arc<AtomicBool>,
}

impl Files {
    fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths: paths.into(), is_looking: Arc::default() }
    }

    /// What they hold now, if that can be found out in time.
    async fn look(&self) -> Option<Mark> {
        if self.paths.is_empty() || self.is_looking.swap(true, Ordering::Relaxed) {
            return None;
        }
        let (paths, is_looking) = (Arc::clone(&self.paths), Arc::clone(&self.is_looking));
        let look = tokio::task::spawn_blocking(move || {
            let mark = mark_of(&paths);
            is_looking.store(false, Ordering::Relaxed);
            mark
        });
        timeout(LOOK_MAX, look).await.ok()?.ok()
    }

    fn or_when(&self) -> String {
        let names: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        if names.is_empty() {
            String::new()
        } else {
            format!(", or once {} changes", names.join(" or "))
        }
    }
}

/// A file that may not be read is one content more: its reason.
fn mark_of(paths: &[PathBuf]) -> Mark {
    let mut hash = Sha256::new();
    for path in paths {
        match read_secret_file(path) {
            Ok(secret) => hash.update(Sha256::digest(secret.expose())),
            Err(error) => hash.update(Sha256::digest(format!("\n{error}"))),
        }
    }
    Mark(hash.finalize().into())
}

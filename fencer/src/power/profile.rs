//! What was learned of each BMC: which suite it takes, how fast it answers, which habits it has.
//!
//! Only makes the next login shorter: a profile that is stale, damaged or missing costs a round trip or
//! two, never an answer, and one that cannot be kept is forgotten. Never holds a secret, never offers a
//! suite that is not configured, never makes anything wait for a disk for longer than a moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use palisade_ipmi::client::Login;
use palisade_ipmi::suite::Suite;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::config::BmcConfig;
use super::engine::Facts;

/// How long a login or its caller waits for the disk.
const PATIENCE: Duration = Duration::from_millis(20);

/// Longest file that is read.
const FILE_MAX: u64 = 4_096;

/// Longest round trip that is believed: four of them are the pause after which a login tries again, and a lost
/// packet must not cost half a second because of what was learned on a bad day.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(100);

/// What a flight that came too early counts, and how much of it makes the login go in lock-step: two
/// such flights in a row, as one may be a loss. Each login counts one off, so that it is tried again.
const TOO_EARLY: u8 = 4;
const TOO_EARLY_ENOUGH: u8 = 8;
const TOO_EARLY_MAX: u8 = 16;

/// One BMC's profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    address: String,
    user: String,
    /// Number of the suite of the last session.
    suite: u8,
    too_early: u8,
    /// It has read on after off.
    flaps: bool,
    round_trip_us: u64,
    /// For people.
    off_latency_ms: u64,
}

impl Profile {
    /// The login as this BMC likes it.
    pub(super) fn shape(&self, login: Login) -> Login {
        let login = Suite::from_id(self.suite).into_iter().fold(login, Login::beginning_with);
        let login = login.with_round_trip(self.round_trip());
        if self.too_early >= TOO_EARLY_ENOUGH { login.in_lock_step() } else { login }
    }

    fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip_us).min(ROUND_TRIP_MAX)
    }

    pub(super) const fn flaps(&self) -> bool {
        self.flaps
    }

    /// After a login.
    pub(super) fn with_login(self, facts: &Facts) -> Self {
        let round_trip_us = u64::try_from(facts.login.as_micros() / 3).unwrap_or(u64::MAX);
        let too_early = match facts.was_too_early {
            true => self.too_early.saturating_add(TOO_EARLY).min(TOO_EARLY_MAX),
            false => self.too_early.saturating_sub(1),
        };
        Self { suite: facts.suite.id(), too_early, round_trip_us, ..self }
    }

    /// After power was ordered off, and how long it then took to be off.
    pub(super) fn with_off(self, latency: Option<Duration>, flapped: bool) -> Self {
        let took = latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX));
        let off_latency_ms = took.unwrap_or(self.off_latency_ms);
        Self { off_latency_ms, flaps: self.flaps || flapped, ..self }
    }

    /// Whether the difference is worth a write: times change a little every time.
    fn is_news(&self, before: &Self) -> bool {
        let doubled = |one: u64, other: u64| one / 2 > other || other / 2 > one;
        let habits = |profile: &Self| (profile.suite, profile.too_early, profile.flaps);
        habits(self) != habits(before)
            || doubled(self.round_trip_us, before.round_trip_us)
            || doubled(self.off_latency_ms, before.off_latency_ms)
    }
}

/// The profiles of all BMCs, one small file each.
#[derive(Debug)]
pub(super) struct Profiles {
    folder: PathBuf,
    known: Mutex<BTreeMap<PathBuf, Profile>>,
}

impl Profiles {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: Mutex::default() }
    }

    /// What is known of a BMC.
    pub(super) async fn recall(&self, bmc: &BmcConfig) -> Profile {
        let file = self.file(bmc);
        if let Some(profile) = self.known(|known| known.get(&file).cloned()) {
            return profile;
        }
        let nothing =
            Profile { address: bmc.address.clone(), user: bmc.user.clone(), ..Profile::default() };
        let path = file.clone();
        let read = aside(move || read(&path)).await.and_then(io::Result::ok);
        let same = read.filter(|read| (&read.address, &read.user) == (&bmc.address, &bmc.user));
        let profile = same.unwrap_or(nothing);
        self.known(|known| known.insert(file, profile.clone()));
        profile
    }

    /// Keeps what is now known of a BMC.
    pub(super) async fn learn(&self, bmc: &BmcConfig, profile: Profile) {
        let file = self.file(bmc);
        let before = self.known(|known| known.insert(file.clone(), profile.clone()));
        if before.is_some_and(|before| !profile.is_news(&before)) {
            return;
        }
        let shown = file.display().to_string();
        match aside(move || write(&file, &profile)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => log::debug!("{shown} is not written: {error}"),
            None => log::debug!("{shown} is not written in time"),
        }
    }

    fn file(&self, bmc: &BmcConfig) -> PathBuf {
        let hash = Sha256::digest([bmc.address.as_bytes(), &[0], bmc.user.as_bytes()].concat());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("bmc-{name}.json"))
    }

    fn known<T>(&self, act: impl FnOnce(&mut BTreeMap<PathBuf, Profile>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Work with a disk, on a thread that nobody waits for longer than a moment.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name("bmc-profile".to_owned());
    let started = thread.spawn(move || drop(tell.send(work())));
    started.ok()?;
    timeout(PATIENCE, done).await.ok()?.ok()
}

fn read(file: &Path) -> io::Result<Profile> {
    let mut text = Vec::new();
    File::open(file)?.take(FILE_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// In one step: whoever reads sees the old profile or the new one.
fn write(file: &Path, profile: &Profile) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = file.with_extension(format!("{}.new", std::process::id()));
    let before = read(file).unwrap_or_default();
    let same = (&before.address, &before.user) == (&profile.address, &profile.user);
    // Another process may have learned of it since; it is never unlearned.
    let flaps = profile.flaps || same && before.flaps;
    let mut text = serde_json::to_vec(&Profile { flaps, ..profile.clone() })?;
    text.push(b'\n');
    let written = File::create(&new).and_then(|mut out| out.write_all(&text));
    let done = written.and_then(|()| fs::rename(&new, file));
    if done.is_err() {
        drop(fs::remove_file(&new));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::Password;
    use palisade_host::secret::Secret;
    use palisade_ipmi::privilege::Privilege;
    use std::os::unix::fs::PermissionsExt as _;

    fn bmc() -> BmcConfig {
        BmcConfig {
            address: "10.9.0.1:623".to_owned(),
            user: "palisade".to_owned(),
            password: Password::new(Secret::new("very-secret".to_owned()), "a test"),
            privilege: Privilege::Operator,
            suites: vec![Suite::Sha256, Suite::Sha1],
            bmc_key: None,
            guid: None,
        }
    }

    fn learned() -> Profile {
        let (address, user) = (bmc().address, bmc().user);
        let round_trip_us = 700;
        Profile { address, user, suite: 3, round_trip_us, flaps: true, ..Profile::default() }
    }

    fn on_loop<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn what_was_learned_is_known_to_the_next_process_and_holds_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        on_loop(async {
            Profiles::in_folder(folder.path()).learn(&bmc(), learned()).await;
            assert_eq!(Profiles::in_folder(folder.path()).recall(&bmc()).await, learned());
        });
        let files: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains("10.9.0.1:623") && !text.contains("very-secret"), "{text}");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = Profiles::in_folder(folder.path());
        let file = profiles.file(&bmc());
        let foreign = serde_json::to_string(&Profile { user: "x".into(), ..learned() }).unwrap();
        for text in ["", "{", "[]", "{\"suite\":\"three\"}", foreign.as_str(), &"{".repeat(99_999)]
        {
            fs::write(&file, text).unwrap();
            let recalled = on_loop(Profiles::in_folder(folder.path()).recall(&bmc()));
            assert_eq!((recalled.suite, recalled.flaps), (0, false), "{text:.20}");
        }
    }

    #[test]
    fn a_slow_day_that_was_learned_makes_no_later_loss_dear() {
        let believed = |round_trip_us| Profile { round_trip_us, ..learned() }.round_trip();
        assert_eq!(believed(700), Duration::from_micros(700));
        assert_eq!(believed(1_000_898), ROUND_TRIP_MAX);
        assert_eq!(believed(u64::MAX), ROUND_TRIP_MAX);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
        let nowhere = folder.path().join("file");
        fs::write(&nowhere, "").unwrap();
        let profiles = Profiles::in_folder(&nowhere.join("deeper"));
        on_loop(profiles.learn(&bmc(), learned()));
        assert_eq!(on_loop(profiles.recall(&bmc())), learned(), "known while the process lives");
    }

    #[test]
    fn two_flights_too_early_make_a_lock_step_that_is_given_up_again() {
        let mut profile = learned();
        let login = || bmc().login().unwrap();
        let shaped = |profile: &Profile| format!("{:?}", profile.shape(login()));
        let plain = shaped(&profile);
        let facts = |was_too_early| Facts {
            address: ([127, 0, 0, 1], 623).into(),
            suite: Suite::Sha1,
            privilege: Privilege::Operator,
            guid: palisade_ipmi::app::Guid([0; 16]),
            login: Duration::from_millis(3),
            was_too_early,
        };
        profile = profile.with_login(&facts(true));
        assert_eq!(shaped(&profile), plain);
        profile = profile.with_login(&facts(true));
        assert_ne!(shaped(&profile), plain);
        for _ in 0..TOO_EARLY_MAX {
            profile = profile.with_login(&facts(false));
        }
        assert_eq!(shaped(&profile), plain);
    }
}

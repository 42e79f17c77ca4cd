//! Existing fence agents as power devices: those of Debian's package `fence-agents`, and small scripts
//! that misbehave in one way each.
#![cfg(test)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use palisade_fencer::power::agent::Agent;
use palisade_fencer::power::levels::Levels;
use palisade_fencer::power::{Ack, PowerDevice, PowerError, PowerErrorKind, PowerSession};
use palisade_host::clock;
use palisade_host::config::FenceAgent;
use palisade_protocol::time::Instant;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD, USER};
use tempfile::TempDir;

/// Far longer than anything here takes unless it is broken.
const AMPLE: Duration = Duration::from_secs(30);

/// An agent's answer to `metadata`, which all scripts here give.
const PREAMBLE: &str = "#!/bin/bash\nwhile IFS= read -r line; do\n\
    case $line in action=*) action=${line#action=} ;; esac\n\
    told+=$line$'\\n'\ndone\n\
    [ \"$action\" = metadata ] && { echo '<resource-agent name=\"fence_script\">'; exit 0; }\n";

/// A folder with agents in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn executable(&self, text: &str) -> PathBuf {
        let path = self.path("fence_script");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// An agent that does what `body` says with `$action` and `$told`.
    fn script(&self, body: &str) -> Agent {
        let program = self.executable(&format!("{PREAMBLE}{body}\n"));
        self.agent(&program, &[("ip", "10.9.0.7")])
    }

    fn agent(&self, program: &Path, options: &[(&str, &str)]) -> Agent {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Agent::new(FenceAgent {
            program: program.to_owned(),
            options: options.iter().map(owned).collect(),
            password_file: Some(self.password_file(PASSWORD)),
        })
    }

    fn password_file(&self, password: &str) -> PathBuf {
        let path = self.path("password");
        fs::write(&path, format!("{password}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        path
    }
}

fn soon() -> Instant {
    clock::now() + AMPLE
}

async fn open(agent: &Agent) -> Box<dyn PowerSession> {
    agent.open(soon()).await.unwrap()
}

async fn refused(agent: &Agent) -> PowerError {
    agent.open(soon()).await.err().expect("this agent is none")
}

fn assert_tells(error: &PowerError, kind: PowerErrorKind, evidence: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), kind, "{line}");
    assert!(line.contains(evidence) && line.contains("; "), "{evidence:?} is missing: {line}");
    assert!(!line.contains(PASSWORD) && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn the_dummy_agent_switches_its_file_off_and_on() {
    let place = Place::new();
    let file = place.path("status");
    fs::write(&file, "on").unwrap();
    let options = [("type", "file"), ("status_file", file.to_str().unwrap()), ("power_wait", "0")];
    let agent = place.agent(Path::new("/usr/sbin/fence_dummy"), &options);
    assert_eq!(agent.describe(), "fence_dummy");
    let mut session = open(&agent).await;
    assert!(session.status().await.unwrap().on);
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert_eq!(fs::read_to_string(&file).unwrap(), "off");
    assert!(!session.status().await.unwrap().on);
    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    assert!(session.status().await.unwrap().on);
}

/// `fence_ipmilan` at a BMC that nobody here wrote.
fn ipmilan(place: &Place, simulator: &IpmiSim) -> Agent {
    let address = simulator.address();
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let options = [
        ("ip", ip.as_str()),
        ("ipport", port.as_str()),
        ("username", USER),
        ("lanplus", "1"),
        ("cipher", "3"),
        ("power_wait", "0"),
    ];
    place.agent(Path::new("/usr/sbin/fence_ipmilan"), &options)
}

#[tokio::test]
async fn an_agent_for_ipmi_does_what_it_is_told() {
    let (place, simulator) = (Place::new(), IpmiSim::start());
    let agent = ipmilan(&place, &simulator);
    let mut session = open(&agent).await;
    assert!(session.status().await.unwrap().on);
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(!session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "0");
    assert_eq!(session.off().await.unwrap(), Ack::Accepted, "off already, and said so");
    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    assert_eq!(simulator.power(), "1");
}

#[tokio::test]
async fn an_agent_that_is_refused_or_meets_nobody_leaves_the_power_unknown() {
    let (place, mut simulator) = (Place::new(), IpmiSim::start());
    let agent = ipmilan(&place, &simulator);
    place.password_file("not-the-password");
    let mut session = open(&agent).await;
    let error = session.status().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Agent(Some(1)), "status ended with exit code 1");
    assert_eq!(simulator.power(), "1");
    simulator.kill();
    session.set_deadline(clock::now() + Duration::from_secs(2));
    assert_tells(
        &session.off().await.unwrap_err(),
        PowerErrorKind::Silent,
        "off did not end within",
    );
    assert!(!error.to_string().contains("not-the-password"), "{error}");
}

#[tokio::test]
async fn an_agent_is_told_on_its_input_and_nowhere_else() {
    let place = Place::new();
    let seen = place.path("seen");
    let body = format!(
        "{{ printf '%s' \"$told\"; echo ---; cat /proc/$$/cmdline /proc/$$/environ | tr '\\0' '\\n'; }} \
         >{}",
        seen.display()
    );
    open(&place.script(&body)).await.off().await.unwrap();
    let seen = fs::read_to_string(seen).unwrap();
    let (told, shown) = seen.split_once("---\n").unwrap();
    assert_eq!(told, format!("action=off\nip=10.9.0.7\npassword={PASSWORD}\n"));
    assert!(shown.contains("PATH=/usr/local/sbin") && !shown.contains(PASSWORD), "{shown}");
    assert!(!shown.contains("CARGO") && !shown.contains("10.9.0.7"), "{shown}");
}

#[tokio::test]
async fn only_exit_code_two_of_status_is_off() {
    let place = Place::new();
    let code = place.path("code");
    let agent = place.script(&format!("exit $(cat {})", code.display()));
    let mut session = open(&agent).await;
    for (ended, on) in [("0", Some(true)), ("2", Some(false)), ("1", None), ("3", None)] {
        fs::write(&code, ended).unwrap();
        let read = session.status().await;
        assert_eq!(read.map(|status| status.on).ok(), on, "exit code {ended}");
    }
    for ended in ["1", "2", "127"] {
        fs::write(&code, ended).unwrap();
        let error = session.off().await.unwrap_err();
        assert_tells(&error, PowerErrorKind::Agent(ended.parse().ok()), "off ended with exit code");
    }
}

#[tokio::test]
async fn an_agent_that_was_killed_has_read_nothing() {
    let place = Place::new();
    let agent = place.script("kill -9 $$");
    let error = open(&agent).await.status().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Agent(None), "status was ended by signal 9");
}

/// Shells and interpreters end with 2 for mistakes of their own.
#[tokio::test]
async fn a_program_that_cannot_even_describe_itself_is_no_agent() {
    let place = Place::new();
    for text in ["#!/bin/bash\nif then\n", "#!/bin/sh\nexit 2\n", "#!/bin/sh\necho hello\n"] {
        let program = place.executable(text);
        let error = refused(&place.agent(&program, &[])).await;
        assert!(error.to_string().contains("is this program a fence agent?"), "{error}");
    }
    let error = refused(&place.agent(&place.path("fence_nothing"), &[])).await;
    assert_tells(&error, PowerErrorKind::BadConfig, "fence_nothing was not started");
    assert!(error.is_definite());
}

#[tokio::test]
async fn a_password_file_that_is_open_to_others_is_not_read() {
    let place = Place::new();
    let agent = place.script("exit 0");
    fs::set_permissions(place.path("password"), Permissions::from_mode(0o644)).unwrap();
    let error = refused(&agent).await;
    assert_tells(&error, PowerErrorKind::BadConfig, "chmod 600");
}

/// Both processes hold a pipe open; the reading ends when both are gone.
#[tokio::test]
async fn an_agent_past_its_deadline_is_asked_to_end_and_then_killed_with_all_it_started() {
    let place = Place::new();
    let (held, asked) = (place.fifo("held"), place.path("asked"));
    let body = format!(
        "exec 2>/dev/null\ntrap 'echo yes >{}' TERM\nexec 3>{}\nsleep 1000 &\nwhile :; do sleep 0.05; done",
        asked.display(),
        held.display()
    );
    let mut session = open(&place.script(&body)).await;
    let gone = std::thread::spawn(move || fs::read(held));
    let by = clock::now() + Duration::from_millis(1500);
    session.set_deadline(by);
    let error = session.off().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Silent, "off did not end within");
    assert!(clock::now() < by, "the deadline is kept, not met");
    // All are dead by now: nothing keeps the reader waiting.
    assert_eq!(gone.join().unwrap().unwrap(), b"");
    assert!(clock::now() < by + Duration::from_secs(5));
    assert_eq!(fs::read_to_string(asked).unwrap(), "yes\n", "it was asked first");
}

#[tokio::test]
async fn an_agent_that_nobody_waits_for_any_more_is_ended() {
    let place = Place::new();
    let (held, begun) = (place.fifo("held"), place.fifo("begun"));
    let body = format!("exec 3>{}\necho x >{}\nexec sleep 1000", held.display(), begun.display());
    let agent = place.script(&body);
    let mut session = open(&agent).await;
    let gone = std::thread::spawn(move || fs::read(held));
    let begun = tokio::task::spawn_blocking(move || fs::read(begun));
    tokio::select! {
        done = session.off() => panic!("it cannot end by itself: {done:?}"),
        begun = begun => assert_eq!(begun.unwrap().unwrap(), b"x\n"),
    }
    drop(session);
    let gone = tokio::task::spawn_blocking(move || gone.join().unwrap()).await.unwrap();
    assert_eq!(gone.unwrap(), b"");
}

/// It holds the pipe open, also that to which the agent spoke.
#[tokio::test]
async fn what_a_finished_agent_left_running_is_killed_before_its_end_is_told() {
    let place = Place::new();
    let held = place.fifo("held");
    let body = format!("exec 3>{}\nsleep 60 &\necho that is all >&2; exit 1", held.display());
    let mut session = open(&place.script(&body)).await;
    let gone = std::thread::spawn(move || fs::read(held));
    let error = session.off().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Agent(Some(1)), "saying \"that is all\"");
    let began = clock::now();
    assert_eq!(gone.join().unwrap().unwrap(), b"");
    assert!(clock::now() < began + Duration::from_secs(5), "it was left to itself");
}

/// Asked with the group it cannot be, killed it is.
#[tokio::test]
async fn an_agent_that_left_its_group_is_killed_at_its_deadline() {
    let place = Place::new();
    let held = place.fifo("held");
    let body = format!("exec 3>{}\nexec setsid sleep 60", held.display());
    let mut session = open(&place.script(&body)).await;
    let gone = std::thread::spawn(move || fs::read(held));
    let by = clock::now() + Duration::from_millis(1500);
    session.set_deadline(by);
    assert_tells(&session.off().await.unwrap_err(), PowerErrorKind::Silent, "did not end within");
    assert_eq!(gone.join().unwrap().unwrap(), b"");
    assert!(clock::now() < by + Duration::from_secs(5), "it was left to itself");
}

#[tokio::test]
async fn an_agent_without_time_is_not_begun() {
    let place = Place::new();
    let seen = place.path("seen");
    let mut session = open(&place.script(&format!("echo >{}", seen.display()))).await;
    session.set_deadline(clock::now() + Duration::from_millis(100));
    assert_tells(&session.off().await.unwrap_err(), PowerErrorKind::TooLate, "off was not begun");
    assert!(!seen.exists());
}

#[tokio::test]
async fn what_an_agent_says_is_quoted_without_the_password_and_within_bounds() {
    let place = Place::new();
    let body = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2\nexit 0";
    assert_eq!(open(&place.script(body)).await.on().await.unwrap(), Ack::Accepted);
    let body = "echo 'Deprecated' >&2; echo -e \"login with $told failed\\e[2J\" >&2; exit 1";
    let error = open(&place.script(body)).await.on().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Agent(Some(1)), "saying");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[tokio::test]
async fn the_next_way_to_power_is_tried_when_a_bmc_is_gone() {
    let (place, mut dead, living) = (Place::new(), IpmiSim::start(), IpmiSim::start());
    let other = Place::new();
    let first: std::sync::Arc<dyn PowerDevice> = std::sync::Arc::new(ipmilan(&other, &dead));
    let second: std::sync::Arc<dyn PowerDevice> = std::sync::Arc::new(ipmilan(&place, &living));
    let both = Levels::of(vec![first, second]).unwrap();
    dead.kill();
    // An agent opens without asking its BMC: it fails in the order.
    let mut session = both.open(clock::now() + Duration::from_secs(8)).await.unwrap();
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(both.describe().starts_with("level 2 of 2: fence_ipmilan ip="), "{}", both.describe());
    for _ in 0..2 {
        assert!(!session.status().await.unwrap().on);
    }
    assert_eq!(living.power(), "0");
}

//! Failures and what became of a machine's power, for the system's log, as the agents of fence-agents tell
//! it. Never waits: a log that does not take a line at once goes without it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::OnceLock;

use super::called;

/// Where the system listens.
const SOCKET: &str = "/dev/log";

/// Longest line: what every syslog takes. [RFC3164 §4.1]
const LINE_MAX: usize = 1024;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Error,
    Warning,
    Notice,
}

static ON: OnceLock<()> = OnceLock::new();

/// From now on lines are sent.
pub(super) fn start() {
    ON.get_or_init(|| ());
}

/// Tells the log, if it was asked for and listens.
pub(super) fn tell(grade: Grade, line: &str) {
    if ON.get().is_some() {
        send(Path::new(SOCKET), grade, line);
    }
}

fn send(socket: &Path, grade: Grade, line: &str) {
    let Ok(sender) = UnixDatagram::unbound() else { return };
    if sender.set_nonblocking(true).is_ok() {
        // Nobody is helped if it fails: the line stands on standard error, too.
        sender.send_to(packet(grade, line).as_bytes(), socket).unwrap_or_default();
    }
}

fn packet(grade: Grade, line: &str) -> String {
    let (name, pid) = (called::now().name, std::process::id());
    let mut text = format!("<{}>{name}[{pid}]: {}", grade.number(), line.replace('\0', " "));
    text.truncate(text.floor_char_boundary(LINE_MAX));
    text
}

impl Grade {
    /// With the facility of system daemons, 3. [RFC3164 §4.1.1]
    const fn number(self) -> u8 {
        match self {
            Self::Error => 27,
            Self::Warning => 28,
            Self::Notice => 29,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_arrives_with_its_grade_and_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = UnixDatagram::bind(&path).unwrap();
        send(&path, Grade::Error, &format!("wrong\0{}", "é".repeat(1_000)));
        let mut line = [0; 2_000];
        let length = log.recv(&mut line).unwrap();
        let line = std::str::from_utf8(&line[..length]).unwrap();
        assert!(line.starts_with("<27>fence_palisade[") && line.contains("]: wrong é"), "{line}");
        assert!(length <= LINE_MAX);
    }

    #[test]
    fn a_log_that_takes_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        send(&path, Grade::Notice, "nobody listens");
        let log = UnixDatagram::bind(&path).unwrap();
        for _ in 0..10_000 {
            send(&path, Grade::Notice, "a full queue");
        }
        drop(log);
    }
}

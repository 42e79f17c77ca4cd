//! The hook that fencers run when a proof stands: it tells the simulator, which plays the cluster
//! manager and starts the service elsewhere. The program's side and the simulator's side.
//!
//! The hook itself starts nothing and believes nothing: it passes on what it was told.

use super::layout::Files;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What a fencer told its hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The machine whose fencer ran the hook.
    pub node: String,
    /// The machine that is fenced.
    pub target: String,
    /// The proof.
    pub proof: String,
}

impl Call {
    /// From the environment that fencers give their hooks.
    pub fn from_environment() -> Self {
        let word = |name| std::env::var(name).unwrap_or_default();
        Self {
            node: word("PALISADE_NODE"),
            target: word("PALISADE_TARGET"),
            proof: word("PALISADE_PROOF"),
        }
    }
}

/// A call that waits for its answer.
#[derive(Debug)]
pub struct Waiting {
    /// What was told.
    pub call: Call,
    answer: Sender<String>,
}

impl Waiting {
    /// Answers; the hook prints it and ends.
    pub fn answer(self, text: &str) {
        // A hook that has gone needs no answer.
        self.answer.send(text.to_owned()).unwrap_or_default();
    }
}

/// Runs as the hook: tells `socket` and prints the answer.
pub fn run(socket: &Path, call: &Call) -> ExitCode {
    match tell(socket, call) {
        Ok(answer) => {
            eprintln!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the simulator does not listen on {}: {error}", socket.display());
            ExitCode::FAILURE
        }
    }
}

/// Writes the program that the configuration names: hooks get no arguments, so it is a script.
pub fn write_program(files: &Files, exe: &Path) -> io::Result<()> {
    let mut script =
        std::fs::File::options().write(true).create_new(true).mode(0o700).open(files.hook())?;
    let (exe, socket) = (quoted(exe), quoted(&files.hook_socket()));
    writeln!(script, "#!/bin/sh\nexec {exe} promote-hook --socket {socket}")
}

/// Listens for hooks on a thread; each call goes to `deliver`.
///
/// Errs when the socket cannot be bound. The thread ends with the process.
pub fn listen(
    socket: PathBuf,
    deliver: impl Fn(Waiting) + Send + Clone + 'static,
) -> io::Result<()> {
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
    let accept = move || {
        for stream in listener.incoming().flatten() {
            let deliver = deliver.clone();
            // One thread a call: several fencers may call at once. An error ends that call only.
            std::thread::spawn(move || serve(stream, deliver).unwrap_or_default());
        }
    };
    std::thread::Builder::new().name("hooks".to_owned()).spawn(accept)?;
    Ok(())
}

/// Longest wait for the other side; both are on this machine.
const ANSWER_MAX: Duration = Duration::from_secs(5);

fn tell(socket: &Path, call: &Call) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let line = serde_json::to_string(call).map_err(io::Error::other)?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

fn serve(mut stream: UnixStream, deliver: impl Fn(Waiting)) -> io::Result<()> {
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let call = serde_json::from_str(&line).map_err(io::Error::other)?;
    let (answer, answered): (_, Receiver<String>) = channel();
    deliver(Waiting { call, answer });
    let text = answered.recv_timeout(ANSWER_MAX).unwrap_or_else(|_| "no answer".to_owned());
    writeln!(stream, "{text}")
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reaches_the_simulator_and_its_answer_the_hook() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("promote.sock");
        listen(socket.clone(), |waiting| {
            let text = format!("promoted for {}", waiting.call.target);
            waiting.answer(&text);
        })
        .unwrap();
        let call = Call { target: "node1".to_owned(), ..Call::default() };
        assert_eq!(tell(&socket, &call).unwrap(), "promoted for node1");
    }

    #[test]
    fn a_hook_without_a_simulator_errs() {
        assert!(tell(Path::new("/nonexistent/promote.sock"), &Call::default()).is_err());
    }

    #[test]
    fn a_strange_path_is_quoted() {
        assert_eq!(quoted(Path::new("/tmp/it's")), r"'/tmp/it'\''s'");
    }
}

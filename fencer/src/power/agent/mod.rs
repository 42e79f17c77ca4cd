//! Any existing fence agent as a power device: a child for each act, told what to do on its standard
//! input.
//!
//! Nothing is handed over in arguments or in the environment. Only exit code 2 of `status` is off; an
//! agent that fails, is killed or does not end in time leaves the power unknown. No process of its group
//! outlives the deadline, the answer or this process; one that left the group may.
//! [FenceAgentAPI.md, fence-agents]

mod run;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use palisade_host::config;
use palisade_host::secret::{Secret, read_secret_file};
use palisade_protocol::time::Instant;

use self::run::{Ended, run};
use super::device::{Opening, PowerDevice, PowerSession, Working};
use super::error::{PowerError, PowerErrorKind};
use super::session::PowerStatus;
use super::trouble::Trouble;
use super::verdict::CHANGE_MAX;
use super::{Ack, LastPowerEvent, RestorePolicy};
use crate::power;

/// Least time for a run: interpreters need seconds to start on a busy machine.
const RUN_MIN: Duration = Duration::from_secs(5);

/// A fence agent and what it is told about its device.
#[derive(Clone, Debug)]
pub struct Agent {
    config: Arc<config::FenceAgent>,
}

impl Agent {
    /// The agent that `config` describes, `{node}` in its paths replaced. Nothing is started before a
    /// session is opened.
    pub fn new(config: config::FenceAgent) -> Self {
        Self { config: Arc::new(config) }
    }

    async fn session(&self, by: Instant) -> Result<Session, Trouble> {
        let password = read_password(self.config.password_file.clone()).await?;
        let session = Session { agent: self.clone(), password, by };
        // A script with a mistake in it, or without its interpreter, ends with code 2 as well. What
        // describes itself as a fence agent has been started and knows what its codes mean.
        let ended = session.run("metadata").await?;
        if ended.code == Some(0) && ended.out.contains("<resource-agent") {
            Ok(session)
        } else {
            Err(failed("metadata", &ended, "is this program a fence agent?"))
        }
    }

    fn failed(&self, trouble: Trouble) -> PowerError {
        PowerError::at(self.describe(), trouble)
    }
}

impl PowerDevice for Agent {
    fn open(&self, by: Instant) -> Opening<'_> {
        Box::pin(async move {
            let opened = self.session(by).await.map_err(|trouble| self.failed(trouble))?;
            Ok(Box::new(opened) as Box<dyn PowerSession>)
        })
    }

    fn describe(&self) -> String {
        let name = self.config.program.file_name().unwrap_or(self.config.program.as_os_str());
        words::describe(&name.to_string_lossy(), &self.config.options)
    }

    /// It waits for power to change by itself before it answers.
    fn patience(&self, terms: &power::Terms) -> Duration {
        terms.change.unwrap_or(CHANGE_MAX).max(terms.silence).max(RUN_MIN)
    }

    fn check(&self) -> Result<(), PowerError> {
        let Some(file) = &self.config.password_file else { return Ok(()) };
        read_secret_file(file).map(drop).map_err(|error| self.failed(bad_file(error.to_string())))
    }
}

/// An agent whose program has shown that it is one.
#[derive(Debug)]
struct Session {
    agent: Agent,
    password: Option<Secret>,
    by: Instant,
}

impl Session {
    async fn run(&self, action: &str) -> Result<Ended, Trouble> {
        let config = &self.agent.config;
        let input = words::input(action, &config.options, self.password.as_ref());
        let mut ended = run(&config.program, action, input, self.by).await?;
        if let Some(password) = &self.password {
            ended.forget(password);
        }
        Ok(ended)
    }

    async fn command(&self, action: &str) -> Result<Ack, PowerError> {
        let done = async {
            let ended = self.run(action).await?;
            if ended.code == Some(0) {
                Ok(Ack::Accepted)
            } else {
                Err(failed(action, &ended, CHECK))
            }
        };
        done.await.map_err(|trouble| self.agent.failed(trouble))
    }

    async fn read(&self) -> Result<PowerStatus, PowerError> {
        let read = async {
            let ended = self.run("status").await?;
            match ended.code {
                Some(0) => Ok(status(true)),
                Some(2) => Ok(status(false)),
                _ => Err(failed("status", &ended, CHECK)),
            }
        };
        read.await.map_err(|trouble| self.agent.failed(trouble))
    }
}

impl PowerSession for Session {
    fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    fn off(&mut self) -> Working<'_, Ack> {
        Box::pin(self.command("off"))
    }

    fn on(&mut self) -> Working<'_, Ack> {
        Box::pin(self.command("on"))
    }

    fn status(&mut self) -> Working<'_, PowerStatus> {
        Box::pin(self.read())
    }
}

const CHECK: &str = "run the agent by hand with these options";

/// An agent says on or off, and nothing else.
fn status(on: bool) -> PowerStatus {
    PowerStatus {
        on,
        passage: None,
        control_fault: false,
        restore_policy: RestorePolicy::Unknown,
        last_event: LastPowerEvent::default(),
    }
}

fn failed(action: &str, ended: &Ended, remedy: &'static str) -> Trouble {
    Trouble::new(PowerErrorKind::Agent(ended.code), format!("{action} {ended}"), remedy)
}

/// On another thread: a mount that does not answer must not hold up the loop.
async fn read_password(file: Option<PathBuf>) -> Result<Option<Secret>, Trouble> {
    let Some(file) = file else { return Ok(None) };
    let read = tokio::task::spawn_blocking(move || read_secret_file(&file)).await;
    match read {
        Ok(Ok(password)) => Ok(Some(password)),
        Ok(Err(error)) => Err(bad_file(error.to_string())),
        Err(broken) => Err(Trouble::local("reading the password file", broken)),
    }
}

fn bad_file(why: String) -> Trouble {
    let remedy = "correct the file, or password_file in the configuration";
    Trouble::new(PowerErrorKind::BadConfig, why, remedy).definite()
}

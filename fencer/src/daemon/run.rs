//! The loop: waits for the next thing that happens, gives it to the engine, sets the alarm.
//!
//! One thread; never waits for a disk, a BMC, a hook or a person.

use std::io;

use palisade_host::control::Server;
use palisade_host::journal::What;
use palisade_protocol::time::Instant;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::engine::Engine;
use super::readable;
use super::timer::Alarm;
use crate::control::{Answer, Request};

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(mut engine: Engine, mut control: Server) -> io::Result<()> {
    let alarm = Alarm::new()?;
    let asked = readable::watch(&control)?;
    let mut signals = Signals::new()?;
    let mut set_to = Instant::BOOT;
    engine.note_own(What::Started, &format!("version {}", env!("CARGO_PKG_VERSION")));
    engine.tick();
    loop {
        let due = engine.core.next_deadline();
        if due != set_to {
            alarm.set(due)?;
            set_to = due;
        }
        tokio::select! {
            rung = alarm.ring() => {
                rung?;
                // Rung once, it must be set again even to the same instant.
                set_to = Instant::BOOT;
                engine.tick();
            }
            link = engine.mail.arrived() => engine.read(link?),
            word = engine.desk.word() => engine.hear(word),
            written = engine.disk.written() => engine.written(written),
            (node, change, said) = engine.raises.next() => {
                engine.raise_reported(node, change, said.as_deref());
            }
            report = engine.hooks.next() => engine.hook_ended(&report),
            (finding, changed) = engine.rehearsals.next() => engine.rehearsed(&finding, changed),
            ready = asked.readable() => {
                // Cleared before the serving: whoever asks from now on makes it ready again.
                ready?.clear_ready();
                control.serve(|words| reply(&mut engine, words));
            }
            told = signals.next() => match told {
                Told::Stop => break,
                Told::Reload => {
                    log::warn!("SIGHUP: {RELOAD}");
                    engine.rehearsals.try_now();
                }
            },
        }
    }
    engine.note_own(What::Lost, "this fencer stops: ordered to");
    engine.hooks.let_go();
    Ok(())
}

fn reply(engine: &mut Engine, words: Value) -> Value {
    let answer = match Request::read(words) {
        Ok(request) => engine.answer(request),
        Err(reason) => Answer::Misunderstood { reason },
    };
    serde_json::to_value(answer).unwrap_or_else(|error| Value::String(error.to_string()))
}

/// What may change without a restart.
const RELOAD: &str = "BMC passwords are read anew at each login, and one that was refused is tried again now; \
                      everything else needs a restart of this fencer, which fences nobody";

/// What a signal tells.
#[derive(Clone, Copy, Debug)]
enum Told {
    Stop,
    Reload,
}

/// The signals that the daemon knows.
#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal. May be dropped and asked again.
    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }
}

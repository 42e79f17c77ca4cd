//! `demo` from the command line to the exit code: sets everything up, shows what happens, tidies up.
//!
//! The stage runs on a thread of its own, so that a terminal that stands still stops nobody.

use super::args::{DemoArgs, list};
use super::config_text::BMC_USER;
use super::director;
use super::event::What;
use super::json;
use super::judge::{all_held, judge};
use super::layout::Files;
use super::node::Node;
use super::numbers::{PROMISE, SUSPECT_AFTER, WATCHDOG};
use super::picture;
use super::priority::like_hardware;
use super::rig::Happening;
use super::run::{Outcome, Run};
use super::setup::{home, set_up};
use super::stage::{Show, Stage};
use super::summary;
use super::timeline::{self, Paint, Reader};
use super::truth::Truth;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

/// Runs the demo. Exit code 0 only if every promise put to the test held and the expected end was
/// reached; 1 if not; 3 if the demo does not run at all.
pub fn run(args: &DemoArgs) -> ExitCode {
    if args.list {
        print(&list());
        return ExitCode::SUCCESS;
    }
    match demo(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the demo does not run: {error}");
            ExitCode::from(3)
        }
    }
}

fn demo(args: &DemoArgs) -> io::Result<bool> {
    // Before any thread begins, so that all inherit the mask and one place hears Ctrl-C.
    let signals = hear_stop_signals()?;
    let home = home()?;
    let files = Files::below(home.path().to_path_buf());
    let (inbox, happenings) = channel();
    let rig = set_up(&files, &inbox)?;
    let (audience, shows) = channel();
    let (bmc, status) = (rig.block().bmc(Node::STANDBY), rig.block().status(Node::STANDBY));
    let stage = Stage::new(blank(args), files.clone(), rig, happenings, audience);
    let heading = heading(&stage.record);
    let show = Showing {
        args,
        files: &files,
        inbox,
        shows,
        signals,
        bmc,
        status,
        origin: None,
        reader: Reader::default(),
    };
    let thread = raise(stage, args.keep)?;
    show.live(&heading);
    let good = show.until_the_end(thread);
    if args.keep {
        // Not to stdout: its last line may be the report.
        eprintln!("files are left in {}", home.keep().display());
    }
    good
}

/// Plays on a thread of its own, which lives as long as the processes that it starts.
fn raise(mut stage: Stage, keep: bool) -> io::Result<JoinHandle<()>> {
    let play = move || {
        like_hardware();
        director::play(&mut stage);
        stage.show(Show::Done(Box::new(stage.record.clone())));
        while keep && !stage.stopped {
            stage.turn();
        }
    };
    std::thread::Builder::new().name("stage".to_owned()).spawn(play)
}

/// A record of nothing yet.
fn blank(args: &DemoArgs) -> Run {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    Run {
        scenario: args.scenario,
        cast: args.scenario.cast(seed),
        seed,
        fault_at: None,
        ended_at: clock::now(),
        outcome: Outcome::Missed("nothing was played".to_owned()),
        marks: Vec::new(),
        truth: Truth::default(),
        replayed: 0,
    }
}

/// Short, so that it can be typed again.
fn fresh_seed() -> u64 {
    clock::now().as_nanos() / 1_000 % 10_000
}

fn hear_stop_signals() -> io::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGINT);
    mask.add(Signal::SIGTERM);
    mask.thread_block()?;
    Ok(SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// What the main thread does: shows, and listens for Ctrl-C.
struct Showing<'a> {
    args: &'a DemoArgs,
    files: &'a Files,
    inbox: Sender<Happening>,
    shows: Receiver<Show>,
    signals: SignalFd,
    bmc: SocketAddr,
    status: SocketAddr,
    origin: Option<Instant>,
    reader: Reader,
}

/// Longest time until Ctrl-C is noticed.
const NOTICE: Duration = Duration::from_millis(50);

impl Showing<'_> {
    fn until_the_end(mut self, stage: JoinHandle<()>) -> io::Result<bool> {
        let paint = paint(self.args.json);
        let mut good = false;
        loop {
            self.pass_on_signals();
            match self.shows.recv_timeout(NOTICE) {
                Ok(Show::Note(text)) => self.live(&text),
                Ok(Show::Mark(mark)) => self.event(paint, &mark),
                Ok(Show::Done(run)) => good = self.done(paint, &run)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let panicked = stage.join().is_err();
        Ok(good && !panicked)
    }

    fn pass_on_signals(&self) {
        if let Ok(Some(_)) = self.signals.read_signal() {
            // A stage that has gone has stopped.
            self.inbox.send(Happening::Stop).unwrap_or_default();
        }
    }

    /// Events before the fault are shown as one line only: what matters begins with the fault.
    fn event(&mut self, paint: Paint, mark: &super::event::Mark) {
        if mark.what == What::Fault {
            self.origin = Some(mark.at);
        }
        if let Some(origin) = self.origin {
            if self.reader.wants(mark) {
                self.live(&timeline::line(paint, origin, mark));
            }
        } else if mark.what == What::Alarm {
            self.live(&format!("  before   {}  alarm  {}", mark.node, mark.detail));
        }
    }

    fn live(&self, text: &str) {
        if !self.args.json {
            print(&format!("{text}\n"));
        }
    }

    fn done(&self, paint: Paint, run: &Run) -> io::Result<bool> {
        let verdicts = judge(run);
        self.live("");
        self.live(summary::text(paint, run, &verdicts).trim_end());
        if let Some(path) = &self.args.svg {
            std::fs::write(path, picture::svg(run)).map_err(|error| at_path(path, &error))?;
            self.live(&format!("picture: {}", path.display()));
        }
        if self.args.json {
            print(&format!("{}\n", json::line(run, &verdicts)));
        }
        if self.args.keep {
            self.live(&self.how_to_play());
        }
        Ok(all_held(&verdicts))
    }

    fn how_to_play(&self) -> String {
        let (config, node) = (self.files.config(), Node::STANDBY);
        let password = self.files.file(node, "bmc.pw");
        format!(
            "\nstays up; Ctrl-C ends it. For example:\n  \
             palisade --config {} --node {node} status\n  \
             ipmitool -I lanplus -C 17 -H {} -p {} -U {BMC_USER} -f {} -L operator power status\n  \
             curl http://{}/status",
            config.display(),
            self.bmc.ip(),
            self.bmc.port(),
            password.display(),
            self.status,
        )
    }
}

fn paint(json: bool) -> Paint {
    let plain = json || !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some();
    if plain { Paint::Plain } else { Paint::Colour }
}

fn at_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A reader that has gone is no reason to stop.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}

/// The line above the timeline.
fn heading(run: &Run) -> String {
    format!(
        "scenario {}, seed {}: {}\nsuspicion {} ms, watchdog {} ms, promise {} ms",
        run.scenario.name,
        run.seed,
        run.scenario.about,
        SUSPECT_AFTER.as_millis(),
        WATCHDOG.as_millis(),
        PROMISE.as_millis()
    )
}

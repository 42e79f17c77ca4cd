//! `palisade-sim bmc`: simulated BMCs on loopback, for people, scripts and other programs' tests.
//!
//! Serves until it is told to end (SIGTERM or SIGINT). It never listens beyond loopback, and the
//! password is read from a file, never from the command line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use clap::{Args, ValueEnum};
use nix::sys::signal::{SigSet, Signal};
use palisade_host::clock;
use palisade_host::secret::read_secret_file;
use palisade_hw::bmc::{Bmc, Event, Privilege, Secret, Settings, User};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::fault::{self, Fault, Plan};
use palisade_hw::power::{What, Wiring};
use palisade_hw::truth::{Fact, Truth};
use palisade_protocol::time::{Duration, Instant};

/// Simulated BMCs that speak RMCP+ (suites 3 and 17) on loopback.
#[derive(Args, Clone, Debug)]
#[command(after_help = fault::HELP)]
pub struct BmcArgs {
    /// Address and port of the first BMC; loopback only
    #[arg(long, value_name = "ADDR:PORT")]
    listen: SocketAddr,
    /// How many BMCs, on consecutive addresses
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    count: u32,
    /// Name of the only user
    #[arg(long, value_name = "NAME")]
    user: String,
    /// File (mode 0600) whose first line is the user's password, at most 20 bytes
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// The user's highest privilege
    #[arg(long, value_enum, default_value_t = Level::Admin)]
    privilege: Level,
    /// Whether the machines begin on
    #[arg(long, value_enum, default_value_t = Initially::On)]
    initial: Initially,
    /// From power-off order to off, such as 2s or 250ms
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_span)]
    off_latency: Duration,
    /// From power-on order to on
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_span)]
    on_latency: Duration,
    /// Sessions at once
    #[arg(long, value_name = "N", default_value_t = 15)]
    slots: usize,
    /// A fault, see below; may be repeated
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,
    /// The BMCs have a watchdog timer
    #[arg(long)]
    watchdog: bool,
    /// Program run with `on` or `off` at each change of power (a reset is off, then on);
    /// `PALISADE_BMC` tells it which BMC
    #[arg(long, value_name = "CMD")]
    on_power: Option<PathBuf>,
    /// File to which JSON lines of what was really so are appended
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Seed of all chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Privileges on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Admin,
    Operator,
    User,
}

/// Power states on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Initially {
    On,
    Off,
}

impl From<Level> for Privilege {
    fn from(level: Level) -> Self {
        match level {
            Level::Admin => Self::Admin,
            Level::Operator => Self::Operator,
            Level::User => Self::User,
        }
    }
}

/// Serves until SIGTERM or SIGINT, then exits 0; exits 2 when it cannot begin, saying why.
pub fn run(args: BmcArgs) -> ExitCode {
    let Ok(end) = block_signals() else { return ExitCode::from(2) };
    match start(&args) {
        Ok(served) => {
            announce(&served);
            wait_for(&end);
            served.stop();
            ExitCode::SUCCESS
        }
        Err(problem) => {
            complain(&problem);
            ExitCode::from(2)
        }
    }
}

/// BMCs being served.
struct Served {
    face: RmcpFace,
    first: SocketAddr,
    last: SocketAddr,
    hook: Option<JoinHandle<()>>,
}

impl Served {
    fn stop(self) {
        self.face.stop();
        // The sink, and with it the hook's queue, ended with the face.
        if self.hook.is_some_and(|hook| hook.join().is_err()) {
            log::error!("the thread of --on-power panicked");
        }
    }
}

fn start(args: &BmcArgs) -> Result<Served, String> {
    let user = user(args)?;
    let addresses = addresses(args.listen, args.count)?;
    let now = clock::now();
    let bmcs = addresses.iter().zip(0_u64..).map(|(at, number)| {
        (*at, Bmc::new(settings(args, now, user.clone(), args.seed.wrapping_add(number))))
    });
    let (hook, calls) = args.on_power.as_deref().map(start_hook).transpose()?.unzip();
    let mut recorder = Recorder::new(args, now, &addresses, calls)?;
    let face = RmcpFace::start(bmcs.collect(), move |event| recorder.hear(event));
    let face = face.map_err(|error| format!("cannot listen: {error}"))?;
    let first = face.address(0).unwrap_or(args.listen);
    let last = face.address(addresses.len().saturating_sub(1)).unwrap_or(first);
    Ok(Served { face, first, last, hook })
}

fn user(args: &BmcArgs) -> Result<User, String> {
    let length = args.user.len();
    if !(1..=16).contains(&length) {
        return Err(format!("--user: {length} bytes found, 1 to 16 allowed"));
    }
    let text = read_secret_file(&args.password_file).map_err(|error| error.to_string())?;
    let password = Secret::new(text.expose().as_bytes())
        .map_err(|error| format!("{}: {error}", args.password_file.display()))?;
    Ok(User { name: args.user.clone(), password, privilege: args.privilege.into() })
}

fn settings(args: &BmcArgs, now: Instant, user: User, seed: u64) -> Settings {
    let (off_latency, on_latency) = (args.off_latency, args.on_latency);
    Settings {
        wiring: Wiring { off_latency, on_latency, ..Wiring::default() },
        on: args.initial == Initially::On,
        watchdog: args.watchdog,
        slots: args.slots,
        faults: Plan::new(now, args.faults.clone()),
        ..Settings::simple(user, seed)
    }
}

/// `count` addresses from `first` on, all of one port.
fn addresses(first: SocketAddr, count: u32) -> Result<Vec<SocketAddr>, String> {
    let beyond = || format!("--listen {first} --count {count}: not all are loopback addresses");
    let nth = |number: u32| match first.ip() {
        IpAddr::V4(ip) => u32::from(ip).checked_add(number).map(|ip| IpAddr::V4(ip.into())),
        IpAddr::V6(ip) => (number == 0).then_some(IpAddr::V6(ip)),
    };
    let loopback = |number| nth(number).filter(IpAddr::is_loopback).ok_or_else(beyond);
    (0..count).map(|number| loopback(number).map(|ip| SocketAddr::new(ip, first.port()))).collect()
}

/// Writes down what happens, and tells the hook.
struct Recorder {
    names: Vec<String>,
    truth: Truth,
    file: Option<File>,
    calls: Option<Sender<Call>>,
}

/// One run of the hook.
struct Call {
    bmc: String,
    state: &'static str,
}

impl Recorder {
    fn new(
        args: &BmcArgs,
        now: Instant,
        addresses: &[SocketAddr],
        calls: Option<Sender<Call>>,
    ) -> Result<Self, String> {
        let file = args.truth.as_deref().map(open_log).transpose()?;
        let names = addresses.iter().map(SocketAddr::to_string).collect();
        let mut recorder = Self { names, truth: Truth::default(), file, calls };
        for number in 0..addresses.len() {
            recorder.note(now, number, Fact::BmcAlive, true, "start");
            recorder.note(now, number, Fact::Powered, args.initial == Initially::On, "start");
        }
        Ok(recorder)
    }

    fn hear(&mut self, RackEvent { bmc, event }: RackEvent) {
        match event {
            Event::Power(change) => self.power(bmc, change.at, change.what),
            Event::Watchdog(_) | Event::Ordered { .. } => {
                log::info!("{}: {event:?}", self.name(bmc));
            }
            Event::Rebooted { at, until } => {
                self.note(at, bmc, Fact::BmcAlive, false, "reboot");
                self.note(until, bmc, Fact::BmcAlive, true, "reboot");
            }
        }
    }

    fn power(&mut self, bmc: usize, at: Instant, what: What) {
        match what {
            What::On(cause) => self.switched(bmc, at, true, &cause.to_string()),
            What::Off => self.switched(bmc, at, false, "power off"),
            What::Reset(cause) => {
                self.switched(bmc, at, false, &format!("reset: {cause}"));
                self.switched(bmc, at, true, &format!("reset: {cause}"));
            }
            What::MainsLost => self.note(at, bmc, Fact::BmcAlive, false, "mains"),
            What::MainsBack => self.note(at, bmc, Fact::BmcAlive, true, "mains"),
            What::Interrupted => {}
        }
    }

    fn switched(&mut self, bmc: usize, at: Instant, on: bool, why: &str) {
        self.note(at, bmc, Fact::Powered, on, why);
        let call = Call { bmc: self.name(bmc), state: if on { "on" } else { "off" } };
        if self.calls.as_ref().is_some_and(|calls| calls.send(call).is_err()) {
            log::error!("the thread of --on-power is gone");
        }
    }

    fn note(&mut self, at: Instant, bmc: usize, fact: Fact, is: bool, why: &str) {
        let name = self.name(bmc);
        let Some(line) = self.truth.note(at, &name, fact, is, why) else { return };
        let Some(file) = &mut self.file else { return };
        if let Err(error) = writeln!(file, "{}", line.to_json()) {
            log::error!("the truth is not written: {error}");
        }
    }

    fn name(&self, bmc: usize) -> String {
        self.names.get(bmc).cloned().unwrap_or_default()
    }
}

fn open_log(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| format!("--truth {}: {error}", path.display()))
}

/// A thread that runs the hook for one change after the other.
fn start_hook(program: &Path) -> Result<(JoinHandle<()>, Sender<Call>), String> {
    let (sender, calls) = channel();
    let program = program.to_owned();
    let started = Builder::new().name("on-power".to_owned()).spawn(move || call(&program, &calls));
    let thread = started.map_err(|error| format!("--on-power: {error}"))?;
    Ok((thread, sender))
}

fn call(program: &Path, calls: &Receiver<Call>) {
    for call in calls {
        let run = Command::new(program).arg(call.state).env("PALISADE_BMC", &call.bmc).status();
        match run {
            Ok(status) if status.success() => {}
            Ok(status) => log::error!("{} {}: {status}", program.display(), call.state),
            Err(error) => log::error!("{} does not run: {error}", program.display()),
        }
    }
}

/// A span such as `250ms`, `2s` or `1.5s`.
fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no time; allowed: 2s, 1.5s, 250ms");
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000.0),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number / unit).map_err(|_| wrong())
}

/// SIGTERM and SIGINT wait for [`wait_for`], in this thread and all that it starts.
fn block_signals() -> nix::Result<SigSet> {
    let set: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    set.thread_block()?;
    Ok(set)
}

fn wait_for(end: &SigSet) {
    while let Err(error) = end.wait() {
        log::debug!("sigwait: {error}");
    }
}

#[expect(clippy::print_stdout, reason = "scripts wait for this line")]
fn announce(served: &Served) {
    if served.first == served.last {
        println!("listening on {}", served.first);
    } else {
        println!("listening on {} to {}", served.first, served.last);
    }
    if let Err(error) = io::stdout().flush() {
        log::debug!("stdout: {error}");
    }
}

fn complain(problem: &str) {
    if let Err(error) = writeln!(io::stderr(), "palisade-sim bmc: {problem}") {
        log::debug!("stderr: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_addresses_stay_on_loopback() {
        let first: SocketAddr = "127.1.0.254:623".parse().unwrap();
        let all = addresses(first, 3).unwrap();
        assert_eq!(all[2], "127.1.1.0:623".parse().unwrap());
        assert!(addresses("127.255.255.255:623".parse().unwrap(), 2).is_err());
        assert!(addresses("10.0.0.1:623".parse().unwrap(), 1).is_err());
        assert!(addresses("[::1]:623".parse().unwrap(), 1).is_ok());
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_span("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_span("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_span("250ms"), Ok(Duration::from_millis(250)));
        assert!(parse_span("2").unwrap_err().contains("250ms"));
    }
}

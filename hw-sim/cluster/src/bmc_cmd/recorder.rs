//! Writes down what really happens, and tells the hook and the virtual machines.
//!
//! Keeps the last state of each machine and no history, so that a rack may run for months.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Sender;

use palisade_hw::bmc::Event;
use palisade_hw::face::qemu::VmWishes;
use palisade_hw::face::rmcp::RackEvent;
use palisade_hw::power::{What, Wish};
use palisade_hw::truth::{Fact, Line};
use palisade_protocol::time::Instant;

use super::hook::Call;

/// Hears of everything that happens in the rack.
pub(super) struct Recorder {
    machines: Vec<Machine>,
    file: Option<File>,
    pub(super) calls: Option<Sender<Call>>,
    pub(super) wishes: Vec<VmWishes>,
}

/// What was last noted of a machine and its BMC.
struct Machine {
    name: String,
    is_powered: Option<bool>,
    is_bmc_alive: Option<bool>,
}

impl Recorder {
    /// Notes the beginning in `truth`: every BMC alive, every machine on or off.
    ///
    /// # Errors
    /// If the file cannot be opened, in words.
    pub(super) fn new(
        truth: Option<&Path>,
        now: Instant,
        addresses: &[SocketAddr],
        on: bool,
    ) -> Result<Self, String> {
        let file = truth.map(open_log).transpose()?;
        let machine = |at: &SocketAddr| Machine {
            name: at.to_string(),
            is_powered: None,
            is_bmc_alive: None,
        };
        let machines = addresses.iter().map(machine).collect();
        let mut recorder = Self { machines, file, calls: None, wishes: Vec::new() };
        for number in 0..addresses.len() {
            recorder.note(now, number, Fact::BmcAlive, true, "start");
            recorder.note(now, number, Fact::Powered, on, "start");
        }
        Ok(recorder)
    }

    /// Something happened.
    pub(super) fn hear(&mut self, RackEvent { bmc, event }: RackEvent) {
        match event {
            Event::Power(change) => self.power(bmc, change.at, change.what),
            Event::Machine(wish) => self.wish(bmc, wish),
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

    /// A virtual machine that comes or resets is there already: the hook is called only where one
    /// is to be started or is gone.
    fn switched(&mut self, bmc: usize, at: Instant, on: bool, why: &str) {
        self.note(at, bmc, Fact::Powered, on, why);
        if self.wishes.is_empty() || (!on && !why.starts_with("reset")) {
            self.call(bmc, on);
        }
    }

    fn wish(&self, bmc: usize, wish: Wish) {
        log::info!("{}: {wish:?}", self.name(bmc));
        if wish == Wish::Start {
            return self.call(bmc, true);
        }
        if let Some(machine) = self.wishes.get(bmc) {
            machine.tell(wish);
        }
    }

    fn call(&self, bmc: usize, on: bool) {
        let Some(calls) = &self.calls else { return };
        let call = Call { bmc: self.name(bmc).to_owned(), state: if on { "on" } else { "off" } };
        if calls.send(call).is_err() {
            log::error!("the thread of --on-power is gone");
        }
    }

    fn note(&mut self, at: Instant, bmc: usize, fact: Fact, is: bool, why: &str) {
        let Some(machine) = self.machines.get_mut(bmc) else { return };
        let was = match fact {
            Fact::Powered => machine.is_powered.replace(is),
            Fact::BmcAlive => machine.is_bmc_alive.replace(is),
            Fact::Running | Fact::Serving => None,
        };
        let Some(file) = self.file.as_mut().filter(|_| was != Some(is)) else { return };
        let (t_ns, node, why) = (at.as_nanos(), machine.name.clone(), why.to_owned());
        let line = Line { t_ns, node, fact, is, why };
        if let Err(error) = writeln!(file, "{}", line.to_json()) {
            log::error!("the truth is not written: {error}");
        }
    }

    fn name(&self, bmc: usize) -> &str {
        self.machines.get(bmc).map_or("", |machine| &machine.name)
    }
}

fn open_log(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| format!("--truth {}: {error}", path.display()))
}

//! The command line of `palisade-sim bmc`, and what it means for each BMC. Starts nothing.

use std::fs::read_to_string;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palisade_host::secret::read_secret_file;
use palisade_hw::bmc::{Privilege, Secret, Settings, User};
use palisade_hw::fault::{self, Aimed, Plan};
use palisade_hw::power::{RestorePolicy, Wiring};
use palisade_protocol::time::{Duration, Instant};

/// Simulated BMCs that speak RMCP+ (suites 3 and 17) on loopback.
#[derive(Args, Clone, Debug)]
#[command(after_help = fault::HELP)]
pub struct BmcArgs {
    /// Address and port of the first BMC; loopback only
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) listen: SocketAddr,
    /// How many BMCs, on consecutive addresses
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(super) count: u32,
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
    pub(super) initial: Initially,
    /// From power-off order to off, such as 2s or 250ms
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_span)]
    off_latency: Duration,
    /// From power-on order to on
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_span)]
    on_latency: Duration,
    /// What the machine does when the mains come back
    #[arg(long, value_enum, default_value_t = Restore::StayOff)]
    restore: Restore,
    /// Sessions at once
    #[arg(long, value_name = "N", default_value_t = 15)]
    slots: usize,
    /// GUID of every BMC, 32 hex digits [default: each its own, from the seed]
    #[arg(long, value_name = "HEX", value_parser = parse_guid)]
    guid: Option<[u8; 16]>,
    /// A fault, of BMC N alone or of all, see below; may be repeated
    #[arg(long = "fault", value_name = "[N:]SPEC")]
    faults: Vec<Aimed>,
    /// File of faults, one moment a line, see below
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// The BMCs have a watchdog timer
    #[arg(long)]
    watchdog: bool,
    /// Serves QEMU's `ipmi-bmc-extern` there: the machine is the virtual machine that connects, off
    /// until then. BMC N has port PORT + N - 1
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) qemu: Option<SocketAddr>,
    /// Program run with `on` or `off` at each change of power (a reset is off, then on), with
    /// --qemu whenever a machine is to be started or is gone; `PALISADE_BMC` tells it which BMC
    #[arg(long, value_name = "CMD")]
    pub(super) on_power: Option<PathBuf>,
    /// File to which JSON lines of what was really so are appended
    #[arg(long, value_name = "FILE")]
    pub(super) truth: Option<PathBuf>,
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
pub(super) enum Initially {
    On,
    Off,
}

/// Restore policies on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Restore {
    AlwaysOn,
    Previous,
    StayOff,
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

impl From<Restore> for RestorePolicy {
    fn from(restore: Restore) -> Self {
        match restore {
            Restore::AlwaysOn => Self::AlwaysOn,
            Restore::Previous => Self::Previous,
            Restore::StayOff => Self::StayOff,
        }
    }
}

impl BmcArgs {
    /// The settings of each BMC, in order, as they are at `now`.
    ///
    /// # Errors
    /// With what is wrong with a name or a file, in words.
    pub(super) fn settings(&self, now: Instant) -> Result<Vec<Settings>, String> {
        let (user, faults) = (self.login()?, self.all_faults()?);
        let beyond = faults.iter().filter_map(|aimed| aimed.bmc).find(|bmc| *bmc > self.count);
        if let Some(bmc) = beyond {
            return Err(format!("a fault is for BMC {bmc}, and there are {}", self.count));
        }
        let numbers = (1..=self.count).zip(0_u64..);
        Ok(numbers.map(|(number, more)| self.of_one(now, &user, &faults, number, more)).collect())
    }

    /// The address of each BMC, in order.
    ///
    /// # Errors
    /// If one is beyond loopback, in words.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        addresses(self.listen, self.count)
    }

    /// Where each BMC's virtual machine connects, in order; empty without any.
    ///
    /// # Errors
    /// If there are not so many ports, in words.
    pub(super) fn machine_addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let Some(first) = self.qemu else { return Ok(Vec::new()) };
        let nth = |number: u32| {
            let more = u16::try_from(number).ok()?;
            Some(SocketAddr::new(first.ip(), first.port().checked_add(more)?))
        };
        let all: Option<Vec<_>> = (0..self.count).map(nth).collect();
        all.ok_or_else(|| format!("--qemu {first} --count {}: not so many ports", self.count))
    }

    fn of_one(
        &self,
        now: Instant,
        user: &User,
        faults: &[Aimed],
        number: u32,
        more: u64,
    ) -> Settings {
        let faults = faults.iter().filter(|aimed| aimed.hits(number)).map(|aimed| aimed.fault);
        let (off_latency, on_latency) = (self.off_latency, self.on_latency);
        let restore = self.restore.into();
        Settings {
            wiring: Wiring { off_latency, on_latency, restore, ..Wiring::default() },
            on: self.initial == Initially::On,
            watchdog: self.watchdog,
            slots: self.slots,
            hosted: self.qemu.is_some(),
            guid: self.guid,
            faults: Plan::new(now, faults.collect()),
            ..Settings::simple(user.clone(), self.seed.wrapping_add(more))
        }
    }

    fn login(&self) -> Result<User, String> {
        let length = self.user.len();
        if !(1..=16).contains(&length) {
            return Err(format!("--user: {length} bytes found, 1 to 16 allowed"));
        }
        let text = read_secret_file(&self.password_file).map_err(|error| error.to_string())?;
        let password = Secret::new(text.expose().as_bytes())
            .map_err(|error| format!("{}: {error}", self.password_file.display()))?;
        Ok(User { name: self.user.clone(), password, privilege: self.privilege.into() })
    }

    fn all_faults(&self) -> Result<Vec<Aimed>, String> {
        let mut all = self.faults.clone();
        if let Some(path) = &self.schedule {
            let named = |problem: &dyn std::fmt::Display| {
                format!("--schedule {}: {problem}", path.display())
            };
            let text = read_to_string(path).map_err(|error| named(&error))?;
            all.extend(fault::read_schedule(&text).map_err(|error| named(&error))?);
        }
        Ok(all)
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

fn parse_guid(text: &str) -> Result<[u8; 16], String> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    number.map(u128::to_be_bytes).ok_or_else(|| "32 hex digits wanted".to_owned())
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

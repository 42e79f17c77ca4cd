//! A foreign BMC for tests and measurements: OpenIPMI's `ipmi_sim`, whose machine's power is a file.
//!
//! Needs the Debian package `openipmi`. Uses loopback only, and ends only what it started.

#![expect(clippy::expect_used, reason = "a rig that cannot be set up must stop what uses it")]

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use palisade_host::clock;
use tempfile::TempDir;

/// Its account, of privilege administrator.
pub use crate::bmc::USER;

/// That account's password.
pub const PASSWORD: &str = "s3cret-of-the-bmc";

/// Its identity, in hexadecimal digits.
pub const GUID: &str = "a123456789abcdefa123456789abcdef";

/// Far longer than it needs to start, so that only a broken one meets it.
const START_MAX: Duration = Duration::from_secs(10);

/// The chassis: one file with 0 or 1 in it. Beside it, `.orders` has each order in a line, and `.stuck-0` and `.stuck-1` make the machine take
/// that order and ignore it, but for a note in the same file.
const CHASSIS: &str = r#"#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat "$1")" ;;
"get boot") echo "boot:default" ;;
"set power") echo "$4" >>"$1.orders"
    if [ -e "$1.stuck-$4" ]; then echo ordered >>"$1.stuck-$4"; else echo "$4" >"$1"; fi ;;
esac
"#;

const EMULATOR: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

/// A running `ipmi_sim` on a loopback port of its own. Ended when dropped.
#[derive(Debug)]
pub struct IpmiSim {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl IpmiSim {
    /// One at an address that nothing else of this process uses.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(own_address(), "")
    }

    /// One whose machine is always off, and that runs no program to find out: for measurements.
    #[must_use]
    pub fn without_chassis() -> Self {
        Self::start_with(own_address(), "", false)
    }

    /// One at `address`. `more` are lines for its section `lan`, for example `bmc_key "…"`.
    ///
    /// # Panics
    /// If `ipmi_sim` is missing or does not answer.
    #[must_use]
    pub fn start_at(address: Ipv4Addr, more: &str) -> Self {
        Self::start_with(address, more, true)
    }

    fn start_with(address: Ipv4Addr, more: &str, chassis: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_port_at(address);
        write_files(folder.path(), address, more, chassis);
        let child = spawn(folder.path());
        let simulator = Self { child, address, folder };
        simulator.wait_until_it_answers();
        simulator
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its machine's power: `1` or `0`.
    #[must_use]
    pub fn power(&self) -> String {
        fs::read_to_string(self.path("power")).expect("its power").trim().to_owned()
    }

    /// What its machine was ordered to become, in the order of the orders; none before the last
    /// [`Self::set_power`].
    #[must_use]
    pub fn orders(&self) -> Vec<String> {
        let orders = fs::read_to_string(self.path("power.orders")).unwrap_or_default();
        orders.lines().map(str::to_owned).collect()
    }

    /// Switches its machine as nobody at the BMC can.
    pub fn set_power(&self, power: &str) {
        fs::write(self.path("power.orders"), "").expect("a note beside its power");
        fs::write(self.path("power"), power).expect("its power");
    }

    /// The machine takes every order to become `power`, and ignores it.
    pub fn stick(&self, power: &str) {
        fs::write(self.path(&format!("power.stuck-{power}")), "").expect("a flag beside its power");
    }

    /// Whether the machine was ordered to become `power`, and stuck.
    #[must_use]
    pub fn was_ordered(&self, power: &str) -> bool {
        let note = fs::metadata(self.path(&format!("power.stuck-{power}")));
        note.is_ok_and(|note| note.len() > 0)
    }

    /// Where a file of that name is, or would be, in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Ends it at once; its port then refuses.
    pub fn kill(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.expect("ipmi_sim can be ended");
    }

    /// Pings as a presence ping does, until a pong comes.
    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let ping = palisade_ipmi::wire::asf_ping(1);
        let by = clock::now() + START_MAX;
        let answers = || {
            let sent = socket.send_to(&ping, self.address);
            sent.is_ok() && socket.recv(&mut [0; 64]).is_ok()
        };
        while !answers() {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(clock::now() < by, "ipmi_sim does not answer at {}: {}", self.address, log());
        }
    }
}

impl Drop for IpmiSim {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A loopback address that nothing else of this process uses.
#[must_use]
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(127, 64 | high & 0x3f, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port there at which nothing listens.
///
/// # Panics
/// If `address` is not one of this machine.
#[must_use]
pub fn free_port_at(address: Ipv4Addr) -> SocketAddr {
    let socket = UdpSocket::bind((address, 0)).and_then(|socket| socket.local_addr());
    socket.expect("a free port")
}

fn spawn(folder: &Path) -> Child {
    let log = File::create(folder.join("log")).expect("its log");
    Command::new("ipmi_sim")
        .arg("-c")
        .arg(folder.join("lan.conf"))
        .arg("-f")
        .arg(folder.join("bmc.emu"))
        .arg("-s")
        .arg(folder.join("state"))
        .arg("-n")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("its log"))
        .stderr(log)
        .spawn()
        .expect("ipmi_sim is missing: apt-get install openipmi")
}

/// What stands in its folder, which is at `folder` for the one who runs it: each file's name and text.
/// `more` are lines for its section `lan`.
#[must_use]
pub fn files(folder: &Path, address: SocketAddr, more: &str) -> [(&'static str, String); 4] {
    let control = format!("chassis_control \"{0}/chassis {0}/power\"\n", folder.display());
    [
        ("lan.conf", lan(address, more, &control)),
        ("bmc.emu", EMULATOR.to_owned()),
        ("power", "1\n".to_owned()),
        ("chassis", CHASSIS.to_owned()),
    ]
}

fn lan(address: SocketAddr, more: &str, control: &str) -> String {
    let auths: String = ["callback", "user", "operator", "admin"]
        .map(|level| format!("allowed_auths_{level} none md2 md5 straight\n"))
        .concat();
    format!(
        "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\naddr {ip} {port}\npriv_limit admin\n{auths}\
         guid {GUID}\n{more}\nendlan\n\
         {control}startnow false\n\
         user 1 true \"\" \"test\" user 10 none md2 md5 straight\n\
         user 2 true \"{USER}\" \"{PASSWORD}\" admin 10 none md2 md5 straight\n",
        ip = address.ip(),
        port = address.port(),
    )
}

fn write_files(folder: &Path, address: SocketAddr, more: &str, has_chassis: bool) {
    fs::create_dir(folder.join("state")).expect("a folder for its state");
    for (name, text) in files(folder, address, more) {
        fs::write(folder.join(name), text).expect("its files");
    }
    if !has_chassis {
        fs::write(folder.join("lan.conf"), lan(address, more, "")).expect("its files");
    }
    let runs = Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("chassis"), runs).expect("its chassis may run");
}

//! The power engine against a foreign BMC: OpenIPMI's `ipmi_sim`, whose power is a file.
//!
//! Needs the Debian package `openipmi`. Only processes started here are ended, and only loopback
//! is used.
#![cfg(test)]

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use palisade_fencer::power::{
    Ack, Bmc, BmcConfig, PowerDevice, PowerError, PowerErrorKind, Privilege, Session, Suite,
};
use palisade_host::clock;
use palisade_host::secret::Secret;
use palisade_protocol::time::Instant;
use tempfile::TempDir;

const PASSWORD: &str = "s3cret-of-the-bmc";

/// Far longer than anything here takes, so that only a hang meets it.
const AMPLE: Duration = Duration::from_secs(10);

/// The chassis of the simulated machine: one file with 0 or 1 in it.
const CHASSIS: &str = r#"#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat "$1")" ;;
"get boot") echo "boot:default" ;;
"set power") echo "$4" >"$1" ;;
esac
"#;

const EMULATOR: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

/// A running `ipmi_sim` on a free loopback port.
struct Simulator {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Simulator {
    fn start() -> Self {
        Self::start_at(own_address())
    }

    fn start_at(address: Ipv4Addr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_port_at(address);
        let (lan, emulator) = write_files(&folder, address);
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new("ipmi_sim")
            .arg("-c")
            .arg(lan)
            .arg("-f")
            .arg(emulator)
            .arg("-s")
            .arg(folder.path().join("state"))
            .arg("-n")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("ipmi_sim is missing: apt-get install openipmi");
        let simulator = Self { child, address, folder };
        simulator.wait_until_it_answers();
        simulator
    }

    fn power(&self) -> String {
        fs::read_to_string(self.folder.path().join("power")).unwrap().trim().to_owned()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn config(&self) -> BmcConfig {
        config(self.address.to_string())
    }

    /// Pings as a presence ping does, until a pong comes.
    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let ping = palisade_ipmi::wire::asf_ping(1);
        let by = clock::now() + AMPLE;
        while clock::now() < by {
            let sent = socket.send_to(&ping, self.address);
            if sent.is_ok() && socket.recv(&mut [0; 64]).is_ok() {
                return;
            }
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("ipmi_sim does not answer at {}: {log}", self.address);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.expect("ipmi_sim can be ended");
    }
}

fn write_files(folder: &TempDir, address: SocketAddr) -> (PathBuf, PathBuf) {
    let (chassis, power) = (folder.path().join("chassis"), folder.path().join("power"));
    fs::create_dir(folder.path().join("state")).unwrap();
    fs::write(&power, "1\n").unwrap();
    fs::write(&chassis, CHASSIS).unwrap();
    fs::set_permissions(&chassis, fs::Permissions::from_mode(0o755)).unwrap();
    let (lan, emulator) = (folder.path().join("lan.conf"), folder.path().join("bmc.emu"));
    let auths: String = ["callback", "user", "operator", "admin"]
        .map(|level| format!("allowed_auths_{level} none md2 md5 straight\n"))
        .concat();
    let text = format!(
        "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\naddr {ip} {port}\npriv_limit admin\n{auths}\
         guid a123456789abcdefa123456789abcdef\nendlan\n\
         chassis_control \"{chassis} {power}\"\nstartnow false\n\
         user 1 true \"\" \"test\" user 10 none md2 md5 straight\n\
         user 2 true \"palisade\" \"{PASSWORD}\" admin 10 none md2 md5 straight\n",
        ip = address.ip(),
        port = address.port(),
        chassis = chassis.display(),
        power = power.display(),
    );
    fs::write(&lan, text).unwrap();
    fs::write(&emulator, EMULATOR).unwrap();
    (lan, emulator)
}

/// A loopback address that no other test of this process uses.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    Ipv4Addr::new(127, 64 | high & 0x3f, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port at which nothing listens.
fn free_port_at(address: Ipv4Addr) -> SocketAddr {
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap()
}

fn config(address: String) -> BmcConfig {
    BmcConfig {
        address,
        user: "palisade".to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
        privilege: Privilege::Operator,
        suites: vec![Suite::Sha256, Suite::Sha1],
    }
}

fn soon() -> Instant {
    clock::now() + AMPLE
}

/// Evidence, address and user are in the one line; the password is not.
fn assert_tells(error: &PowerError, kind: PowerErrorKind, config: &BmcConfig, evidence: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), kind, "{line}");
    for part in [config.address.as_str(), config.user.as_str(), evidence, "; "] {
        assert!(line.contains(part), "{part:?} is missing: {line}");
    }
    assert!(!line.contains(PASSWORD) && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_machine_is_switched_off_and_read_off_and_switched_on_and_read_on() {
    let simulator = Simulator::start();
    let mut session = Session::open(&simulator.config(), soon()).await.unwrap();
    assert!(session.status().await.unwrap().on);

    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(!session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "0");

    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    assert!(session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "1");
    session.close();
}

#[tokio::test]
async fn a_device_behind_the_trait_does_the_same() {
    let simulator = Simulator::start();
    let device: Box<dyn PowerDevice> = Box::new(Bmc::new(simulator.config()));
    assert_eq!(device.describe(), format!("bmc {}", simulator.address));
    let mut session = device.open(soon()).await.unwrap();
    session.off().await.unwrap();
    assert!(!session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "0");
}

/// A name may stand for several addresses, of which only the last need answer.
#[tokio::test]
async fn a_session_as_admin_at_a_host_name_works_too() {
    let simulator = Simulator::start_at(Ipv4Addr::LOCALHOST);
    let config = BmcConfig {
        address: format!("localhost:{}", simulator.address.port()),
        privilege: Privilege::Admin,
        ..simulator.config()
    };
    let mut session = Session::open(&config, soon()).await.unwrap();
    assert!(session.status().await.unwrap().on);
}

#[tokio::test]
async fn a_wrong_password_is_refused_as_such() {
    let simulator = Simulator::start();
    let wrong = Secret::new("not-the-password".to_owned());
    let config = BmcConfig { password: wrong, ..simulator.config() };
    let error = Session::open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::WrongPassword, &config, "wrong password");
    assert!(error.is_definite());
    assert_eq!(simulator.power(), "1");
}

#[tokio::test]
async fn an_unknown_user_is_refused_as_such() {
    let simulator = Simulator::start();
    let config = BmcConfig { user: "nobody".to_owned(), ..simulator.config() };
    let error = Session::open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::NoSuchUser, &config, "no such user");
    assert!(error.is_definite());
}

#[tokio::test]
async fn a_bmc_without_the_only_suite_wanted_is_told_apart_from_a_silent_one() {
    let simulator = Simulator::start();
    let config = BmcConfig { suites: vec![Suite::Sha256], ..simulator.config() };
    let error = Session::open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::CipherRefused, &config, "suite 17");
}

#[tokio::test]
async fn a_bmc_that_dies_between_order_and_reading_is_never_read_as_off() {
    let mut simulator = Simulator::start();
    let config = simulator.config();
    let mut session = Session::open(&config, soon()).await.unwrap();
    session.off().await.unwrap();
    simulator.kill();

    let began = clock::now();
    session.set_deadline(began + Duration::from_secs(2));
    let error = session.status().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::PortRefused, &config, "port refused");
    assert!(clock::now().since(began) < Duration::from_secs(3));
    assert!(session.status().await.is_err(), "a dead session stays dead");
}

#[tokio::test]
async fn a_closed_port_is_refused_long_before_the_deadline() {
    let config = config(free_port_at(own_address()).to_string());
    let began = clock::now();
    let error = Session::open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::PortRefused, &config, "nothing listens");
    assert!(clock::now().since(began) < Duration::from_secs(3));
}

#[tokio::test]
async fn a_bmc_that_says_nothing_is_silent_at_the_deadline_and_not_later() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = config(mute.local_addr().unwrap().to_string());
    let (began, patience) = (clock::now(), Duration::from_millis(700));
    let error = Session::open(&config, began + patience).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Silent, &config, "silent");
    let took = clock::now().since(began);
    assert!(took >= patience && took < patience + Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart_from_a_silent_bmc() {
    let config = config("no-such-bmc.invalid:623".to_owned());
    let by = clock::now() + Duration::from_secs(2);
    let error = Session::open(&config, by).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Unresolved, &config, "does not resolve");
}

#[tokio::test]
async fn a_password_that_would_have_to_be_cut_is_refused_before_anything_is_sent() {
    let long = Secret::new("twenty-one characters".to_owned());
    let config = BmcConfig { password: long, ..config(free_port_at(own_address()).to_string()) };
    let error = Session::open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::BadConfig, &config, "21 bytes");
}

/// `ipmi_sim` has 63 slots and keeps a forgotten session for 30 s.
#[tokio::test]
async fn a_hundred_logins_in_a_row_leave_no_slot_behind() {
    let simulator = Simulator::start();
    for _ in 0..100 {
        let mut session = Session::open(&simulator.config(), soon()).await.unwrap();
        assert!(session.status().await.unwrap().on);
    }
}

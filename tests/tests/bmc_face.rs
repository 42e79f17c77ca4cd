//! The simulated BMC against consoles that we did not write: `ipmitool` and FreeIPMI's `ipmipower`.
//!
//! Needs the Debian packages `ipmitool` and `freeipmi-tools`; fails with that advice without them.
#![cfg(test)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

use palisade_hw::bmc::{Bmc, Event, Privilege, Secret, Settings, User};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::fault::{Fault, Plan};
use palisade_hw::power::What;
use palisade_protocol::time::Instant;
use palisade_tests::bmc::{PASSWORD, USER, WAIT, user};

struct Rig {
    face: RmcpFace,
    events: Receiver<RackEvent>,
    address: SocketAddr,
}

impl Rig {
    fn new() -> Self {
        Self::with(Privilege::Admin, |_| {})
    }

    fn with(privilege: Privilege, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::simple(user(PASSWORD, privilege), 1);
        change(&mut settings);
        let (tell, events) = channel();
        let listen = "127.31.0.1:0".parse().unwrap();
        let face = RmcpFace::start(vec![(listen, Bmc::new(settings))], move |event| {
            tell.send(event).ok();
        })
        .unwrap();
        let address = face.address(0).unwrap();
        Self { face, events, address }
    }

    fn is_on(&self) -> bool {
        self.face.with(0, Bmc::is_on).unwrap()
    }

    fn sessions(&self) -> usize {
        self.face.with(0, Bmc::sessions).unwrap()
    }

    /// Waits until the machine's power has truly changed to this.
    fn wait_for(&self, wanted: impl Fn(What) -> bool) {
        loop {
            let event = self.events.recv_timeout(WAIT).expect("the event comes").event;
            if matches!(event, Event::Power(change) if wanted(change.what)) {
                return;
            }
        }
    }

    fn ipmitool(&self, suite: &str, user: &str, password: &str, words: &[&str]) -> Output {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let mut command = Command::new("ipmitool");
        command.args(["-I", "lanplus", "-H", &host, "-p", &port, "-C", suite, "-U", user]);
        command.arg("-E").env("IPMI_PASSWORD", password).args(words);
        output(command, "ipmitool")
    }

    fn ipmipower(&self, suite: &str, user: &str, password: &str, words: &[&str]) -> Output {
        let host = self.address.to_string();
        let mut command = Command::new("ipmipower");
        command.args(["--driver-type=LAN_2_0", "-h", &host, "-I", suite, "-u", user]);
        command.args(["-p", password]).args(words);
        output(command, "freeipmi-tools")
    }
}

fn output(mut command: Command, package: &str) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("{command:?} is missing: apt-get install {package}")
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Standard output and standard error together.
fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[track_caller]
fn says(output: &Output, words: &str) {
    let said = said(output);
    assert!(said.contains(words), "\"{words}\" expected, {} with: {said}", output.status);
}

fn ipmitool_switches(suite: &str) {
    let rig = Rig::new();
    let ask = |words: &[&str]| {
        let output = rig.ipmitool(suite, USER, PASSWORD, words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        output
    };
    says(&ask(&["power", "status"]), "Chassis Power is on");
    says(&ask(&["power", "off"]), "Down/Off");
    rig.wait_for(|what| what == What::Off);
    assert!(!rig.is_on());
    says(&ask(&["power", "status"]), "Chassis Power is off");
    says(&ask(&["power", "on"]), "Up/On");
    rig.wait_for(|what| matches!(what, What::On(_)));
    assert!(rig.is_on());
    says(&ask(&["power", "status"]), "Chassis Power is on");
    assert_eq!(rig.sessions(), 0, "every session was closed");
}

#[test]
fn ipmitool_switches_power_with_suite_3() {
    ipmitool_switches("3");
}

#[test]
fn ipmitool_switches_power_with_suite_17() {
    ipmitool_switches("17");
}

#[test]
fn ipmitool_reads_identity_status_restart_cause_and_watchdog() {
    let rig = Rig::new();
    let ask = |words: &[&str]| rig.ipmitool("17", USER, PASSWORD, words);
    says(&ask(&["mc", "info"]), "IPMI Version              : 2.0");
    says(&ask(&["chassis", "status"]), "System Power         : on");
    says(&ask(&["chassis", "policy", "always-on"]), "always-on");
    says(&ask(&["chassis", "status"]), "Power Restore Policy : always-on");
    says(&ask(&["chassis", "power", "reset"]), "Reset");
    rig.wait_for(|what| matches!(what, What::Reset(_)));
    says(&ask(&["chassis", "restart_cause"]), "chassis power control command");
    says(&ask(&["mc", "watchdog", "get"]), "Stopped");
}

#[test]
fn ipmitool_finds_the_suites_by_itself() {
    let rig = Rig::new();
    let (host, port) = (rig.address.ip().to_string(), rig.address.port().to_string());
    let mut command = Command::new("ipmitool");
    command.args(["-I", "lanplus", "-H", &host, "-p", &port, "-U", USER, "-E", "power", "status"]);
    command.env("IPMI_PASSWORD", PASSWORD);
    says(&output(command, "ipmitool"), "Chassis Power is on");
}

#[test]
fn a_bmc_watchdog_set_and_started_by_ipmitool_powers_the_machine_off() {
    let rig = Rig::new();
    // Use SMS/OS, action power down, no pre-timeout, 5 counts of 100 ms; then start it.
    let set = ["raw", "0x06", "0x24", "0x04", "0x02", "0x00", "0x00", "0x05", "0x00"];
    for words in [&set[..], &["raw", "0x06", "0x22"]] {
        let output = rig.ipmitool("17", USER, PASSWORD, words);
        assert!(output.status.success(), "{}", said(&output));
    }
    rig.wait_for(|what| what == What::Off);
    let after = rig.ipmitool("17", USER, PASSWORD, &["mc", "watchdog", "get"]);
    says(&after, "Stopped");
    assert!(!rig.is_on());
}

#[test]
fn a_watchdog_never_set_cannot_be_started() {
    let rig = Rig::new();
    let output = rig.ipmitool("3", USER, PASSWORD, &["raw", "0x06", "0x22"]);
    assert!(!output.status.success());
    says(&output, "rsp=0x80");
}

fn ipmipower_switches(suite: &str) {
    let rig = Rig::new();
    let ask = |words: &[&str]| {
        let output = rig.ipmipower(suite, USER, PASSWORD, words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        output
    };
    says(&ask(&["--stat"]), ": on");
    says(&ask(&["--off", "--wait-until-off"]), ": ok");
    assert!(!rig.is_on());
    says(&ask(&["--stat"]), ": off");
    says(&ask(&["--on", "--wait-until-on"]), ": ok");
    assert!(rig.is_on());
}

#[test]
fn ipmipower_switches_power_with_suite_3() {
    ipmipower_switches("3");
}

#[test]
fn ipmipower_switches_power_with_suite_17() {
    ipmipower_switches("17");
}

#[test]
fn a_wrong_password_is_refused_as_such() {
    let rig = Rig::new();
    for suite in ["3", "17"] {
        let output = rig.ipmitool(suite, USER, "wrong", &["-v", "power", "off"]);
        assert!(!output.status.success());
        says(&output, "RAKP 2 HMAC is invalid");
        says(&rig.ipmipower(suite, USER, "wrong", &["--off"]), "password invalid");
    }
    assert!(rig.is_on());
}

#[test]
fn an_unknown_user_is_refused_as_such() {
    let rig = Rig::new();
    for suite in ["3", "17"] {
        let output = rig.ipmitool(suite, "nobody", PASSWORD, &["-v", "power", "off"]);
        assert!(!output.status.success());
        says(&output, "unauthorized name");
        says(&rig.ipmipower(suite, "nobody", PASSWORD, &["--off"]), "username invalid");
    }
    assert!(rig.is_on());
}

#[test]
fn a_user_may_look_but_not_switch() {
    let rig = Rig::with(Privilege::User, |_| {});
    let ask = |words: &[&str]| {
        let words = [&["-L", "USER"], words].concat();
        rig.ipmitool("17", USER, PASSWORD, &words)
    };
    says(&ask(&["power", "status"]), "Chassis Power is on");
    let refused = ask(&["power", "off"]);
    assert!(!refused.status.success());
    says(&refused, "Insufficient privilege level");
    assert!(rig.is_on());
}

#[test]
fn an_operator_switches_but_is_no_administrator() {
    let rig = Rig::with(Privilege::Operator, |_| {});
    let ask = |level, words: &[&str]| {
        let words = [&["-L", level], words].concat();
        rig.ipmitool("3", USER, PASSWORD, &words)
    };
    let refused = ask("ADMINISTRATOR", &["power", "off"]);
    assert!(!refused.status.success());
    says(&refused, "Set Session Privilege Level to ADMINISTRATOR failed");
    assert!(rig.is_on());
    says(&ask("OPERATOR", &["power", "off"]), "Down/Off");
    rig.wait_for(|what| what == What::Off);
}

#[test]
fn a_suite_that_does_not_exist_here_is_refused() {
    let rig = Rig::new();
    for suite in ["0", "1", "2"] {
        let output = rig.ipmitool(suite, USER, PASSWORD, &["power", "off"]);
        assert!(!output.status.success(), "suite {suite}: {}", said(&output));
    }
    assert!(rig.is_on());
}

fn faulty(spec: &str) -> Rig {
    let fault: Fault = spec.parse().unwrap();
    Rig::with(Privilege::Admin, |settings| {
        settings.faults = Plan::new(Instant::BOOT, vec![fault]);
    })
}

#[test]
fn a_full_bmc_says_that_it_has_no_slot() {
    let output = faulty("no-slots").ipmitool("3", USER, PASSWORD, &["power", "status"]);
    assert!(!output.status.success());
    says(&output, "insufficient resources");
}

#[test]
fn every_odd_bmc_is_read_by_ipmitool_as_on() {
    for spec in ["priv-echo-zero", "slow-rakp3=20", "bad-checksums", "late-reply=30", "dup=out:100"]
    {
        let output = faulty(spec).ipmitool("17", USER, PASSWORD, &["power", "status"]);
        assert!(output.status.success(), "{spec}: {}", said(&output));
        says(&output, "Chassis Power is on");
    }
}

#[test]
fn a_bmc_in_trouble_is_never_read_as_off_by_ipmitool() {
    // Not `bare-replies`: ipmitool 1.8.19 reads an answer without its bytes as off.
    let specs = [
        "cc=status:0xC0",
        "refuse=open-reply:0x01",
        "refuse=rakp2:0x0D",
        "refuse=rakp4:0x0F",
        "wrong-password",
        "downgrade=3",
    ];
    for spec in specs {
        let output = faulty(spec).ipmitool("17", USER, PASSWORD, &["power", "status"]);
        assert!(!said(&output).contains("Power is off"), "{spec}: {}", said(&output));
    }
}

#[test]
fn a_bmc_that_lies_about_off_is_believed_by_others_but_not_by_the_truth() {
    let rig = faulty("lie-off");
    says(&rig.ipmitool("17", USER, PASSWORD, &["power", "off"]), "Down/Off");
    says(&rig.ipmitool("17", USER, PASSWORD, &["power", "status"]), "Chassis Power is off");
    assert!(rig.is_on());
}

#[test]
fn a_downgrade_is_noticed_by_ipmitool() {
    let rig = faulty("downgrade");
    let output = rig.ipmitool("3", USER, PASSWORD, &["power", "off"]);
    assert!(!output.status.success());
    assert!(rig.is_on());
}

#[test]
fn a_completion_code_reaches_the_console_and_nothing_is_done() {
    let rig = faulty("cc=off:0xD5");
    let output = rig.ipmitool("3", USER, PASSWORD, &["power", "off"]);
    assert!(!output.status.success());
    says(&output, "Command not supported in present state");
    assert!(rig.is_on());
}

#[test]
fn message_tag_zero_does_not_disturb_ipmitool() {
    let output = faulty("tag-zero").ipmitool("17", USER, PASSWORD, &["power", "status"]);
    says(&output, "Chassis Power is on");
}

#[test]
fn many_bmcs_are_switched_at_once() {
    let user = || User {
        name: USER.to_owned(),
        password: Secret::new(PASSWORD.as_bytes()).unwrap(),
        privilege: Privilege::Operator,
    };
    // So many that they share a socket.
    let bmcs = (1_u8..=100).map(|host| {
        let address = SocketAddr::from(([127, 31, 9, host], 6_230));
        (address, Bmc::new(Settings::simple(user(), host.into())))
    });
    let face = RmcpFace::start(bmcs.collect(), |_| {}).unwrap();
    let mut command = Command::new("ipmipower");
    command.args(["--driver-type=LAN_2_0", "-h", "127.31.9.[1-100]:6230", "-I", "17", "-u", USER]);
    command.args(["-p", PASSWORD, "-l", "OPERATOR", "--off", "--wait-until-off"]);
    let output = output(command, "freeipmi-tools");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).matches(": ok").count(), 100, "{}", said(&output));
    assert!((0..100).all(|bmc| face.with(bmc, Bmc::is_on) == Some(false)));
}

//! A real QEMU whose BMC is simulated here: orders over the LAN act on the virtual machine, and the
//! machine's own requests through its KCS ports reach the BMC.
//!
//! Needs the Debian packages `qemu-system-x86` and `ipmitool`; fails with that advice without them. No
//! guest is installed: the firmware finds no disk, or no processor runs at all and the test moves the
//! bytes at the ports.
#![cfg(test)]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use palisade_host::clock;
use palisade_hw::bmc::{Bmc, Event, Privilege, Settings};
use palisade_hw::face::qemu::{QemuFace, QemuPort};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::power::{What, Wish};
use palisade_tests::bmc::{PASSWORD, USER, WAIT, user};
use tempfile::TempDir;

/// A BMC on the LAN, with a port for its machine.
struct Rig {
    face: RmcpFace,
    machine: QemuFace,
    events: Receiver<Event>,
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        let user = user(PASSWORD, Privilege::Admin);
        let settings = Settings { hosted: true, ..Settings::simple(user, 1) };
        let port = QemuPort::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (tell, events) = channel();
        let wishes = port.wishes();
        let sink = move |RackEvent { event, .. }| {
            if let Event::Machine(wish) = event {
                wishes.tell(wish);
            }
            tell.send(event).ok();
        };
        let listen = "127.32.0.1:0".parse().unwrap();
        let face = RmcpFace::start(vec![(listen, Bmc::new(settings))], sink).unwrap();
        let machine = port.serve(face.handle(), 0).unwrap();
        Self { face, machine, events, folder: TempDir::new().unwrap() }
    }

    fn is_on(&self) -> bool {
        self.face.with(0, Bmc::is_on).unwrap()
    }

    #[track_caller]
    fn wait_for(&self, wanted: Event) {
        while self.events.recv_timeout(WAIT).expect("the event comes") != wanted {}
    }

    #[track_caller]
    fn wait_for_power(&self, wanted: impl Fn(What) -> bool) {
        loop {
            let event = self.events.recv_timeout(WAIT).expect("the event comes");
            if matches!(event, Event::Power(change) if wanted(change.what)) {
                return;
            }
        }
    }

    #[track_caller]
    fn power(&self, word: &str) -> String {
        let address = self.face.address(0).unwrap();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new("ipmitool");
        command.args(["-I", "lanplus", "-H", &host, "-p", &port, "-C", "17", "-U", USER, "-E"]);
        let command = command.args(["power", word]).env("IPMI_PASSWORD", PASSWORD);
        let output = command.output().unwrap_or_else(|error| missing(&error, "ipmitool"));
        assert!(
            output.status.success(),
            "power {word}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A machine whose firmware runs.
    fn start(&self) -> Machine {
        let machine = Machine::start(self, &[]);
        self.wait_for_power(|what| matches!(what, What::On(_)));
        machine
    }

    /// A machine whose processor stands still: its ports are moved from here.
    fn start_still(&self) -> (Machine, Kcs) {
        let path = self.folder.path().join("qtest");
        let server = format!("unix:{},server=on,wait=off", path.display());
        let machine = Machine::start(self, &["-S", "-qtest", &server, "-qtest-log", "none"]);
        self.wait_for_power(|what| matches!(what, What::On(_)));
        (machine, Kcs(connect(&path)))
    }
}

/// A running QEMU, and what it tells; ended when dropped.
struct Machine {
    child: Child,
    monitor: BufReader<UnixStream>,
}

impl Machine {
    fn start(rig: &Rig, more: &[&str]) -> Self {
        let path = rig.folder.path().join("qmp");
        std::fs::remove_file(&path).ok();
        let address = rig.machine.address();
        let (host, port) = (address.ip(), address.port());
        let chardev = format!("socket,id=c,host={host},port={port},reconnect=1");
        let server = format!("unix:{},server=on,wait=off", path.display());
        let mut command = Command::new("qemu-system-x86_64");
        command.args(["-accel", "tcg", "-machine", "q35", "-m", "64", "-nodefaults"]);
        command.args(["-display", "none", "-chardev", &chardev, "-qmp", &server]);
        command.args(["-device", "ipmi-bmc-extern,id=bmc0,chardev=c"]);
        command.args(["-device", "isa-ipmi-kcs,bmc=bmc0,irq=0"]).args(more);
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| missing(&error, "qemu-system-x86"));
        let mut machine = Self { child, monitor: connect(&path) };
        machine.say("{\"execute\":\"qmp_capabilities\"}");
        machine
    }

    fn say(&mut self, line: &str) {
        writeln!(self.monitor.get_mut(), "{line}").unwrap();
    }

    /// Reads until QEMU tells of this.
    #[track_caller]
    fn wait_for(&mut self, event: &str) -> String {
        let wanted = format!("\"event\": \"{event}\"");
        loop {
            let mut line = String::new();
            let length = self.monitor.read_line(&mut line).expect("QEMU tells");
            assert!(length > 0, "QEMU ended before it told of {event}");
            if line.contains(&wanted) {
                return line;
            }
        }
    }

    #[track_caller]
    fn wait_for_end(&mut self) {
        let by = clock::now() + WAIT;
        self.wait_for("SHUTDOWN");
        // The monitor ends with the process.
        while !matches!(self.monitor.read_line(&mut String::new()), Ok(0) | Err(_)) {
            assert!(clock::now() < by, "QEMU ends");
        }
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The KCS ports of a machine whose processor stands still, moved by QEMU's test protocol. [IPMI2 §9]
struct Kcs(BufReader<UnixStream>);

impl Kcs {
    const DATA: u16 = 0xCA2;
    const CONTROL: u16 = 0xCA3;
    const WRITE_START: u8 = 0x61;
    const WRITE_END: u8 = 0x62;
    const READ: u8 = 0x68;
    const HAS_OUTPUT: u8 = 0x01;
    const STATE: u8 = 0xC0;
    const READING: u8 = 0x40;
    const WRITING: u8 = 0x80;
    const INITIALISING: u8 = 0xD2;

    /// One request: network function, command, data. Its answer: command, completion code, data. Asked
    /// again for as long as QEMU has not noticed that it is connected.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let by = clock::now() + WAIT;
        loop {
            let answer = self.ask_once(request);
            if answer.get(1) != Some(&Self::INITIALISING) {
                return answer;
            }
            assert!(clock::now() < by, "QEMU notices its connection");
        }
    }

    fn ask_once(&mut self, request: &[u8]) -> Vec<u8> {
        let (last, first) = request.split_last().unwrap();
        self.put(Self::CONTROL, Self::WRITE_START);
        for byte in first {
            self.put(Self::DATA, *byte);
        }
        self.put(Self::CONTROL, Self::WRITE_END);
        self.put(Self::DATA, *last);
        let mut answer = Vec::new();
        while self.wait_for_output() == Self::READING {
            answer.push(self.get(Self::DATA));
            self.put(Self::DATA, Self::READ);
        }
        self.get(Self::DATA);
        answer.split_off(1)
    }

    /// Waits for a byte to read, and says in which state the interface is.
    fn wait_for_output(&mut self) -> u8 {
        let by = clock::now() + WAIT;
        loop {
            let status = self.get(Self::CONTROL);
            let (has_output, state) = (status & Self::HAS_OUTPUT != 0, status & Self::STATE);
            if has_output && state != Self::WRITING {
                return state;
            }
            assert!(clock::now() < by, "the BMC answers");
        }
    }

    fn put(&mut self, port: u16, byte: u8) {
        self.order(&format!("outb {port:#x} {byte:#x}"));
    }

    fn get(&mut self, port: u16) -> u8 {
        let answer = self.order(&format!("inb {port:#x}"));
        let digits = answer.trim().trim_start_matches("OK 0x");
        u8::try_from(u64::from_str_radix(digits, 16).expect("a number")).unwrap()
    }

    fn order(&mut self, line: &str) -> String {
        writeln!(self.0.get_mut(), "{line}").unwrap();
        let mut answer = String::new();
        while !answer.starts_with("OK") {
            answer.clear();
            assert!(self.0.read_line(&mut answer).expect("QEMU answers") > 0, "QEMU has ended");
            assert!(!answer.starts_with("FAIL"), "{line}: {answer}");
        }
        answer
    }
}

/// QEMU makes its sockets when it starts.
fn connect(path: &Path) -> BufReader<UnixStream> {
    let by = clock::now() + WAIT;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => {
                stream.set_read_timeout(Some(WAIT)).unwrap();
                return BufReader::new(stream);
            }
            Err(error) => assert!(clock::now() < by, "{}: {error}", path.display()),
        }
        std::thread::yield_now();
    }
}

fn missing<T>(error: &std::io::Error, package: &str) -> T {
    let advice =
        if error.kind() == ErrorKind::NotFound { "apt-get install it" } else { "it fails" };
    panic!("{package}: {advice}: {error}");
}

#[test]
fn power_off_over_the_lan_ends_the_virtual_machine() {
    let rig = Rig::new();
    assert!(rig.power("status").contains("is off"), "nobody has connected");
    let mut machine = rig.start();
    assert!(rig.power("status").contains("is on"));
    rig.power("off");
    rig.wait_for_power(|what| what == What::Off);
    machine.wait_for_end();
    assert!(!rig.is_on());
    assert!(rig.power("status").contains("is off"));
}

#[test]
fn a_reset_over_the_lan_resets_the_virtual_machine_and_it_stays_on() {
    let rig = Rig::new();
    let mut machine = rig.start();
    rig.power("reset");
    assert!(machine.wait_for("RESET").contains("\"guest\": "));
    rig.wait_for(Event::Machine(Wish::Reset));
    assert!(rig.power("status").contains("is on"));
    assert!(machine.child.try_wait().unwrap().is_none());
}

#[test]
fn power_on_waits_for_a_virtual_machine_that_somebody_starts() {
    let rig = Rig::new();
    rig.power("on");
    rig.wait_for(Event::Machine(Wish::Start));
    assert!(rig.power("status").contains("is off"), "until it is there");
    let machine = rig.start();
    assert!(rig.power("status").contains("is on"));
    drop(machine);
    rig.wait_for_power(|what| what == What::Off);
    assert!(rig.power("status").contains("is off"), "it died by itself");
}

#[test]
fn the_machine_asks_its_bmc_through_its_ports_and_its_watchdog_ends_it() {
    let rig = Rig::new();
    let (mut machine, mut kcs) = rig.start_still();
    let device_id = kcs.ask(&[0x18, 0x01]);
    assert_eq!(device_id[..3], [0x01, 0x00, 0x20], "command, done, device");
    assert_eq!(kcs.ask(&[0x18, 0x42]), [0x42, 0xC1], "a command that does not exist");
    // Chassis status: on.
    assert_eq!(kcs.ask(&[0x00, 0x01])[..2], [0x01, 0x00]);
    // SMS/OS, power off, no pre-timeout, 3 counts of 100 ms; then start it.
    assert_eq!(kcs.ask(&[0x18, 0x24, 0x04, 0x02, 0x00, 0x00, 0x03, 0x00]), [0x24, 0x00]);
    assert_eq!(kcs.ask(&[0x18, 0x22]), [0x22, 0x00]);
    rig.wait_for_power(|what| what == What::Off);
    machine.wait_for_end();
}

#[test]
fn a_bmc_that_is_started_anew_finds_its_running_machine_again() {
    let rig = Rig::new();
    let mut machine = rig.start();
    let address = rig.machine.address();
    let Rig { face, machine: port, events, folder } = rig;
    drop(port);
    let port = QemuPort::bind(address).unwrap();
    let wishes = port.wishes();
    face.with(0, |bmc, now| bmc.machine_gone(now));
    let rig = Rig { machine: port.serve(face.handle(), 0).unwrap(), face, events, folder };
    rig.wait_for_power(|what| matches!(what, What::On(_)));
    rig.power("off");
    rig.wait_for(Event::Machine(Wish::Cut));
    wishes.tell(Wish::Cut);
    machine.wait_for_end();
}

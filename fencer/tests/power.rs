//! `palisade power` and `palisade check-config --bmc` as a person runs them: the real binary, at
//! simulated BMCs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod said;

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_hw::bmc::{Bmc, Event, Privilege, Secret, Settings, User};
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::fault::{Kind, Times};
use palisade_hw::power::What;
use said::{code, err, out};
use serde_json::Value;
use tempfile::TempDir;

const USER: &str = "palisade";
const PASSWORD: &str = "correct horse 12";
/// Longer than any step here takes, even on a busy machine.
const WAIT: Duration = Duration::from_secs(20);

#[test]
fn many_machines_in_the_same_state_are_one_line() {
    let rack = Rack::new(5);
    let read = rack.power(&["status"]);
    assert_eq!((code(&read), out(&read)), (0, format!("{} on\n", rack.list())), "{}", err(&read));
    assert_eq!(err(&read), "", "nobody looks on: no progress is shown");
}

#[test]
fn a_machine_that_cannot_be_read_has_a_line_of_its_own_and_the_code_is_3() {
    let rack = Rack::new(5);
    rack.break_one(2, Kind::Hang);
    let read = rack.power(&["status", "--timeout", "300ms"]);
    assert_eq!(code(&read), 3, "{}", err(&read));
    let text = out(&read);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    let silent = rack.host(2);
    assert!(lines[1].starts_with(&format!("{silent} unknown: ")), "{text}");
    assert!(lines[1].contains("silent"), "{text}");
    assert!(!lines[0].contains(&silent), "no machine stands twice: {text}");
    assert!(err(&read).contains("4 of 5 read"), "{}", err(&read));
}

#[test]
fn off_is_done_when_every_machine_was_read_off_twice_and_on_brings_them_back() {
    let rack = Rack::new(3);
    let off = rack.power(&["off", "--json"]);
    assert_eq!(code(&off), 0, "{}", err(&off));
    let rows = rows(&off);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!((&row["power"], &row["ok"]), (&"off".into(), &true.into()), "{row}");
        let proof = row["proof"].as_str().unwrap();
        assert!(proof.matches("read off").count() >= 2, "{proof}");
    }
    assert!((0..3).all(|number| !rack.is_on(number)));
    let on = rack.power(&["on"]);
    assert_eq!((code(&on), out(&on)), (0, format!("{} on\n", rack.list())), "{}", err(&on));
}

#[test]
fn a_machine_that_stays_on_is_told_and_the_code_is_1() {
    let rack = Rack::new(3);
    rack.break_one(0, Kind::IgnoreOff(Times::Always));
    let off = rack.power(&["off", "--timeout", "1s"]);
    assert_eq!(code(&off), 1, "{}", err(&off));
    let text = out(&off);
    assert!(text.contains(&format!("{} on: ", rack.host(0))), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" off"), "{text}");
    assert!(err(&off).contains("2 of 3 off, 1 not"), "{}", err(&off));
}

#[test]
fn more_than_sixteen_machines_go_off_only_with_their_number_said() {
    let rack = Rack::new(17);
    for words in [&["off"][..], &["off", "--yes", "16"]] {
        let refused = rack.power(words);
        assert_eq!(code(&refused), 4, "{}", err(&refused));
        assert!(err(&refused).contains("--yes 17"), "{}", err(&refused));
        assert!((0..17).all(|number| rack.is_on(number)), "nothing was sent");
    }
    assert_eq!(code(&rack.power(&["off", "--yes", "17"])), 0);
    assert!((0..17).all(|number| !rack.is_on(number)));
}

#[test]
fn a_mistake_on_the_command_line_ends_with_2_before_anything_is_sent() {
    let rack = Rack::new(1);
    let list = rack.list();
    let secret = rack.secret();
    let account = ["--user", USER, "--password-file", &secret];
    let mistakes: [(&[&str], &str); 6] = [
        (&["power", "off"], "which machines"),
        (&["power", "off", "-h", &list], "--user"),
        (&["power", "off", "node1", "-h", &list], "cannot be used with"),
        (&["power", "cycle", "-h", &list], "status, on, off"),
        (&["power", "off", "node9"], "no node \"node9\""),
        (&["power", "off", "--all", "--user", USER], "--hosts"),
    ];
    for (words, told) in mistakes {
        let refused = rack.palisade(words);
        assert_eq!(code(&refused), 2, "{words:?}: {}", err(&refused));
        assert!(err(&refused).contains(told), "{words:?}: {}", err(&refused));
    }
    let wrong = [&["power", "off", "-h", "10.0.0.[9-1]"], &account[..]].concat();
    let refused = rack.palisade(&wrong);
    assert_eq!(code(&refused), 2, "{}", err(&refused));
    assert!(err(&refused).contains("host list, column 9: the range 9-1"), "{}", err(&refused));
    assert!(rack.is_on(0));
    assert_eq!(code(&rack.palisade(&["power", "--help"])), 0);
}

#[test]
fn a_machine_named_twice_is_said_and_asked_once() {
    let rack = Rack::new(2);
    let list = format!("{},{}", rack.list(), rack.host(1));
    let read = rack.power_at(&list, &["status", "--json"]);
    assert_eq!(code(&read), 0, "{}", err(&read));
    assert_eq!(rows(&read).len(), 2);
    assert!(err(&read).contains(&format!("asked once: {}", rack.host(1))), "{}", err(&read));
}

#[test]
fn a_password_that_is_refused_is_told_and_never_shown() {
    let rack = Rack::new(1);
    let other = rack.file("other", "wrong horse 13");
    let words = ["power", "status", "-h", &rack.list(), "--user", USER, "--password-file", &other];
    let read = rack.palisade(&words);
    assert_eq!(code(&read), 3, "{}", err(&read));
    assert!(out(&read).contains("wrong password"), "{}", out(&read));
    assert!(!out(&read).contains("horse") && !err(&read).contains("horse"));
}

#[test]
fn nodes_of_the_configuration_need_no_list_and_no_account() {
    let rack = Rack::new(3);
    let off = rack.palisade(&["power", "off", "node2"]);
    assert_eq!((code(&off), out(&off)), (0, "node2 off\n".to_owned()), "{}", err(&off));
    assert!(err(&off).contains("palisade fence NODE"), "{}", err(&off));
    assert!(rack.is_on(0) && !rack.is_on(1) && rack.is_on(2));
    let all = rack.palisade(&["power", "status", "--all"]);
    assert_eq!(out(&all), "node[1,3] on\nnode2 off\n", "{}", err(&all));
}

#[test]
fn an_interrupt_tells_what_is_known_of_every_machine() {
    let rack = Rack::new(40);
    for number in 20..40 {
        rack.break_one(number, Kind::Hang);
    }
    let list = rack.list();
    let mut command = rack.command(&["power", "off", "-h", &list, "--json", "--yes", "40"]);
    command.args(["--user", USER, "--password-file", &rack.secret()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    rack.wait_until_off(20);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(text.lines().count(), 40);
    assert!(text.lines().filter(|line| line.contains("interrupted")).count() >= 20, "{text}");
}

#[test]
fn silent_machines_do_not_hold_up_the_others() {
    let rack = Rack::new(700);
    for number in 0..500 {
        rack.break_one(number, Kind::Hang);
    }
    let off = rack.power(&["off", "--yes", "700", "--timeout", "5s", "--json"]);
    assert_eq!(code(&off), 3, "{}", err(&off));
    let done = rows(&off).iter().filter(|row| row["ok"] == true).count();
    assert_eq!(done, 200, "all that live");
}

#[test]
fn of_ten_thousand_machines_none_is_lost() {
    let rack = Rack::new(10_000);
    rack.break_one(4_711, Kind::IgnoreOff(Times::Always));
    let off = rack.power(&["off", "--yes", "10000", "--timeout", "20s", "--json"]);
    assert_eq!(code(&off), 1, "{}", err(&off));
    let rows = rows(&off);
    assert_eq!(rows.len(), 10_000);
    let hosts = rows.iter().map(|row| row["host"].as_str().unwrap());
    assert!(hosts.eq((0..10_000).map(|number| rack.host(number))), "each once, in their order");
    let done = rows.iter().filter(|row| row["ok"] == true).count();
    assert_eq!(done, 9_999, "{:?}", rows.iter().find(|row| row["ok"] == false));
}

#[test]
fn an_audit_of_sound_bmcs_ends_with_0_and_prints_the_line_that_pins_each() {
    let rack = Rack::new(3);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    let text = out(&audit);
    assert_eq!(code(&audit), 0, "{text}{}", err(&audit));
    for node in ["node1", "node2", "node3"] {
        assert!(text.contains(&format!("{node}, bmc 127.")), "{text}");
    }
    for said in
        ["3, 17 worked; it lists 3, 17", "write guid = \"", "round trip", "operator, and not"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!((0..3).all(|number| rack.is_on(number)), "an audit switches nothing");
}

#[test]
fn an_audit_says_what_should_be_changed_and_ends_with_0_if_it_works() {
    let rack = Rack::with(1, Privilege::Admin, |settings| settings.watchdog = true);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    let text = out(&audit);
    assert_eq!(code(&audit), 0, "{text}{}", err(&audit));
    assert!(text.contains("warn privilege"), "{text}");
    assert!(text.contains("lower the account to operator"), "{text}");
    assert!(text.contains("pass watchdog    not running"), "{text}");
}

#[test]
fn an_audit_finds_the_bmc_of_another_machine() {
    let rack = Rack::new(1);
    let pinned = "guid = \"00112233-4455-6677-8899-aabbccddeeff\"\n";
    rack.configure(pinned);
    let audit = rack.palisade(&["check-config", "--bmc", "--json"]);
    assert_eq!(code(&audit), 1, "{}", err(&audit));
    let row = &rows(&audit)[0];
    assert_eq!(row["grade"], "FAIL");
    let guid = row["guid"].as_str().unwrap();
    rack.configure(&format!("guid = \"{guid}\"\n"));
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 0, "{}", err(&audit));
    assert!(out(&audit).contains("as pinned"), "{}", out(&audit));
}

#[test]
fn an_audit_that_cannot_find_out_ends_with_3_and_a_refused_account_with_1() {
    let rack = Rack::new(2);
    rack.break_one(1, Kind::Hang);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 3, "{}", err(&audit));
    assert!(out(&audit).contains("?    login       bmc 127."), "{}", out(&audit));
    let rack = Rack::with(1, Privilege::User, |_| {});
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 1, "{}", err(&audit));
    assert!(out(&audit).contains("FAIL login"), "{}", out(&audit));
}

/// Simulated BMCs at consecutive addresses, and a configuration with the first three.
struct Rack {
    face: RmcpFace,
    events: Receiver<RackEvent>,
    first: Ipv4Addr,
    port: u16,
    machines: u32,
    folder: TempDir,
}

impl Rack {
    fn new(machines: u32) -> Self {
        Self::with(machines, Privilege::Operator, |_| {})
    }

    fn with(machines: u32, privilege: Privilege, change: impl Fn(&mut Settings)) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let first = Ipv4Addr::new(127, 96 + NEXT.fetch_add(1, Ordering::Relaxed), 0, 0);
        let port = UdpSocket::bind((first, 0)).unwrap().local_addr().unwrap().port();
        let password = Secret::new(PASSWORD.as_bytes()).unwrap();
        let bmcs = (0..machines).map(|number| {
            let user = User { name: USER.to_owned(), password: password.clone(), privilege };
            let mut settings = Settings::simple(user, u64::from(number) + 1);
            change(&mut settings);
            let at = SocketAddr::from((Ipv4Addr::from(u32::from(first) + number), port));
            (at, Bmc::new(settings))
        });
        let (tell, events) = channel();
        // Some tests listen to nothing.
        let sink = move |event| drop(tell.send(event));
        let face = RmcpFace::start(bmcs.collect(), sink).unwrap();
        let rack =
            Self { face, events, first, port, machines, folder: tempfile::tempdir().unwrap() };
        rack.file("password", PASSWORD);
        rack.configure("");
        rack
    }

    /// The BMC with that number, as the command writes it.
    fn host(&self, number: u32) -> String {
        format!("{}:{}", Ipv4Addr::from(u32::from(self.first) + number), self.port)
    }

    /// All of them, as the command writes them.
    fn list(&self) -> String {
        let [a, b, ..] = self.first.octets();
        let whole = (0..self.machines / 256).map(|c| (c, 255));
        let left = self.machines % 256;
        let rest = (left > 0).then(|| (self.machines / 256, left - 1));
        let range = |(c, last): (u32, u32)| match last {
            0 => format!("{a}.{b}.{c}.0:{}", self.port),
            last => format!("{a}.{b}.{c}.[0-{last}]:{}", self.port),
        };
        whole.chain(rest).map(range).collect::<Vec<_>>().join(",")
    }

    fn power(&self, words: &[&str]) -> Output {
        self.power_at(&self.list(), words)
    }

    fn power_at(&self, list: &str, words: &[&str]) -> Output {
        let secret = self.secret();
        let account = ["-h", list, "--user", USER, "--password-file", &secret];
        self.palisade(&[&["power"], words, &account].concat())
    }

    fn palisade(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.arg("--config").arg(self.path("palisade.toml")).args(words).stdin(Stdio::null());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn secret(&self) -> String {
        self.path("password").display().to_string()
    }

    /// A file of mode 0600; where it is.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// Writes a configuration of three nodes; as many as there are BMCs have one, with `more` in its
    /// section.
    fn configure(&self, more: &str) {
        let nodes: String = (0..3).map(|number| self.node(number, more)).collect();
        let text = format!(
            "[cluster]\nname = \"pair\"\nprofile = \"lan-fast\"\n\
             [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n{nodes}"
        );
        fs::write(self.path("palisade.toml"), text).unwrap();
    }

    fn node(&self, number: u32, more: &str) -> String {
        let id = number + 1;
        let key = self.path(&format!("node{id}.key"));
        drop(fs::remove_file(&key));
        let made = Command::new(env!("CARGO_BIN_EXE_palisade")).arg("keygen").arg(key).output();
        let bmc = format!(
            "[node.bmc]\naddress = \"{}\"\nuser = \"{USER}\"\npassword_file = \"{}\"\n{more}",
            self.host(number),
            self.secret()
        );
        let bmc = if number < self.machines { bmc } else { String::new() };
        format!(
            "[[node]]\nname = \"node{id}\"\nid = {id}\n{}\
             addresses = [\"127.77.0.{id}\", \"127.77.1.{id}\"]\n\
             [node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = 1000\nfire_ms = 1000\n{bmc}",
            out(&made.unwrap()),
            self.path(&format!("dog{id}")).display()
        )
    }

    fn is_on(&self, number: u32) -> bool {
        let number = usize::try_from(number).unwrap();
        self.face.with(number, |bmc, now| bmc.is_on(now)).unwrap()
    }

    /// Waits until so many machines have gone off.
    fn wait_until_off(&self, mut machines: u32) {
        while machines > 0 {
            let event = self.events.recv_timeout(WAIT).expect("they go off").event;
            machines -=
                u32::from(matches!(event, Event::Power(change) if change.what == What::Off));
        }
    }

    fn break_one(&self, number: u32, kind: Kind) {
        let number = usize::try_from(number).unwrap();
        self.face.with(number, |bmc, now| bmc.break_it(now, kind)).unwrap();
    }
}

fn rows(output: &Output) -> Vec<Value> {
    let text = out(output);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

//! A rack of simulated BMCs, and the command at it.

use std::fs;
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
use palisade_hw::fault::Kind;
use palisade_hw::power::What;
use tempfile::TempDir;

use super::said::out;

pub(crate) const USER: &str = "palisade";
const PASSWORD: &str = "correct horse 12";
/// Longer than any step here takes, even on a busy machine.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// Simulated BMCs at consecutive addresses, and a configuration with the first three.
pub(crate) struct Rack {
    face: RmcpFace,
    events: Receiver<RackEvent>,
    first: Ipv4Addr,
    port: u16,
    machines: u32,
    folder: TempDir,
}

impl Rack {
    pub(crate) fn new(machines: u32) -> Self {
        Self::with(machines, Privilege::Operator, |_| {})
    }

    pub(crate) fn with(
        machines: u32,
        privilege: Privilege,
        change: impl Fn(&mut Settings),
    ) -> Self {
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
    pub(crate) fn host(&self, number: u32) -> String {
        format!("{}:{}", Ipv4Addr::from(u32::from(self.first) + number), self.port)
    }

    /// All of them, as the command writes them.
    pub(crate) fn list(&self) -> String {
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

    pub(crate) fn power(&self, words: &[&str]) -> Output {
        self.power_at(&self.list(), words)
    }

    pub(crate) fn power_at(&self, list: &str, words: &[&str]) -> Output {
        let secret = self.secret();
        let account = ["-h", list, "--user", USER, "--password-file", &secret];
        self.palisade(&[&["power"], words, &account].concat())
    }

    pub(crate) fn palisade(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.command_under(&[], words)
    }

    /// The same, started by another command such as `env`.
    pub(crate) fn command_under(&self, starter: &[&str], words: &[&str]) -> Command {
        let mut whole = starter.iter().copied().chain([env!("CARGO_BIN_EXE_palisade")]);
        let mut command = Command::new(whole.next().unwrap());
        command.args(whole).arg("--config").arg(self.path("palisade.toml")).args(words);
        command.stdin(Stdio::null());
        command
    }

    /// Has the machines of `list` switched or read, and sends `signal` when `begun` comes back.
    pub(crate) fn ended_by(
        &self,
        signal: Signal,
        starter: &[&str],
        list: &str,
        words: &[&str],
        begun: impl FnOnce(),
    ) -> Output {
        let secret = self.secret();
        let account = ["-h", list, "--user", USER, "--password-file", &secret];
        let mut command = self.command_under(starter, &[&["power"], words, &account].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        begun();
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        child.wait_with_output().unwrap()
    }

    /// A pipe that nobody writes into.
    pub(crate) fn fifo(&self) -> PathBuf {
        let path = self.path("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secret(&self) -> String {
        self.path("password").display().to_string()
    }

    /// A file of mode 0600; where it is.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// Writes a configuration of three nodes; as many as there are BMCs have one, with `more` in its
    /// section.
    pub(crate) fn configure(&self, more: &str) {
        let tables = (0..self.machines.min(3)).map(|number| self.bmc(&self.host(number), more));
        self.configure_power(&tables.collect::<Vec<_>>());
    }

    /// The same with these ways to the power of the first nodes, and none to that of the others.
    pub(crate) fn configure_power(&self, tables: &[String]) {
        let none = String::new();
        let nodes = (1..=3).zip(tables.iter().chain(std::iter::repeat(&none)));
        let nodes: String = nodes.map(|(id, power)| self.node(id, power)).collect();
        let text = format!(
            "[cluster]\nname = \"pair\"\nprofile = \"lan-fast\"\n\
             [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n{nodes}"
        );
        fs::write(self.path("palisade.toml"), text).unwrap();
    }

    /// The table of a BMC at `address`.
    pub(crate) fn bmc(&self, address: &str, more: &str) -> String {
        let secret = self.secret();
        format!(
            "[node.bmc]\naddress = \"{address}\"\nuser = \"{USER}\"\npassword_file = \"{secret}\"\n{more}"
        )
    }

    /// The table of a Redfish service.
    pub(crate) fn redfish(&self, url: &str) -> String {
        let secret = self.secret();
        format!(
            "[[node.power]]\ndevice = \"redfish\"\nurl = \"{url}\"\nuser = \"{USER}\"\n\
             password_file = \"{secret}\"\n"
        )
    }

    fn node(&self, id: u32, power: &str) -> String {
        let key = self.path(&format!("node{id}.key"));
        drop(fs::remove_file(&key));
        let made = Command::new(env!("CARGO_BIN_EXE_palisade")).arg("keygen").arg(key).output();
        format!(
            "[[node]]\nname = \"node{id}\"\nid = {id}\n{}\
             addresses = [\"127.77.0.{id}\", \"127.77.1.{id}\"]\n\
             [node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = 1000\nfire_ms = 1000\n{power}",
            out(&made.unwrap()),
            self.path(&format!("dog{id}")).display()
        )
    }

    pub(crate) fn is_on(&self, number: u32) -> bool {
        let number = usize::try_from(number).unwrap();
        self.face.with(number, |bmc, now| bmc.is_on(now)).unwrap()
    }

    /// Waits until so many machines have gone off.
    pub(crate) fn wait_until_off(&self, mut machines: u32) {
        while machines > 0 {
            let event = self.events.recv_timeout(WAIT).expect("they go off").event;
            machines -=
                u32::from(matches!(event, Event::Power(change) if change.what == What::Off));
        }
    }

    /// Where the BMC with that number listens.
    pub(crate) fn at(&self, number: u32) -> SocketAddr {
        self.face.address(usize::try_from(number).unwrap()).unwrap()
    }

    pub(crate) fn break_one(&self, number: u32, kind: Kind) {
        let number = usize::try_from(number).unwrap();
        self.face.with(number, |bmc, now| bmc.break_it(now, kind)).unwrap();
    }
}

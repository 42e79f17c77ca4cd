//! Simulated BMCs: `palisade-sim bmc` as a process of its own, on loopback.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::peers::Account;

type Failure = Box<dyn Error>;

const USER: &str = "palisade";
const PASSWORD: &str = "correct-horse-12";
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 41, 0, 0);

/// Running BMCs; ended when dropped.
pub(crate) struct Rack {
    child: Child,
    folder: TempDir,
    machines: usize,
    port: u16,
}

impl Rack {
    /// So many machines that are on, with `more` words for the simulator.
    pub(crate) fn start(simulator: &Path, machines: usize, more: &[&str]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        write_secret(&folder.path().join("password"), PASSWORD)?;
        let port = free_port()?;
        let mut command = Command::new(simulator);
        command.arg("bmc").arg("--listen").arg(SocketAddr::from((FIRST, port)).to_string());
        command.arg("--count").arg(machines.to_string()).args(["--user", USER, "--password-file"]);
        command.arg(folder.path().join("password")).args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the simulator has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let rack = Self { child, folder, machines, port };
        if line.starts_with("listening") {
            Ok(rack)
        } else {
            Err(format!("palisade-sim: {line}").into())
        }
    }

    pub(crate) fn account(&self) -> (PathBuf, &'static str, &'static str) {
        (self.folder.path().join("password"), USER, PASSWORD)
    }

    /// The first BMC.
    pub(crate) fn first(&self) -> SocketAddr {
        (FIRST, self.port).into()
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// All of them, as both `ipmipower` and `palisade power` write them.
    pub(crate) fn hosts(&self) -> String {
        let [a, b, ..] = FIRST.octets();
        let whole = self.machines / 256;
        let full = (0..whole).map(|c| (c, 255));
        let rest = (!self.machines.is_multiple_of(256)).then(|| (whole, self.machines % 256 - 1));
        let range = |(c, last): (usize, usize)| format!("{a}.{b}.{c}.[0-{last}]:{}", self.port);
        full.chain(rest).map(range).collect::<Vec<_>>().join(",")
    }

    /// A file with an address a line.
    pub(crate) fn file(&self) -> Result<PathBuf, Failure> {
        let all = (u32::from(FIRST)..).take(self.machines);
        let text: String = all.map(|at| format!("{}\n", Ipv4Addr::from(at))).collect();
        let path = self.folder.path().join("addresses");
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}

/// The account, borrowed.
pub(crate) fn who<'a>(account: &'a (PathBuf, &'a str, &'a str)) -> Account<'a> {
    Account { user: account.1, password: account.2, password_file: &account.0 }
}

/// A file that only its owner reads.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    fs::write(path, secret)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

fn free_port() -> Result<u16, Failure> {
    Ok(std::net::UdpSocket::bind((FIRST, 0))?.local_addr()?.port())
}

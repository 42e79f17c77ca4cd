//! A foreign Redfish service: the emulator of OpenStack's `sushy-tools`, with a fake machine that takes
//! up to a second to obey. On loopback only.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use palisade_host::clock;
use palisade_tests::tree;
use tempfile::TempDir;

/// Its account.
pub(super) const USER: &str = "palisade";

/// That account's password.
pub(super) const PASSWORD: &str = "s3cret-of-the-service";

/// Its system.
pub(super) const SYSTEM: &str = "/redfish/v1/Systems/27946b59-9e44-4fa7-8e91-f3527a1ef094";

/// Far longer than it needs to start.
const START_MAX: Duration = Duration::from_secs(30);

/// A running emulator. Ended when dropped.
pub(super) struct Sushy {
    child: Child,
    pub(super) address: SocketAddr,
    folder: TempDir,
}

impl Sushy {
    /// Plain HTTP, with so many systems.
    pub(super) fn start(systems: usize) -> Self {
        Self::start_with(systems, tempfile::tempdir().unwrap(), "")
    }

    /// Over TLS 1.2, with a certificate of its own making that says whether it is an `authority`, `TRUE`
    /// as those of BMCs do, or `FALSE`.
    pub(super) fn start_with_tls(authority: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_certificate(folder.path(), authority);
        let more = format!(
            "SUSHY_EMULATOR_SSL_CERT = {:?}\nSUSHY_EMULATOR_SSL_KEY = {:?}\n",
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        Self::start_with(1, folder, &more)
    }

    fn start_with(systems: usize, folder: TempDir, more: &str) -> Self {
        let address = free_port();
        write_files(folder.path(), address, systems, more);
        let log = File::create(folder.path().join("log")).unwrap();
        let program = program();
        let child = Command::new(&program)
            .env("SUSHY_EMULATOR_CONFIG", folder.path().join("config.py"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|why| {
                panic!("{}: {why}; tests/run --only peers installs it", program.display())
            });
        let sushy = Self { child, address, folder };
        sushy.wait_until_it_listens();
        sushy
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn wait_until_it_listens(&self) {
        let by = clock::now() + START_MAX;
        while TcpStream::connect(self.address).is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(clock::now() < by, "the emulator does not listen at {}: {log}", self.address);
            std::thread::yield_now();
        }
    }
}

impl Drop for Sushy {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("the emulator can be ended");
    }
}

fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| tree::root().join("target"));
    target.join("peers/sushy/bin/sushy-emulator")
}

/// A loopback port at which nothing listens.
pub(super) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The account's password as the emulator keeps it (bcrypt).
const HASH: &str = "$2b$04$dBmhC.ZDoY6X/Kp4r8CRTOCKkUZpsyEpwtHI6u7cT1abwHpvvn4pi";

fn write_files(folder: &Path, address: SocketAddr, systems: usize, more: &str) {
    let accounts = folder.join("accounts");
    fs::write(&accounts, format!("{USER}:{HASH}\n")).unwrap();
    let systems: String = (0..systems)
        .map(|number| {
            format!(
                "{{'uuid': '27946b59-9e44-4fa7-8e91-f3527a1ef{:03}', 'name': 'fake{number}', \
                 'power_state': 'On', 'nics': []}},",
                94 + number
            )
        })
        .collect();
    let text = format!(
        "import random\nrandom.randint = lambda low, high: 1\n\
         SUSHY_EMULATOR_FAKE_DRIVER = True\nSUSHY_EMULATOR_FAKE_SYSTEMS = [{systems}]\n\
         SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'\nSUSHY_EMULATOR_LISTEN_PORT = {}\n\
         SUSHY_EMULATOR_AUTH_FILE = {accounts:?}\nSUSHY_EMULATOR_STATE_DIR = {folder:?}\n{more}",
        address.port(),
    );
    fs::write(folder.join("config.py"), text).unwrap();
}

/// A certificate for 127.0.0.1, signed by itself, which may say that it is an authority.
fn make_certificate(folder: &Path, authority: &str) {
    let terms = format!(
        "[req]\ndistinguished_name = name\nx509_extensions = more\nprompt = no\n[name]\nCN = bmc\n\
         [more]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical,CA:{authority}\n"
    );
    fs::write(folder.join("terms"), terms).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args([
            "-nodes", "-days", "2", "-config", "terms", "-keyout", "key.pem", "-out", "cert.pem",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is missing: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The fingerprint that `openssl` gives for a certificate.
pub(super) fn fingerprint(certificate: &Path) -> String {
    let told = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate)
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    told.trim().rsplit_once('=').unwrap().1.to_owned()
}

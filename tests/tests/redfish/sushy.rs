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

/// From when until when a certificate is valid, as ASN.1 writes a time.
#[derive(Clone, Copy)]
pub(super) struct Valid {
    pub(super) from: &'static str,
    pub(super) until: &'static str,
}

/// The end is that of a certificate without one. [RFC 5280 §4.1.2.5]
const LONG_VALID: Valid = Valid { from: "20200101000000Z", until: "99991231235959Z" };

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
        Self::start_with_certificate(authority, LONG_VALID)
    }

    /// The same with a certificate that is valid then.
    pub(super) fn start_with_certificate(authority: &str, valid: Valid) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_certificate(folder.path(), authority, valid);
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

/// A certificate for 127.0.0.1 that signs itself, as `openssl ca` makes it: the only one that sets both dates.
fn make_certificate(folder: &Path, authority: &str, valid: Valid) {
    let terms = format!(
        "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = bmc\n\
         [ca]\ndefault_ca = ours\n[ours]\ndatabase = index\nserial = serial\nnew_certs_dir = .\n\
         default_md = sha256\npolicy = policy\nx509_extensions = more\n[policy]\ncommonName = supplied\n\
         [more]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical,CA:{authority}\n"
    );
    for (name, text) in [("terms", terms.as_str()), ("index", ""), ("serial", "01\n")] {
        fs::write(folder.join(name), text).unwrap();
    }
    let key = "req -config terms -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
               -keyout key.pem -out request.pem";
    openssl(folder, &words(key));
    let sign =
        "ca -config terms -batch -notext -selfsign -keyfile key.pem -in request.pem -out cert.pem";
    let dates = ["-startdate", valid.from, "-enddate", valid.until];
    openssl(folder, &[words(sign), dates.to_vec()].concat());
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn openssl(folder: &Path, words: &[&str]) {
    let mut command = Command::new("openssl");
    let done = command.args(words).current_dir(folder).stdin(Stdio::null()).output();
    let done = done.expect("openssl is missing: apt-get install openssl");
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
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

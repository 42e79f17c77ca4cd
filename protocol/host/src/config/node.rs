//! One machine of the cluster and the hardware around it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;

use super::power::PowerLevel;
use crate::keys::PublicKey;

/// One machine: its roles, its addresses and what can reset it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Unique name, 1 to 32 characters of `[a-z0-9-]`.
    pub name: String,
    /// Unique id on the wire, 1 to 64.
    pub id: NodeId,
    /// Whether it runs an agent (is a member).
    pub agent: bool,
    /// Whether it runs a fencer (is a voter).
    pub fencer: bool,
    /// Its current public key.
    pub public_key: PublicKey,
    /// The key it is about to change to; both are accepted.
    pub next_public_key: Option<PublicKey>,
    /// Where peers send to, one address a link.
    pub addresses: Vec<IpAddr>,
    /// What its own sockets bind to, one address a link.
    pub bind: Vec<IpAddr>,
    /// Port that peers send to its agent on.
    pub agent_port: u16,
    /// Port that peers send to its fencer on.
    pub fencer_port: u16,
    /// Port that its agent binds.
    pub agent_bind_port: u16,
    /// Port that its fencer binds.
    pub fencer_bind_port: u16,
    /// Its watchdog; always there if it runs an agent.
    pub watchdog: Option<Watchdog>,
    /// How its power is cut by IPMI.
    pub bmc: Option<Bmc>,
    /// Other ways to cut it, in the order of trying, after [`Self::bmc`].
    pub power: Vec<PowerLevel>,
    /// The health check of the service; without it the service is not looked at.
    pub check: Option<Check>,
}

impl Node {
    /// Whether there is any way to cut its power.
    pub fn has_power_device(&self) -> bool {
        self.bmc.is_some() || !self.power.is_empty()
    }

    /// Where peers reach its agent, one address a link.
    pub fn agent_addresses(&self) -> Vec<SocketAddr> {
        with_port(&self.addresses, self.agent_port)
    }

    /// Where peers reach its fencer, one address a link.
    pub fn fencer_addresses(&self) -> Vec<SocketAddr> {
        with_port(&self.addresses, self.fencer_port)
    }

    /// What its agent binds, one address a link.
    pub fn agent_binds(&self) -> Vec<SocketAddr> {
        with_port(&self.bind, self.agent_bind_port)
    }

    /// What its fencer binds, one address a link.
    pub fn fencer_binds(&self) -> Vec<SocketAddr> {
        with_port(&self.bind, self.fencer_bind_port)
    }
}

/// The watchdog of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// How it is reached.
    pub backend: WatchdogBackend,
    /// The timeout to set; whole seconds with [`WatchdogBackend::Linux`].
    pub timeout: Duration,
    /// `fire_ms` of the file: the measured worst time from last pet to death.
    pub fire_measured: Option<Duration>,
    /// The operator vouches that [`Self::fire_measured`] was measured on this machine.
    pub certified: bool,
    /// What kind it is, if the file says so; otherwise the agent finds out.
    pub class: Option<DogClass>,
}

/// Added to twice the timeout when nobody has measured the dog.
const UNMEASURED_EXTRA: Duration = Duration::from_secs(1);

impl Watchdog {
    /// `W`: the worst time from last pet to death that the cluster counts with: the measured one
    /// or, unmeasured, twice the timeout + 1 s (some chipsets count twice).
    pub fn fire_worst(&self) -> Duration {
        let unmeasured = self.timeout.saturating_mul(2).saturating_add(UNMEASURED_EXTRA);
        self.fire_measured.unwrap_or(unmeasured)
    }
}

/// How a watchdog is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchdogBackend {
    /// A kernel device such as `/dev/watchdog0`.
    Linux {
        /// The device file.
        device: PathBuf,
    },
    /// The simulator's dog on a Unix `SOCK_SEQPACKET` socket.
    Sim {
        /// The socket file.
        socket: PathBuf,
    },
}

/// What kind of watchdog it is; only a physical one can prove a death by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DogClass {
    /// Hardware of its own.
    Physical,
    /// Emulated by a hypervisor: stops when the machine is paused.
    Virtual,
    /// A kernel timer: dies with the kernel.
    Software,
}

impl DogClass {
    /// The name as written in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Virtual => "virtual",
            Self::Software => "software",
        }
    }
}

/// The management controller that can cut a node's power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bmc {
    /// `host:port`, port filled in; the host may be a name.
    pub address: String,
    /// User name, 1 to 16 ASCII characters.
    pub user: String,
    /// 0600 file whose first line is the password; read it with
    /// [`read_secret_file`](crate::secret::read_secret_file).
    pub password_file: PathBuf,
    /// Privilege asked for.
    pub privilege: Privilege,
    /// Cipher suites, in the order of trying.
    pub suites: Vec<Suite>,
    /// 0600 file whose first line is the BMC key (`K_g`) in hexadecimal digits; read it with
    /// [`read_secret_file`](crate::secret::read_secret_file).
    pub bmc_key_file: Option<PathBuf>,
    /// Its identity, as it stands in RAKP message 2: a BMC with another one is not this node's.
    pub guid: Option<[u8; 16]>,
}

/// Privilege of a BMC session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Enough for chassis control.
    #[default]
    Operator,
    /// Everything.
    Admin,
}

/// An RMCP+ cipher suite; no other is ever offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Suite 3: SHA-1, AES-128.
    Three,
    /// Suite 17: SHA-256, AES-128.
    Seventeen,
}

impl Suite {
    /// Its number in the IPMI specification.
    pub fn number(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Seventeen => 17,
        }
    }
}

/// The health check of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How answers are judged.
    pub profile: CheckProfile,
    /// What is asked, `http://…`.
    pub url: String,
    /// Whether it may withhold a pet from the start; a standby says no.
    pub armed: bool,
    /// Time between two questions.
    pub every: Duration,
    /// Deadline of one answer.
    pub timeout: Duration,
    /// How long "starting" is accepted.
    pub start_deadline: Duration,
    /// How long "stopping" is accepted.
    pub stop_deadline: Duration,
    /// Consecutive misses that are not yet a failure.
    pub tolerate: u8,
}

/// How answers of the service are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckProfile {
    /// Stash, Bitbucket Server and Data Center: `GET /status`.
    Bitbucket,
}

fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
}

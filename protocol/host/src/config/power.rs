//! Ways to a node's power other than its BMC: the tables `[[node.power]]`, in the order of trying.
//!
//! Never opens a file and never resolves a name.

use std::fmt;
use std::path::PathBuf;

/// One way to a node's power. They are tried in the order of the file, after `[node.bmc]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerLevel {
    /// A management controller that speaks Redfish.
    Redfish(Redfish),
    /// An existing fence agent, run as a child.
    Agent(FenceAgent),
}

impl PowerLevel {
    /// What is allowed but weak about it, to be said loudly.
    pub fn weakness(&self) -> Option<String> {
        match self {
            Self::Redfish(redfish) => redfish.weakness(),
            Self::Agent(_) => None,
        }
    }
}

/// A management controller that speaks Redfish. [DMTF DSP0266]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redfish {
    /// Where it listens.
    pub place: HttpPlace,
    /// Account.
    pub user: String,
    /// 0600 file whose first line is the password.
    pub password_file: PathBuf,
    /// How the account is shown.
    pub login: RedfishLogin,
    /// Path of the system, such as `/redfish/v1/Systems/1`; without it the only one there is.
    pub system: Option<String>,
    /// Whom to believe at the other end.
    pub trust: Trust,
}

impl Redfish {
    fn weakness(&self) -> Option<String> {
        let place = &self.place;
        match self.trust {
            Trust::Anyone => Some(format!(
                "whoever answers at {place} is believed (tls_insecure): a password can be stolen and \
                 `off` be forged; pin the certificate with certificate_sha256"
            )),
            Trust::Plain if !place.is_loopback() => Some(format!(
                "a password travels to {place} in the clear (plain_http), and anybody on the way can \
                 forge `off`; use https"
            )),
            Trust::Plain | Trust::Authorities(_) | Trust::Pinned(_) => None,
        }
    }
}

/// Where a server listens, and whether it speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPlace {
    /// `https`, not `http`.
    pub tls: bool,
    /// Name, IPv4 address, or IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl HttpPlace {
    /// The place in a text such as `https://10.9.0.1`, `http://localhost:8000` or
    /// `https://[fd00::9]:8443`; none if it has a path, a user, or another scheme.
    pub fn parse(text: &str) -> Option<Self> {
        let (tls, rest) = match text.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inner, port) = rest.split_once(']')?;
                inner.parse::<std::net::Ipv6Addr>().ok()?;
                (inner, port)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => default_port(tls),
            None => return None,
        };
        let fine =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
        let is_host = (1..=253).contains(&host.len()) && host.bytes().all(fine);
        is_host.then(|| Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// `host:port` as resolvers take it, and as the `Host` of a request.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether what is sent there never leaves this machine.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }
}

/// As it would stand in the file, with its port.
impl fmt::Display for HttpPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http{}://{}", if self.tls { "s" } else { "" }, self.authority())
    }
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// How an account is shown to a Redfish service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedfishLogin {
    /// Once, for a session and its token.
    #[default]
    Session,
    /// With each request.
    Basic,
}

/// Whom to believe at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody can be sure of anything: no TLS.
    Plain,
    /// A certificate that an authority in this file has signed, for the host's name.
    Authorities(PathBuf),
    /// The one certificate with this SHA-256.
    Pinned([u8; 32]),
    /// Whoever answers.
    Anyone,
}

/// An existing fence agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceAgent {
    /// The program.
    pub program: PathBuf,
    /// What it is told beside the action and the password, by name.
    pub options: Vec<(String, String)>,
    /// 0600 file whose first line is the password.
    pub password_file: Option<PathBuf>,
}

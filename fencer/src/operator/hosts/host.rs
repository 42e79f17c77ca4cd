//! One host of a list.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV6};

use super::error::Problem;

/// The port of IPMI over LAN, meant where a list names none. [IPMI2 §13.1.3]
pub const PORT: u16 = 623;

/// Longest host name. [RFC 1035 §2.3.4]
const NAME_MAX: usize = 253;

/// A host name or an address, and a port. Names are in lower case, addresses in their one
/// spelling, so that equal hosts are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// An IPv6 address with its brackets.
    name: String,
    port: u16,
}

impl Host {
    /// `host:port`, as a socket wants it.
    pub fn address(&self) -> String {
        format!("{}:{}", self.name, self.port)
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Without its port; an IPv6 address has brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A node of a configuration, named in a list of hosts.
    pub(in super::super) fn node(name: &str) -> Self {
        Self { name: name.to_owned(), port: PORT }
    }

    /// A host name or an IPv4 address.
    pub(super) fn named(text: &str, port: u16) -> Result<Self, Problem> {
        let wrong = |problem: fn(String) -> Problem| Err(problem(text.to_owned()));
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return match text.parse::<Ipv4Addr>() {
                Ok(_) => Ok(Self { name: text.to_owned(), port }),
                Err(_) => wrong(Problem::NoIpv4),
            };
        }
        let labels_stand = text
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        if !labels_stand || text.len() > NAME_MAX {
            return wrong(Problem::NoName);
        }
        Ok(Self { name: text.to_ascii_lowercase(), port })
    }

    /// The IPv6 address that stood in brackets.
    pub(super) fn v6(text: &str, port: u16) -> Result<Self, Problem> {
        let whole: SocketAddrV6 =
            format!("[{text}]:{port}").parse().map_err(|_| Problem::NoIpv6(text.to_owned()))?;
        let scope = match whole.scope_id() {
            0 => String::new(),
            scope => format!("%{scope}"),
        };
        Ok(Self { name: format!("[{}{scope}]", whole.ip()), port })
    }
}

/// As in a list: without the port if it is the usual one.
impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)?;
        if self.port == PORT { Ok(()) } else { write!(out, ":{}", self.port) }
    }
}

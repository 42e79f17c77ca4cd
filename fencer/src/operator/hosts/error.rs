//! Why a list was refused, and where.

use std::fmt;
use std::path::PathBuf;

use super::list::HOSTS_MAX;

/// A mistake in a list, with its place. `Display` is one line with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostListError {
    /// The file and the line in it, counted from 1; none: the list itself.
    pub file: Option<(PathBuf, usize)>,
    /// The character, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No host at all.
    #[error("no host; write for example 10.0.0.[1-100]")]
    Empty,
    /// Nothing stands before a comma or at the end.
    #[error("no host between two commas; take one comma out")]
    Nothing,
    /// A character that no host name has.
    #[error(
        "{0:?} is in no host name; allowed: letters, digits, '-', '.', '_' and ranges in brackets"
    )]
    Character(char),
    /// A bracket without its other half.
    #[error("the bracket is not closed; write for example [1-100]")]
    Unclosed,
    /// Something that is neither a number nor a range.
    #[error("{0:?} is neither a number nor a range such as 1-100, of at most nine digits")]
    NoRange(String),
    /// The second number is the smaller one.
    #[error("the range {0} runs backwards; write the smaller number first")]
    Backwards(String),
    /// Zero padding of different widths.
    #[error("the numbers of {0} are padded to different widths; pad both or none")]
    Padding(String),
    /// Not a port.
    #[error("{0:?} is no port; allowed: 1 to 65535")]
    Port(String),
    /// An IPv6 address without brackets.
    #[error("an ipv6 address stands in brackets: [fd00::1] or [fd00::1]:623")]
    BareIpv6,
    /// Digits and dots that are no address.
    #[error("{0} is no ipv4 address; its four numbers are 0 to 255, without leading zeros")]
    NoIpv4(String),
    /// Not an IPv6 address.
    #[error(
        "[{0}] is no ipv6 address; write for example [fd00::1], or [fe80::1%2] with a number of an interface"
    )]
    NoIpv6(String),
    /// Not a host name.
    #[error("{0:?} is no host name")]
    NoName(String),
    /// More hosts than one command takes.
    #[error("more than {HOSTS_MAX} hosts; split the list")]
    TooMany,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(String),
    /// A file that names a file.
    #[error("a file of hosts names no other file; name it in the list")]
    FileInFile,
}

impl fmt::Display for HostListError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some((file, line)) => write!(out, "{}, line {line}", file.display())?,
            None => out.write_str("host list")?,
        }
        write!(out, ", column {}: {}", self.column, self.problem)
    }
}

impl std::error::Error for HostListError {}

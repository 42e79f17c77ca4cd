//! Why a login ended, or an order was declined: what was tried, what came back, what to do.
//!
//! No error says anything about power. Silence is silence.

use std::fmt;

use palisade_protocol::span::Span;
use palisade_protocol::time::Duration;

use super::order::Order;
use crate::app::Guid;
use crate::completion;
use crate::malformed::Malformed;
use crate::privilege::Privilege;
use crate::suite::Suite;
use crate::wire::{Algorithms, RmcpStatus};

/// Why a login ended. `Display` is the evidence; [`ClientError::remedy`] what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Console and BMC do not know the same password.
    #[error("wrong password: {found_by} ({suite})")]
    WrongPassword {
        /// The suite of the attempt.
        suite: Suite,
        /// Who noticed.
        found_by: FoundBy,
    },
    /// The password is right, the BMC key (`K_g`) is not.
    #[error("wrong bmc key: rakp 4 was made with another one ({suite})")]
    WrongBmcKey {
        /// The suite of the attempt.
        suite: Suite,
    },
    /// A BMC that knows the password, and is not the one that was meant.
    #[error("another bmc: {pinned} is configured, {found} answered")]
    OtherBmc {
        /// The one that was meant.
        pinned: Guid,
        /// The one that answered.
        found: Guid,
    },
    /// The BMC does not know the user.
    #[error("no such user: bmc answered rakp 1 with {status}")]
    NoSuchUser {
        /// What the BMC said.
        status: RmcpStatus,
    },
    /// The user may not have the privilege.
    #[error("privilege {asked} refused: {evidence}")]
    PrivilegeRefused {
        /// What was asked for.
        asked: Privilege,
        /// What the BMC said.
        evidence: PrivilegeEvidence,
    },
    /// The BMC has no session left.
    #[error("no session slot free: bmc answered {status} {times} times in {}", Span(*.waited))]
    NoSlots {
        /// What the BMC said last.
        status: RmcpStatus,
        /// How many attempts it said so to.
        times: u32,
        /// For how long it was tried.
        waited: Duration,
    },
    /// The BMC accepts none of the suites.
    #[error("no cipher suite accepted: {}", listed(.refusals))]
    SuitesRefused {
        /// What it said to each.
        refusals: Vec<SuiteRefusal>,
    },
    /// The BMC, or somebody on the way, answered with algorithms that were not asked for.
    #[error("cipher downgrade: asked for {suite} ({}), answered {answered}", .suite.algorithms())]
    Downgrade {
        /// What was asked for.
        suite: Suite,
        /// What came back.
        answered: Algorithms,
    },
    /// Nothing came back that could be believed.
    #[error(
        "silent: no answer to {step} in {} ({sent} packets sent, {ignored} ignored)", Span(*.waited)
    )]
    Silent {
        /// What was not answered.
        step: Step,
        /// For how long.
        waited: Duration,
        /// How many datagrams were sent.
        sent: u32,
        /// How many datagrams came that were no answer.
        ignored: u32,
    },
    /// Nobody listens at the BMC's port.
    #[error("port refused {times} times at {step}: nothing listens there")]
    PortRefused {
        /// What was being tried.
        step: Step,
        /// How often.
        times: u32,
    },
    /// A step of the handshake was refused for a reason that is none of the above.
    #[error("{step} refused: {status}")]
    HandshakeRefused {
        /// Which step.
        step: Step,
        /// What the BMC said.
        status: RmcpStatus,
    },
    /// The BMC answered with a passing code until the time was up.
    #[error("{step} put off for {}: {} ({code:#04x})", Span(*.waited), completion::words(*.code))]
    StillBusy {
        /// What was being tried.
        step: Step,
        /// For how long.
        waited: Duration,
        /// What the BMC said last.
        code: u8,
    },
    /// The session's sequence numbers are used up by orders without an answer.
    #[error("session used up: too many orders in it went unanswered")]
    Exhausted,
    /// The deadline had passed before anything was sent. A late order never leaves.
    #[error("{step} not sent: its deadline had passed")]
    TooLate {
        /// What was to be done.
        step: Step,
    },
    /// An order came without an open session.
    #[error("no session is open")]
    Over,
}

impl ClientError {
    /// What an operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::WrongPassword { .. } => {
                "set the same password here and on the bmc; not tried again, so as not to lock the \
                 account"
            }
            Self::WrongBmcKey { .. } => "clear the bmc key on the bmc, or configure the same one",
            Self::OtherBmc { .. } => {
                "correct the address; if the bmc or its board was exchanged, configure the new guid. \
                 nothing was ordered there"
            }
            Self::NoSuchUser { .. } => "create the user on the bmc and enable it for ipmi over lan",
            Self::PrivilegeRefused { .. } => {
                "give the user operator privilege on the lan channel, or configure the privilege it has"
            }
            Self::NoSlots { .. } => {
                "close other ipmi sessions, or reset the bmc if its sessions have leaked"
            }
            Self::SuitesRefused { .. } => "enable cipher suite 17 (or 3) on the bmc's lan channel",
            Self::Downgrade { .. } => {
                "configure only the suites that the bmc has; if it has the one asked for, suspect \
                 the network between"
            }
            Self::Silent { step: Step::Rakp1, .. } => {
                "check user and password first: some bmcs do not answer a wrong one; then the network"
            }
            Self::Silent { .. } => {
                "check address, cable, power of the bmc and that ipmi over lan is enabled"
            }
            Self::PortRefused { .. } => {
                "check address and port, and enable ipmi over lan on the bmc"
            }
            Self::HandshakeRefused { .. } => "reset the bmc, or update its firmware",
            Self::StillBusy { .. } => "wait for the bmc to finish, or reset it",
            Self::TooLate { .. } => "allow more time, or find out what held this host up",
            Self::Exhausted | Self::Over => "log in again",
        }
    }

    /// Whether credentials or terms were definitely refused: asking again changes nothing and may
    /// lock the account.
    pub const fn is_definite(&self) -> bool {
        match self {
            Self::WrongPassword { .. }
            | Self::WrongBmcKey { .. }
            | Self::OtherBmc { .. }
            | Self::NoSuchUser { .. }
            | Self::PrivilegeRefused { .. }
            | Self::SuitesRefused { .. }
            | Self::Downgrade { .. } => true,
            Self::NoSlots { .. }
            | Self::Silent { .. }
            | Self::PortRefused { .. }
            | Self::HandshakeRefused { .. }
            | Self::StillBusy { .. }
            | Self::TooLate { .. }
            | Self::Exhausted
            | Self::Over => false,
        }
    }
}

/// An order was declined in a session that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// With a completion code.
    #[error("{order} declined: {} ({code:#04x})", completion::words(*.code))]
    Code {
        /// The order.
        order: Order,
        /// The completion code.
        code: u8,
    },
    /// The reply is authentic but not what the specification says.
    #[error("{order} answered with something else: {why}")]
    Malformed {
        /// The order.
        order: Order,
        /// What is wrong with the reply.
        why: Malformed,
    },
}

impl Declined {
    /// What an operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Code { code: completion::code::PRIVILEGE, .. } => {
                "give the user operator privilege on the lan channel"
            }
            Self::Code { .. } => "look into the bmc's event log for why",
            Self::Malformed { .. } => "update the bmc's firmware",
        }
    }
}

/// Who noticed that the passwords differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// The code in RAKP 2 is not the one that our password makes.
    Console,
    /// The BMC answered RAKP 3 with "invalid integrity check value".
    Bmc,
}

impl fmt::Display for FoundBy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Console => "the bmc's rakp 2 was made with another one",
            Self::Bmc => "the bmc answered rakp 3 with invalid integrity check value (0x0f)",
        })
    }
}

/// How a privilege was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivilegeEvidence {
    /// In the handshake.
    Status(RmcpStatus),
    /// By Set Session Privilege, with a completion code.
    Code(u8),
    /// Set Session Privilege granted another level.
    Granted(Privilege),
}

impl fmt::Display for PrivilegeEvidence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(out, "bmc answered the handshake with {status}"),
            Self::Code(code) => write!(out, "set session privilege answered {code:#04x}"),
            Self::Granted(level) => write!(out, "only {level} was granted"),
        }
    }
}

/// What the BMC said to one suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuiteRefusal {
    /// It refused.
    Status(Suite, RmcpStatus),
    /// It answered with other algorithms.
    Answered(Suite, Algorithms),
}

impl SuiteRefusal {
    /// Whether it may only mean that no session slot is free.
    pub const fn is_about_slots(&self) -> bool {
        use RmcpStatus::{NoResources, NoResourcesAtRole};
        matches!(self, Self::Status(_, NoResources | NoResourcesAtRole))
    }
}

impl fmt::Display for SuiteRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(suite, status) => write!(out, "{suite} {status}"),
            Self::Answered(suite, other) => write!(out, "{suite} answered with {other}"),
        }
    }
}

/// What a login was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asking for a session.
    OpenSession,
    /// Naming the user.
    Rakp1,
    /// Proving the password.
    Rakp3,
    /// Asking for the privilege.
    SetPrivilege(Privilege),
    /// Carrying out an order.
    Order(Order),
}

impl Step {
    pub(super) const fn is_repeatable(self) -> bool {
        match self {
            Self::Order(order) => order.is_repeatable(),
            Self::OpenSession | Self::Rakp1 | Self::Rakp3 | Self::SetPrivilege(_) => true,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenSession => out.write_str("open session"),
            Self::Rakp1 => out.write_str("rakp 1"),
            Self::Rakp3 => out.write_str("rakp 3"),
            Self::SetPrivilege(level) => write!(out, "set session privilege {level}"),
            Self::Order(order) => order.fmt(out),
        }
    }
}

fn listed(refusals: &[SuiteRefusal]) -> String {
    let each: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    each.join(", ")
}

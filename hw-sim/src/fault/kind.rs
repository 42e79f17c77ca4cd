//! The ways to be broken, and how each is written.

use std::fmt::{self, Write};

use palisade_ipmi::suite::Suite;
use palisade_ipmi::wire::RmcpStatus;
use palisade_protocol::time::Duration;

/// One way to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers nothing.
    Hang,
    /// Answers nothing from RAKP message 3 on.
    HangAfterRakp2,
    /// Neither obeys nor answers Chassis Control.
    HangControl,
    /// Acknowledges off without obeying.
    IgnoreOff(Times),
    /// Acknowledges on without obeying.
    IgnoreOn(Times),
    /// Acknowledges off without obeying and reports off from then on.
    LieOff,
    /// Power goes off later.
    SlowOff(Duration),
    /// Off is only a short press of the button: the operating system shuts down in that time, or
    /// does not listen.
    AcpiOff(Option<Duration>),
    /// For this long after power came on, off is reported.
    StartingOff(Duration),
    /// A reading of a machine that is on says off.
    Flicker(Times),
    /// No session slots.
    NoSlots,
    /// A slot stays taken for this long after its session ended.
    SlowSlots(Duration),
    /// A completion code instead of an act.
    Code {
        /// For which command.
        of: Command,
        /// Which code; never 0.
        code: u8,
        /// How often.
        times: Times,
    },
    /// A step of the login is refused with this status.
    Refuse {
        /// Which step: an answer of a login.
        step: Message,
        /// With which status.
        status: RmcpStatus,
    },
    /// Another password is right.
    WrongPassword,
    /// Refuses every RAKP 1 after so many logins that did not prove the password.
    LockOut(u32),
    /// Only this suite is offered.
    OnlySuite(Suite),
    /// Another GUID.
    Guid([u8; 16]),
    /// Message tag 0 in answers of a login.
    TagZero,
    /// Message tag 0 and console id 0 in refusals of a login.
    ZeroErrors,
    /// Algorithms "none" in the Open Session answer.
    Downgrade,
    /// Algorithms of suite 3 in the Open Session answer, whatever was asked.
    DowngradeToSha1,
    /// Privilege 0 in the Open Session answer.
    PrivEchoZero,
    /// A second RAKP 3 is answered and changes the session's keys.
    Rakp3Replay,
    /// RAKP 3 takes this long, and what comes for its session meanwhile is lost.
    SlowRakp3(Duration),
    /// Wrong checksums inside signed packets.
    BadChecksums,
    /// The session sequence number grows by two.
    SkipSequence,
    /// Answers of a session end behind their completion code.
    BareReplies,
    /// Datagrams are cut to so many bytes.
    Short(u16),
    /// Answers come later.
    LateReply(Duration),
    /// Datagrams take longer.
    Delay(Way, Duration),
    /// Loses this percentage of datagrams.
    Drop(Way, u8),
    /// Delivers this percentage of datagrams twice.
    Duplicate(Way, u8),
    /// Holds this percentage of datagrams back until others have overtaken them.
    Reorder(Way, u8),
    /// No datagram passes in this direction.
    Cut(Way),
    /// Loses one kind of message.
    Lose(Message, Times),
    /// Silent for this long from the start of the fault; forgets sessions and watchdog.
    Reboot(Duration),
    /// BMC and machine are without mains for this long from the start of the fault.
    AcLoss(Duration),
}

/// Which occurrences a fault strikes, counted while it is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Every one.
    Always,
    /// So many, then none.
    First(u32),
    /// One alone.
    Nth(u32),
}

impl Times {
    /// Whether number `count`, from 1, is struck.
    pub const fn strikes(self, count: u32) -> bool {
        match self {
            Self::Always => true,
            Self::First(most) => count <= most,
            Self::Nth(which) => count == which,
        }
    }

    const fn number(self) -> Option<u32> {
        match self {
            Self::Always => None,
            Self::First(number) | Self::Nth(number) => Some(number),
        }
    }
}

/// Directions of a network, as the BMC sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Both.
    Both,
    /// To the BMC.
    In,
    /// From the BMC.
    Out,
}

impl Way {
    /// Whether a fault of this direction is one of `other`.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// Messages that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Open Session request.
    Open,
    /// Open Session response.
    OpenReply,
    /// RAKP message 1.
    Rakp1,
    /// RAKP message 2.
    Rakp2,
    /// RAKP message 3.
    Rakp3,
    /// RAKP message 4.
    Rakp4,
    /// A command.
    Request(Command),
    /// The answer to a command.
    Reply(Command),
}

/// Commands that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Chassis Control, power down.
    Off,
    /// Chassis Control, power up.
    On,
    /// Chassis Control, power cycle.
    Cycle,
    /// Chassis Control, hard reset.
    Reset,
    /// Get Chassis Status.
    Status,
    /// Set, Get and Reset Watchdog Timer.
    Watchdog,
    /// Set Session Privilege Level.
    Privilege,
    /// Close Session.
    Close,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Off,
        Self::On,
        Self::Cycle,
        Self::Reset,
        Self::Status,
        Self::Watchdog,
        Self::Privilege,
        Self::Close,
    ];

    /// Whether it is a Chassis Control.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Off | Self::On | Self::Cycle | Self::Reset)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())?;
        match self {
            Self::IgnoreOff(times) | Self::IgnoreOn(times) | Self::Flicker(times) => {
                times.number().map_or(Ok(()), |number| write!(out, "={number}"))
            }
            Self::SlowOff(span)
            | Self::AcpiOff(Some(span))
            | Self::SlowSlots(span)
            | Self::Reboot(span)
            | Self::AcLoss(span) => write!(out, "={}", span.as_secs_f64()),
            Self::StartingOff(span) | Self::SlowRakp3(span) | Self::LateReply(span) => {
                write!(out, "={}", span.as_millis())
            }
            Self::Code { of, code, times } => write!(out, "={of}:0x{code:02X}{times}"),
            Self::Refuse { step, status } => write!(out, "={step}:0x{:02X}", status.byte()),
            Self::LockOut(most) => write!(out, "={most}"),
            Self::OnlySuite(suite) => write!(out, "={}", suite.id()),
            Self::Guid(guid) => {
                out.write_char('=')?;
                guid.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
            Self::Short(length) => write!(out, "={length}"),
            Self::Delay(way, span) => write!(out, "={way}{}", span.as_millis()),
            Self::Drop(way, percent)
            | Self::Duplicate(way, percent)
            | Self::Reorder(way, percent) => {
                write!(out, "={way}{percent}")
            }
            Self::Cut(way) => write!(out, "={}", way.to_string().trim_end_matches(':')),
            Self::Lose(message, times) => write!(out, "={message}{times}"),
            Self::DowngradeToSha1 => out.write_str("=3"),
            Self::Hang
            | Self::HangAfterRakp2
            | Self::HangControl
            | Self::LieOff
            | Self::AcpiOff(None)
            | Self::NoSlots
            | Self::WrongPassword
            | Self::TagZero
            | Self::ZeroErrors
            | Self::Downgrade
            | Self::PrivEchoZero
            | Self::Rakp3Replay
            | Self::BadChecksums
            | Self::SkipSequence
            | Self::BareReplies => Ok(()),
        }
    }
}

impl Kind {
    const fn name(&self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::HangAfterRakp2 => "hang-after-rakp2",
            Self::HangControl => "hang-control",
            Self::IgnoreOff(_) => "ignore-off",
            Self::IgnoreOn(_) => "ignore-on",
            Self::LieOff => "lie-off",
            Self::SlowOff(_) => "slow-off",
            Self::AcpiOff(_) => "acpi-off",
            Self::StartingOff(_) => "starting-off",
            Self::Flicker(_) => "flicker",
            Self::NoSlots => "no-slots",
            Self::SlowSlots(_) => "slow-slots",
            Self::Code { .. } => "cc",
            Self::Refuse { .. } => "refuse",
            Self::WrongPassword => "wrong-password",
            Self::LockOut(_) => "lock-out",
            Self::OnlySuite(_) => "only-suite",
            Self::Guid(_) => "guid",
            Self::TagZero => "tag-zero",
            Self::ZeroErrors => "zero-errors",
            Self::Downgrade | Self::DowngradeToSha1 => "downgrade",
            Self::PrivEchoZero => "priv-echo-zero",
            Self::Rakp3Replay => "rakp3-replay",
            Self::SlowRakp3(_) => "slow-rakp3",
            Self::BadChecksums => "bad-checksums",
            Self::SkipSequence => "skip-sequence",
            Self::BareReplies => "bare-replies",
            Self::Short(_) => "short",
            Self::LateReply(_) => "late-reply",
            Self::Delay(..) => "delay",
            Self::Drop(..) => "drop",
            Self::Duplicate(..) => "dup",
            Self::Reorder(..) => "reorder",
            Self::Cut(_) => "cut",
            Self::Lose(..) => "lose",
            Self::Reboot(_) => "reboot",
            Self::AcLoss(_) => "ac-loss",
        }
    }
}

/// Behind a value: `:2`, or nothing.
impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().map_or(Ok(()), |number| write!(out, ":{number}"))
    }
}

/// Before a value: `in:`, `out:` or nothing.
impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Both => "",
            Self::In => "in:",
            Self::Out => "out:",
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => out.write_str("open"),
            Self::OpenReply => out.write_str("open-reply"),
            Self::Rakp1 => out.write_str("rakp1"),
            Self::Rakp2 => out.write_str("rakp2"),
            Self::Rakp3 => out.write_str("rakp3"),
            Self::Rakp4 => out.write_str("rakp4"),
            Self::Request(command) => write!(out, "{command}"),
            Self::Reply(command) => write!(out, "{command}-reply"),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Cycle => "cycle",
            Self::Reset => "reset",
            Self::Status => "status",
            Self::Watchdog => "watchdog",
            Self::Privilege => "priv",
            Self::Close => "close",
        })
    }
}

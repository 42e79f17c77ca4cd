//! Where a real BMC departs from the specification, each seen on some machine. All are off unless
//! a simulator asks for them, and may change from one datagram to the next.

use palisade_protocol::time::Duration;

use crate::suite::Suite;
use crate::wire::RmcpStatus;

/// How this BMC misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// No slot is free, whatever is in use.
    pub full: bool,
    /// A slot stays taken for this long after its session ended.
    pub reclaim: Duration,
    /// Another password is right than the one that is configured.
    pub other_password: bool,
    /// Another GUID than the one that is configured.
    pub guid: Option<[u8; 16]>,
    /// The only suite that is offered.
    pub only_suite: Option<Suite>,
    /// What every Open Session is refused with.
    pub refuse_open: Option<RmcpStatus>,
    /// What every RAKP 1 is refused with.
    pub refuse_rakp1: Option<RmcpStatus>,
    /// What every RAKP 3 is refused with.
    pub refuse_rakp3: Option<RmcpStatus>,
    /// Refusals of a login carry message tag 0 and console id 0.
    pub zero_refusals: bool,
    /// A second RAKP 3 is answered as the first, and changes the session's keys.
    pub rakp3_replay: bool,
    /// Checksums inside signed packets are wrong.
    pub bad_checksums: bool,
    /// The session sequence number grows by two.
    pub skips_sequence: bool,
    /// Answers of a session end behind their completion code.
    pub bare_answers: bool,
}

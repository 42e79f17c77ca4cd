//! What one datagram says: a prelude that no version may change, a postcard body, a tag.
//!
//! The normative description is this crate's README. Nothing here keeps state, checks a tag or
//! decides what a frame is worth: bytes in, values out, and back.

use serde::{Deserialize, Serialize};

use crate::ids::{BootId, ClusterTag, LinkId, NodeId, NodeMask, Peer, Seq, Start};
use crate::keys::TAG_LEN;

mod bodies;
mod prelude;

pub use bodies::{
    Agreed, Beat, Condemn, Decline, Declined, DogClass, DogReport, Fenced, FencedAck, Grant,
    HeardMatrix, Kind, Leave, LeaveAck, Pardon, ProofKind, Renew, Request, Verdict, Why, Withheld,
    Withhold,
};
pub use prelude::{PRELUDE_LEN, Prelude};

/// The version of the bodies that this build writes.
pub const VERSION: u8 = 1;

/// The oldest version of the bodies that this build reads.
pub const VERSION_MIN: u8 = 1;

/// Longest datagram: fits every link without fragments, a serial one too.
pub const DATAGRAM_MAX: usize = 256;

/// Longest body.
pub const BODY_MAX: usize = DATAGRAM_MAX - PRELUDE_LEN - TAG_LEN;

const _: () = assert!(VERSION_MIN <= VERSION, "a build reads what it writes");
const _: () = assert!(BODY_MAX < 256, "the length of a body is one byte");

/// Which frame of the receiver the sender heard last: proof that its own frame is no recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Echo {
    /// The receiver's start that the sender knows.
    pub start: Start,
    /// The frame of that start.
    pub seq: Seq,
}

/// What a frame says, one variant for each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Member to voter: renew my lease.
    Renew(Renew),
    /// Voter to member: the renewal that this frame echoes is granted.
    Grant(Grant),
    /// Voter to member: it is not, and why.
    Withhold(Withhold),
    /// Anyone to anyone: I heard the frame that this one echoes; echo me, so that I can believe you.
    Hello,
    /// Member to voter: take over from me.
    Request(Request),
    /// Member to voter: I have given my lease up.
    Leave(Leave),
    /// Voter to member: your leaving is noted.
    LeaveAck(LeaveAck),
    /// Voter to voter: I am here.
    Beat(Beat),
    /// Voter to voter: do you agree that this life is lost?
    Condemn(Condemn),
    /// Voter to voter: yes, and it is on my disk.
    Agreed(Agreed),
    /// Voter to voter: no, and why.
    Declined(Declined),
    /// Voter to voter: that life is proven over.
    Fenced(Fenced),
    /// Voter to voter: noted.
    FencedAck(FencedAck),
    /// Voter to voter: I am done with that life.
    Pardon(Pardon),
    /// Written by a version that this build cannot read; the prelude stands all the same.
    Unreadable(Kind),
}

impl Body {
    /// The kind that the prelude names.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Renew(_) => Kind::RENEW,
            Self::Grant(_) => Kind::GRANT,
            Self::Withhold(_) => Kind::WITHHOLD,
            Self::Hello => Kind::HELLO,
            Self::Request(_) => Kind::REQUEST,
            Self::Leave(_) => Kind::LEAVE,
            Self::LeaveAck(_) => Kind::LEAVE_ACK,
            Self::Beat(_) => Kind::BEAT,
            Self::Condemn(_) => Kind::CONDEMN,
            Self::Agreed(_) => Kind::AGREED,
            Self::Declined(_) => Kind::DECLINED,
            Self::Fenced(_) => Kind::FENCED,
            Self::FencedAck(_) => Kind::FENCED_ACK,
            Self::Pardon(_) => Kind::PARDON,
            Self::Unreadable(kind) => *kind,
        }
    }

    /// Writes the body; returns its length.
    ///
    /// # Panics
    /// If a body of ours does not fit: the longest of each kind is measured by a test.
    pub fn encode(&self, into: &mut [u8]) -> usize {
        match self {
            Self::Renew(body) => put(body, into),
            Self::Grant(body) => put(body, into),
            Self::Withhold(body) => put(body, into),
            Self::Request(body) => put(body, into),
            Self::Leave(body) => put(body, into),
            Self::LeaveAck(body) => put(body, into),
            Self::Beat(body) => put(body, into),
            Self::Condemn(body) => put(body, into),
            Self::Agreed(body) => put(body, into),
            Self::Declined(body) => put(body, into),
            Self::Fenced(body) => put(body, into),
            Self::FencedAck(body) => put(body, into),
            Self::Pardon(body) => put(body, into),
            Self::Hello | Self::Unreadable(_) => 0,
        }
    }

    /// Reads a body of `kind` written by `version`.
    ///
    /// A version or kind that this build does not know is [`Body::Unreadable`]. Nothing is returned
    /// for bytes that are not the one spelling of a value: something left over, an over-long
    /// number, an unknown variant.
    pub fn decode(version: u8, kind: Kind, bytes: &[u8]) -> Option<Self> {
        if !(VERSION_MIN..=VERSION).contains(&version) {
            return Some(Self::Unreadable(kind));
        }
        Some(match kind {
            Kind::RENEW => Self::Renew(take(bytes)?),
            Kind::GRANT => Self::Grant(take(bytes)?),
            Kind::WITHHOLD => Self::Withhold(take(bytes)?),
            Kind::HELLO if bytes.is_empty() => Self::Hello,
            Kind::HELLO => return None,
            Kind::REQUEST => Self::Request(take(bytes)?),
            Kind::LEAVE => Self::Leave(take(bytes)?),
            Kind::LEAVE_ACK => Self::LeaveAck(take(bytes)?),
            Kind::BEAT => Self::Beat(take(bytes)?),
            Kind::CONDEMN => Self::Condemn(take(bytes)?),
            Kind::AGREED => Self::Agreed(take(bytes)?),
            Kind::DECLINED => Self::Declined(take(bytes)?),
            Kind::FENCED => Self::Fenced(take(bytes)?),
            Kind::FENCED_ACK => Self::FencedAck(take(bytes)?),
            Kind::PARDON => Self::Pardon(take(bytes)?),
            unknown => Self::Unreadable(unknown),
        })
    }
}

/// A frame that a core wants sent to one peer, on every link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Post {
    /// To whom.
    pub dst: Peer,
    /// Its number among the frames to that peer.
    pub seq: Seq,
    /// The frame of that peer it answers or has heard last.
    pub echo: Option<Echo>,
    /// What it says.
    pub body: Body,
}

/// An authentic frame, as a core hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// From whom: the tag proves it.
    pub src: Peer,
    /// Over which link.
    pub link: LinkId,
    /// The sender's life.
    pub boot: BootId,
    /// The sender's process.
    pub start: Start,
    /// The frame's number among those of that process to this one.
    pub seq: Seq,
    /// The frame of this process that the sender had heard last.
    pub echo: Option<Echo>,
    /// What it says.
    pub body: Body,
}

impl Frame {
    /// How an answer names this frame.
    pub const fn as_echo(&self) -> Echo {
        Echo { start: self.start, seq: self.seq }
    }
}

fn put<T: Serialize>(body: &T, into: &mut [u8]) -> usize {
    let written = postcard::to_slice(body, into).map(|written| written.len());
    assert!(written.is_ok(), "every body of ours fits into a datagram");
    written.unwrap_or(0)
}

/// Reads the one spelling of a value, or nothing: postcard alone accepts trailing bytes and
/// over-long numbers.
fn take<T: Serialize + for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).ok()?;
    let mut again = [0; BODY_MAX];
    let spelled = postcard::to_slice(&value, &mut again).ok()?;
    (rest.is_empty() && spelled == bytes).then_some(value)
}

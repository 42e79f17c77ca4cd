//! The bodies, one struct for each kind, in the order in which postcard writes their fields.
//!
//! A field is never added to or removed from a struct that has been released: postcard is
//! positional. A new fact is a new kind.

use super::{BootId, Deserialize, NodeId, NodeMask, Serialize};

/// What a frame is, as the prelude numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// Member to voter: renew my lease. Its meaning needs no body and is frozen for all versions.
    pub const RENEW: Self = Self(1);
    /// Voter to member: granted. Its meaning needs no body and is frozen for all versions.
    pub const GRANT: Self = Self(2);
    /// Voter to member: not granted.
    pub const WITHHOLD: Self = Self(3);
    /// I heard you; echo me.
    pub const HELLO: Self = Self(4);
    /// Member to voter: take over from me.
    pub const REQUEST: Self = Self(5);
    /// Member to voter: I have given my lease up.
    pub const LEAVE: Self = Self(6);
    /// Voter to member: noted.
    pub const LEAVE_ACK: Self = Self(7);
    /// Voter to voter: I am here.
    pub const BEAT: Self = Self(8);
    /// Voter to voter: do you agree that this life is lost?
    pub const CONDEMN: Self = Self(9);
    /// Voter to voter: yes, durably.
    pub const AGREED: Self = Self(10);
    /// Voter to voter: no.
    pub const DECLINED: Self = Self(11);
    /// Voter to voter: proven over.
    pub const FENCED: Self = Self(12);
    /// Voter to voter: noted.
    pub const FENCED_ACK: Self = Self(13);
    /// Voter to voter: I am done with that life.
    pub const PARDON: Self = Self(14);
}

/// What the node's health check says, as the agent judges it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// No answer yet.
    #[default]
    Unknown,
    /// No check is armed on this node.
    Idle,
    /// Healthy.
    Up,
    /// Starting, stopping or silent, and within its time.
    Grace,
    /// Failed.
    Down,
}

/// What kind of watchdog a node has: whether its bite can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DogClass {
    /// Nobody knows.
    #[default]
    Unknown,
    /// A timer outside the processor: bites whatever the software does.
    Physical,
    /// Emulated by a hypervisor: stands still while the machine is paused.
    Virtual,
    /// A timer of the kernel itself: dies with it.
    Software,
}

/// A node's watchdog, as its agent knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DogReport {
    /// Whether it is running.
    pub armed: bool,
    /// Whether `fire_ms` was measured on this very machine.
    pub certified: bool,
    /// What it is.
    pub class: DogClass,
    /// The timeout it was set to.
    pub timeout_ms: u32,
    /// `W`: the longest from the last pet to the death of the node.
    pub fire_ms: u32,
}

/// Who is heard on which link: bit `4 × place of the voter + link`, voters in order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeardMatrix(pub u32);

/// Renew my lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Renew {
    /// What the health check says.
    pub verdict: Verdict,
    /// The watchdog.
    pub dog: DogReport,
    /// Which voters were heard lately, link by link.
    pub heard: HeardMatrix,
    /// Digest of the configuration in force.
    pub config: u32,
}

/// The echoed renewal is granted: a promise to support nobody's taking over for `P` from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// Whether this voter could cut the member's power now.
    pub fenceable: bool,
    /// Links on which this voter heard the member lately, bit 0 for link 0.
    pub heard_links: u8,
}

/// Why a renewal is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Withheld {
    /// The voter has just started and may have promised somebody else something.
    BootHold,
    /// The voter has lost its memory of condemnations.
    Amnesia,
    /// This life is condemned.
    Condemned,
    /// A former life of this node is still being fenced.
    Fencing,
    /// Two machines claim to be this node.
    Twin,
    /// The configuration of this voter has no such member.
    Stranger,
}

/// The echoed renewal is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Withhold {
    /// Why.
    pub why: Withheld,
}

/// Why a life is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Why {
    /// It was not heard for `suspect_after`.
    Silence,
    /// An operator ordered it.
    Operator,
    /// Its own agent asked, because its service failed and could not be helped.
    Health,
}

impl Why {
    /// Whether a voter that hears the target may agree: only to an order, never to a suspicion.
    pub const fn is_order(self) -> bool {
        match self {
            Self::Silence => false,
            Self::Operator | Self::Health => true,
        }
    }
}

/// Take over from me.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    /// Why.
    pub why: Why,
}

/// I have given my lease up and pet no more after your majority has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Leave {}

/// Your leaving is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaveAck {}

/// I am here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Beat {
    /// Whether this voter still holds back after its start.
    pub holding: bool,
    /// Members it granted within `suspect_after`.
    pub granting: NodeMask,
    /// Digest of the configuration in force.
    pub config: u32,
}

/// Do you agree that this life is lost?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condemn {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// Why.
    pub why: Why,
    /// Whether an answer binds, or only says how it would be: nobody is condemned before a majority
    /// would.
    pub bind: bool,
    /// How long the asker has not heard that life, in milliseconds, rounded up; none if it has not
    /// heard it since its own start, or cannot tell. It says which of two lives is the later one.
    pub silent_ms: Option<u32>,
}

/// Yes. If bound: that life is condemned on my disk, and I admit no later one for the life of a
/// warrant from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Agreed {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// Whether this is done, or only would be.
    pub bound: bool,
    /// Whether my promise to that life has ended by my clock, or that life gave it up by leaving.
    pub promise_over: bool,
    /// Whether the last renewal I granted to it said armed, certified, physical, under my own
    /// configuration; or it has left, and nobody needs its watchdog.
    pub dog_trusted: bool,
}

/// Why a voter does not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decline {
    /// It hears the target.
    StillHeard,
    /// It has just started, or lost its memory.
    Holding,
    /// The asker's own node is condemned.
    AskerCondemned,
    /// Another shooter is at work on the target, or the target's fencer is at work itself.
    OtherShooter,
    /// The condemnation is being written; ask again.
    Writing,
    /// It could not be written.
    DiskFailed,
    /// It knows a later life, or knows that this one has left: there is nothing to suspect.
    UnknownLife,
    /// It knows that life to be over, proven so.
    Over(ProofKind),
}

/// No.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Declined {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// Why.
    pub why: Decline,
}

/// What proves that a life is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProofKind {
    /// The BMC obeyed off under a warrant, and read off twice.
    PowerOff,
    /// A majority's promises have ended, and its trusted watchdog with them.
    LeaseExpired,
    /// The node came back with a new boot id.
    Reborn,
    /// It left.
    Left,
    /// A human confirmed it.
    Operator,
}

impl ProofKind {
    /// The name under which journals, hooks and people know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PowerOff => "power-off",
            Self::LeaseExpired => "lease-expired",
            Self::Reborn => "reborn",
            Self::Left => "left",
            Self::Operator => "operator",
        }
    }
}

/// That life is proven over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fenced {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// What proves it.
    pub proof: ProofKind,
}

/// Noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FencedAck {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
}

/// I asked you to condemn that life and am done with it: hold its next life back no longer, and if
/// it is not proven over, forget its condemnation, because no majority shared it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pardon {
    /// The node.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
}

//! The fencer for people: its members, the other voters, its cases.
//!
//! Shows what is so; decides nothing.

use palisade_protocol::ids::{BootId, NodeId};
use palisade_protocol::peer::Links;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Decline, ProofKind, Renew};

use super::FencerCore;

/// One member, for people.
#[derive(Clone, Copy, Debug)]
pub struct MemberView<'a> {
    /// Which.
    pub node: NodeId,
    /// The life known.
    pub boot: Option<BootId>,
    /// When it was last granted something.
    pub granted_at: Option<Instant>,
    /// When it was last heard fresh.
    pub heard_at: Option<Instant>,
    /// What its last granted renewal said.
    pub word: Option<Renew>,
    /// Whether this life of it is condemned, and what proves it over.
    pub condemned: Option<Option<ProofKind>>,
    /// Whether it has left.
    pub left: bool,
    /// Fences within the last hour.
    pub fences: usize,
    /// Loss and last-heard, link by link.
    pub links: &'a Links,
}

/// One other voter, for people.
#[derive(Clone, Copy, Debug)]
pub struct VoterView<'a> {
    /// Which.
    pub node: NodeId,
    /// When it was last heard fresh.
    pub heard_at: Option<Instant>,
    /// Whether it holds back after its start.
    pub holding: bool,
    /// Loss and last-heard, link by link.
    pub links: &'a Links,
}

/// One case, for people.
#[derive(Clone, Copy, Debug)]
pub struct CaseView {
    /// Against whom.
    pub target: NodeId,
    /// Which life of it.
    pub boot: BootId,
    /// Since when.
    pub opened_at: Instant,
    /// Voters bound to it.
    pub bound: usize,
    /// Why the last voter declined.
    pub declined: Option<Decline>,
    /// Where its power is.
    pub power: &'static str,
    /// What proves it over.
    pub proven: Option<ProofKind>,
}

impl FencerCore {
    /// The members, in the order of the configuration.
    pub fn members(&self, now: Instant) -> impl Iterator<Item = MemberView<'_>> {
        self.members.iter().map(move |member| MemberView {
            node: member.node(),
            boot: member.peer.boot(),
            granted_at: member.granted_at,
            heard_at: member.peer.heard_at(),
            word: member.word,
            condemned: member.peer.boot().map_or_else(
                || member.unclosed().map(|sentence| sentence.closed),
                |boot| member.sentence(boot).map(|sentence| sentence.closed),
            ),
            left: member.left.is_some() && member.left == member.peer.boot(),
            fences: member.fences(now),
            links: member.peer.links(),
        })
    }

    /// The other voters, in the order of the configuration.
    pub fn voters(&self) -> impl Iterator<Item = VoterView<'_>> {
        self.voters.iter().map(|voter| VoterView {
            node: voter.id,
            heard_at: voter.peer.heard_at(),
            holding: voter.beat.is_some_and(|beat| beat.holding),
            links: voter.peer.links(),
        })
    }

    /// The open cases of this fencer.
    pub fn cases(&self) -> impl Iterator<Item = CaseView> {
        self.cases.iter().map(|case| CaseView {
            target: case.target,
            boot: case.boot,
            opened_at: case.opened_at,
            bound: case.bound(),
            declined: case.votes.iter().find_map(|vote| vote.declined),
            power: case.power.as_ref().map_or("not begun", |power| power.stage_name()),
            proven: case.proven.map(|(kind, _)| kind),
        })
    }
}

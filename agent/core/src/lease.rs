//! What the voters have granted, and what it is worth.
//!
//! A grant counts from when the renewal that it answers was sent, by this node's own clock.

use heapless::Vec;
use palisade_protocol::ids::{NodeId, VOTERS_MAX};
use palisade_protocol::peer::PeerState;
use palisade_protocol::quorum::{majority, majority_newest};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::Withheld;

/// One voter, as this agent knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Voter {
    pub(crate) id: NodeId,
    pub(crate) peer: PeerState,
    /// When the newest renewal that it granted was sent.
    pub(crate) granted_at: Option<Instant>,
    /// Why it withholds, since its last grant.
    pub(crate) withheld: Option<Withheld>,
    /// When the newest renewal was sent that it answered by calling this life condemned.
    pub(crate) condemned_at: Option<Instant>,
    /// Whether it has noted that this node leaves.
    pub(crate) noted_leave: bool,
}

impl Voter {
    const fn new(id: NodeId) -> Self {
        Self {
            id,
            peer: PeerState::new(),
            granted_at: None,
            withheld: None,
            condemned_at: None,
            noted_leave: false,
        }
    }
}

/// All configured voters, in order of their ids.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Voters(Vec<Voter, VOTERS_MAX>);

impl Voters {
    pub(crate) fn new(ids: &[NodeId]) -> Self {
        let mut voters: Vec<_, VOTERS_MAX> = ids.iter().copied().map(Voter::new).collect();
        voters.sort_unstable_by_key(|voter| voter.id);
        Self(voters)
    }

    pub(crate) fn of(&mut self, id: NodeId) -> Option<&mut Voter> {
        self.0.iter_mut().find(|voter| voter.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Voter> {
        self.0.iter_mut()
    }

    pub(crate) fn needed(&self) -> usize {
        majority(self.0.len())
    }

    /// `t_s`: when the majority-th newest granted renewal was sent.
    pub(crate) fn lease_from(&self) -> Option<Instant> {
        majority_newest(self.0.iter().map(|voter| voter.granted_at))
    }

    /// How many granted something sent within `span` before `now`.
    pub(crate) fn granted_within(&self, now: Instant, span: Duration) -> usize {
        let lately = |voter: &&Voter| voter.granted_at.is_some_and(|at| now.since(at) <= span);
        self.0.iter().filter(lately).count()
    }

    /// How many called this life condemned in answer to what was sent within `span` before `now`.
    pub(crate) fn condemned_within(&self, now: Instant, span: Duration) -> usize {
        let lately = |voter: &&Voter| voter.condemned_at.is_some_and(|at| now.since(at) <= span);
        self.0.iter().filter(lately).count()
    }

    /// Whether a majority has noted that this node leaves.
    pub(crate) fn majority_noted_leave(&self) -> bool {
        self.0.iter().filter(|voter| voter.noted_leave).count() >= self.needed()
    }
}

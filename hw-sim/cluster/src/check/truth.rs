//! What is really so, and whether every promise holds.
//!
//! Kept beside the cores from what leaves them and from the hardware; no core is asked.

use palisade_fencer_core::{DurableState, FenceWarrant, PowerAct, Proof};
use palisade_protocol::ids::{BootId, NodeId, NodeMask};
use palisade_protocol::quorum::majority;
use palisade_protocol::wire::ProofKind;

/// Rounding of one conversion between a clock and true time.
const ROUNDING_NANOS: u64 = 2;

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name in the design.
    pub promise: &'static str,
    /// What was so.
    pub why: String,
}

/// What a voter promised to a life, last.
#[derive(Clone, Copy, Debug, Hash)]
struct Promise {
    voter: NodeId,
    member: NodeId,
    boot: BootId,
    /// In nanoseconds of true time.
    ends: u64,
}

/// Who ever granted a life something, and on whose disk its condemnation stood.
#[derive(Clone, Copy, Debug, Hash)]
struct Life {
    member: NodeId,
    boot: BootId,
    granted_by: NodeMask,
    condemned_by: NodeMask,
}

/// The ground truth of one run.
#[derive(Clone, Debug, Hash)]
pub(super) struct Truth {
    voters: usize,
    promises: Vec<Promise>,
    lives: Vec<Life>,
}

impl Truth {
    pub(super) const fn new(voters: usize) -> Self {
        Self { voters, promises: Vec::new(), lives: Vec::new() }
    }

    /// A grant left a voter.
    pub(super) fn granted(&mut self, voter: NodeId, (member, boot): (NodeId, BootId), ends: u64) {
        let life = self.life(member, boot);
        life.granted_by = life.granted_by.with(voter);
        let known = self.promises.iter_mut().find(|p| (p.voter, p.member) == (voter, member));
        match known {
            Some(known) => (known.boot, known.ends) = (boot, ends),
            None => self.promises.push(Promise { voter, member, boot, ends }),
        }
    }

    /// A disk has what a fencer wrote.
    pub(super) fn written(&mut self, voter: NodeId, state: &DurableState) {
        for sentence in &state.sentences {
            let life = self.life(sentence.target, sentence.boot);
            life.condemned_by = life.condemned_by.with(voter);
        }
    }

    /// S2: at a pet, the dog would bite before the promises of any majority have ended.
    pub(super) fn petted(&self, (member, boot): (NodeId, BootId), bites: u64) -> Option<Broken> {
        let mut ends: Vec<u64> = self
            .promises
            .iter()
            .filter(|promise| (promise.member, promise.boot) == (member, boot))
            .map(|promise| promise.ends)
            .collect();
        ends.resize(self.voters, 0);
        ends.sort_unstable();
        let over = ends.get(majority(self.voters) - 1).copied().unwrap_or(0);
        (bites > over + ROUNDING_NANOS).then(|| Broken {
            promise: "S2",
            why: format!(
                "{member} pets though its dog bites {} us too late",
                (bites - over) / 1_000
            ),
        })
    }

    /// S1: nobody holds a proof of a life that still runs.
    pub(super) fn proven(by: NodeId, proof: &Proof, running: Option<BootId>) -> Option<Broken> {
        let (target, kind) = (proof.target(), proof.kind());
        let excepted = matches!(kind, ProofKind::Left | ProofKind::Operator);
        (running == Some(proof.boot()) && !excepted).then(|| Broken {
            promise: "S1",
            why: format!("fencer of {by} holds {} of {target}, which runs", kind.name()),
        })
    }

    /// S3: a power command leaves under the condemnation of a majority, all of it on disks.
    pub(super) fn commanded(&self, by: NodeId, warrant: &FenceWarrant) -> Option<Broken> {
        let (target, act) = (warrant.target(), warrant.order().act);
        let condemned = self.lives.iter().find(|life| life.is(target, warrant.boot()));
        let by_majority =
            condemned.is_some_and(|life| life.condemned_by.len() >= majority(self.voters));
        (!by_majority).then(|| Broken {
            promise: "S3",
            why: format!("fencer of {by} commands {act:?} at {target} without a majority's disks"),
        })
    }

    /// S4: no life that a majority admitted is powered off for another one.
    pub(super) fn powered_off(
        &self,
        node: NodeId,
        running: Option<BootId>,
        condemned: BootId,
    ) -> Option<Broken> {
        let running = running.filter(|running| *running != condemned)?;
        let life = self.lives.iter().find(|life| life.is(node, running))?;
        (life.granted_by.len() >= majority(self.voters)).then(|| Broken {
            promise: "S4",
            why: format!("{node} is powered off in an admitted life, for its life before"),
        })
    }

    fn life(&mut self, member: NodeId, boot: BootId) -> &mut Life {
        let place = self.lives.iter().position(|life| life.is(member, boot));
        let place = place.unwrap_or_else(|| {
            let nobody = NodeMask::EMPTY;
            self.lives.push(Life { member, boot, granted_by: nobody, condemned_by: nobody });
            self.lives.len() - 1
        });
        let Some(life) = self.lives.get_mut(place) else { unreachable!("it stands there") };
        life
    }
}

impl Life {
    fn is(&self, member: NodeId, boot: BootId) -> bool {
        (self.member, self.boot) == (member, boot)
    }
}

/// Whether an act takes power away.
pub(super) const fn takes_power(act: PowerAct) -> bool {
    matches!(act, PowerAct::Off)
}

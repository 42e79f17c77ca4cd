//! What is really so, and whether every promise holds.
//!
//! Kept beside the cores from what leaves them and from the hardware; no core is asked.

use std::hash::Hash as _;

use palisade_fencer_core::{DurableState, FenceWarrant, PowerAct, Proof};
use palisade_protocol::ids::{BootId, NodeId, NodeMask};
use palisade_protocol::quorum::majority;
use palisade_protocol::wire::ProofKind;

use super::hash::Mix;
use super::milestone::Milestone;

/// Rounding of one conversion between a clock and true time.
const ROUNDING_NANOS: u64 = 2;

/// The promises that are judged, in the order of [`Judged`].
pub(super) const PROMISES: [&str; 5] = ["S1", "S2", "S3", "S4", "S5"];

/// How often each promise was judged.
pub(super) type Judged = [u64; PROMISES.len()];

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

/// That a voter agreed to a shooter's question, and holds the next life back for it.
#[derive(Clone, Copy, Debug, Hash)]
struct Agreement {
    voter: NodeId,
    shooter: NodeId,
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
#[derive(Clone, Debug)]
pub(super) struct Truth {
    voters: usize,
    promises: Vec<Promise>,
    agreements: Vec<Agreement>,
    lives: Vec<Life>,
    /// What the last step was judged by.
    pub(super) judged: Judged,
}

impl Truth {
    pub(super) const fn new(voters: usize) -> Self {
        let judged = [0; PROMISES.len()];
        Self { voters, promises: Vec::new(), agreements: Vec::new(), lives: Vec::new(), judged }
    }

    /// All that decides how what follows is judged.
    pub(super) fn print(&self, into: &mut Mix) {
        self.promises.hash(into);
        self.agreements.hash(into);
        self.lives.hash(into);
    }

    /// A voter agreed to end a life, and holds the next one back until `ends` at most.
    pub(super) fn agreed(
        &mut self,
        (voter, shooter): (NodeId, NodeId),
        (member, boot): (NodeId, BootId),
        ends: u64,
    ) {
        let same = |known: &&mut Agreement| {
            (known.voter, known.shooter, known.member) == (voter, shooter, member)
        };
        match self.agreements.iter_mut().find(same) {
            Some(known) => (known.boot, known.ends) = (boot, ends),
            None => self.agreements.push(Agreement { voter, shooter, member, boot, ends }),
        }
    }

    /// S5: nothing on a gentle menu costs a life.
    pub(super) fn spared(&mut self, reached: &[Milestone]) -> Option<Broken> {
        let [.., s5] = &mut self.judged;
        *s5 += 1;
        let costs = |milestone: &&Milestone| {
            matches!(milestone, Milestone::Bitten | Milestone::FencedSelf | Milestone::Warranted)
        };
        reached.iter().find(costs).map(|milestone| Broken {
            promise: "S5",
            why: format!("one link, one voter or one frame, and a node is {}", milestone.name()),
        })
    }

    /// A grant left a voter, which promises until `ends`. S2: never for a life that it condemned.
    pub(super) fn granted(
        &mut self,
        voter: NodeId,
        (member, boot): (NodeId, BootId),
        (ends, condemned): (u64, bool),
    ) -> Option<Broken> {
        let [_, s2, ..] = &mut self.judged;
        *s2 += 1;
        let life = self.life(member, boot);
        life.granted_by = life.granted_by.with(voter);
        let known = self.promises.iter_mut().find(|p| (p.voter, p.member) == (voter, member));
        match known {
            Some(known) => (known.boot, known.ends) = (boot, ends),
            None => self.promises.push(Promise { voter, member, boot, ends }),
        }
        condemned.then(|| Broken {
            promise: "S2",
            why: format!("fencer of {voter} grants {member} a lease in a life that it condemned"),
        })
    }

    /// A disk has what a fencer wrote.
    pub(super) fn written(&mut self, voter: NodeId, state: &DurableState) {
        for sentence in &state.sentences {
            let life = self.life(sentence.target, sentence.boot);
            life.condemned_by = life.condemned_by.with(voter);
        }
    }

    /// S2: at a pet, the dog would bite before the promises of any majority have ended.
    pub(super) fn petted(
        &mut self,
        (member, boot): (NodeId, BootId),
        bites: u64,
    ) -> Option<Broken> {
        let [_, s2, ..] = &mut self.judged;
        *s2 += 1;
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

    /// S1: nobody holds a proof of a life that still runs; nor, of one that has left, while it
    /// serves; nor any about the machine that it runs on itself.
    pub(super) fn proven(
        &mut self,
        by: NodeId,
        proof: &Proof,
        (running, serving): (Option<BootId>, Option<BootId>),
    ) -> Option<Broken> {
        let [s1, ..] = &mut self.judged;
        *s1 += 1;
        let (target, kind) = (proof.target(), proof.kind());
        let (could_act, does) = match kind {
            ProofKind::PowerOff
            | ProofKind::LeaseExpired
            | ProofKind::Reborn
            | ProofKind::Operator => (running, "runs"),
            ProofKind::Left => (serving, "serves"),
        };
        let what = if by == target { "it runs on" } else { does };
        (by == target || could_act == Some(proof.boot())).then(|| Broken {
            promise: "S1",
            why: format!("fencer of {by} holds {} of {target}, which {what}", kind.name()),
        })
    }

    /// S3: a power command leaves under the condemnation of a majority, all of it on disks; one that
    /// takes power away, while the agreements of a majority still stand.
    pub(super) fn commanded(
        &mut self,
        by: NodeId,
        warrant: &FenceWarrant,
        now: u64,
    ) -> Option<Broken> {
        let [_, _, s3, ..] = &mut self.judged;
        *s3 += 1;
        let (target, boot, act) = (warrant.target(), warrant.boot(), warrant.order().act);
        let condemned = self.lives.iter().find(|life| life.is(target, boot));
        let on_disks = condemned.map_or(0, |life| life.condemned_by.len());
        let stands = |agreement: &&Agreement| {
            (agreement.shooter, agreement.member, agreement.boot) == (by, target, boot)
                && now < agreement.ends
        };
        let standing = self.agreements.iter().filter(stands).count();
        let needed = majority(self.voters);
        let broken = |what| Broken {
            promise: "S3",
            why: format!("fencer of {by} commands {act:?} at {target} {what}"),
        };
        if on_disks < needed {
            return Some(broken(format!("with {on_disks} disks of {needed}")));
        }
        let lapsed = takes_power(act) && standing < needed;
        lapsed.then(|| broken(format!("with {standing} agreements of {needed} that still stand")))
    }

    /// S4: no life that a majority admitted is powered off for another one.
    pub(super) fn powered_off(
        &mut self,
        node: NodeId,
        running: Option<BootId>,
        condemned: BootId,
    ) -> Option<Broken> {
        let [_, _, _, s4, _] = &mut self.judged;
        *s4 += 1;
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

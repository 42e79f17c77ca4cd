//! One life that this fencer wants ended: who agrees, and what stands proven.

use heapless::Vec;
use palisade_protocol::ids::{BootId, NodeId, NodeMask, VOTERS_MAX};
use palisade_protocol::quorum::{majority, majority_newest};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Decline, ProofKind, Why};

use crate::power::PowerSequence;
use crate::warrant::{OrderId, PowerAct, PowerOrder};

/// What one voter says about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Vote {
    pub(crate) voter: NodeId,
    /// When the question was sent to which it said that it would agree.
    pub(crate) sounded_at: Option<Instant>,
    /// When the question was sent to which it agreed, for good.
    pub(crate) bound_at: Option<Instant>,
    /// When the question was sent to which it said that the life is proven over.
    pub(crate) over_at: Option<Instant>,
    /// Its promise to the life has ended.
    pub(crate) promise_over: bool,
    /// The life's watchdog bites for certain.
    pub(crate) dog_trusted: bool,
    /// Why it does not agree.
    pub(crate) declined: Option<Decline>,
}

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    /// Asking who would agree.
    Sounding,
    /// A majority would: asking it to bind itself.
    Binding,
    /// A majority is bound.
    Warranted,
}

/// One case.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Case {
    pub(crate) number: u32,
    pub(crate) target: NodeId,
    pub(crate) boot: BootId,
    pub(crate) why: Why,
    pub(crate) stage: Stage,
    pub(crate) opened_at: Instant,
    pub(crate) ask_at: Instant,
    pub(crate) votes: Vec<Vote, VOTERS_MAX>,
    pub(crate) confirmed: bool,
    pub(crate) power: Option<PowerSequence>,
    pub(crate) proven: Option<(ProofKind, Instant)>,
    pub(crate) noted: NodeMask,
    pub(crate) told_failed: bool,
    /// The life was over before: its machine is looked at, and raised if it is off.
    pub(crate) raises: bool,
    order: Option<(PowerOrder, Pulled)>,
    orders: u32,
}

/// Whether the warrant of the open order was pulled.
type Pulled = bool;

impl Case {
    pub(crate) fn new(
        number: u32,
        (target, boot, why): (NodeId, BootId, Why),
        now: Instant,
        ask_at: Instant,
        voters: &[NodeId],
    ) -> Self {
        Self {
            number,
            target,
            boot,
            why,
            stage: Stage::Sounding,
            opened_at: now,
            ask_at,
            votes: voters.iter().copied().map(Vote::new).collect(),
            confirmed: false,
            power: None,
            proven: None,
            noted: NodeMask::EMPTY,
            told_failed: false,
            raises: false,
            order: None,
            orders: 0,
        }
    }

    /// A case that binds nobody: the life is over by `kind`, and whoever fenced it does not raise
    /// its machine.
    pub(crate) fn raising(self, me: NodeId, kind: ProofKind) -> Self {
        Self {
            power: Some(PowerSequence::fallen(self.ask_at)),
            proven: Some((kind, self.opened_at)),
            noted: NodeMask::EMPTY.with(me),
            raises: true,
            ..self
        }
    }

    /// Notes that `voter` declined a question sent at `asked_at`.
    pub(crate) fn declined(&mut self, voter: NodeId, why: Decline, asked_at: Instant) {
        let Some(vote) = self.vote(voter) else { return };
        vote.declined = Some(why);
        if let Decline::Over(_) = why {
            vote.over_at = vote.over_at.max(Some(asked_at));
        }
    }

    pub(crate) fn is(&self, target: NodeId, boot: BootId) -> bool {
        (self.target, self.boot) == (target, boot)
    }

    pub(crate) fn vote(&mut self, voter: NodeId) -> Option<&mut Vote> {
        self.votes.iter_mut().find(|vote| vote.voter == voter)
    }

    /// Whether a majority would agree, to questions sent within `span`.
    pub(crate) fn majority_would(&self, now: Instant, span: Duration) -> bool {
        let would = self.votes.iter().map(|vote| vote.sounded_at.max(vote.bound_at));
        majority_newest(would).is_some_and(|at| now.since(at) <= span)
    }

    /// When the newest question was sent that a majority has agreed to, for good.
    pub(crate) fn agreed_at(&self) -> Option<Instant> {
        majority_newest(self.votes.iter().map(|vote| vote.bound_at))
    }

    /// Until when a majority's agreement is worth something.
    pub(crate) fn agreed_until(&self, warrant_life: Duration) -> Option<Instant> {
        self.agreed_at().map(|at| at + warrant_life)
    }

    /// Whether an Off is due, and no majority has agreed to a question sent since then.
    ///
    /// On a machine that stood still together with its clock, what was agreed to before looks like
    /// new, and was given up by the others long ago: each Off is asked for anew.
    pub(crate) fn awaits_votes(&self) -> bool {
        self.off_due_at().is_some_and(|due| self.agreed_at() < Some(due))
    }

    /// Whether an Off is the next thing to be ordered.
    pub(crate) fn cuts_next(&self) -> bool {
        self.off_due_at().is_some()
    }

    fn off_due_at(&self) -> Option<Instant> {
        self.power.and_then(|power| power.off_due_at())
    }

    /// When its power may want something; nothing while it waits for the votes, which come unasked.
    pub(crate) fn power_deadline(&self) -> Option<Instant> {
        self.power?.next_deadline().filter(|_| !self.awaits_votes())
    }

    /// Nothing that was said counts any longer.
    pub(crate) fn void_votes(&mut self) {
        self.votes.iter_mut().for_each(|vote| *vote = Vote::new(vote.voter));
    }

    /// Whether any voter has ever bound itself.
    pub(crate) fn binds_anybody(&self) -> bool {
        self.stage > Stage::Sounding
    }

    /// Whether a majority may be bound to it, and nothing is proven yet.
    pub(crate) fn is_open_and_binds(&self) -> bool {
        self.binds_anybody() && self.proven.is_none()
    }

    /// Until when nobody else can be at work on the machine: a majority is bound, or has said that
    /// the life is over, so that it is bound to nobody and will agree with nobody.
    pub(crate) fn free_until(&self, warrant_life: Duration) -> Option<Instant> {
        let spoken = self.votes.iter().map(|vote| vote.bound_at.max(vote.over_at));
        majority_newest(spoken).map(|at| at + warrant_life)
    }

    /// Whether the agreement of a majority stands.
    pub(crate) fn stands(&self, now: Instant, warrant_life: Duration) -> bool {
        self.agreed_until(warrant_life).is_some_and(|end| now < end)
    }

    /// Whether a majority of voters says that there is no such life to end: a later one is heard,
    /// or it has left.
    pub(crate) fn is_moot(&self) -> bool {
        let unknown = |vote: &&Vote| vote.declined == Some(Decline::UnknownLife);
        let moot = self.why == Why::Silence && self.stage == Stage::Sounding && !self.raises;
        moot && self.votes.iter().filter(unknown).count() >= majority(self.votes.len())
    }

    /// Whether this fencer knows what became of the machine: it was at work on it, heard it in a
    /// later life, or nobody was to touch it.
    pub(crate) fn knows_its_power(&self) -> bool {
        let worked = self.power.is_some_and(|power| self.raises || power.has_begun());
        let kind = self.proven.map(|(kind, _)| kind);
        let untouched = kind == Some(ProofKind::Left) && self.power.is_some();
        worked || untouched || kind == Some(ProofKind::Reborn)
    }

    /// Whether its machine is to be cut off, and no Off has left yet.
    pub(crate) fn awaits_its_off(&self) -> bool {
        self.proven.is_none() && self.power.is_some_and(|power| !power.has_begun())
    }

    /// Whether the life is proven over and its power needs nothing more.
    pub(crate) fn is_settled(&self) -> bool {
        self.proven.is_some() && self.power.is_none_or(|power| power.is_done())
    }

    /// How many voters of a majority have seen their promise end while trusting the watchdog; none
    /// if they are not a majority.
    pub(crate) fn lease_expired(&self, now: Instant, warrant_life: Duration) -> Option<u8> {
        self.promises_over(now, warrant_life, |vote| vote.dog_trusted)
    }

    /// How many voters of a majority promise nothing any more to a life that left; none if they are
    /// not a majority.
    pub(crate) fn let_go(&self, now: Instant, warrant_life: Duration) -> Option<u8> {
        self.promises_over(now, warrant_life, |_| true)
    }

    /// Only an agreement that still holds counts: a voter may take an older one back, and promise
    /// anew.
    fn promises_over(
        &self,
        now: Instant,
        warrant_life: Duration,
        counts: impl Fn(&Vote) -> bool,
    ) -> Option<u8> {
        let holds = |at: Instant| now < at + warrant_life;
        let over =
            |vote: &&Vote| vote.bound_at.is_some_and(holds) && vote.promise_over && counts(vote);
        let voters = self.votes.iter().filter(over).count();
        (voters >= majority(self.votes.len())).then_some(u8::try_from(voters).unwrap_or(u8::MAX))
    }

    /// How many are bound.
    pub(crate) fn bound(&self) -> usize {
        self.votes.iter().filter(|vote| vote.bound_at.is_some()).count()
    }

    /// Gives the next order its name.
    pub(crate) fn order(&mut self, act: PowerAct) -> PowerOrder {
        self.orders = self.orders.wrapping_add(1);
        let id = OrderId { target: self.target, case: self.number, number: self.orders };
        let order = PowerOrder { id, act };
        self.order = Some((order, false));
        order
    }

    /// The open order named `id`, and whether its warrant was pulled.
    pub(crate) fn open_order(&self, id: OrderId) -> Option<(PowerOrder, bool)> {
        self.order.filter(|(order, _)| order.id == id)
    }

    /// The warrant of the open order is spent.
    pub(crate) fn spend(&mut self) {
        if let Some((_, pulled)) = &mut self.order {
            *pulled = true;
        }
    }

    /// The open order is reported.
    pub(crate) fn close_order(&mut self) {
        self.order = None;
    }
}

impl Vote {
    const fn new(voter: NodeId) -> Self {
        Self {
            voter,
            sounded_at: None,
            bound_at: None,
            over_at: None,
            promise_over: false,
            dog_trusted: false,
            declined: None,
        }
    }
}

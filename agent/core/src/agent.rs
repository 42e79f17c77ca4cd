//! The agent's state and its one door.

use heapless::Vec;
use palisade_protocol::ids::{BootId, NodeId, Peer, Role, Start, VOTERS_MAX};
use palisade_protocol::peer::{Arrival, LinkBits, Links, Origin};
use palisade_protocol::time::{Duration, Instant, earliest};
use palisade_protocol::timing::Timing;
use palisade_protocol::wire::{
    Body, DogClass, DogReport, Frame, HeardMatrix, Kind, Leave, Post, Renew, Request, Verdict, Why,
    Withheld,
};

use crate::health::{Answer, CheckConfig, Health, allows_pet};
use crate::lease::{Voter, Voters};
use crate::news::News;
use crate::pet::{PetPermit, Refusal, SelfFence};

/// Most frames of one input: a renewal and a request to each voter.
pub const POSTS_MAX: usize = 2 * VOTERS_MAX;

/// Most news of one input: one for each kind that a beat can bring.
pub const NEWS_MAX: usize = 8;

/// Links of one voter in the heard-matrix.
const MATRIX_LINKS: u32 = 4;

/// What the agent is told when it starts.
#[derive(Clone, Debug, Hash)]
pub struct AgentConfig {
    /// This node.
    pub me: NodeId,
    /// This life of it.
    pub boot: BootId,
    /// This start of the agent.
    pub start: Start,
    /// The configured voters.
    pub voters: Vec<NodeId, VOTERS_MAX>,
    /// The checked timing.
    pub timing: Timing,
    /// The watchdog.
    pub dog: DogConfig,
    /// The health check, if this node has one.
    pub check: Option<CheckConfig>,
    /// Digest of the configuration, for the voters to compare.
    pub digest: u32,
}

/// The watchdog, as it was found and measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DogConfig {
    /// What it is.
    pub class: DogClass,
    /// Whether `fire` was measured on this machine.
    pub certified: bool,
    /// What it is set to.
    pub timeout: Duration,
    /// `W`: longest from the last pet to the death of the node.
    pub fire: Duration,
    /// Whether it ran when this agent started: one before it in this life had started it.
    pub runs: bool,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// An authentic frame came.
    Heard(Frame),
    /// A deadline may have passed.
    Tick,
    /// The health check answered.
    Probe(ProbeReport),
    /// The watchdog was armed, on a permit, which counts as a pet.
    Armed {
        /// The permit it was armed on.
        permit: PetPermit,
        /// When arming was complete.
        done_at: Instant,
    },
    /// The watchdog was petted.
    Petted {
        /// The permit it was petted on.
        permit: PetPermit,
        /// When the pet was complete.
        done_at: Instant,
    },
    /// A death of this agent would pet the watchdog once more: its time is certain no longer.
    DogUncertain,
    /// The watchdog was disarmed.
    Disarmed,
    /// Leave the cluster.
    Leave,
    /// The health check counts from now on.
    ArmCheck,
    /// It does not.
    DisarmCheck,
}

/// The answer of a health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The `now` of the effect that asked for it.
    pub asked_at: Instant,
    /// What the service answered.
    pub answer: Answer,
}

/// What is to be done once.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Frames to send, on every link.
    pub posts: Vec<Post, POSTS_MAX>,
    /// Changes to tell.
    pub news: Vec<News, NEWS_MAX>,
    /// Ask the service now, and report with this `now` as `asked_at`.
    pub probe: bool,
    /// End this node's life by the shortest way.
    pub fence_self: Option<SelfFence>,
    /// Disarm the watchdog: the node has left.
    pub disarm: bool,
}

impl Effects {
    fn tell(&mut self, news: News) {
        let full = self.news.push(news).is_err();
        assert!(!full, "the news of one input are bounded");
    }

    fn send(&mut self, post: Post) {
        let full = self.posts.push(post).is_err();
        assert!(!full, "the frames of one input are bounded");
    }
}

/// Where the agent is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It renews.
    #[default]
    Serving,
    /// It has given its lease up and waits for a majority to note it.
    Leaving,
    /// A majority has.
    Left,
    /// It ends its node's life.
    FencingSelf,
}

/// One voter, for people.
#[derive(Clone, Copy, Debug)]
pub struct VoterView<'a> {
    /// Which.
    pub id: NodeId,
    /// When the newest renewal that it granted was sent.
    pub granted_at: Option<Instant>,
    /// Why it withholds.
    pub withheld: Option<Withheld>,
    /// Loss and last-heard, link by link.
    pub links: &'a Links,
}

/// The agent.
#[derive(Clone, Debug, Hash)]
pub struct AgentCore {
    config: AgentConfig,
    voters: Voters,
    health: Option<Health>,
    phase: Phase,
    armed: bool,
    beat_at: Instant,
    /// Since when a majority renews without a break.
    quorate_since: Option<Instant>,
    /// Since when a majority calls this life condemned.
    condemned_since: Option<Instant>,
    verdict: Verdict,
    slack_min: Option<Duration>,
}

impl AgentCore {
    /// An agent that starts `now`, refusing to pet until a majority grants.
    ///
    /// # Panics
    /// With an even number of voters or none: the configuration forbids it.
    pub fn new(config: AgentConfig, now: Instant) -> Self {
        let voters = Voters::new(&config.voters);
        assert!(!config.voters.len().is_multiple_of(2), "the voters are an odd number");
        let health = config.check.map(|check| Health::new(check, now));
        let verdict = health.as_ref().map_or(Verdict::Idle, Health::verdict);
        Self {
            config,
            voters,
            health,
            phase: Phase::Serving,
            armed: false,
            beat_at: now,
            quorate_since: None,
            condemned_since: None,
            verdict,
            slack_min: None,
        }
    }

    /// Takes note of one thing that happened `now`.
    pub fn handle(&mut self, now: Instant, input: Input) -> Effects {
        let mut effects = Effects::default();
        match input {
            Input::Heard(frame) => self.heard(now, &frame, &mut effects),
            Input::Tick => {}
            Input::Probe(report) => self.probed(now, report, &mut effects),
            Input::Armed { permit, done_at } => {
                self.armed = true;
                self.beat_at = self.beat_at.min(now);
                self.petted(&permit, done_at, &mut effects);
            }
            Input::Petted { permit, done_at } => self.petted(&permit, done_at, &mut effects),
            Input::DogUncertain => self.config.dog.certified = false,
            Input::Disarmed => (self.armed, self.config.dog.runs) = (false, false),
            Input::Leave => self.leave(now, &mut effects),
            Input::ArmCheck => self.health.iter_mut().for_each(|health| health.arm(now)),
            Input::DisarmCheck => self.health.iter_mut().for_each(Health::disarm),
        }
        self.keep_time(now, &mut effects);
        effects
    }

    /// Whether the watchdog may be petted `now`: `p + W + σ ≤ t_s + P(1−2ρ)`, and the service is
    /// not known to have failed.
    ///
    /// To be asked right before each pet, and before arming, which pets: a watchdog that sleeps is
    /// not woken on a lease that no majority has been renewing for a while.
    ///
    /// # Errors
    /// The [`Refusal`], with its evidence.
    pub fn pet_decision(&self, now: Instant) -> Result<PetPermit, Refusal> {
        match self.phase {
            Phase::Serving | Phase::Leaving => {}
            Phase::Left => return Err(Refusal::Left),
            Phase::FencingSelf => return Err(Refusal::FencingSelf),
        }
        let verdict = self.judged();
        if !allows_pet(verdict) {
            return Err(Refusal::Unhealthy { verdict });
        }
        let Some(granted_at) = self.voters.lease_from() else { return Err(self.no_quorum(now)) };
        self.may_wake_the_dog(now)?;
        let promise_ends = granted_at + self.config.timing.lease();
        let used_up = now + self.config.dog.fire + self.config.timing.raw().stall;
        if used_up > promise_ends {
            let short_by = used_up.since(promise_ends);
            return Err(Refusal::LeaseOld { granted_at, short_by });
        }
        Ok(PetPermit::new(now, promise_ends))
    }

    /// When [`Self::handle`] wants a [`Input::Tick`]: harmless early, harmful late.
    pub fn next_deadline(&self) -> Instant {
        let health = self.health.as_ref().and_then(Health::next_deadline);
        earliest(Some(self.beat_at), health).unwrap_or(self.beat_at)
    }

    /// Where the agent is on its way out.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What the health check says.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// `t_s`: when the majority-th newest granted renewal was sent.
    pub fn lease_from(&self) -> Option<Instant> {
        self.voters.lease_from()
    }

    /// The smallest distance so far between the watchdog's bite after a pet and the end of the
    /// promise.
    pub const fn slack_min(&self) -> Option<Duration> {
        self.slack_min
    }

    /// The voters, in order of their ids.
    pub fn voters(&self) -> impl Iterator<Item = VoterView<'_>> {
        self.voters.iter().map(|voter| VoterView {
            id: voter.id,
            granted_at: voter.granted_at,
            withheld: voter.withheld,
            links: voter.peer.links(),
        })
    }

    fn heard(&mut self, now: Instant, frame: &Frame, effects: &mut Effects) {
        if frame.src.role != Role::Voter {
            return;
        }
        let echo_max = self.config.timing.lease();
        let Some(voter) = self.voters.of(frame.src.node) else { return };
        match voter.peer.receive(now, self.config.start, frame, echo_max) {
            Arrival::Fresh { origin, echoed_at } => {
                if origin != Origin::Same {
                    voter.peer.adopt(now, frame);
                }
                Self::answered(voter, frame, echoed_at, effects);
            }
            Arrival::Twin => effects.tell(News::TwinVoter { voter: frame.src.node }),
            Arrival::Copy | Arrival::Unproven => {}
        }
    }

    fn answered(voter: &mut Voter, frame: &Frame, echoed_at: Instant, effects: &mut Effects) {
        match frame.body {
            Body::Grant(_) | Body::Unreadable(Kind::GRANT) => {
                if voter.granted_at.is_none() || voter.withheld.is_some() {
                    effects.tell(News::Admitted { voter: voter.id });
                }
                (voter.withheld, voter.condemned_at) = (None, None);
                voter.granted_at = voter.granted_at.max(Some(echoed_at));
            }
            Body::Withhold(withhold) => {
                if voter.withheld != Some(withhold.why) {
                    effects.tell(News::Withheld { voter: voter.id, why: withhold.why });
                }
                voter.withheld = Some(withhold.why);
                if withhold.why == Withheld::Condemned {
                    voter.condemned_at = voter.condemned_at.max(Some(echoed_at));
                }
            }
            Body::LeaveAck(_) => voter.noted_leave = true,
            Body::Hello
            | Body::Renew(_)
            | Body::Request(_)
            | Body::Leave(_)
            | Body::Beat(_)
            | Body::Condemn(_)
            | Body::Agreed(_)
            | Body::Declined(_)
            | Body::Fenced(_)
            | Body::FencedAck(_)
            | Body::Pardon(_)
            | Body::Unreadable(_) => {}
        }
    }

    fn probed(&mut self, now: Instant, report: ProbeReport, effects: &mut Effects) {
        if let Some(health) = &mut self.health {
            health.answered(now, report.asked_at, report.answer);
        }
        self.tell_verdict(now, Some(report.answer), effects);
    }

    fn petted(&mut self, permit: &PetPermit, done_at: Instant, effects: &mut Effects) {
        let took = done_at.since(permit.tested_at());
        let accepted = self.config.timing.raw().stall;
        let slack = (done_at + self.config.dog.fire).until(permit.promise_ends());
        self.slack_min = Some(self.slack_min.map_or(slack, |least| least.min(slack)));
        if took > accepted {
            self.fence_self(SelfFence::LatePet { took, accepted }, effects);
        }
    }

    fn fence_self(&mut self, reason: SelfFence, effects: &mut Effects) {
        self.phase = Phase::FencingSelf;
        effects.fence_self = Some(reason);
        effects.tell(News::FencingSelf(reason));
    }

    /// A life that a majority has condemned gets no lease any more, and where no watchdog ends it,
    /// because it had left when it was condemned, it ends itself: the next one is admitted. It is
    /// given the time in which an armed watchdog would have bitten, or a sentence be taken back.
    fn end_if_condemned(&mut self, now: Instant, effects: &mut Effects) {
        let condemned = self.voters.condemned_within(now, self.fresh());
        let so = condemned >= self.voters.needed() && self.phase == Phase::Serving;
        let since = self.condemned_since.unwrap_or(now);
        self.condemned_since = so.then_some(since);
        if so && now.since(since) > self.config.timing.raw().promise {
            self.fence_self(SelfFence::Condemned { voters: small(condemned) }, effects);
        }
    }

    /// How old the answer to a healthy node's newest renewal may be.
    fn fresh(&self) -> Duration {
        let raw = self.config.timing.raw();
        raw.suspect_after.saturating_add(raw.rtt)
    }

    /// Leaving hands the node's rights away, so nothing may run here that needs them.
    fn leave(&mut self, now: Instant, effects: &mut Effects) {
        if self.phase != Phase::Serving {
            return;
        }
        if self.health.as_ref().is_some_and(Health::is_armed) {
            effects.tell(News::LeaveRefused);
            return;
        }
        self.phase = Phase::Leaving;
        self.voters.iter_mut().for_each(|voter| voter.noted_leave = false);
        self.beat_at = now;
        effects.tell(News::Leaving);
    }

    fn keep_time(&mut self, now: Instant, effects: &mut Effects) {
        if let Some(health) = &mut self.health {
            health.tick(now);
            effects.probe = health.ask(now);
        }
        self.tell_verdict(now, None, effects);
        self.finish_leaving(effects);
        if now >= self.beat_at {
            self.beat(now, effects);
        }
        self.tell_quorum(now, effects);
    }

    fn beat(&mut self, now: Instant, effects: &mut Effects) {
        let late_by = now.since(self.beat_at);
        if late_by > self.config.timing.late_max() && self.quorate_since.is_some() {
            effects.tell(News::Stalled { late_by });
        }
        self.beat_at = now + self.config.timing.raw().beat;
        self.end_if_condemned(now, effects);
        match self.phase {
            Phase::Serving => {
                let renew = Body::Renew(self.renew(now));
                self.post_to_all(now, renew, effects);
                if self.judged() == Verdict::Down {
                    self.post_to_all(now, Body::Request(Request { why: Why::Health }), effects);
                }
            }
            Phase::Leaving => self.post_to_all(now, Body::Leave(Leave {}), effects),
            Phase::Left | Phase::FencingSelf => {}
        }
    }

    fn post_to_all(&mut self, now: Instant, body: Body, effects: &mut Effects) {
        for voter in self.voters.iter_mut() {
            voter.peer.beat();
            let (seq, echo) = (voter.peer.next_seq(now), voter.peer.echo());
            effects.send(Post { dst: Peer::voter(voter.id), seq, echo, body });
        }
    }

    fn renew(&self, now: Instant) -> Renew {
        let dog = self.config.dog;
        Renew {
            verdict: self.judged(),
            dog: DogReport {
                armed: self.armed,
                certified: dog.certified,
                class: dog.class,
                timeout_ms: millis(dog.timeout),
                fire_ms: millis(dog.fire),
            },
            heard: self.heard_matrix(now),
            config: self.config.digest,
        }
    }

    fn heard_matrix(&self, now: Instant) -> HeardMatrix {
        let span = self.config.timing.raw().suspect_after;
        let row = |bits: u32, links: LinkBits| (bits << MATRIX_LINKS) | u32::from(links & 0x0f);
        let rows = self.voters.iter().map(|voter| voter.peer.links().heard_within(now, span));
        let mut newest_last: Vec<LinkBits, VOTERS_MAX> = rows.collect();
        newest_last.reverse();
        HeardMatrix(newest_last.into_iter().fold(0, row))
    }

    fn finish_leaving(&mut self, effects: &mut Effects) {
        if self.phase == Phase::Leaving && self.voters.majority_noted_leave() {
            self.phase = Phase::Left;
            effects.disarm = self.armed;
            effects.tell(News::Left);
        }
    }

    fn tell_verdict(&mut self, now: Instant, answer: Option<Answer>, effects: &mut Effects) {
        let verdict = self.judged();
        if verdict == self.verdict {
            return;
        }
        self.verdict = verdict;
        effects.tell(News::Health { verdict, answer });
        if verdict == Verdict::Down {
            self.beat_at = self.beat_at.min(now);
            effects.tell(News::TakeoverRequested);
        }
    }

    fn tell_quorum(&mut self, now: Instant, effects: &mut Effects) {
        let granted = self.voters.granted_within(now, self.fresh());
        let quorate = granted >= self.voters.needed();
        if quorate == self.quorate_since.is_some() {
            return;
        }
        self.quorate_since = quorate.then_some(now);
        effects.tell(if quorate {
            News::QuorumGained
        } else {
            News::QuorumLost { granted: small(granted), needed: small(self.voters.needed()) }
        });
    }

    /// Whether a majority has granted a renewal of this moment.
    fn is_renewed(&self, now: Instant) -> bool {
        self.voters.granted_within(now, self.fresh()) >= self.voters.needed()
    }

    /// A watchdog that sleeps is woken when a majority has been renewing for longer than the last
    /// grant of a voter that has died counts as one of this moment.
    fn may_wake_the_dog(&self, now: Instant) -> Result<(), Refusal> {
        if self.armed || self.config.dog.runs {
            return Ok(());
        }
        let Some(since) = self.quorate_since.filter(|_| self.is_renewed(now)) else {
            return Err(self.no_quorum(now));
        };
        let (renewed_for, needed) = (now.since(since), self.fresh());
        (renewed_for > needed).then_some(()).ok_or(Refusal::QuorumYoung { renewed_for, needed })
    }

    fn no_quorum(&self, now: Instant) -> Refusal {
        let granted = self.voters.granted_within(now, self.fresh());
        Refusal::NoQuorum { granted: small(granted), needed: small(self.voters.needed()) }
    }

    fn judged(&self) -> Verdict {
        self.health.as_ref().map_or(Verdict::Idle, Health::verdict)
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

fn small(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;

//! A voter's real rules, asked for how long they make it wait.

use palisade_fencer_core::{
    DurableState, Effects, FencerConfig, FencerCore, Input, MemberConfig, Memory,
};
use palisade_protocol::ids::{BootId, LinkId, NodeId, Peer, Seq, Start};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{
    Body, Condemn, Decline, DogClass, DogReport, Echo, Frame, HeardMatrix, Pardon, Renew, Verdict,
    Why,
};

use crate::numbers::{Case, NANO, longest};

const START: Instant = Instant::from_millis(5_000);
const ME: Start = Start::new(7);
const TARGET: u8 = 4;
const LIFE: BootId = BootId(4);

/// After its last grant, until it says that its promise is over.
pub(crate) fn promises(case: &Case) -> Duration {
    let (voter, granted_at) = Voter::granting(case);
    let promised = |span| {
        let mut voter = voter.clone();
        let answer = voter.asked(granted_at + span, 2, false);
        let Body::Agreed(agreed) = answer else { panic!("an order is agreed to: {answer:?}") };
        !agreed.promise_over
    };
    longest(most(case), promised) + NANO
}

/// After it bound itself to one asker, until it would agree to another.
pub(crate) fn holds(case: &Case) -> Duration {
    let (mut voter, granted_at) = Voter::granting(case);
    let bound_at = granted_at + case.raw.beat;
    let answer = voter.asked(bound_at, 2, true);
    assert!(matches!(answer, Body::Agreed(agreed) if agreed.bound), "{answer:?}");
    let held = |span| {
        let answer = voter.clone().asked(bound_at + span, 3, false);
        matches!(answer, Body::Declined(declined) if declined.why == Decline::OtherShooter)
    };
    longest(most(case), held) + NANO
}

/// After its start with what it knew, until it grants.
pub(crate) fn boot_hold(case: &Case) -> Duration {
    hold(case, Memory::Recalled(DurableState::default()))
}

/// After its start with nothing, until it grants.
pub(crate) fn amnesia_hold(case: &Case) -> Duration {
    hold(case, Memory::Blank)
}

fn hold(case: &Case, memory: Memory) -> Duration {
    let core = FencerCore::new(config(case), START, memory);
    longest(most(case), |span| core.is_holding(START + span)) + NANO
}

/// Longer than any wait here.
fn most(case: &Case) -> Duration {
    (case.raw.promise + case.raw.warrant + case.fire) * 2
}

/// One voter and what is said to it.
#[derive(Clone, Debug)]
struct Voter {
    core: FencerCore,
    said: u32,
}

impl Voter {
    /// One that has granted the target something, and when.
    fn granting(case: &Case) -> (Self, Instant) {
        let memory = Memory::Recalled(DurableState::default());
        let mut voter = Self { core: FencerCore::new(config(case), START, memory), said: 0 };
        let now = START + most(case);
        let member = Peer::member(node(TARGET));
        // First it must be told which frame to echo.
        let greeting = voter.hears(now, member, None, Body::Renew(renew()));
        let hello = seq_to(&greeting, member).expect("it greets");
        let answer = voter.hears(now, member, Some(hello), Body::Renew(renew()));
        let granted = answer.posts.iter().any(|post| matches!(post.body, Body::Grant(_)));
        assert!(granted, "a proven renewal is granted: {answer:?}");
        (voter, now)
    }

    /// What it answers to the voter `asker`, who asks it to condemn the target.
    fn asked(&mut self, now: Instant, asker: u8, bind: bool) -> Body {
        let asker = Peer::voter(node(asker));
        let greeting = self.hears(now, asker, None, Body::Pardon(nobody()));
        let hello = seq_to(&greeting, asker).expect("it greets");
        let condemn =
            Condemn { target: node(TARGET), boot: LIFE, why: Why::Operator, bind, silent_ms: None };
        let mut effects = self.hears(now, asker, Some(hello), Body::Condemn(condemn));
        if let Some(version) = effects.persist.as_ref().map(|state| state.version) {
            self.core.handle(now, Input::Durable { version }, &mut effects);
        }
        let bodies = effects.posts.iter().filter(|post| post.dst == asker).map(|post| post.body);
        let answer = |body: &Body| matches!(body, Body::Agreed(_) | Body::Declined(_));
        bodies.into_iter().find(answer).expect("it answers")
    }

    fn hears(&mut self, now: Instant, src: Peer, echo: Option<Seq>, body: Body) -> Effects {
        self.said += 1;
        let boot = BootId(src.node.get().into());
        let start = Start::new(u32::from(src.node.get()));
        let echo = echo.map(|seq| Echo { start: ME, seq });
        let link = LinkId::new(0).expect("a link");
        let frame = Frame { src, link, boot, start, seq: Seq(self.said), echo, body };
        let mut effects = Effects::default();
        self.core.handle(now, Input::Heard(frame), &mut effects);
        effects
    }
}

/// The number of the newest frame to `peer`.
fn seq_to(effects: &Effects, peer: Peer) -> Option<Seq> {
    effects.posts.iter().filter(|post| post.dst == peer).map(|post| post.seq).next_back()
}

fn nobody() -> Pardon {
    Pardon { target: node(1), boot: BootId(0) }
}

fn renew() -> Renew {
    let class = DogClass::Physical;
    let dog = DogReport { armed: true, certified: true, class, timeout_ms: 1_000, fire_ms: 1_000 };
    Renew { verdict: Verdict::Idle, dog, heard: HeardMatrix(0), config: 0 }
}

fn config(case: &Case) -> FencerConfig {
    let member = |id| MemberConfig { node: node(id), has_power_device: true, fire: case.fire };
    FencerConfig {
        me: node(1),
        start: ME,
        voters: (1..=3).map(node).collect(),
        members: (1..=TARGET).map(member).collect(),
        timing: case.timing(),
        power_on: true,
        fences_per_hour_max: 3,
        fences_at_once_max: 1,
        digest: 0,
    }
}

fn node(id: u8) -> NodeId {
    NodeId::new(id).expect("a node")
}

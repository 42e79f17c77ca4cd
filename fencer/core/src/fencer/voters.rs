//! The other voters: what they say, whether and over which links they are heard.
//!
//! Hands what is asked or answered on; decides no case itself.

use heapless::Vec;
use palisade_protocol::ids::{LinkId, NodeId, NodeMask, Peer, VOTERS_MAX};
use palisade_protocol::peer::{LinkBits, Origin, PeerState, link_bit};
use palisade_protocol::time::{Duration, Instant};
use palisade_protocol::wire::{Beat, Body, Frame, Post};

use super::{Effects, FencerCore};
use crate::case::Case;
use crate::config::FencerConfig;
use crate::member::Member;
use crate::news::{Alarm, News};

/// How long a link or voter must be silent to be told as lost, in spans of suspicion: a link is
/// told about, not acted upon, so it may take its time.
const LINK_LOST_SPANS: u32 = 3;

/// How many spans of suspicion after its leaving a life may still be told as granted: its last
/// renewal, the beat that tells of the grant and the grant it tells of are each a span old at most.
const STRAGGLER_SPANS: u32 = 3;

/// One other voter.
#[derive(Clone, Debug, Hash)]
pub(super) struct Voter {
    pub(super) id: NodeId,
    pub(super) peer: PeerState,
    pub(super) beat: Option<Beat>,
    pub(super) lost: bool,
    pub(super) links_lost: LinkBits,
    pub(super) config_told: bool,
    /// How many beats of it came since the last one of this voter.
    pub(super) beats: u8,
}

impl FencerCore {
    pub(super) fn voter_spoke(
        &mut self,
        now: Instant,
        frame: &Frame,
        (origin, asked_at): (Origin, Instant),
        effects: &mut Effects,
    ) {
        let id = frame.src.node;
        let voter = self.voters.iter_mut().find(|voter| voter.id == id);
        if let Some(voter) = voter.filter(|_| origin != Origin::Same) {
            voter.peer.adopt(now, frame);
            voter.lost = false;
            effects.tell(News::VoterHeard { voter: id });
        }
        match frame.body {
            Body::Beat(beat) => self.voter_beat(now, id, beat, effects),
            Body::Condemn(condemn) => self.asked((now, asked_at), frame, condemn, effects),
            Body::Agreed(agreed) => self.agreed(id, agreed, asked_at),
            Body::Declined(declined) => self.declined(now, (id, asked_at), declined, effects),
            Body::Fenced(fenced) => self.told_fenced(now, frame, fenced, effects),
            Body::FencedAck(ack) => self.fenced_noted(id, ack),
            Body::Pardon(pardon) => self.pardoned(now, frame, pardon),
            Body::Hello
            | Body::Renew(_)
            | Body::Grant(_)
            | Body::Withhold(_)
            | Body::Request(_)
            | Body::Leave(_)
            | Body::LeaveAck(_)
            | Body::Unreadable(_) => {}
        }
    }

    fn voter_beat(&mut self, now: Instant, id: NodeId, beat: Beat, effects: &mut Effects) {
        let mine = self.config.digest;
        self.unlearn_leavings(now, beat);
        let Some(voter) = self.voters.iter_mut().find(|voter| voter.id == id) else { return };
        let differs = beat.config != mine;
        if differs && !voter.config_told {
            effects.tell(News::Alarm(Alarm::ConfigDiffers { peer: Peer::voter(id) }));
        }
        voter.config_told = differs;
        voter.beat = Some(beat);
        voter.beats = voter.beats.saturating_add(1);
        self.notice_standstill(now, id);
    }

    /// A voter from which more beats came at once than a network holds back says that this machine
    /// stood still, its clock too, as a paused virtual one does: what was agreed to before is void, and how
    /// long somebody has been silent is not known.
    fn notice_standstill(&mut self, now: Instant, id: NodeId) {
        let raw = self.config.timing.raw();
        let outruns =
            |voter: &Voter| raw.beat.saturating_mul(u32::from(voter.beats)) > raw.suspect_after;
        if self.voters.iter().any(|voter| voter.id == id && outruns(voter)) {
            self.clock_since = now;
            self.cases.iter_mut().for_each(Case::void_votes);
        }
    }

    /// A life that another voter grants, longer after it left than any straggler is granted, has
    /// come back unheard by this voter. What it said of its watchdog was before it put that to sleep.
    fn unlearn_leavings(&mut self, now: Instant, beat: Beat) {
        let stragglers = self.config.timing.raw().suspect_after.saturating_mul(STRAGGLER_SPANS);
        for member in &mut self.members {
            let granted = beat.granting.has(member.node());
            if granted && member.left.is_some() && now.since(member.left_at) > stragglers {
                (member.left, member.word) = (None, None);
            }
        }
    }

    /// All peers gone in one window: it is this voter that is cut off, and silence proves nothing.
    pub(super) fn suspect_self(&mut self, now: Instant) {
        let (heard, needed) = self.quorum(now);
        if heard < needed {
            self.ears_since = now;
        }
    }

    pub(super) fn my_beat(&self, now: Instant) -> Beat {
        let span = self.config.timing.raw().suspect_after;
        let lately = |member: &&Member| member.granted_at.is_some_and(|at| now.since(at) <= span);
        let granting = self.members.iter().filter(lately).map(Member::node).collect();
        Beat { holding: self.is_holding(now), granting, config: self.config.digest }
    }

    /// Voters heard within `suspect_after`, this one too.
    pub(super) fn heard_voters(&self, now: Instant) -> NodeMask {
        let span = self.config.timing.raw().suspect_after;
        let heard = |voter: &&Voter| voter.peer.heard_at().is_some_and(|at| now.since(at) <= span);
        let others: NodeMask = self.voters.iter().filter(heard).map(|voter| voter.id).collect();
        others.with(self.config.me)
    }

    pub(super) fn watch_links(&mut self, now: Instant, effects: &mut Effects) {
        let span = self.config.timing.raw().suspect_after.saturating_mul(LINK_LOST_SPANS);
        for voter in &mut self.voters {
            let heard = voter.peer.heard_at().is_some_and(|at| now.since(at) <= span);
            if !heard && !voter.lost && voter.peer.heard_at().is_some() {
                effects.tell(News::VoterLost { voter: voter.id });
            } else if heard && voter.lost {
                effects.tell(News::VoterHeard { voter: voter.id });
            }
            voter.lost = !heard;
            let peer = Peer::voter(voter.id);
            tell_links(now, span, (peer, &voter.peer), &mut voter.links_lost, effects);
        }
        for (member, lost) in self.members.iter().zip(&mut self.member_links_lost) {
            tell_links(now, span, (member.as_peer(), &member.peer), lost, effects);
        }
    }

    pub(super) fn post_to_voters(&mut self, now: Instant, body: Body, effects: &mut Effects) {
        for voter in &mut self.voters {
            let (seq, echo) = (voter.peer.next_seq(now), voter.peer.echo());
            effects.send(Post { dst: Peer::voter(voter.id), seq, echo, body });
        }
    }
}

pub(super) fn other_voters(config: &FencerConfig) -> Vec<Voter, VOTERS_MAX> {
    let others = config.voters.iter().copied().filter(|id| *id != config.me);
    others
        .map(|id| Voter {
            id,
            peer: PeerState::new(),
            beat: None,
            lost: false,
            links_lost: 0,
            config_told: false,
            beats: 0,
        })
        .collect()
}

/// Tells which links a peer that is heard is not heard over, each change once.
fn tell_links(
    now: Instant,
    span: Duration,
    (peer, state): (Peer, &PeerState),
    lost: &mut LinkBits,
    effects: &mut Effects,
) {
    let heard = state.links().heard_within(now, span);
    if heard == 0 {
        return;
    }
    for link in (0..=u8::MAX).map_while(LinkId::new) {
        let bit = link_bit(link);
        let (was_lost, ever) = (*lost & bit != 0, state.links().of(link).heard_at.is_some());
        let is_lost = ever && heard & bit == 0;
        if is_lost && !was_lost {
            effects.tell(News::LinkLost { peer, link });
        } else if !is_lost && was_lost {
            effects.tell(News::LinkBack { peer, link });
        }
        *lost = if is_lost { *lost | bit } else { *lost & !bit };
    }
}

//! The brakes: no node is fenced over and over, nor too many at once.

use palisade_protocol::ids::{BootId, NodeId, NodeMask, Peer};
use palisade_protocol::time::Instant;
use palisade_protocol::wire::Why;

use super::{Effects, FencerCore};
use crate::case::Case;
use crate::member::Member;
use crate::news::{Alarm, News};

impl FencerCore {
    /// Whether a brake holds this case back; told once.
    pub(super) fn brake(
        &mut self,
        now: Instant,
        (target, boot, why): (NodeId, BootId, Why),
        effects: &mut Effects,
    ) -> bool {
        let loop_max = usize::from(self.config.fences_per_hour_max);
        let Some(member) = self.member(target) else { return true };
        let looping = member.fences(now) >= loop_max && why != Why::Operator;
        let crowded = why.is_order() && self.is_crowded(self.being_fenced(&self.cases), target);
        if looping {
            self.tell_brake((target, boot), Alarm::FenceLoop { target }, effects);
        } else if crowded {
            self.tell_brake((target, boot), Alarm::TooMany { target }, effects);
        }
        looping || crowded
    }

    pub(super) fn tell_brake(
        &mut self,
        (target, boot): (NodeId, BootId),
        alarm: Alarm,
        effects: &mut Effects,
    ) {
        let member = self.member_mut(Peer::member(target));
        if let Some(member) = member.filter(|member| member.loop_told != Some(boot)) {
            member.loop_told = Some(boot);
            effects.tell(News::Alarm(alarm));
        }
    }

    /// The nodes that anybody may be bound to end. A case that only sounds is none: the others may
    /// hear its target all the time.
    pub(super) fn being_fenced(&self, cases: &[Case]) -> NodeMask {
        let bound = self.members.iter().filter(|member| member.unclosed().is_some());
        let pursued = cases.iter().filter(|case| case.binds_anybody());
        bound.map(Member::node).chain(pursued.map(|case| case.target)).collect()
    }

    pub(super) fn is_crowded(&self, being_fenced: NodeMask, target: NodeId) -> bool {
        being_fenced.without(target).len() >= usize::from(self.config.fences_at_once_max)
    }
}

//! Power: which orders a case gives, and the warrant for each.

use palisade_protocol::ids::NodeId;
use palisade_protocol::quorum::majority;
use palisade_protocol::time::Instant;

use super::{Effects, FencerCore};
use crate::case::Case;
use crate::member::Member;
use crate::news::{Alarm, News};
use crate::power::{PowerReport, Shown};
use crate::warrant::{FenceWarrant, OrderId, PowerAct, Void};

impl FencerCore {
    /// Leave to send the command of order `id`, which is Off or On: to be pulled right before the
    /// command leaves.
    ///
    /// # Errors
    /// [`Void`]: the order no longer stands, its warrant was pulled before, the majority's
    /// agreement has expired, this fencer stood still, or the life is over already.
    ///
    /// An On is also allowed by voters that know the life to be over.
    pub fn warrant(&mut self, now: Instant, id: OrderId) -> Result<FenceWarrant, Void> {
        let life = self.config.timing.warrant_life();
        let paused = now.since(self.turned_at) > self.config.timing.pause_max();
        let case = self.cases.iter_mut().find(|case| case.number == id.case);
        let case = case.ok_or(Void::NoSuchOrder)?;
        let (order, spent) = case.open_order(id).ok_or(Void::NoSuchOrder)?;
        match order.act {
            PowerAct::Read => return Err(Void::NoSuchOrder),
            PowerAct::Off if case.proven.is_some() => return Err(Void::Over),
            PowerAct::Off | PowerAct::On => {}
        }
        if spent {
            return Err(Void::Spent);
        }
        if paused {
            return Err(Void::Paused);
        }
        let until = match order.act {
            PowerAct::On => case.free_until(life),
            PowerAct::Off | PowerAct::Read => case.agreed_until(life),
        };
        let expires_at = until.filter(|end| now < *end);
        let expires_at = expires_at.ok_or(Void::NoMajority)?;
        case.spend();
        if let Some(power) = &mut case.power {
            power.leaves(now, order.act);
        }
        Ok(FenceWarrant::new(order, case.boot, expires_at))
    }

    /// A report on an order that no longer stands is late, and changes nothing.
    pub(super) fn reported(
        &mut self,
        now: Instant,
        id: OrderId,
        report: PowerReport,
        effects: &mut Effects,
    ) {
        let spacing = self.config.timing.raw().off_confirm;
        let mut cases = core::mem::take(&mut self.cases);
        if let Some(case) = cases.iter_mut().find(|case| case.open_order(id).is_some()) {
            case.close_order();
            let shown = case.power.as_mut().map(|power| power.reported(now, report, spacing));
            self.shown(now, case, shown.unwrap_or(Shown::Nothing), effects);
        }
        self.cases = cases;
    }

    /// No Off is ordered before all that has arrived is read: somebody may know better by now.
    pub(super) fn drive_power(
        &mut self,
        now: Instant,
        case: &mut Case,
        all_is_read: bool,
        effects: &mut Effects,
    ) {
        let costly = self.would_cost_the_majority(now, case);
        let (may_rise, waits) = (self.is_noted(case), self.waits_for_its_promises(case));
        if costly {
            let alarm = Alarm::TooMany { target: case.target };
            self.tell_brake((case.target, case.boot), alarm, effects);
        }
        let on_rest = self.config.timing.raw().on_rest;
        let waits_to_cut = case.cuts_next() && (case.awaits_votes() || !all_is_read);
        let Some(power) = &mut case.power else { return };
        if waits || costly {
            return power.waits(now);
        }
        if waits_to_cut {
            return;
        }
        if !self.config.power_on && power.is_resting() {
            power.stop();
        }
        if power.refuses_to_rise(now) {
            power.stop();
            effects.tell(News::Alarm(Alarm::StaysOff { target: case.target }));
        }
        if let Some(act) = power.next(now, on_rest, may_rise) {
            let order = case.order(act);
            let full = effects.orders.push(order).is_err();
            assert!(!full, "each case has one order open");
        }
    }

    /// Whether the life has left: then it is over as soon as a majority promises it nothing any
    /// more, and its machine, which nobody needs to fear, is left alone.
    fn waits_for_its_promises(&self, case: &Case) -> bool {
        let left = self.member(case.target).is_some_and(|member| member.has_left(case.boot));
        left && case.awaits_its_off()
    }

    /// Whether no majority of voters would be left if the power of this machine were cut: then nobody
    /// could give it back, to this one or another that is being fenced.
    fn would_cost_the_majority(&self, now: Instant, case: &Case) -> bool {
        let stays = |voter: &NodeId| {
            *voter != case.target && !self.member(*voter).is_some_and(Member::is_condemned)
        };
        let left = self.heard_voters(now).iter().filter(stays).count();
        case.awaits_its_off() && left < majority(self.config.voters.len())
    }

    fn shown(&mut self, now: Instant, case: &mut Case, shown: Shown, effects: &mut Effects) {
        match shown {
            Shown::Nothing => {}
            Shown::Off(evidence) => {
                effects.tell(News::OffVerified { target: case.target });
                self.prove(now, case, evidence, effects);
            }
            Shown::On => effects.tell(News::OnVerified { target: case.target }),
        }
    }
}

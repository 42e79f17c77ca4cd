//! One machine that a cluster manager reboots by its own right, from the announcement until it is on.
//!
//! Pure: told the time and what its BMC showed. Never wants anything but a look and On, and no On while
//! a fencer may be at work on the machine.

use std::time::Duration;

use palisade_fencer_core::power::{RESEND_AFTER, RISE_MAX};
use palisade_protocol::time::Instant;
use serde::{Deserialize, Serialize};

/// An agent that announced a reboot has told its end, or was killed, long before: Pacemaker gives one
/// 72 s, and a machine may fall for 20 s more.
const AWAITED_MAX: Duration = Duration::from_secs(120);

/// Until then the agent that announced it is at the BMC itself, and nobody gets in its way.
const FIRST_LOOK_AFTER: Duration = Duration::from_secs(5);

/// Pause between two looks at a machine that should fall or rise.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest pause after a look that failed.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The pause after an account was refused: more would lock it.
const PAUSE_REFUSED: Duration = Duration::from_secs(120);

/// How long the fencers may take to find a member gone, before this counts as none of their business.
const FENCERS_MAX: Duration = Duration::from_secs(60);

/// Who fenced a machine raises it, or a stand-in does: so long after the last of them was at work.
const QUIET: Duration = Duration::from_secs(30);

/// Then a human has been called for long.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3600);

/// Where the reboot is.
///
/// ```text
///           told, or read off twice           rested, nobody at work            read on, heard
///  Awaited ------------------------> Resting ------------------------> Rising ----------------> (over)
///     | withdrawn, or 120 s: over                                        | off for 5 s: On again
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// The agent is about to switch it off, or was killed meanwhile.
    Awaited,
    /// It is off.
    Resting,
    /// On is due or was sent.
    Rising,
}

/// What is to be done at the BMC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Read the power state.
    Look,
    /// The same, and On if it is off.
    On,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Read on.
    On,
    /// Read off.
    Off,
    /// Read off, and On was obeyed.
    Sent,
    /// Nothing; whether the BMC refused the account for good.
    Nothing { refused: bool },
}

/// Who else has to do with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Others {
    /// A fencer is at work on it, or may be.
    AtWork,
    /// It is a member whose life nobody has proven over yet.
    Due,
    /// Nobody knows yet: this fencer has just started.
    Unknown,
    /// Nobody.
    Nobody,
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) enum Change {
    /// On was obeyed.
    Sent,
    /// It is on: over.
    IsOn,
    /// It refuses to rise.
    StaysOff,
    /// Over without its power.
    GivenUp,
    /// It never fell: over.
    NeverFell,
}

impl Change {
    /// Whether nothing is left to do.
    pub(super) const fn is_end(self) -> bool {
        match self {
            Self::IsOn | Self::GivenUp | Self::NeverFell => true,
            Self::Sent | Self::StaysOff => false,
        }
    }
}

/// One reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raise {
    stage: Stage,
    since: Instant,
    next_at: Instant,
    pause: Duration,
    read_off_at: Option<Instant>,
    busy_at: Option<Instant>,
    sent_at: Option<Instant>,
    is_told: bool,
}

impl Raise {
    /// A reboot of which an agent says at `now` that it begins.
    pub(super) const fn awaited(now: Instant) -> Self {
        Self {
            stage: Stage::Awaited,
            since: now,
            next_at: now,
            pause: LOOK_EVERY,
            read_off_at: None,
            busy_at: None,
            sent_at: None,
            is_told: false,
        }
    }

    /// A machine that is off since `now`, verified.
    pub(super) const fn resting(now: Instant) -> Self {
        Self { stage: Stage::Resting, ..Self::awaited(now) }
    }

    /// As it stood on the disk; `since` is the boot clock of the same boot, or now.
    pub(super) const fn recalled(stage: Stage, since: Instant) -> Self {
        Self { stage, ..Self::awaited(since) }
    }

    /// Where it is.
    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// Since when.
    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    /// For people.
    pub(super) const fn state(&self) -> &'static str {
        match (self.stage, self.busy_at.is_some(), self.sent_at.is_some()) {
            (Stage::Awaited, _, _) => "off is awaited",
            (Stage::Resting, false, _) => "off, resting",
            (Stage::Resting, true, _) => "off, left to the fencers at work on it",
            (Stage::Rising, _, false) => "off, on is due",
            (Stage::Rising, _, true) => "on was sent, not yet read on",
        }
    }

    /// What is to be done now. The caller reports with [`Self::found`] before it asks again.
    pub(super) fn wanted(&mut self, now: Instant, rest: Duration, others: Others) -> Option<Act> {
        if self.stage == Stage::Rising && matches!(others, Others::AtWork | Others::Unknown) {
            (self.stage, self.sent_at) = (Stage::Resting, None);
        }
        if self.stage == Stage::Resting && self.may_rise(now, rest, others) {
            (self.stage, self.next_at) = (Stage::Rising, now);
        }
        let first = if self.stage == Stage::Awaited { FIRST_LOOK_AFTER } else { Duration::ZERO };
        if now < self.next_at.max(self.since + first) {
            return None;
        }
        match self.stage {
            Stage::Awaited => Some(Act::Look),
            Stage::Resting => self.busy_at.filter(|_| others == Others::Nobody).map(|_| Act::Look),
            Stage::Rising if self.sent_at.is_none_or(|at| now.since(at) > RESEND_AFTER) => {
                Some(Act::On)
            }
            Stage::Rising => Some(Act::Look),
        }
    }

    /// Takes what came of the last act, asked for at `asked_at`.
    pub(super) fn found(
        &mut self,
        now: Instant,
        (asked_at, found): (Instant, Found),
        spacing: Duration,
    ) -> Option<Change> {
        self.pause_after(now, found);
        match (self.stage, found) {
            (Stage::Awaited, Found::On) => self.read_off_at = None,
            (Stage::Awaited, _) => self.falls(now, asked_at, found, spacing),
            (_, Found::On) => return Some(Change::IsOn),
            (_, Found::Sent) => {
                self.sent_at = Some(now);
                return Some(Change::Sent);
            }
            (_, Found::Off | Found::Nothing { .. }) => {}
        }
        self.overdue(now)
    }

    /// What time alone has decided.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Change> {
        let waited = now.since(self.since);
        if self.stage == Stage::Awaited {
            return (waited > AWAITED_MAX).then_some(Change::NeverFell);
        }
        if waited > GIVEN_UP_AFTER {
            return Some(Change::GivenUp);
        }
        let refuses = self.sent_at.is_some() && waited > RISE_MAX && !self.is_told;
        self.is_told |= refuses;
        refuses.then_some(Change::StaysOff)
    }

    fn may_rise(&mut self, now: Instant, rest: Duration, others: Others) -> bool {
        let waited = now.since(self.since);
        match others {
            Others::AtWork => self.busy_at = Some(now),
            Others::Due if waited <= FENCERS_MAX => self.busy_at = Some(now),
            Others::Unknown => return false,
            Others::Due | Others::Nobody => {}
        }
        let quiet = self.busy_at.is_none_or(|at| now.since(at) > QUIET);
        waited >= rest && quiet
    }

    fn falls(&mut self, now: Instant, asked_at: Instant, found: Found, spacing: Duration) {
        if found != Found::Off {
            return;
        }
        match self.read_off_at {
            Some(first) if asked_at.since(first) >= spacing => *self = Self::resting(now),
            Some(_) => {}
            None => self.read_off_at = Some(asked_at),
        }
    }

    fn pause_after(&mut self, now: Instant, found: Found) {
        self.pause = match found {
            Found::Nothing { refused: true } => PAUSE_REFUSED,
            Found::Nothing { refused: false } => (self.pause * 2).min(PAUSE_MAX),
            Found::On | Found::Off | Found::Sent => LOOK_EVERY,
        };
        self.next_at = now + self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(2);
    const SPACING: Duration = Duration::from_millis(250);
    const BEGIN: Instant = Instant::from_millis(1_000_000);

    const fn after(ms: u64) -> Instant {
        Instant::from_millis(1_000_000 + ms)
    }

    fn reads(raise: &mut Raise, at: Instant, found: Found) -> Option<Change> {
        raise.found(at, (at, found), SPACING)
    }

    #[test]
    fn on_is_sent_when_the_rest_is_over_and_not_before() {
        let mut raise = Raise::resting(BEGIN);
        assert_eq!(raise.wanted(after(1_999), REST, Others::Nobody), None);
        assert_eq!(raise.wanted(after(2_000), REST, Others::Nobody), Some(Act::On));
        assert_eq!(reads(&mut raise, after(2_010), Found::Sent), Some(Change::Sent));
        assert_eq!(raise.wanted(after(3_010), REST, Others::Nobody), Some(Act::Look));
        assert_eq!(reads(&mut raise, after(3_020), Found::On), Some(Change::IsOn));
        assert!(Change::IsOn.is_end());
    }

    #[test]
    fn an_on_that_came_to_nothing_is_sent_again_and_a_human_called() {
        let mut raise = Raise::resting(BEGIN);
        let mut sent = 0;
        let mut told = 0;
        for second in 2..90 {
            let at = after(second * 1_000);
            let found = match raise.wanted(at, REST, Others::Nobody) {
                Some(Act::On) => Found::Sent,
                Some(Act::Look) => Found::Off,
                None => continue,
            };
            sent += usize::from(found == Found::Sent);
            told += usize::from(reads(&mut raise, at, found) == Some(Change::StaysOff));
        }
        assert!((10..20).contains(&sent), "{sent}");
        assert_eq!(told, 1);
    }

    #[test]
    fn no_on_while_a_fencer_is_at_work_nor_just_after() {
        let mut raise = Raise::resting(BEGIN);
        for second in 2..40 {
            let at = after(second * 1_000);
            assert_eq!(raise.wanted(at, REST, Others::AtWork), None, "{second}");
        }
        // Whoever was at work raises it; it is only looked at.
        assert_eq!(raise.wanted(after(41_000), REST, Others::Nobody), Some(Act::Look));
        assert_eq!(reads(&mut raise, after(41_010), Found::Off), None);
        assert_eq!(raise.wanted(after(69_500), REST, Others::Nobody), Some(Act::On));
    }

    #[test]
    fn a_fencer_that_comes_to_work_on_it_stops_the_raising() {
        let mut raise = Raise::resting(BEGIN);
        assert_eq!(raise.wanted(after(2_000), REST, Others::Nobody), Some(Act::On));
        assert_eq!(reads(&mut raise, after(2_010), Found::Nothing { refused: false }), None);
        assert_eq!(raise.wanted(after(9_000), REST, Others::AtWork), None);
        assert_eq!(raise.wanted(after(10_000), REST, Others::Nobody), Some(Act::Look));
    }

    #[test]
    fn a_member_is_left_to_its_fencers_for_a_minute() {
        let mut raise = Raise::resting(BEGIN);
        assert_eq!(raise.wanted(after(60_000), REST, Others::Due), None);
        assert_eq!(raise.wanted(after(90_001), REST, Others::Due), Some(Act::On));
    }

    #[test]
    fn a_killed_agents_machine_is_found_off_and_raised() {
        let mut raise = Raise::awaited(BEGIN);
        assert_eq!(raise.wanted(after(4_999), REST, Others::Nobody), None, "the agent is at it");
        for (at, found) in [(5_000, Found::On), (6_000, Found::Off), (7_000, Found::Off)] {
            assert_eq!(raise.wanted(after(at), REST, Others::Nobody), Some(Act::Look), "{at}");
            assert_eq!(reads(&mut raise, after(at), found), None);
        }
        assert_eq!(raise.stage(), Stage::Resting);
        assert_eq!(raise.wanted(after(9_000), REST, Others::Nobody), Some(Act::On));
    }

    #[test]
    fn two_readings_at_one_moment_are_one() {
        let mut raise = Raise::awaited(BEGIN);
        for at in [5_000, 5_100] {
            assert_eq!(reads(&mut raise, after(at), Found::Off), None);
        }
        assert_eq!(raise.stage(), Stage::Awaited);
    }

    #[test]
    fn a_machine_that_never_falls_is_forgotten() {
        let mut raise = Raise::awaited(BEGIN);
        assert_eq!(reads(&mut raise, after(119_000), Found::On), None);
        assert_eq!(reads(&mut raise, after(121_000), Found::On), Some(Change::NeverFell));
    }

    #[test]
    fn a_bmc_that_refuses_the_account_is_left_alone_for_long() {
        let mut raise = Raise::resting(BEGIN);
        assert_eq!(raise.wanted(after(2_000), REST, Others::Nobody), Some(Act::On));
        assert_eq!(reads(&mut raise, after(2_000), Found::Nothing { refused: true }), None);
        assert_eq!(raise.wanted(after(121_000), REST, Others::Nobody), None);
        assert_eq!(raise.wanted(after(122_000), REST, Others::Nobody), Some(Act::On));
    }

    #[test]
    fn what_nobody_can_raise_ends_after_an_hour() {
        let mut raise = Raise::resting(BEGIN);
        assert_eq!(raise.overdue(after(3_600_000)), None);
        assert_eq!(raise.overdue(after(3_600_001)), Some(Change::GivenUp));
    }
}

//! The wire at a BMC: datagrams on their way to it and from it, and what the network does to them.
//!
//! Looks into no datagram.

use std::net::SocketAddr;

use palisade_protocol::time::{Duration, Instant, earliest};

use super::Answer;
use crate::chance::Chance;
use crate::fault::{Kind, Plan, Way};

/// Datagrams on their way in one direction; what comes beyond them is lost.
const UNDER_WAY_MAX: usize = 4_096;
/// How long a datagram is held back that others are to overtake.
const HELD_BACK: Duration = Duration::from_millis(10);

/// A datagram that reaches the BMC.
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// Both directions. Sorted by time, then by order of sending.
#[derive(Default)]
pub(super) struct Mail {
    inbox: Vec<Arrival>,
    outbox: Vec<Answer>,
}

impl Mail {
    /// A datagram is on its way to the BMC, for `extra` longer than the network wants.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        (faults, chance): (&Plan, &mut Chance),
        extra: Duration,
    ) {
        for at in copies(now, Way::In, faults, chance) {
            let arrival = Arrival { at: at + extra, from, bytes: bytes.to_vec() };
            file(&mut self.inbox, arrival, |arrival| arrival.at);
        }
    }

    /// The next datagram that has reached the BMC by `now`.
    pub(super) fn next_arrival(&mut self, now: Instant) -> Option<Arrival> {
        take_due(&mut self.inbox, now, |arrival| arrival.at)
    }

    /// The BMC sends an answer.
    pub(super) fn post(
        &mut self,
        now: Instant,
        to: SocketAddr,
        bytes: Vec<u8>,
        (faults, chance): (&Plan, &mut Chance),
    ) {
        if faults.is_empty() {
            return file(&mut self.outbox, Answer { at: now, to, bytes }, |answer| answer.at);
        }
        for at in copies(now, Way::Out, faults, chance) {
            let answer = Answer { at, to, bytes: bytes.clone() };
            file(&mut self.outbox, answer, |answer| answer.at);
        }
    }

    /// The next answer that leaves the network by `now`.
    pub(super) fn next_answer(&mut self, now: Instant) -> Option<Answer> {
        take_due(&mut self.outbox, now, |answer| answer.at)
    }

    /// When something arrives somewhere.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let inbox = self.inbox.first().map(|arrival| arrival.at);
        earliest(inbox, self.outbox.first().map(|answer| answer.at))
    }

    /// What the BMC has not read is gone; what has left it goes on.
    pub(super) fn forget(&mut self) {
        self.inbox.clear();
    }
}

/// When each copy of one datagram arrives: none if it is lost.
fn copies(
    now: Instant,
    way: Way,
    faults: &Plan,
    chance: &mut Chance,
) -> impl Iterator<Item = Instant> + use<> {
    let is_lost = faults.active(now).any(|kind| is_cut(kind, way))
        || strikes(now, faults, chance, |kind| of_way(kind, way, drop_of));
    let is_double = strikes(now, faults, chance, |kind| of_way(kind, way, double_of));
    let is_held = strikes(now, faults, chance, |kind| of_way(kind, way, reorder_of));
    let span = faults.sum(now, |kind| delay_of(kind, way));
    let held = if is_held { HELD_BACK } else { Duration::ZERO };
    let count = if is_lost { 0 } else { 1 + usize::from(is_double) };
    std::iter::repeat_n(now + span + held, count)
}

/// Draws chance only where something may strike, so that a healthy network costs none.
fn strikes(
    now: Instant,
    faults: &Plan,
    chance: &mut Chance,
    share: impl Fn(Kind) -> Option<u8>,
) -> bool {
    let worst = faults.active(now).filter_map(share).max();
    worst.is_some_and(|percent| chance.percent(percent))
}

fn of_way(kind: Kind, way: Way, read: impl Fn(Kind) -> Option<(Way, u8)>) -> Option<u8> {
    read(kind).filter(|(fault, _)| fault.covers(way)).map(|(_, percent)| percent)
}

fn is_cut(kind: Kind, way: Way) -> bool {
    if let Kind::Cut(cut) = kind { cut.covers(way) } else { false }
}

const fn drop_of(kind: Kind) -> Option<(Way, u8)> {
    if let Kind::Drop(way, percent) = kind { Some((way, percent)) } else { None }
}

const fn double_of(kind: Kind) -> Option<(Way, u8)> {
    if let Kind::Duplicate(way, percent) = kind { Some((way, percent)) } else { None }
}

const fn reorder_of(kind: Kind) -> Option<(Way, u8)> {
    if let Kind::Reorder(way, percent) = kind { Some((way, percent)) } else { None }
}

fn delay_of(kind: Kind, way: Way) -> Option<Duration> {
    if let Kind::LateReply(span) = kind {
        return (way == Way::Out).then_some(span);
    }
    let Kind::Delay(fault, span) = kind else { return None };
    fault.covers(way).then_some(span)
}

/// Files a letter behind those that are due no later.
fn file<T>(letters: &mut Vec<T>, letter: T, at: impl Fn(&T) -> Instant) {
    if letters.len() < UNDER_WAY_MAX {
        let due = at(&letter);
        letters.insert(letters.partition_point(|other| at(other) <= due), letter);
    }
}

fn take_due<T>(letters: &mut Vec<T>, now: Instant, at: impl Fn(&T) -> Instant) -> Option<T> {
    let is_due = letters.first().is_some_and(|first| at(first) <= now);
    is_due.then(|| letters.remove(0))
}

//! Getting into a BMC: up to three handshakes alive, the first to finish wins.
//!
//! A lost or slow packet costs one pause: no message is sent twice, a new handshake starts instead,
//! and the older ones may still win. Pauses double, or a slow BMC would never be let finish. Orders
//! leave with RAKP 3 of every attempt: each of them may be carried out twice without harm.
//!
//! A handshake that the BMC has begun holds a slot there until the BMC forgets it, also if it is given
//! up here. A login holds no more than [`ATTEMPTS_MAX`] of them as far as it knows. A BMC that says that it
//! is full while some are ours is waited for until it has forgotten one, and nobody else is blamed.

use palisade_protocol::time::{Duration, Instant};

use super::attempt::{Attempt, Plan, SetupReply, Turn};
use super::error::{ClientError, FoundBy, PrivilegeEvidence, Step, SuiteRefusal};
use super::login::Login;
use super::session::{Reply, Session};
use super::{doubled, pause_of};
use crate::entropy::Entropy;
use crate::suite::Suite;
use crate::wire::{RmcpStatus, SessionPacket};

/// How many handshakes may be alive at once, here or at the BMC. BMCs have four slots at least, so that
/// one is left for others. [IPMI2 §6.12.4]
pub const ATTEMPTS_MAX: usize = 3;

/// First pause when the BMC has no slot free; doubles up to [`SLOT_PAUSE_MAX`].
const SLOT_PAUSE_MIN: Duration = Duration::from_secs(1);
const SLOT_PAUSE_MAX: Duration = Duration::from_secs(3);

/// The login before a session stands.
#[derive(Debug)]
pub(super) struct Opening {
    began: Instant,
    /// When the BMC last took the login on; before that, when it began.
    heard_at: Instant,
    attempts: Vec<Attempt>,
    /// Until when the BMC may keep the slots of attempts that made room for others.
    left_behind: Vec<Instant>,
    next_at: Instant,
    pause: Duration,
    slot_pause: Duration,
    /// Which of the login's suites the next attempt asks for.
    suite: usize,
    /// The furthest step that was ever reached.
    furthest: Step,
    sent: u32,
    ignored: u32,
    suite_refusals: Vec<SuiteRefusal>,
    no_slots: Option<(RmcpStatus, u32)>,
    refused: Option<(Step, RmcpStatus)>,
    doubt: Option<Doubt>,
}

/// A definite refusal that names nobody: anyone who can send from the BMC's address could have said it.
#[derive(Debug)]
struct Doubt {
    error: ClientError,
    /// When it is believed, unless the handshake that it is about has gone on by then.
    until: Instant,
}

/// What a datagram led to.
#[derive(Debug)]
pub(super) enum Progress {
    Ignored,
    Send(Vec<Vec<u8>>),
    /// The BMC has taken the login on.
    Onward(Vec<Vec<u8>>),
    /// `reply` if it was an answer in the session that showed that it stands.
    Opened {
        session: Box<Session>,
        reply: Option<Reply>,
        farewells: Vec<Vec<u8>>,
    },
    Failed {
        error: ClientError,
        farewells: Vec<Vec<u8>>,
    },
}

impl Opening {
    pub(super) const fn new(now: Instant, pause: Duration) -> Self {
        Self {
            began: now,
            heard_at: now,
            attempts: Vec::new(),
            left_behind: Vec::new(),
            next_at: now,
            pause,
            slot_pause: SLOT_PAUSE_MIN,
            suite: 0,
            furthest: Step::OpenSession,
            sent: 0,
            ignored: 0,
            suite_refusals: Vec::new(),
            no_slots: None,
            refused: None,
            doubt: None,
        }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let doubt = self.doubt.as_ref().map_or(Instant::NEVER, |doubt| doubt.until);
        self.next_at.min(doubt)
    }

    /// Whether a refusal has stood for as long as it must.
    pub(super) fn is_refused(&self, now: Instant) -> bool {
        self.beyond_doubt(now).is_some()
    }

    pub(super) const fn step(&self) -> Step {
        self.furthest
    }

    pub(super) const fn ignored(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }

    /// Why nothing stands although the time is up.
    pub(super) fn why_late(&self, now: Instant, port_refusals: u32) -> ClientError {
        if let Some(error) = self.beyond_doubt(now) {
            return error.clone();
        }
        if let Some((status, times)) = self.no_slots {
            let waited = now.since(self.began);
            return ClientError::NoSlots { status, times, waited };
        }
        if let Some((step, status)) = self.refused {
            return ClientError::HandshakeRefused { step, status };
        }
        let step = self.furthest;
        if self.sent == 0 {
            return ClientError::TooLate { step };
        }
        if port_refusals > 0 {
            return ClientError::PortRefused { step, times: port_refusals };
        }
        let waited = now.since(self.heard_at);
        ClientError::Silent { step, waited, sent: self.sent, ignored: self.ignored }
    }

    /// Starts another handshake if one is due, and if the BMC has forgotten enough of those
    /// before; the oldest makes room.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        login: &Login,
        entropy: &mut Entropy,
    ) -> Vec<Vec<u8>> {
        if now < self.next_at {
            return Vec::new();
        }
        let held = self.slots_held(now);
        if held.len() >= ATTEMPTS_MAX {
            self.next_at = first_of(&held);
            return Vec::new();
        }
        if self.sent > 0 {
            self.pause = doubled(self.pause);
        }
        self.next_at = now + self.pause;
        self.begin(now, login, entropy)
    }

    pub(super) fn heard(
        &mut self,
        now: Instant,
        packet: &SessionPacket<'_>,
        plan: Plan<'_>,
        entropy: &mut Entropy,
    ) -> Progress {
        if packet.session_id != 0 {
            return self.heard_early(now, packet, entropy);
        }
        let login = plan.login;
        let Some(reply) = SetupReply::parse(packet) else { return Progress::Ignored };
        let Some(index) = self.attempts.iter().position(|attempt| attempt.is_for(&reply)) else {
            return Progress::Ignored;
        };
        let is_nameless = reply.console_id() == 0;
        let mut attempt = self.attempts.remove(index);
        let round_trip = now.since(attempt.sent_at);
        match attempt.hear(now, reply, plan, entropy) {
            Turn::Next(flight) => self.went_on(now, round_trip, attempt, flight),
            Turn::Stands(session) => {
                let farewells = self.farewells_of_all(entropy);
                Progress::Opened { session, reply: None, farewells }
            }
            Turn::Refused(step, status) if is_nameless && Refusal::of(step, status).is_final() => {
                let suite = attempt.suite;
                self.attempts.insert(index, attempt);
                let progress = self.refused(now, suite, (step, status), login, entropy);
                self.unless_it_goes_on(now, progress)
            }
            Turn::Refused(step, status) => {
                self.refused(now, attempt.suite, (step, status), login, entropy)
            }
            Turn::OtherAlgorithms(answered) => {
                let refusal = SuiteRefusal::Answered(attempt.suite, answered);
                self.suite_refused(now, attempt.suite, refusal, login, entropy)
            }
            Turn::OtherPassword { farewell } => {
                let error =
                    ClientError::WrongPassword { suite: attempt.suite, found_by: FoundBy::Console };
                Progress::Failed { error, farewells: vec![farewell] }
            }
            Turn::OtherBmc { found, farewell } => {
                let pinned = login.guid().unwrap_or(found);
                let error = ClientError::OtherBmc { pinned, found };
                Progress::Failed { error, farewells: vec![farewell] }
            }
            Turn::OtherBmcKey => failed(ClientError::WrongBmcKey { suite: attempt.suite }),
            Turn::Ignored => {
                self.attempts.insert(index, attempt);
                Progress::Ignored
            }
        }
    }

    /// A signed answer to what left with RAKP 3 ends the handshake as RAKP 4 does.
    fn heard_early(
        &mut self,
        now: Instant,
        packet: &SessionPacket<'_>,
        entropy: &mut Entropy,
    ) -> Progress {
        let id = packet.session_id;
        let Some(index) = self.attempts.iter().position(|attempt| attempt.console_id == id) else {
            return Progress::Ignored;
        };
        let mut attempt = self.attempts.remove(index);
        match attempt.hear_early(now, packet) {
            Reply::Ignored => {
                self.attempts.insert(index, attempt);
                Progress::Ignored
            }
            reply @ (Reply::Later | Reply::Done(_)) => {
                let farewells = self.farewells_of_all(entropy);
                attempt.into_session().map_or(Progress::Ignored, |session| Progress::Opened {
                    session,
                    reply: Some(reply),
                    farewells,
                })
            }
        }
    }

    /// Whatever is answered to this order from now on is nothing.
    pub(super) fn give_up(&mut self, order: u32) {
        self.attempts.iter_mut().for_each(|attempt| attempt.give_up(order));
    }

    /// Whether a datagram for this console id is for an attempt of ours.
    pub(super) fn is_for(&self, console_id: u32) -> bool {
        self.attempts.iter().any(|attempt| attempt.console_id == console_id)
    }

    /// Gives back every slot that an attempt may hold.
    pub(super) fn farewells(mut self, entropy: &mut Entropy) -> Vec<Vec<u8>> {
        self.farewells_of_all(entropy)
    }

    fn farewells_of_all(&mut self, entropy: &mut Entropy) -> Vec<Vec<u8>> {
        let attempts = std::mem::take(&mut self.attempts);
        attempts.into_iter().filter_map(|attempt| attempt.farewell(entropy)).collect()
    }

    /// The slots of the BMC that handshakes of ours hold: until when each.
    fn slots_held(&self, now: Instant) -> Vec<Instant> {
        let alive = self.attempts.iter().filter_map(Attempt::holds_slot_until);
        let all = alive.chain(self.left_behind.iter().copied());
        all.filter(|until| now < *until).collect()
    }

    fn begin(&mut self, now: Instant, login: &Login, entropy: &mut Entropy) -> Vec<Vec<u8>> {
        let suite = login.suite(self.suite).or(login.suite(0));
        let Some(suite) = suite else { return Vec::new() };
        let mut datagrams = Vec::new();
        if self.attempts.len() >= ATTEMPTS_MAX {
            let oldest = self.attempts.remove(0);
            self.left_behind.retain(|until| now < *until);
            self.left_behind.extend(oldest.holds_slot_until());
            datagrams.extend(oldest.farewell(entropy));
        }
        let (attempt, datagram) = Attempt::begin(now, suite, login, entropy);
        self.attempts.push(attempt);
        self.sent = self.sent.saturating_add(1);
        datagrams.push(datagram);
        datagrams
    }

    /// A refusal that named nobody and that nothing has gone against.
    fn beyond_doubt(&self, now: Instant) -> Option<&ClientError> {
        self.doubt.as_ref().filter(|doubt| now >= doubt.until).map(|doubt| &doubt.error)
    }

    /// An end that may be a stranger's is one only if no answer comes while one may.
    fn unless_it_goes_on(&mut self, now: Instant, progress: Progress) -> Progress {
        let Progress::Failed { error, .. } = progress else { return progress };
        self.next_at = self.next_at.max(now + self.pause);
        let until = self.next_at;
        self.doubt.get_or_insert(Doubt { error, until });
        Progress::Ignored
    }

    /// The BMC is alive: no new handshake before it had time for the next step of this one. It has taken the
    /// login on if that is a step further than any before, or if it had this handshake before it was last
    /// heard: a BMC that answers each new one and goes no further is as good as silent.
    fn went_on(
        &mut self,
        now: Instant,
        round_trip: Duration,
        attempt: Attempt,
        flight: Vec<Vec<u8>>,
    ) -> Progress {
        self.next_at = self.next_at.max(now + self.pause.max(pause_of(round_trip)));
        self.sent = self.sent.saturating_add(1);
        self.doubt = None;
        let step = attempt.step();
        let is_further = rank(step) > rank(self.furthest);
        let is_onward = is_further || attempt.began <= self.heard_at;
        self.attempts.push(attempt);
        if is_further {
            self.furthest = step;
        }
        if is_onward { self.onward(now, flight) } else { Progress::Send(flight) }
    }

    const fn onward(&mut self, now: Instant, flight: Vec<Vec<u8>>) -> Progress {
        self.heard_at = now;
        Progress::Onward(flight)
    }

    fn refused(
        &mut self,
        now: Instant,
        suite: Suite,
        (step, status): (Step, RmcpStatus),
        login: &Login,
        entropy: &mut Entropy,
    ) -> Progress {
        let asked = login.privilege();
        match Refusal::of(step, status) {
            Refusal::Slots => self.no_slots(now, suite, status, login, entropy),
            Refusal::Suite => {
                let refusal = SuiteRefusal::Status(suite, status);
                self.suite_refused(now, suite, refusal, login, entropy)
            }
            Refusal::User => failed(ClientError::NoSuchUser { status }),
            Refusal::Role => {
                let evidence = PrivilegeEvidence::Status(status);
                failed(ClientError::PrivilegeRefused { asked, evidence })
            }
            Refusal::Password => {
                failed(ClientError::WrongPassword { suite, found_by: FoundBy::Bmc })
            }
            Refusal::Other => {
                self.refused = Some((step, status));
                Progress::Send(Vec::new())
            }
        }
    }

    /// What we hold ourselves is waited for. Some BMCs say "no resources" to a suite that they have
    /// disabled: try the next suite at once, and all of them again after a pause.
    fn no_slots(
        &mut self,
        now: Instant,
        suite: Suite,
        status: RmcpStatus,
        login: &Login,
        entropy: &mut Entropy,
    ) -> Progress {
        let held = self.slots_held(now);
        if !held.is_empty() {
            self.next_at = self.next_at.max(first_of(&held));
            return Progress::Send(Vec::new());
        }
        let times = self.no_slots.map_or(0, |(_, times)| times);
        self.no_slots = Some((status, times.saturating_add(1)));
        self.suite_refusals.push(SuiteRefusal::Status(suite, status));
        if self.turn_to_next(suite, login) {
            return Progress::Send(self.begin(now, login, entropy));
        }
        self.rest_for_slots(now);
        Progress::Send(Vec::new())
    }

    fn suite_refused(
        &mut self,
        now: Instant,
        suite: Suite,
        refusal: SuiteRefusal,
        login: &Login,
        entropy: &mut Entropy,
    ) -> Progress {
        self.suite_refusals.push(refusal);
        if self.turn_to_next(suite, login) {
            let datagrams = self.begin(now, login, entropy);
            return self.onward(now, datagrams);
        }
        if login.suite(self.suite) != Some(suite) {
            return Progress::Send(Vec::new());
        }
        if self.suite_refusals.iter().any(SuiteRefusal::is_about_slots) {
            self.rest_for_slots(now);
            return Progress::Send(Vec::new());
        }
        failed(worst_of(std::mem::take(&mut self.suite_refusals)))
    }

    /// All suites from the first again, after a pause in which others may give slots back.
    fn rest_for_slots(&mut self, now: Instant) {
        self.suite = 0;
        self.suite_refusals.clear();
        self.next_at = self.next_at.max(now + self.slot_pause);
        self.slot_pause = self.slot_pause.saturating_mul(2).min(SLOT_PAUSE_MAX);
    }

    /// Goes on to the suite after `suite`, unless that has happened or there is none.
    fn turn_to_next(&mut self, suite: Suite, login: &Login) -> bool {
        let is_current = login.index_of(suite) == Some(self.suite);
        let next = self.suite.saturating_add(1);
        if !is_current || login.suite(next).is_none() {
            return false;
        }
        self.suite = next;
        true
    }
}

/// What a status means for the login as a whole.
enum Refusal {
    Slots,
    Suite,
    User,
    Role,
    Password,
    Other,
}

impl Refusal {
    /// Whether it is about the account, so that asking again changes nothing.
    const fn is_final(&self) -> bool {
        matches!(self, Self::User | Self::Role | Self::Password)
    }

    const fn of(step: Step, status: RmcpStatus) -> Self {
        use RmcpStatus as S;
        match status {
            S::NoResources | S::NoResourcesAtRole => Self::Slots,
            S::InvalidAuthentication
            | S::InvalidIntegrity
            | S::InvalidConfidentiality
            | S::NoMatchingAuthentication
            | S::NoMatchingIntegrity
            | S::NoCipherSuite => Self::Suite,
            // Before a user was named these can only be about suite or channel.
            S::UnauthorizedRole | S::IllegalParameter if matches!(step, Step::OpenSession) => {
                Self::Suite
            }
            S::InvalidRole | S::UnauthorizedRole => Self::Role,
            S::UnauthorizedName | S::InvalidNameLength => Self::User,
            S::InvalidIntegrityCheck => Self::Password,
            S::InvalidSessionId
            | S::InvalidPayload
            | S::InactiveSessionId
            | S::UnauthorizedGuid
            | S::IllegalParameter
            | S::Other(_) => Self::Other,
        }
    }
}

const fn failed(error: ClientError) -> Progress {
    Progress::Failed { error, farewells: Vec::new() }
}

/// When the first of these slots is free again.
fn first_of(held: &[Instant]) -> Instant {
    held.iter().copied().min().unwrap_or(Instant::NEVER)
}

/// How far a step is from the first.
const fn rank(step: Step) -> u8 {
    match step {
        Step::OpenSession => 0,
        Step::Rakp1 => 1,
        Step::Rakp3 => 2,
        Step::SetPrivilege(_) | Step::Order(_) => 3,
    }
}

/// A downgrade is named as such; otherwise all refusals are.
fn worst_of(refusals: Vec<SuiteRefusal>) -> ClientError {
    for refusal in &refusals {
        if let SuiteRefusal::Answered(suite, answered) = *refusal {
            return ClientError::Downgrade { suite, answered };
        }
    }
    ClientError::SuitesRefused { refusals }
}

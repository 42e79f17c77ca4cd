//! One login of a console at one BMC, without sockets.
//!
//! ```text
//!            three handshakes at most, first to finish wins
//!   Opening ------------------------------------------> Raising --> Open <--> orders in flight
//!      |   definite refusal, deadline                      |          |
//!      +-----------------------> Over <--------------------+----------+ close, silence
//! ```
//!
//! Orders may be given at any time. Those given before the password is proved leave with that proof, so
//! that they are carried out three round trips after the first packet; a BMC that answers that it
//! has not let us in yet, or does not answer, gets them again when it has.
//!
//! What it never does: it never sends RAKP 1 or 3 twice (a BMC may take the second for an attack
//! or spoil its keys); never cycles or resets; never takes the answer to one order for that of
//! another; never reads anything but a signed, fresh `off` as off; never asks again after a definite
//! refusal of its credentials.

mod attempt;
mod error;
mod limit;
mod login;
mod opening;
mod order;
mod pending;
mod sequence;
mod session;

pub use error::{ClientError, Declined, FoundBy, PrivilegeEvidence, Step, SuiteRefusal};
pub use limit::{Limit, STEPS};
pub use login::{Login, LoginError};
pub use opening::ATTEMPTS_MAX;
pub use order::{Ack, Answer, Order};
use palisade_protocol::time::{Duration, Instant};

use std::collections::VecDeque;

use crate::app::Guid;
use crate::completion::code;
use crate::entropy::Entropy;
use crate::privilege::Privilege;
use crate::suite::Suite;
use crate::wire::{Datagram, SessionPacket};
use attempt::{Plan, SetupReply};
use opening::{Opening, Progress};
use pending::Request;
use session::{Done, Reply, Session};

/// How many requests are in flight at once; BMCs accept session sequence numbers up to 15 ahead.
/// [IPMI2 §6.12.13]
pub const WINDOW: usize = 8;

/// How many orders may wait for their turn.
pub const WAITING_MAX: usize = 64;

/// No input makes the client send more datagrams than this.
pub const DATAGRAMS_MAX: usize = ATTEMPTS_MAX + WINDOW + 2;

/// This many refusals of the port in a row, with no answer in between, end a login. One alone may
/// stem from a BMC whose service is just restarting.
pub const PORT_REFUSALS_MAX: u32 = 3;

/// What can happen to a client.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram came from the BMC's address.
    Datagram(&'a [u8]),
    /// The operating system says that nobody listens at the BMC's port.
    PortRefused,
    /// Time has passed; see [`Client::next_deadline`].
    Tick,
    /// Carry this out, to be answered before `by`. Orders are counted from 1; several may be in flight
    /// and need not be carried out in the order given: to have one after another, await the answer.
    Order {
        /// What to do.
        order: Order,
        /// When sending and waiting for the answer end: an order is sent again until it is
        /// answered, and never from this moment on. None: with the [`Limit`] of the login, which it
        /// is on board of.
        by: Option<Instant>,
    },
    /// Nobody waits for this order any more: it is not sent again, and its answer is nothing.
    GiveUp(u32),
    /// Give the session back and end.
    Close,
}

/// What follows from one input: datagrams to send in order, and at most one event.
#[derive(Debug, Default)]
pub struct Effects {
    /// At most [`DATAGRAMS_MAX`].
    pub datagrams: Vec<Vec<u8>>,
    /// What the owner has been waiting for.
    pub event: Option<Event>,
    /// What the event is about, if it is an answer.
    pub about: Option<About>,
}

/// Which order was answered, and when in the BMC's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The how-manieth [`Input::Order`] it was, counted from 1.
    pub order: u32,
    /// The BMC numbers what it says in a session: of two answers, that with the higher number was
    /// given later, in whichever order they arrive.
    pub reply: u32,
}

/// What a client tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Logged in; orders can be given.
    Opened {
        /// The suite of the session.
        suite: Suite,
        /// The privilege of the session.
        privilege: Privilege,
    },
    /// An order was answered.
    Answered(Answer),
    /// The BMC declined an order; the session stands.
    Declined(Declined),
    /// The login is over.
    Failed(ClientError),
}

/// One login. Told the time, given a seed; see the module for what it never does.
#[derive(Debug)]
pub struct Client {
    login: Login,
    entropy: Entropy,
    state: State,
    port_refusals: u32,
    /// How many orders were given.
    given: u32,
    /// Orders that are in no session that stands.
    waiting: VecDeque<Request>,
    limit: Limit,
    /// Whether what left with RAKP 3 had to be sent again.
    was_too_early: bool,
    /// What number the BMC gave its grant of the privilege.
    raised_in: Option<u32>,
}

#[derive(Debug)]
enum State {
    Opening(Opening),
    Raising { session: Session, level: Privilege },
    Open(Session),
    Over,
}

impl Client {
    /// A login that begins with the first [`Input::Tick`] and must be open within `limit`.
    ///
    /// `seed` must be unpredictable and never used again.
    pub fn new(login: Login, seed: [u8; 32], now: Instant, limit: Limit) -> Self {
        let pause = pause_of(login.round_trip());
        Self {
            login,
            entropy: Entropy::from_seed(seed),
            state: State::Opening(Opening::new(now, pause)),
            port_refusals: 0,
            given: 0,
            waiting: VecDeque::new(),
            limit,
            was_too_early: false,
            raised_in: None,
        }
    }

    /// The one door in.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> Effects {
        let effects = match input {
            Input::Close => self.close(),
            Input::Order { order, by } => self.order(now, order, by),
            Input::GiveUp(order) => self.give_up_order(order),
            _ if self.is_late(now) => self.give_up(now),
            Input::Datagram(bytes) => self.heard(now, bytes),
            Input::PortRefused => self.port_refused(),
            Input::Tick => self.tick(now),
        };
        assert!(effects.datagrams.len() <= DATAGRAMS_MAX, "effects are bounded");
        effects
    }

    /// When [`Input::Tick`] is due next; harmless early, harmful late.
    pub fn next_deadline(&self) -> Option<Instant> {
        let by = self.limit.by();
        match &self.state {
            State::Opening(opening) => {
                let waiting = self.waiting.iter().map(|request| request.ends(by));
                waiting.chain([opening.next_deadline(), by]).min()
            }
            State::Raising { session, .. } | State::Open(session) => session.next_deadline(by),
            State::Over => None,
        }
    }

    /// Whether the login has ended, well or badly.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether a datagram from the BMC's address that carries this id of a console is for this login.
    pub fn is_for(&self, console_id: u32) -> bool {
        match &self.state {
            State::Opening(opening) => opening.is_for(console_id),
            State::Raising { session, .. } | State::Open(session) => {
                session.console_id() == console_id
            }
            State::Over => false,
        }
    }

    /// Who the BMC is, once a session stands: the BMC has proved that it knows the password and says
    /// so of itself.
    pub fn guid(&self) -> Option<Guid> {
        match &self.state {
            State::Raising { session, .. } | State::Open(session) => Some(session.guid()),
            State::Opening(_) | State::Over => None,
        }
    }

    /// Whether the BMC lost or refused what left with RAKP 3: then [`Login::in_lock_step`] is faster.
    pub const fn was_too_early(&self) -> bool {
        self.was_too_early
    }

    fn is_late(&self, now: Instant) -> bool {
        let by = self.limit.by();
        let is_late = match &self.state {
            State::Opening(opening) => self.limit.is_over(now) || opening.is_refused(now),
            State::Raising { session, .. } | State::Open(session) => session.is_late(now, by),
            State::Over => return false,
        };
        is_late || self.waiting.iter().any(|request| now >= request.ends(by))
    }

    fn give_up(&mut self, now: Instant) -> Effects {
        let by = self.limit.by();
        let error = match &self.state {
            State::Opening(opening) => opening.why_late(now, self.port_refusals),
            State::Raising { session, .. } | State::Open(session) => {
                let late = self.waiting.iter().find(|request| now >= request.ends(by));
                late.filter(|_| !session.is_late(now, by)).map_or_else(
                    || session.why_late(now, by, self.port_refusals),
                    |request| ClientError::TooLate { step: request.step },
                )
            }
            State::Over => ClientError::Over,
        };
        self.fail(error)
    }

    fn tick(&mut self, now: Instant) -> Effects {
        match &mut self.state {
            State::Opening(opening) => {
                Effects::sending(opening.tick(now, &self.login, &mut self.entropy))
            }
            State::Raising { session, .. } | State::Open(session) => {
                let due = session.tick(now, &mut self.entropy);
                let again = due.as_ref().is_ok_and(|due| !due.is_empty());
                self.was_too_early |= again && matches!(self.state, State::Raising { .. });
                self.sent(due)
            }
            State::Over => Effects::default(),
        }
    }

    fn port_refused(&mut self) -> Effects {
        self.port_refusals = self.port_refusals.saturating_add(1);
        if self.port_refusals < PORT_REFUSALS_MAX {
            return Effects::default();
        }
        let step = match &self.state {
            State::Opening(opening) => opening.step(),
            State::Raising { session, .. } | State::Open(session) => session.step(),
            State::Over => return Effects::default(),
        };
        self.fail(ClientError::PortRefused { step, times: self.port_refusals })
    }

    fn order(&mut self, now: Instant, order: Order, by: Option<Instant>) -> Effects {
        self.given = self.given.saturating_add(1);
        let request = Request { step: Step::Order(order), order: self.given, by };
        if now >= request.ends(self.limit.by()) {
            return self.fail(ClientError::TooLate { step: request.step });
        }
        if self.is_over() {
            return self.fail(ClientError::Over);
        }
        if self.waiting.len() >= WAITING_MAX {
            return self.fail(ClientError::Exhausted);
        }
        self.waiting.push_back(request);
        self.send_waiting(now)
    }

    /// Puts in flight what waits and has room.
    fn send_waiting(&mut self, now: Instant) -> Effects {
        let State::Open(session) = &mut self.state else { return Effects::default() };
        let room = WINDOW.saturating_sub(session.in_flight().count());
        let ready = self.waiting.drain(..room.min(self.waiting.len()));
        let sent = ready.map(|request| session.begin(now, request, &mut self.entropy)).collect();
        self.sent(sent)
    }

    fn give_up_order(&mut self, order: u32) -> Effects {
        self.waiting.retain(|request| request.order != order);
        match &mut self.state {
            State::Opening(opening) => opening.give_up(order),
            State::Raising { session, .. } | State::Open(session) => session.give_up(order),
            State::Over => {}
        }
        Effects::default()
    }

    fn heard(&mut self, now: Instant, bytes: &[u8]) -> Effects {
        let Ok(Datagram::V2(packet)) = Datagram::parse(bytes) else {
            return self.ignore();
        };
        match &self.state {
            State::Opening(_) => self.heard_opening(now, &packet),
            State::Raising { .. } | State::Open(_) => self.heard_session(now, &packet),
            State::Over => Effects::default(),
        }
    }

    fn heard_opening(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Effects {
        let State::Opening(opening) = &mut self.state else { return Effects::default() };
        let plan = Plan { login: &self.login, orders: self.waiting.make_contiguous() };
        match opening.heard(now, packet, plan, &mut self.entropy) {
            Progress::Ignored => self.ignore(),
            Progress::Send(datagrams) => {
                self.port_refusals = 0;
                Effects::sending(datagrams)
            }
            Progress::Onward(datagrams) => {
                self.answered_at(now);
                Effects::sending(datagrams)
            }
            Progress::Opened { session, reply, farewells } => {
                let mut effects = self.stands(now, *session, reply);
                effects.datagrams.extend(farewells);
                effects
            }
            Progress::Failed { error, farewells } => {
                let mut effects = self.fail(error);
                effects.datagrams.extend(farewells);
                effects
            }
        }
    }

    /// A session begins at user level: what the login wants has been asked for with RAKP 3, or is now.
    fn stands(&mut self, now: Instant, session: Session, reply: Option<Reply>) -> Effects {
        self.answered_at(now);
        let level = self.login.privilege();
        let is_carried =
            |request: &Request| session.in_flight().any(|other| other.order == request.order);
        // An answer that has come is no longer in flight, and its order not to be sent again.
        let answered = match &reply {
            Some(Reply::Done(done)) => done.request.order,
            Some(Reply::Later | Reply::Ignored) | None => 0,
        };
        self.waiting.retain(|request| !is_carried(request) && request.order != answered);
        let asks = self.login.is_lock_step();
        self.state = State::Raising { session, level };
        match reply {
            Some(reply) => self.replied(now, reply),
            None if asks => self.ask_level(now, level),
            None => Effects::default(),
        }
    }

    fn ask_level(&mut self, now: Instant, wanted: Privilege) -> Effects {
        let State::Raising { session, level } = &mut self.state else { return Effects::default() };
        *level = wanted;
        let step = Step::SetPrivilege(wanted);
        let request = Request { step, order: 0, by: None };
        let due = session.begin(now, request, &mut self.entropy);
        self.sent(due.map(|datagram| vec![datagram]))
    }

    fn heard_session(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Effects {
        let (State::Raising { session, .. } | State::Open(session)) = &mut self.state else {
            return Effects::default();
        };
        let reply = session.heard(now, packet);
        self.replied(now, reply)
    }

    fn replied(&mut self, now: Instant, reply: Reply) -> Effects {
        match reply {
            Reply::Ignored => self.ignore(),
            Reply::Later => {
                self.port_refusals = 0;
                Effects::default()
            }
            Reply::Done(done) => {
                self.answered_at(now);
                self.answered(now, &done)
            }
        }
    }

    /// The BMC has taken the login on.
    fn answered_at(&mut self, now: Instant) {
        self.port_refusals = 0;
        self.limit.answered(now);
    }

    fn answered(&mut self, now: Instant, done: &Done) -> Effects {
        let Done { request, code, data, place } = done;
        match request.step {
            Step::SetPrivilege(level) => {
                self.raised_in = Some(*place);
                self.raised(now, level, *code, data)
            }
            Step::Order(_) if *code == code::PRIVILEGE && self.came_early(*place) => {
                self.was_too_early = true;
                self.waiting.push_back(*request);
                self.send_waiting(now)
            }
            Step::Order(order) => {
                let about = About { order: request.order, reply: *place };
                let event = match order.answer(*code, data) {
                    Ok(answer) => Event::Answered(answer),
                    Err(declined) => Event::Declined(declined),
                };
                self.send_waiting(now).telling(event, Some(about))
            }
            Step::OpenSession | Step::Rakp1 | Step::Rakp3 => self.ignore(),
        }
    }

    /// Whether the BMC gave this reply before it granted the privilege.
    fn came_early(&self, place: u32) -> bool {
        matches!(self.state, State::Raising { .. })
            || self.raised_in.is_some_and(|raised_in| place < raised_in)
    }

    fn raised(&mut self, now: Instant, asked: Privilege, code: u8, data: &[u8]) -> Effects {
        match order::granted_level(asked, code, data) {
            Ok(privilege) => self.opened(now, privilege),
            Err(_) if asked > Privilege::Operator && order::is_above_limit(code) => {
                self.ask_level(now, Privilege::Operator)
            }
            Err(evidence) => self.fail(ClientError::PrivilegeRefused { asked, evidence }),
        }
    }

    fn opened(&mut self, now: Instant, privilege: Privilege) -> Effects {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Raising { session, .. } => {
                let suite = session.suite();
                self.state = State::Open(session);
                self.send_waiting(now).telling(Event::Opened { suite, privilege }, None)
            }
            other @ (State::Opening(_) | State::Open(_) | State::Over) => {
                self.state = other;
                Effects::default()
            }
        }
    }

    fn ignore(&mut self) -> Effects {
        match &mut self.state {
            State::Opening(opening) => opening.ignored(),
            State::Raising { session, .. } | State::Open(session) => session.ignored(),
            State::Over => {}
        }
        Effects::default()
    }

    /// The session's numbers may be used up; then there is nothing left but to end it.
    fn sent(&mut self, due: Result<Vec<Vec<u8>>, ClientError>) -> Effects {
        match due {
            Ok(datagrams) => Effects::sending(datagrams),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: ClientError) -> Effects {
        let mut effects = self.close();
        effects.event = Some(Event::Failed(error));
        effects
    }

    /// Fire and forget: whatever slots we may hold at the BMC are given back.
    fn close(&mut self) -> Effects {
        let entropy = &mut self.entropy;
        Effects::sending(match std::mem::replace(&mut self.state, State::Over) {
            State::Opening(opening) => opening.farewells(entropy),
            State::Raising { session, .. } | State::Open(session) => {
                vec![session.farewell(entropy)]
            }
            State::Over => Vec::new(),
        })
    }
}

impl Effects {
    fn sending(datagrams: Vec<Vec<u8>>) -> Self {
        Self { datagrams, ..Self::default() }
    }

    /// The same with an event, unless the login has failed meanwhile.
    fn telling(self, event: Event, about: Option<About>) -> Self {
        if self.event.is_some() {
            return self;
        }
        Self { event: Some(event), about, ..self }
    }
}

/// The console's session id that a datagram from a BMC carries: whose login it is for. 0 if the BMC
/// refuses without saying whom; `None` if no console would understand it. Nothing is verified.
pub fn addressee(datagram: &[u8]) -> Option<u32> {
    let Ok(Datagram::V2(packet)) = Datagram::parse(datagram) else { return None };
    match packet.session_id {
        0 => SetupReply::parse(&packet).map(|reply| reply.console_id()),
        id => Some(id),
    }
}

/// First pause before something is tried again; doubles each time.
pub(crate) const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The pause does not grow beyond this.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Four round trips, but at least [`BACKOFF_MIN`] and at most [`BACKOFF_MAX`].
pub(crate) fn pause_of(round_trip: Duration) -> Duration {
    round_trip.saturating_mul(4).clamp(BACKOFF_MIN, BACKOFF_MAX)
}

/// The pause after this one.
pub(crate) fn doubled(pause: Duration) -> Duration {
    pause.saturating_mul(2).min(BACKOFF_MAX)
}

//! One login of a console at one BMC, without sockets.
//!
//! ```text
//!            three handshakes at most, first to finish wins
//!   Opening ------------------------------------------> Raising --> Open <--> order in flight
//!      |   definite refusal, deadline                      |          |
//!      +-----------------------> Over <--------------------+----------+ close, silence
//! ```
//!
//! What it never does: it never sends RAKP 1 or 3 twice (a BMC may take the second for an attack
//! or spoil its keys); never cycles or resets; never takes the answer to one order for that of
//! another; never reads anything but a signed, fresh `off` as off; never asks again after a definite
//! refusal of its credentials.

mod attempt;
mod error;
mod login;
mod opening;
mod order;
mod pending;
mod sequence;
mod session;

pub use error::{ClientError, Declined, FoundBy, PrivilegeEvidence, Step, SuiteRefusal};
pub use login::{Login, LoginError};
pub use opening::ATTEMPTS_MAX;
pub use order::{Ack, Answer, Order};
use palisade_protocol::time::{Duration, Instant};

use crate::entropy::Entropy;
use crate::privilege::Privilege;
use crate::suite::Suite;
use crate::wire::{Datagram, SessionPacket};
use opening::{Opening, Progress};
use session::{Reply, Session};

/// No input makes the client send more datagrams than this.
pub const DATAGRAMS_MAX: usize = ATTEMPTS_MAX + 2;

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
    /// Carry this out, to be answered before `by`. Gives up an order still in flight.
    Order {
        /// What to do.
        order: Order,
        /// When sending and waiting for the answer end: an order is sent again until it is
        /// answered, and never from this moment on.
        by: Instant,
    },
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
    /// The order in flight was answered.
    Answered(Answer),
    /// The BMC declined the order in flight; the session stands.
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
}

#[derive(Debug)]
enum State {
    Opening(Opening),
    Raising { session: Session, level: Privilege },
    Open(Session),
    Over,
}

impl Client {
    /// A login that begins with the first [`Input::Tick`] and must be open before `by`.
    ///
    /// `seed` must be unpredictable and never used again.
    pub fn new(login: Login, seed: [u8; 32], now: Instant, by: Instant) -> Self {
        let state = State::Opening(Opening::new(now, by));
        Self { login, entropy: Entropy::from_seed(seed), state, port_refusals: 0 }
    }

    /// The one door in.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) -> Effects {
        let effects = match input {
            Input::Close => self.close(),
            Input::Order { order, by } => self.order(now, order, by),
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
        match &self.state {
            State::Opening(opening) => Some(opening.next_deadline()),
            State::Raising { session, .. } | State::Open(session) => session.next_deadline(),
            State::Over => None,
        }
    }

    /// Whether the login has ended, well or badly.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn is_late(&self, now: Instant) -> bool {
        match &self.state {
            State::Opening(opening) => opening.is_late(now),
            State::Raising { session, .. } | State::Open(session) => session.is_late(now),
            State::Over => false,
        }
    }

    fn give_up(&mut self, now: Instant) -> Effects {
        let error = match &self.state {
            State::Opening(opening) => opening.why_late(now, self.port_refusals),
            State::Raising { session, .. } | State::Open(session) => {
                session.why_late(now, self.port_refusals)
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

    fn order(&mut self, now: Instant, order: Order, by: Instant) -> Effects {
        if now >= by {
            return self.fail(ClientError::TooLate { step: Step::Order(order) });
        }
        let State::Open(session) = &mut self.state else {
            return self.fail(ClientError::Over);
        };
        let due = session.begin(now, Step::Order(order), by, &mut self.entropy);
        self.sent(due)
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
        match opening.heard(now, packet, &self.login, &mut self.entropy) {
            Progress::Ignored => self.ignore(),
            Progress::Send(datagrams) => {
                self.port_refusals = 0;
                Effects::sending(datagrams)
            }
            Progress::Opened { session, farewells } => self.raise(now, *session, farewells),
            Progress::Failed { error, farewells } => {
                let mut effects = self.fail(error);
                effects.datagrams.extend(farewells);
                effects
            }
        }
    }

    /// A session begins at user level: ask for what the login wants.
    fn raise(&mut self, now: Instant, session: Session, farewells: Vec<Vec<u8>>) -> Effects {
        self.port_refusals = 0;
        let level = self.login.privilege();
        self.state = State::Raising { session, level };
        let mut effects = self.ask_level(now, level);
        effects.datagrams.extend(farewells);
        effects
    }

    fn ask_level(&mut self, now: Instant, wanted: Privilege) -> Effects {
        let State::Raising { session, level } = &mut self.state else { return Effects::default() };
        *level = wanted;
        let by = session.open_by();
        let due = session.begin(now, Step::SetPrivilege(wanted), by, &mut self.entropy);
        self.sent(due)
    }

    fn heard_session(&mut self, now: Instant, packet: &SessionPacket<'_>) -> Effects {
        let (State::Raising { session, .. } | State::Open(session)) = &mut self.state else {
            return Effects::default();
        };
        match session.heard(now, packet) {
            Reply::Ignored => self.ignore(),
            Reply::Later => {
                self.port_refusals = 0;
                Effects::default()
            }
            Reply::Done { step, code, data } => {
                self.port_refusals = 0;
                self.answered(now, step, code, &data)
            }
        }
    }

    fn answered(&mut self, now: Instant, step: Step, code: u8, data: &[u8]) -> Effects {
        match step {
            Step::SetPrivilege(level) => self.raised(now, level, code, data),
            Step::Order(order) => Effects::telling(match order.answer(code, data) {
                Ok(answer) => Event::Answered(answer),
                Err(declined) => Event::Declined(declined),
            }),
            Step::OpenSession | Step::Rakp1 | Step::Rakp3 => self.ignore(),
        }
    }

    fn raised(&mut self, now: Instant, asked: Privilege, code: u8, data: &[u8]) -> Effects {
        match order::granted_level(asked, code, data) {
            Ok(privilege) => self.opened(privilege),
            Err(_) if asked > Privilege::Operator && order::is_above_limit(code) => {
                self.ask_level(now, Privilege::Operator)
            }
            Err(evidence) => self.fail(ClientError::PrivilegeRefused { asked, evidence }),
        }
    }

    fn opened(&mut self, privilege: Privilege) -> Effects {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Raising { session, .. } => {
                let suite = session.suite();
                self.state = State::Open(session);
                Effects::telling(Event::Opened { suite, privilege })
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
    fn sent(&mut self, due: Result<Option<Vec<u8>>, ClientError>) -> Effects {
        match due {
            Ok(datagram) => Effects::sending(datagram.into_iter().collect()),
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
        Self { datagrams, event: None }
    }

    fn telling(event: Event) -> Self {
        Self { datagrams: Vec::new(), event: Some(event) }
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

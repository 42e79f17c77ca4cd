//! One login at one BMC over one socket.
//!
//! Drives [`Client`] and has no opinion of its own. Dropping it gives the BMC's slot back.

use std::io;
use std::net::SocketAddr;

use palisade_host::clock;
use palisade_ipmi::chassis::{ChassisStatus, LastPowerEvent, RestartCause, RestorePolicy};
use palisade_ipmi::client::{Ack, Answer, Client, ClientError, Event, Input, Login, Order};
use palisade_ipmi::secret::Secret as BmcKey;
use palisade_ipmi::watchdog::TimerState;
use palisade_protocol::time::Instant;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::config::BmcConfig;
use super::error::{Fault, PowerError};
use super::socket;

/// Longest datagram read. Ours have 300 bytes at most; longer ones are cut and then ignored.
const DATAGRAM_MAX: usize = 1024;

/// What a BMC says about power. Facts, not proofs: `on == false` once is no death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerStatus {
    /// System power is on.
    pub on: bool,
    /// The last attempt to switch power failed.
    pub control_fault: bool,
    /// What happens when mains power comes back.
    pub restore_policy: RestorePolicy,
    /// What happened to power last; constant on some BMCs.
    pub last_event: LastPowerEvent,
}

/// An open session. Orders are waited for until the deadline that stands at their beginning.
#[derive(Debug)]
pub struct Session {
    config: BmcConfig,
    client: Client,
    socket: UdpSocket,
    by: Instant,
    /// What the system last said about the way to the BMC.
    unreachable: Option<io::Error>,
}

impl Session {
    /// Logs in before `by` (boot clock), which stays the deadline of every order until
    /// [`Session::set_deadline`].
    ///
    /// # Errors
    /// [`PowerError`]: for a configuration that cannot work, for what the BMC refused, for silence.
    pub async fn open(config: &BmcConfig, by: Instant) -> Result<Self, PowerError> {
        Self::open_as(config, config.login()?, by).await
    }

    /// As [`Session::open`], at a BMC that has a BMC key (`K_g`) set. [IPMI2 §13.31]
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_with_bmc_key(
        config: &BmcConfig,
        key: BmcKey,
        by: Instant,
    ) -> Result<Self, PowerError> {
        Self::open_as(config, config.login()?.with_bmc_key(key), by).await
    }

    async fn open_as(config: &BmcConfig, login: Login, by: Instant) -> Result<Self, PowerError> {
        let mut addresses = socket::resolve(config, by).await?.into_iter();
        let Some(first) = addresses.next() else {
            return Err(config.failed(Fault::Unresolved { why: "no address".to_owned() }));
        };
        let mut outcome = Self::open_at(config, login.clone(), first, by).await;
        for address in addresses {
            match &outcome {
                Err(error) if error.is_about_the_address() => {
                    outcome = Self::open_at(config, login.clone(), address, by).await;
                }
                Ok(_) | Err(_) => break,
            }
        }
        outcome
    }

    /// From now on orders are sent and waited for until `by`. An order that is lost is sent again
    /// until then: for `off` that must not be after the warrant's end.
    pub const fn set_deadline(&mut self, by: Instant) {
        self.by = by;
    }

    /// Orders hard power off. The answer comes before the act and proves nothing.
    ///
    /// # Errors
    /// [`PowerError`]; after any kind but `Refused` and `Protocol` the session is over.
    pub async fn off(&mut self) -> Result<Ack, PowerError> {
        let Answer::Off(ack) = self.answer(Order::Off).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(ack)
    }

    /// Orders power on. The answer comes before the act and proves nothing.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn on(&mut self) -> Result<Ack, PowerError> {
        let Answer::On(ack) = self.answer(Order::On).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(ack)
    }

    /// Reads the chassis status: a reading that the BMC made after this call.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn status(&mut self) -> Result<PowerStatus, PowerError> {
        let Answer::Status(status) = self.answer(Order::Status).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(status.into())
    }

    /// Reads why the system last started.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn restart_cause(&mut self) -> Result<RestartCause, PowerError> {
        let Answer::RestartCause(cause) = self.answer(Order::RestartCause).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(cause)
    }

    /// Reads the BMC's watchdog timer.
    ///
    /// # Errors
    /// As [`Session::off`].
    pub async fn watchdog(&mut self) -> Result<TimerState, PowerError> {
        let Answer::Watchdog(state) = self.answer(Order::Watchdog).await? else {
            return Err(self.failed(Fault::Mismatch));
        };
        Ok(state)
    }

    /// Gives the session back. Nothing is waited for.
    pub fn close(self) {
        drop(self);
    }

    async fn open_at(
        config: &BmcConfig,
        login: Login,
        address: SocketAddr,
        by: Instant,
    ) -> Result<Self, PowerError> {
        let local = |why| config.failed(Fault::Local { why });
        let seed = seed().map_err(local)?;
        let socket = socket::connect(address).await.map_err(|error| local(error.to_string()))?;
        let client = Client::new(login, seed, clock::now(), by);
        let mut session = Self { config: config.clone(), client, socket, by, unreachable: None };
        let event = session.run(Input::Tick).await?;
        let Event::Opened { suite, privilege } = event else {
            return Err(session.unexpected(event));
        };
        log::debug!("bmc {}: session open, {suite}, {privilege}", config.address);
        Ok(session)
    }

    async fn answer(&mut self, order: Order) -> Result<Answer, PowerError> {
        let event = self.run(Input::Order { order, by: self.by }).await?;
        let Event::Answered(answer) = event else { return Err(self.unexpected(event)) };
        Ok(answer)
    }

    /// Feeds `first`, then whatever happens, until the client has something to say.
    async fn run(&mut self, first: Input<'_>) -> Result<Event, PowerError> {
        let mut buffer = [0; DATAGRAM_MAX];
        let mut event = self.feed(first).await;
        loop {
            match event {
                Some(Event::Failed(error)) => return Err(self.login_failed(error)),
                Some(event) => return Ok(event),
                None => {}
            }
            let Some(due) = self.client.next_deadline() else {
                return Err(self.failed(Fault::Mismatch));
            };
            event = self.wait(due, &mut buffer).await;
        }
    }

    /// The next thing to happen. A flood of datagrams does not keep a deadline from being met.
    async fn wait(&mut self, due: Instant, buffer: &mut [u8]) -> Option<Event> {
        let patience = clock::now().until(due);
        if patience.is_zero() {
            return self.feed(Input::Tick).await;
        }
        match timeout(patience, self.socket.recv(buffer)).await {
            Ok(Ok(length)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                self.feed(Input::Datagram(bytes)).await
            }
            Ok(Err(error)) => self.note(error),
            Err(_elapsed) => self.feed(Input::Tick).await,
        }
    }

    /// One input in, its datagrams out.
    async fn feed(&mut self, input: Input<'_>) -> Option<Event> {
        let effects = self.client.handle(clock::now(), input);
        let mut event = effects.event;
        for datagram in &effects.datagrams {
            event = event.or(self.send(datagram).await);
        }
        event
    }

    /// Sends one datagram. An error may stem from an earlier one and has then kept this one back, so
    /// it is tried once more.
    async fn send(&mut self, datagram: &[u8]) -> Option<Event> {
        let error = self.socket.send(datagram).await.err()?;
        let event = self.note(error);
        self.try_send(datagram);
        event
    }

    /// A socket error: the port refused, or no way to the BMC at present. Nothing but the client's
    /// deadline makes the second final.
    fn note(&mut self, error: io::Error) -> Option<Event> {
        if error.kind() != io::ErrorKind::ConnectionRefused {
            self.unreachable = Some(error);
            return None;
        }
        let effects = self.client.handle(clock::now(), Input::PortRefused);
        for datagram in &effects.datagrams {
            self.try_send(datagram);
        }
        effects.event
    }

    /// Sends a datagram that nobody waits for.
    fn try_send(&self, datagram: &[u8]) {
        if let Err(error) = self.socket.try_send(datagram) {
            log::trace!("bmc {}: not sent: {error}", self.config.address);
        }
    }

    fn login_failed(&mut self, login: ClientError) -> PowerError {
        let silent = matches!(login, ClientError::Silent { .. });
        match self.unreachable.take().filter(|_| silent) {
            Some(error) => self.failed(Fault::Unreachable { why: error.to_string(), login }),
            None => self.failed(Fault::Login(login)),
        }
    }

    fn unexpected(&self, event: Event) -> PowerError {
        self.failed(match event {
            Event::Declined(declined) => Fault::Declined(declined),
            Event::Failed(error) => Fault::Login(error),
            Event::Opened { .. } | Event::Answered(_) => Fault::Mismatch,
        })
    }

    fn failed(&self, fault: Fault) -> PowerError {
        self.config.failed(fault)
    }
}

/// The slot is given back however the session ends, also when its task is cancelled.
impl Drop for Session {
    fn drop(&mut self) {
        let effects = self.client.handle(clock::now(), Input::Close);
        for datagram in &effects.datagrams {
            self.try_send(datagram);
        }
    }
}

impl From<ChassisStatus> for PowerStatus {
    fn from(status: ChassisStatus) -> Self {
        Self {
            on: status.power_on,
            control_fault: status.control_fault,
            restore_policy: status.restore_policy,
            last_event: status.last_event,
        }
    }
}

fn seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no random bytes: {error}"))?;
    Ok(seed)
}

//! The engine: any number of BMCs, one task, one socket for each address family.
//!
//! Orders are sent by whoever gives them; the task receives, lets time pass and sends again. Knows no
//! warrant and decides nothing. Dropping a line gives the BMC's slot back at once, also when the
//! process is about to end.

mod board;
mod flow;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_host::clock;
use palisade_ipmi::client::{Limit, Login, Order};
use palisade_protocol::time::Instant;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::config::BmcConfig;
use super::error::{Fault, PowerError};
use super::profile::{Profile, Profiles};
use board::{Board, Opening};
pub(super) use flow::{Facts, Heard};
use wire::Wire;

/// The power engine. A clone is the same engine; it ends when the last clone and session are gone.
#[derive(Clone)]
pub struct Engine {
    life: Arc<Life>,
    profiles: Option<Arc<Profiles>>,
}

/// One login at one BMC; dropping it closes the session.
#[derive(Debug)]
pub(super) struct Line {
    life: Arc<Life>,
    id: u64,
}

/// The answer to come.
pub(super) type Pending<T> = oneshot::Receiver<Result<T, Fault>>;

impl Engine {
    /// Starts the engine's task in the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`PowerError`] of kind `Local` outside a tokio runtime.
    pub fn start() -> Result<Self, PowerError> {
        let runtime = Handle::try_current()
            .map_err(|error| PowerError::new("-", "-", Fault::Local { why: error.to_string() }))?;
        let shared = Arc::new(Shared::default());
        runtime.spawn(serve(Arc::clone(&shared)));
        Ok(Self { life: Arc::new(Life(shared)), profiles: None })
    }

    /// The same engine, which keeps what it learns of each BMC in files in `folder` (made if need be):
    /// that makes later logins shorter. A folder that cannot be used is as good as none.
    #[must_use]
    pub fn with_profiles(self, folder: &Path) -> Self {
        Self { profiles: Some(Arc::new(Profiles::in_folder(folder))), ..self }
    }

    /// What is known of a BMC.
    pub(super) async fn recall(&self, bmc: &BmcConfig) -> Profile {
        match &self.profiles {
            Some(profiles) => profiles.recall(bmc).await,
            None => Profile::default(),
        }
    }

    /// Keeps what is now known of a BMC.
    pub(super) async fn learn(&self, bmc: &BmcConfig, profile: Profile) {
        if let Some(profiles) = &self.profiles {
            profiles.learn(bmc, profile).await;
        }
    }

    /// Begins a login at `address` that must be open within `limit`. `orders` leave with the proof of the
    /// password, in this order, and are to be answered by then too.
    pub(super) fn call(
        &self,
        login: Login,
        address: SocketAddr,
        limit: Limit,
        orders: &[Order],
    ) -> Result<Call, Fault> {
        let seed = seed()?;
        let (opened, open) = oneshot::channel();
        let opening = Opening { login, address, seed, limit, opened };
        let (id, answers) = self
            .life
            .0
            .act(|board, now| {
                let id = board.open(now, opening)?;
                let answers = orders.iter().map(|order| {
                    let (teller, answer) = oneshot::channel();
                    board.order(now, id, (*order, None), teller);
                    answer
                });
                let answers = answers.collect();
                board.admit(now);
                Ok::<_, io::Error>((id, answers))
            })
            .map_err(|error| Fault::Local { why: error.to_string() })?;
        Ok(Call { line: Line { life: Arc::clone(&self.life), id }, open, answers })
    }
}

/// A login under way.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) line: Line,
    pub(super) open: Pending<Facts>,
    /// The answers to the orders that leave with it, in the order given.
    pub(super) answers: Vec<Pending<Heard>>,
}

impl Line {
    /// Sends an order now; it is sent again until it is answered, and never after `by`.
    pub(super) fn order(&self, order: Order, by: Instant) -> Pending<Heard> {
        let (teller, answer) = oneshot::channel();
        self.life.0.act(|board, now| board.order(now, self.id, (order, Some(by)), teller));
        answer
    }

    /// How many logins the engine has.
    pub(super) fn neighbours(&self) -> usize {
        self.life.0.lock().board.count()
    }
}

/// The slot is given back however the session ends, also when its task is cancelled.
impl Drop for Line {
    fn drop(&mut self) {
        self.life.0.act(|board, now| board.close(now, self.id));
    }
}

/// What was waited for, or why it will not come.
pub(super) async fn heard<T>(pending: Pending<T>) -> Result<T, Fault> {
    pending.await.unwrap_or(Err(Fault::Mismatch))
}

impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Engine")
    }
}

/// Ends the task when nobody can ask anything any more.
#[derive(Debug)]
struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.bell.notify_one();
    }
}

/// What the task and those who give orders share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung when the task sleeps for longer than it may.
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    /// When the task looks at the time again by itself.
    alarm: Option<Instant>,
    /// Which sockets the task listens at.
    tapped: [bool; 2],
    over: bool,
}

impl Shared {
    /// Acts on the board now; the task is woken if it must know.
    fn act<T>(&self, act: impl FnOnce(&mut Board, Instant) -> T) -> T {
        let mut state = self.lock();
        let done = act(&mut state.board, clock::now());
        if state.is_news() {
            // Once is enough until the task has seen it.
            state.alarm = Some(Instant::BOOT);
            self.bell.notify_one();
        }
        done
    }

    /// Takes a burst of what has come at each socket, and of the errors told there; whether there may be more.
    fn receive(&self, taps: &[Option<Tap>; 2], errors: [bool; 2]) -> bool {
        let mut more = false;
        for (tap, errors) in taps.iter().zip(errors) {
            if let Some(tap) = tap {
                more |= self.lock().board.receive(&tap.wire, errors);
            }
        }
        more
    }

    /// A panic elsewhere must not keep others' slots from being given back.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_news(&self) -> bool {
        let sooner = self
            .board
            .next_deadline()
            .is_some_and(|due| self.alarm.is_none_or(|alarm| due < alarm));
        let sockets = self.board.wires();
        sooner || sockets.iter().zip(self.tapped).any(|(wire, tapped)| wire.is_some() && !tapped)
    }
}

/// A socket that the task listens at.
#[derive(Debug)]
struct Tap {
    wire: Arc<Wire>,
    ready: AsyncFd<OwnedFd>,
}

/// Datagrams wait at the socket while this process is kept from running: what has come is read before time is let
/// pass, or it would be taken for silence and asked for again. After so many bursts, which are as much as the
/// socket holds, time passes all the same, so that nobody holds it up by sending more.
const BURSTS_MAX: u32 = 32;

/// Receives and lets time pass, until nobody can ask anything any more.
async fn serve(shared: Arc<Shared>) {
    let mut taps: [Option<Tap>; 2] = [None, None];
    let mut errors = [false; 2];
    let mut unread: u32 = 0;
    loop {
        let more = shared.receive(&taps, errors);
        unread = if more { unread.saturating_add(1) } else { 0 };
        let due = {
            let mut state = shared.lock();
            if state.over {
                return;
            }
            if unread.is_multiple_of(BURSTS_MAX) {
                state.board.tick(clock::now());
            }
            tap(&mut state, &mut taps);
            state.alarm = state.board.next_deadline();
            state.alarm
        };
        let [v4, v6] = &taps;
        errors = tokio::select! {
            errors = readable(v4.as_ref()) => [errors, false],
            errors = readable(v6.as_ref()) => [false, errors],
            () = shared.bell.notified() => [false; 2],
            () = wait(due) => [false; 2],
            () = std::future::ready(()), if more => [true; 2],
        };
    }
}

/// Listens at sockets that are new.
fn tap(state: &mut State, taps: &mut [Option<Tap>; 2]) {
    let wires = state.board.wires();
    for ((tap, wire), tapped) in taps.iter_mut().zip(wires).zip(&mut state.tapped) {
        let Some(wire) = wire.filter(|_| !*tapped) else { continue };
        *tapped = true;
        match Tap::at(wire) {
            Ok(listening) => *tap = Some(listening),
            Err(error) => log::error!("no answer of a bmc can be heard: {error}"),
        }
    }
}

impl Tap {
    fn at(wire: Arc<Wire>) -> io::Result<Self> {
        let handle = wire.as_fd().try_clone_to_owned()?;
        #[expect(
            deprecated,
            reason = "its replacement is unsafe for the sake of types that lie about their descriptor; OwnedFd does not"
        )]
        let ready = AsyncFd::with_interest(handle, Interest::READABLE | Interest::ERROR)?;
        Ok(Self { wire, ready })
    }
}

/// Waits until a socket has something; whether errors are among it. Cleared before it is taken:
/// whatever comes from now on makes it ready again.
async fn readable(tap: Option<&Tap>) -> bool {
    let Some(tap) = tap else { return std::future::pending().await };
    match tap.ready.ready(Interest::READABLE | Interest::ERROR).await {
        Ok(mut guard) => {
            let errors = guard.ready().is_error();
            guard.clear_ready();
            errors
        }
        // The runtime is ending.
        Err(_) => std::future::pending().await,
    }
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep(clock::now().until(due)).await,
        None => std::future::pending().await,
    }
}

fn seed() -> Result<[u8; 32], Fault> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Fault::Local { why: format!("no random bytes: {error}") })?;
    Ok(seed)
}

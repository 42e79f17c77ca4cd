//! One simulated BMC with its machine: sessions, power, watchdog, and the faults between them.
//!
//! The machine behind it is only its power supply: on, off, reset. Whoever simulates what runs on
//! it listens to the [`Event`]s. The BMC tells lies only when a [`fault`](crate::fault) says so,
//! and never in its events.

mod board;
mod mail;

use std::fmt;
use std::net::SocketAddr;

pub use palisade_ipmi::bmc::User;
use palisade_ipmi::bmc::{Config, Engine, Quirks};
use palisade_ipmi::chassis::{ControlAction, StartReason};
use palisade_ipmi::entropy::Entropy;
pub use palisade_ipmi::privilege::Privilege;
pub use palisade_ipmi::secret::Secret;
pub use palisade_ipmi::wire::Ipmb;
use palisade_ipmi::wire::{Datagram, PayloadType, RmcpStatus, SETUP_HEADER_LEN};
use palisade_protocol::time::{Duration, Instant, earliest};

use self::board::Board;
use self::mail::Mail;
use crate::bmc_watchdog::Bark;
use crate::chance::Chance;
use crate::fault::{Kind, Message, Plan};
use crate::power::{Change, PowerSupply, Wiring, Wish};

/// Where the privilege stands in an Open Session answer.
const PRIVILEGE_AT: usize = SETUP_HEADER_LEN + 2;
/// Where the chosen algorithms begin in an Open Session answer, behind the session header.
const ALGORITHMS_AT: usize = SETUP_HEADER_LEN + 12;
/// Where authentication stands in the algorithm blocks.
const AUTHENTICATION_AT: usize = ALGORITHMS_AT + 4;
/// Where integrity and confidentiality stand in the algorithm blocks.
const INTEGRITY_AT: usize = ALGORITHMS_AT + 8 + 4;
const CONFIDENTIALITY_AT: usize = ALGORITHMS_AT + 16 + 4;

/// How a BMC and its machine are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may log in.
    pub users: Vec<User>,
    /// The machine's power supply.
    pub wiring: Wiring,
    /// Whether the machine begins powered.
    pub on: bool,
    /// Whether the BMC has a watchdog timer.
    pub watchdog: bool,
    /// Sessions at once.
    pub slots: usize,
    /// The machine is a program elsewhere, such as a virtual machine, and not there yet.
    pub hosted: bool,
    /// The GUID; `None`: one of the seed's.
    pub guid: Option<[u8; 16]>,
    /// Faults.
    pub faults: Plan,
    /// Seed of all chance, GUID included.
    pub seed: u64,
}

impl Settings {
    /// A powered machine with a watchdog, one user, no latencies and no faults.
    pub fn simple(user: User, seed: u64) -> Self {
        Self {
            users: vec![user],
            wiring: Wiring::default(),
            on: true,
            watchdog: true,
            slots: 15,
            hosted: false,
            guid: None,
            faults: Plan::default(),
            seed,
        }
    }
}

/// Something that truly happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// To the machine's power.
    Power(Change),
    /// The machine, which is a program elsewhere, is to do this.
    Machine(Wish),
    /// The BMC's watchdog barked; what its action does follows as [`Event::Power`].
    Watchdog(Bark),
    /// The BMC was ordered, in a valid session, to do this to the chassis.
    Ordered {
        /// When.
        at: Instant,
        /// What.
        action: ControlAction,
    },
    /// The BMC restarts: sessions and watchdog are forgotten.
    Rebooted {
        /// When.
        at: Instant,
        /// When it will answer again.
        until: Instant,
    },
}

/// An answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it is to leave.
    pub at: Instant,
    /// Whereto.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// A simulated BMC.
pub struct Bmc {
    engine: Engine,
    board: Board,
    mail: Mail,
    chance: Chance,
    rebooted_at: Option<Instant>,
    mains_seen: Option<Instant>,
    dead: bool,
}

impl Bmc {
    /// A BMC that has been running for long.
    pub fn new(settings: Settings) -> Self {
        let mut chance = Chance::new(settings.seed);
        let board = Board::new(&settings);
        let (mut guid, mut seed) = ([0; 16], [0; 32]);
        chance.fill(&mut guid);
        chance.fill(&mut seed);
        let mut config = Config::usual(settings.users, settings.guid.unwrap_or(guid));
        config.slots = settings.slots;
        Self {
            engine: Engine::new(config, Entropy::from_seed(seed)),
            board,
            mail: Mail::default(),
            chance,
            rebooted_at: None,
            mains_seen: None,
            dead: false,
        }
    }

    /// Shows it a datagram of `from`, or the network before it; what it answers can be taken
    /// with [`Bmc::take_answer`].
    pub fn hear(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        self.advance(now);
        if self.board.faults.is_empty() {
            return self.handle(now, from, datagram);
        }
        let extra = self.thinks(now, datagram);
        let network = (&self.board.faults, &mut self.chance);
        self.mail.arrive(now, from, datagram, network, extra);
        self.deliver(now);
    }

    /// The next answer that is to leave by `now`, oldest first.
    pub fn take_answer(&mut self, now: Instant) -> Option<Answer> {
        self.mail.next_answer(now)
    }

    /// Answers the machine's own request, which came by its system interface: completion code and
    /// data. `None`: no answer.
    pub fn receive_local(&mut self, now: Instant, request: &Ipmb<'_>) -> Option<Vec<u8>> {
        self.advance(now);
        if self.is_mute(now) || self.board.faults.has(now, Kind::Hang) {
            return None;
        }
        self.engine.receive_local(now, request, &mut self.board)
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: Instant) {
        if !self.board.faults.is_empty() {
            self.deliver(now);
            self.outages(now);
        }
        self.board.advance(now);
    }

    /// When something will happen by itself.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let board = earliest(self.board.next_deadline(), self.mail.next_deadline());
        earliest(board, self.board.faults.next_deadline(now))
    }

    /// What happened since this was last asked, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.board.events)
    }

    /// The mains fail: BMC and machine are dead at once.
    pub fn mains_fail(&mut self, now: Instant) {
        self.board.power.mains_fail(now);
        self.forget();
        self.board.collect();
    }

    /// The mains come back: the restore policy decides about the machine.
    pub fn mains_return(&mut self, now: Instant) {
        self.board.power.mains_return(now);
        self.board.collect();
    }

    /// The BMC alone dies, or comes back having forgotten its sessions and its watchdog.
    pub fn set_dead(&mut self, dead: bool) {
        self.dead = dead;
        self.forget();
    }

    /// The program that is the machine is there; see [`PowerSupply::machine_came`].
    pub fn machine_came(&mut self, now: Instant) {
        self.board.power.machine_came(now);
        self.board.collect();
    }

    /// The program that is the machine is gone.
    pub fn machine_gone(&mut self, now: Instant) {
        self.board.power.machine_gone(now);
        self.board.collect();
    }

    /// The machine started anew by itself.
    pub fn machine_restarted(&mut self, now: Instant) {
        self.board.power.machine_restarted(now);
        self.board.collect();
    }

    /// Orders the machine's power as its front panel would.
    pub fn press(&mut self, now: Instant, action: ControlAction) {
        if self.board.power.order(now, action, StartReason::PowerButton).is_err() {
            log::debug!("the button of a machine without power does nothing");
        }
        self.board.collect();
    }

    /// Another watchdog than the BMC's own reset the machine.
    pub fn machine_reset(&mut self, now: Instant, cause: StartReason) {
        if self.board.power.order(now, ControlAction::Reset, cause).is_err() {
            log::debug!("a machine without power is not reset");
        }
        self.board.collect();
    }

    /// Something breaks from now on.
    pub fn break_it(&mut self, now: Instant, kind: Kind) {
        self.board.faults.start(now, kind);
    }

    /// Every fault ends.
    pub fn mend(&mut self) {
        self.board.faults.clear();
        self.board.lies_off = false;
    }

    /// Whether the machine truly has power at `now`.
    pub fn is_on(&mut self, now: Instant) -> bool {
        self.advance(now);
        self.board.power.is_on()
    }

    /// The machine's power supply.
    pub const fn power(&self) -> &PowerSupply {
        &self.board.power
    }

    /// How many session slots are in use.
    pub fn sessions(&mut self, now: Instant) -> usize {
        self.engine.sessions(now)
    }

    fn forget(&mut self) {
        self.mail.forget();
        self.engine.restart();
        self.board.forget();
    }

    /// Hands over what has arrived.
    fn deliver(&mut self, now: Instant) {
        while let Some(arrival) = self.mail.next_arrival(now) {
            self.outages(arrival.at);
            self.board.advance(arrival.at);
            self.handle(arrival.at, arrival.from, &arrival.bytes);
        }
    }

    /// A datagram has reached the BMC.
    fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        if self.is_silent(now, datagram) || self.loses(now, datagram) {
            return;
        }
        self.configure(now);
        self.board.last = None;
        let Some(mut bytes) = self.engine.receive(now, datagram, &mut self.board) else { return };
        if self.loses(now, &bytes) {
            return;
        }
        self.spoil(now, &mut bytes);
        self.mail.post(now, from, bytes, (&self.board.faults, &mut self.chance));
    }

    /// Reboots and failures of the mains that are due.
    fn outages(&mut self, now: Instant) {
        self.reboot_if_due(now);
        for (at, is_there) in self.board.faults.mains(self.mains_seen, now) {
            self.board.advance(at);
            if is_there { self.mains_return(at) } else { self.mains_fail(at) }
        }
        self.mains_seen = self.mains_seen.max(Some(now));
    }

    fn reboot_if_due(&mut self, now: Instant) {
        let Some((at, until)) = self.board.faults.last_reboot(now) else { return };
        if self.rebooted_at != Some(at) {
            self.rebooted_at = Some(at);
            self.forget();
            self.board.events.push(Event::Rebooted { at, until });
        }
    }

    /// Whether it answers nobody, the machine neither.
    fn is_mute(&self, now: Instant) -> bool {
        let reboots = self.board.faults.last_reboot(now).is_some_and(|(_, until)| now < until);
        self.dead || !self.board.power.has_mains() || reboots
    }

    fn is_silent(&self, now: Instant, datagram: &[u8]) -> bool {
        let faults = &self.board.faults;
        if self.is_mute(now) || faults.is_empty() {
            return self.is_mute(now);
        }
        let hangs_now = faults.has(now, Kind::HangAfterRakp2) && is_after_rakp2(datagram);
        hangs_now || faults.has(now, Kind::Hang)
    }

    /// How long this datagram waits before the BMC looks at it.
    fn thinks(&self, now: Instant, datagram: &[u8]) -> Duration {
        let span = self.board.faults.sum(now, slow_rakp3);
        let is_rakp3 = !span.is_zero() && payload_type(datagram) == Some(PayloadType::Rakp3);
        if is_rakp3 { span } else { Duration::ZERO }
    }

    /// Whether a fault takes this message, known by its name. Commands inside a session are taken
    /// by the board; only their answers are taken here.
    fn loses(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if self.board.faults.is_empty() {
            return false;
        }
        let message = match payload_type(datagram) {
            Some(PayloadType::OpenSessionRequest) => Some(Message::Open),
            Some(PayloadType::OpenSessionReply) => Some(Message::OpenReply),
            Some(PayloadType::Rakp1) => Some(Message::Rakp1),
            Some(PayloadType::Rakp2) => Some(Message::Rakp2),
            Some(PayloadType::Rakp3) => Some(Message::Rakp3),
            Some(PayloadType::Rakp4) => Some(Message::Rakp4),
            Some(PayloadType::Ipmi) => self.board.last.take().map(Message::Reply),
            None => None,
        };
        message.is_some_and(|message| self.board.faults.loses(now, message))
    }

    /// Sets the quirks that the faults want.
    fn configure(&mut self, now: Instant) {
        let faults = &self.board.faults;
        if faults.is_empty() {
            return;
        }
        let mut quirks = Quirks::default();
        for kind in faults.active(now) {
            set_quirk(&mut quirks, kind, self.engine.failed_logins());
        }
        self.engine.config_mut().quirks = quirks;
    }

    /// Changes an answer as the faults want it.
    fn spoil(&self, now: Instant, bytes: &mut Vec<u8>) {
        let faults = &self.board.faults;
        if faults.is_empty() {
            return;
        }
        let kind = payload_type(bytes).unwrap_or(PayloadType::Ipmi);
        if kind != PayloadType::Ipmi && faults.has(now, Kind::TagZero) {
            put(bytes, SETUP_HEADER_LEN, 0);
        }
        if kind == PayloadType::OpenSessionReply {
            self.spoil_open(now, bytes);
        }
        if let Some(length) = faults.find(now, short) {
            bytes.truncate(length.into());
        }
    }

    fn spoil_open(&self, now: Instant, bytes: &mut [u8]) {
        let faults = &self.board.faults;
        if faults.has(now, Kind::PrivEchoZero) {
            put(bytes, PRIVILEGE_AT, 0);
        }
        let none = faults.has(now, Kind::Downgrade).then_some([None, Some(0), Some(0)]);
        let sha1 = faults.has(now, Kind::DowngradeToSha1).then_some([Some(1); 3]);
        let places = [AUTHENTICATION_AT, INTEGRITY_AT, CONFIDENTIALITY_AT];
        for (at, value) in places.into_iter().zip(none.or(sha1).unwrap_or_default()) {
            if let Some(value) = value {
                put(bytes, at, value);
            }
        }
    }
}

/// Never users, passwords or keys.
impl fmt::Debug for Bmc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bmc").field("board", &self.board).finish_non_exhaustive()
    }
}

/// Adds what `kind` means for sessions, if anything.
const fn set_quirk(quirks: &mut Quirks, kind: Kind, failed_logins: u32) {
    match kind {
        Kind::NoSlots => quirks.full = true,
        Kind::SlowSlots(span) => quirks.reclaim = span,
        Kind::WrongPassword => quirks.other_password = true,
        Kind::Guid(guid) => quirks.guid = Some(guid),
        Kind::OnlySuite(suite) => quirks.only_suite = Some(suite),
        Kind::LockOut(most) if failed_logins >= most => {
            quirks.refuse_rakp1 = Some(RmcpStatus::UnauthorizedName);
        }
        Kind::Refuse { step: Message::OpenReply, status } => quirks.refuse_open = Some(status),
        Kind::Refuse { step: Message::Rakp2, status } => quirks.refuse_rakp1 = Some(status),
        Kind::Refuse { status, .. } => quirks.refuse_rakp3 = Some(status),
        Kind::ZeroErrors => quirks.zero_refusals = true,
        Kind::Rakp3Replay => quirks.rakp3_replay = true,
        Kind::BadChecksums => quirks.bad_checksums = true,
        Kind::SkipSequence => quirks.skips_sequence = true,
        Kind::BareReplies => quirks.bare_answers = true,
        Kind::Hang
        | Kind::HangAfterRakp2
        | Kind::HangControl
        | Kind::IgnoreOff(_)
        | Kind::IgnoreOn(_)
        | Kind::LieOff
        | Kind::SlowOff(_)
        | Kind::AcpiOff(_)
        | Kind::StartingOff(_)
        | Kind::Flicker(_)
        | Kind::Code { .. }
        | Kind::LockOut(_)
        | Kind::TagZero
        | Kind::Downgrade
        | Kind::DowngradeToSha1
        | Kind::PrivEchoZero
        | Kind::SlowRakp3(_)
        | Kind::Short(_)
        | Kind::LateReply(_)
        | Kind::Delay(..)
        | Kind::Drop(..)
        | Kind::Duplicate(..)
        | Kind::Reorder(..)
        | Kind::Cut(_)
        | Kind::Lose(..)
        | Kind::Reboot(_)
        | Kind::AcLoss(_) => {}
    }
}

fn put(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn payload_type(datagram: &[u8]) -> Option<PayloadType> {
    match Datagram::parse(datagram) {
        Ok(Datagram::V2(packet)) => Some(packet.payload_type),
        Ok(Datagram::AsfPing { .. } | Datagram::V15(_)) | Err(_) => None,
    }
}

fn is_after_rakp2(datagram: &[u8]) -> bool {
    match Datagram::parse(datagram) {
        Ok(Datagram::V2(packet)) => {
            let is_inside = packet.payload_type == PayloadType::Ipmi && packet.session_id != 0;
            packet.payload_type == PayloadType::Rakp3 || is_inside
        }
        Ok(Datagram::AsfPing { .. } | Datagram::V15(_)) | Err(_) => false,
    }
}

const fn slow_rakp3(kind: Kind) -> Option<Duration> {
    if let Kind::SlowRakp3(span) = kind { Some(span) } else { None }
}

const fn short(kind: Kind) -> Option<u16> {
    if let Kind::Short(length) = kind { Some(length) } else { None }
}

//! One peer as this process knows it: which start of it is proven, what was heard, what was sent.
//!
//! A frame counts only if it echoes a frame that this process sent lately: a recording of another
//! life, or of five minutes ago, echoes nothing of now. No counter is kept on disk and no clock is
//! compared. Never decides what follows from a frame; the cores do.

use crate::ids::{BootId, LINKS_MAX, LinkId, Seq, Start};
use crate::time::{Duration, Instant};
use crate::wire::{Echo, Frame};

mod links;
mod sent;
mod window;

pub use links::{LinkStats, Links};
use sent::Sent;
use window::Window;

/// Hellos that one peer may cause between two beats: enough for a start over every link and some
/// that crossed, few enough that a flood of recordings costs nothing.
const HELLOS_PER_BEAT: u8 = 8;

/// What a frame is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The first copy of a frame that echoes what was sent at `echoed_at`, lately enough.
    Fresh {
        /// From which process of the peer.
        origin: Origin,
        /// When the frame that it echoes was sent, by the clock of this process.
        echoed_at: Instant,
    },
    /// A copy of what came before, or too old to tell.
    Copy,
    /// Authentic, and nothing proves that it is of now: to be answered, so that it can echo.
    Unproven,
    /// Two processes claim to be this peer, both proven to be of now.
    Twin,
}

/// Which process of the peer sent a fresh frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The one known.
    Same,
    /// Another start within the life known: a daemon was restarted.
    NewStart,
    /// Another life: the machine was reset, or this is its first frame.
    NewBoot,
}

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerState {
    known: Option<Known>,
    retired: Option<Retired>,
    sent: Sent,
    heard: Links,
    hellos: u8,
}

/// The proven process of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Known {
    boot: BootId,
    start: Start,
    since: Instant,
    window: Window,
    newest: Seq,
    heard_at: Instant,
}

/// The process that the known one replaced, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Retired {
    boot: BootId,
    start: Start,
    at: Instant,
}

impl Default for PeerState {
    fn default() -> Self {
        Self::new()
    }
}

impl PeerState {
    /// A peer of whom nothing is known.
    pub const fn new() -> Self {
        Self {
            known: None,
            retired: None,
            sent: Sent::new(),
            heard: Links::new(),
            hellos: HELLOS_PER_BEAT,
        }
    }

    /// The number of the next frame to this peer, sent `now`.
    pub fn next_seq(&mut self, now: Instant) -> Seq {
        self.sent.next(now)
    }

    /// The newest frame heard from the proven process, for the next frame to echo.
    pub fn echo(&self) -> Option<Echo> {
        self.known.map(|known| Echo { start: known.start, seq: known.newest })
    }

    /// The proven life.
    pub fn boot(&self) -> Option<BootId> {
        self.known.map(|known| known.boot)
    }

    /// When the proven process was last heard fresh.
    pub fn heard_at(&self) -> Option<Instant> {
        self.known.map(|known| known.heard_at)
    }

    /// When this process sent the frame numbered `seq` to the peer, if that was lately.
    pub fn sent_at(&self, seq: Seq) -> Option<Instant> {
        self.sent.at(seq)
    }

    /// The link statistics.
    pub const fn links(&self) -> &Links {
        &self.heard
    }

    /// Whether one more Hello to this peer is within its share of this beat; counts it.
    pub fn may_hello(&mut self) -> bool {
        let may = self.hellos > 0;
        self.hellos = self.hellos.saturating_sub(1);
        may
    }

    /// A new beat: the share of Hellos is full again.
    pub fn beat(&mut self) {
        self.hellos = HELLOS_PER_BEAT;
    }

    /// Judges an authentic frame from this peer to the process started as `me`.
    ///
    /// A frame is of now if it echoes one sent within `echo_max`; a frame of a process other than
    /// the known one, only if that one was sent after the known one was adopted, so that no
    /// straggler brings a replaced process back. It changes nothing until [`Self::adopt`].
    pub fn receive(
        &mut self,
        now: Instant,
        me: Start,
        frame: &Frame,
        echo_max: Duration,
    ) -> Arrival {
        let echoed_at =
            frame.echo.filter(|echo| echo.start == me).and_then(|e| self.sent.at(e.seq));
        let proof = echoed_at.filter(|at| now.since(*at) <= echo_max);
        match &mut self.known {
            Some(known) if (known.boot, known.start) == (frame.boot, frame.start) => {
                self.heard.count(now, frame, proof.is_some());
                if !known.window.insert(frame.seq) {
                    return Arrival::Copy;
                }
                let Some(echoed_at) = proof else { return Arrival::Unproven };
                known.newest = Seq(known.newest.0.max(frame.seq.0));
                known.heard_at = now;
                Arrival::Fresh { origin: Origin::Same, echoed_at }
            }
            known => {
                let Some(echoed_at) = proof else { return Arrival::Unproven };
                if let Some(retired) = self.retired.filter(|old| old.is(frame)) {
                    let outlived = echoed_at > retired.at;
                    return if outlived { Arrival::Twin } else { Arrival::Copy };
                }
                if known.as_ref().is_some_and(|known| echoed_at <= known.since) {
                    return Arrival::Unproven;
                }
                let same_boot = known.as_ref().is_some_and(|known| known.boot == frame.boot);
                let origin = if same_boot { Origin::NewStart } else { Origin::NewBoot };
                Arrival::Fresh { origin, echoed_at }
            }
        }
    }

    /// From now on the process that sent `frame`, judged fresh, is the peer.
    pub fn adopt(&mut self, now: Instant, frame: &Frame) {
        self.retired = self.known.map(|old| Retired { boot: old.boot, start: old.start, at: now });
        let mut window = Window::new();
        window.insert(frame.seq);
        self.heard.begin(now, frame);
        self.known = Some(Known {
            boot: frame.boot,
            start: frame.start,
            since: now,
            window,
            newest: frame.seq,
            heard_at: now,
        });
    }

    /// Forgets who the peer is, so that only a fresh echo can introduce it again.
    pub fn forget(&mut self) {
        self.known = None;
    }
}

impl Retired {
    fn is(&self, frame: &Frame) -> bool {
        (self.boot, self.start) == (frame.boot, frame.start)
    }
}

const _: () = assert!(LINKS_MAX <= 8, "links are counted in the bits of a byte");

/// A set of links, bit 0 for link 0.
pub type LinkBits = u8;

/// The bit of `link`.
pub fn link_bit(link: LinkId) -> LinkBits {
    1_u8.rotate_left(u32::from(link.get()))
}

#[cfg(test)]
mod tests;

//! Loss and last-heard of each link from one peer.

use super::window::Window;
use super::{LinkBits, link_bit};
use crate::ids::{LINKS_MAX, LinkId};
use crate::time::{Duration, Instant};
use crate::wire::Frame;

/// How many frames one loss figure looks back: six seconds at 50 ms, so that it follows the link.
const LOOKBACK: u16 = 128;

/// What was heard over one link from the proven process of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkStats {
    window: Window,
    received: u16,
    /// When a frame of then last came this way; a recording does not count.
    pub heard_at: Option<Instant>,
    /// Loss among the last hundred frames or so that came over any link, in thousandths.
    pub loss_permille: u16,
}

/// All links from one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Links {
    newest: u32,
    expected: u16,
    each: [LinkStats; LINKS_MAX],
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { newest: 0, expected: 0, each: [LinkStats::new(); LINKS_MAX] }
    }

    /// The statistics of `link`.
    pub fn of(&self, link: LinkId) -> LinkStats {
        self.each.get(usize::from(link.get())).copied().unwrap_or(LinkStats::new())
    }

    /// The links on which a frame came within `span` before `now`.
    pub fn heard_within(&self, now: Instant, span: Duration) -> LinkBits {
        let lately = |link: &LinkId| {
            self.of(*link).heard_at.is_some_and(|heard_at| now.since(heard_at) <= span)
        };
        (0..=u8::MAX)
            .map_while(LinkId::new)
            .filter(lately)
            .fold(0, |bits, link| bits | link_bit(link))
    }

    /// Notes a frame of the known process. `proven`: it is of now.
    pub(super) fn count(&mut self, now: Instant, frame: &Frame, proven: bool) {
        self.expect(frame.seq.0);
        if let Some(stats) = self.each.get_mut(usize::from(frame.link.get())) {
            stats.count(now, frame, proven);
        }
    }

    /// The first frame of a process just adopted: every link counts from it.
    pub(super) fn begin(&mut self, now: Instant, frame: &Frame) {
        (self.newest, self.expected) = (frame.seq.0.saturating_sub(1), 0);
        for stats in &mut self.each {
            (stats.window, stats.received) = (Window::new(), 0);
        }
        self.count(now, frame, true);
    }

    /// A number newer than any, over any link, is a frame that every link should bring. The figures
    /// of a full lookback are made before it is counted: its copies have yet to come.
    fn expect(&mut self, seq: u32) {
        let Some(step) = seq.checked_sub(self.newest).filter(|step| *step > 0) else { return };
        if self.expected >= LOOKBACK {
            self.each.iter_mut().for_each(|stats| stats.reckon(self.expected));
            self.expected = 0;
        }
        self.expected = self.expected.saturating_add(u16::try_from(step).unwrap_or(u16::MAX));
        self.newest = seq;
    }
}

impl LinkStats {
    const fn new() -> Self {
        Self { window: Window::new(), received: 0, heard_at: None, loss_permille: 0 }
    }

    /// A second copy over the same link is the network's, or a recording: it says nothing.
    fn count(&mut self, now: Instant, frame: &Frame, proven: bool) {
        if !self.window.insert(frame.seq) {
            return;
        }
        self.received = self.received.saturating_add(1);
        if proven {
            self.heard_at = Some(now);
        }
    }

    fn reckon(&mut self, expected: u16) {
        let lost = u32::from(expected.saturating_sub(self.received));
        let permille = lost.saturating_mul(1_000).checked_div(u32::from(expected));
        self.loss_permille = permille.and_then(|p| u16::try_from(p).ok()).unwrap_or(1_000);
        self.received = 0;
    }
}

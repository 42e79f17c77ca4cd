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
    newest: u32,
    expected: u16,
    received: u16,
    /// When a frame last came this way.
    pub heard_at: Option<Instant>,
    /// Loss over the last hundred frames or so, in thousandths.
    pub loss_permille: u16,
}

/// All links from one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Links([LinkStats; LINKS_MAX]);

impl Links {
    pub(super) const fn new() -> Self {
        Self([LinkStats::new(); LINKS_MAX])
    }

    /// The statistics of `link`.
    pub fn of(&self, link: LinkId) -> LinkStats {
        self.0.get(usize::from(link.get())).copied().unwrap_or(LinkStats::new())
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

    /// Notes a frame of the known process; whether it is its first copy over any link.
    pub(super) fn count(&mut self, now: Instant, frame: &Frame, window: &mut Window) -> bool {
        let first = window.insert(frame.seq);
        if let Some(stats) = self.0.get_mut(usize::from(frame.link.get())) {
            stats.count(now, frame.seq.0);
        }
        first
    }

    /// The first frame of a process just adopted: every link counts from it.
    pub(super) fn begin(&mut self, now: Instant, frame: &Frame) {
        for stats in &mut self.0 {
            *stats = LinkStats { newest: frame.seq.0, ..*stats };
        }
        if let Some(stats) = self.0.get_mut(usize::from(frame.link.get())) {
            stats.heard_at = Some(now);
        }
    }
}

impl LinkStats {
    const fn new() -> Self {
        Self { newest: 0, expected: 0, received: 0, heard_at: None, loss_permille: 0 }
    }

    fn count(&mut self, now: Instant, seq: u32) {
        self.heard_at = Some(now);
        self.received = self.received.saturating_add(1);
        if let Some(step) = seq.checked_sub(self.newest).filter(|step| *step > 0) {
            self.expected = self.expected.saturating_add(u16::try_from(step).unwrap_or(u16::MAX));
            self.newest = seq;
        }
        if self.expected >= LOOKBACK {
            let lost = self.expected.saturating_sub(self.received);
            let permille =
                u32::from(lost).saturating_mul(1_000).checked_div(u32::from(self.expected));
            self.loss_permille = permille.and_then(|p| u16::try_from(p).ok()).unwrap_or(1_000);
            (self.expected, self.received) = (0, 0);
        }
    }
}

//! Minutes of meetings between two processes, and of what came between them.

use super::*;
use crate::ids::{NodeId, Peer};
use crate::wire::Body;

/// Oldest echo that counts in these stories.
const ECHO_MAX: Duration = ms(300);

/// One process and what it knows of the other.
#[derive(Clone, Copy, Debug)]
struct Process {
    boot: BootId,
    start: Start,
    other: PeerState,
}

impl Process {
    const fn new(boot: u64, start: u32) -> Self {
        Self { boot: BootId(boot), start: Start::new(start), other: PeerState::new() }
    }

    /// A frame sent `now`, as it arrives over link 0.
    fn says(&mut self, now: Instant) -> Frame {
        let echo = self.other.echo();
        self.says_with(now, echo)
    }

    /// The answer to `frame`.
    fn answers(&mut self, now: Instant, frame: &Frame) -> Frame {
        self.says_with(now, Some(frame.as_echo()))
    }

    fn says_with(&mut self, now: Instant, echo: Option<Echo>) -> Frame {
        let (boot, start, seq) = (self.boot, self.start, self.other.next_seq(now));
        let src = Peer::member(NodeId::new(1).unwrap());
        Frame { src, link: link(0), boot, start, seq, echo, body: Body::Hello }
    }

    /// Judges a frame, and adopts a process that is new and proven.
    fn hears(&mut self, now: Instant, frame: &Frame) -> Arrival {
        let arrival = self.other.receive(now, self.start, frame, ECHO_MAX);
        if let Arrival::Fresh { origin: Origin::NewStart | Origin::NewBoot, .. } = arrival {
            self.other.adopt(now, frame);
        }
        arrival
    }

    fn hears_over(&mut self, now: Instant, on: u8, frame: &Frame) -> Arrival {
        self.hears(now, &Frame { link: link(on), ..*frame })
    }

    /// Both processes prove themselves to each other within the millisecond `now`.
    fn meets(&mut self, now: Instant, other: &mut Self) {
        let first = self.says(now);
        other.hears(now, &first);
        let answer = other.answers(now, &first);
        self.hears(now, &answer);
        let second = self.answers(now, &answer);
        other.hears(now, &second);
        assert_eq!(self.other.boot(), Some(other.boot));
        assert_eq!(other.other.boot(), Some(self.boot));
    }

    fn loss_permille(&self, on: u8) -> u16 {
        self.other.links().of(link(on)).loss_permille
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn link(id: u8) -> LinkId {
    LinkId::new(id).unwrap()
}

fn fresh(origin: Origin, sent: u64) -> Arrival {
    Arrival::Fresh { origin, echoed_at: at(sent) }
}

/// An agent and a fencer that have met at 10 ms.
fn acquainted() -> (Process, Process) {
    let (mut agent, mut fencer) = (Process::new(1, 11), Process::new(2, 22));
    agent.meets(at(10), &mut fencer);
    (agent, fencer)
}

#[test]
fn two_strangers_prove_themselves_to_each_other_in_three_frames() {
    let (mut agent, mut fencer) = (Process::new(1, 11), Process::new(2, 22));
    let first = agent.says(at(10));
    assert_eq!(first.echo, None);
    assert_eq!(fencer.hears(at(11), &first), Arrival::Unproven);
    assert_eq!(fencer.other.boot(), None, "nothing is known of it yet");
    let answer = fencer.answers(at(11), &first);
    assert_eq!(agent.hears(at(12), &answer), fresh(Origin::NewBoot, 10));
    let second = agent.says(at(13));
    assert_eq!(second.echo, Some(answer.as_echo()), "the next frame echoes what was heard");
    assert_eq!(fencer.hears(at(14), &second), fresh(Origin::NewBoot, 11));
    let third = fencer.says(at(15));
    assert_eq!(agent.hears(at(16), &third), fresh(Origin::Same, 13));
    assert_eq!(fencer.other.boot(), Some(BootId(1)));
    assert_eq!(fencer.other.heard_at(), Some(at(14)));
    assert_eq!(fencer.other.sent_at(answer.seq), Some(at(11)));
}

#[test]
fn a_recording_of_a_former_life_never_revives_it() {
    let (mut old_life, mut fencer) = acquainted();
    let recording = old_life.says(at(20));
    let mut new_life = Process::new(101, 111);
    new_life.meets(at(5_000), &mut fencer);
    assert_eq!(fencer.hears(at(5_010), &recording), Arrival::Unproven);
    let mut restarted = Process::new(2, 23);
    assert_eq!(restarted.hears(at(5_020), &recording), Arrival::Unproven, "nor to a new start");
    assert_eq!(fencer.other.boot(), Some(BootId(101)));
    assert_eq!(fencer.other.heard_at(), Some(at(5_000)));
}

#[test]
fn a_frame_held_back_for_longer_than_an_echo_counts_proves_nothing() {
    let (mut agent, mut fencer) = acquainted();
    let in_time = agent.says(at(20));
    let too_late = agent.says(at(30));
    assert_eq!(fencer.hears(at(310), &in_time), fresh(Origin::Same, 10), "300 ms after its echo");
    assert_eq!(fencer.hears(at(311), &too_late), Arrival::Unproven, "301 ms");
    assert_eq!(fencer.other.heard_at(), Some(at(310)));
    assert_eq!(fencer.other.links().of(link(0)).heard_at, Some(at(310)));
    assert_eq!(fencer.hears(at(312), &too_late), Arrival::Copy);
    assert_eq!(fencer.other.echo().map(|echo| echo.seq), Some(in_time.seq), "nor is it echoed");
}

#[test]
fn the_copy_over_the_second_link_is_a_copy_and_shows_that_the_link_works() {
    let (mut agent, mut fencer) = acquainted();
    let frame = agent.says(at(20));
    assert_eq!(fencer.hears_over(at(21), 1, &frame), fresh(Origin::Same, 10));
    assert_eq!(fencer.hears_over(at(22), 0, &frame), Arrival::Copy);
    assert_eq!(fencer.hears_over(at(23), 0, &frame), Arrival::Copy);
    assert_eq!(fencer.other.heard_at(), Some(at(21)));
    assert_eq!(fencer.other.links().heard_within(at(23), ms(2)), link_bit(link(0)) | 2);
    assert_eq!(fencer.other.links().heard_within(at(24), ms(2)), 1, "link 1 was heard 3 ms ago");
}

#[test]
fn a_recording_played_over_a_dead_link_does_not_show_it_alive() {
    let (mut agent, mut fencer) = acquainted();
    let recorded = agent.says(at(20));
    fencer.hears_over(at(20), 1, &recorded);
    for now in [400, 450, 500] {
        agent.meets(at(now), &mut fencer);
        fencer.hears_over(at(now), 1, &recorded);
        fencer.hears_over(at(now), 2, &recorded);
    }
    let links = fencer.other.links();
    assert_eq!(links.of(link(1)).heard_at, Some(at(20)));
    assert_eq!(links.of(link(2)).heard_at, None, "its echo was too old when it came");
    assert_eq!(links.heard_within(at(500), ms(300)), 1);
}

#[test]
fn two_machines_that_both_claim_to_be_this_peer_are_found_out() {
    let (mut one, mut fencer) = acquainted();
    let straggler = one.says(at(20));
    let mut other = Process::new(99, 77);
    other.meets(at(30), &mut fencer);
    assert_eq!(fencer.hears(at(31), &straggler), Arrival::Copy, "sent before the other came");
    let beat = fencer.says(at(40));
    let contradiction = one.answers(at(41), &beat);
    assert_eq!(fencer.hears(at(42), &contradiction), Arrival::Twin);
    assert_eq!(fencer.other.boot(), Some(BootId(99)), "and nobody is moved");
}

#[test]
fn an_agent_restarted_within_its_life_is_a_new_start() {
    let (agent, mut fencer) = acquainted();
    let mut restarted = Process::new(agent.boot.0, 12);
    let first = restarted.says(at(100));
    assert_eq!(fencer.hears(at(101), &first), Arrival::Unproven);
    let answer = fencer.answers(at(102), &first);
    restarted.hears(at(103), &answer);
    let second = restarted.says(at(104));
    assert_eq!(fencer.hears(at(105), &second), fresh(Origin::NewStart, 102));
    assert_eq!(fencer.other.boot(), Some(agent.boot));
    assert_eq!(fencer.hears(at(106), &second), Arrival::Copy);
}

#[test]
fn a_straggler_of_the_start_before_last_never_comes_back() {
    let (mut first, mut fencer) = acquainted();
    let straggler = first.says(at(20));
    Process::new(1, 12).meets(at(50), &mut fencer);
    let mut third = Process::new(1, 13);
    third.meets(at(100), &mut fencer);
    assert_eq!(fencer.hears(at(110), &straggler), Arrival::Unproven);
    let beat = third.says(at(120));
    assert_eq!(fencer.hears(at(120), &beat), fresh(Origin::Same, 100));
}

#[test]
fn a_restarted_fencer_believes_nobody_before_its_own_frames_are_echoed() {
    let (mut agent, fencer) = acquainted();
    let mut restarted = Process::new(fencer.boot.0, 23);
    let of_the_same_number = restarted.says(at(49));
    let beat = agent.says(at(50));
    assert_eq!(beat.echo.map(|echo| echo.seq), Some(of_the_same_number.seq));
    assert_eq!(restarted.hears(at(51), &beat), Arrival::Unproven, "it echoes the former start");
    let answer = restarted.answers(at(51), &beat);
    assert_eq!(agent.hears(at(52), &answer), fresh(Origin::NewStart, 50));
    let next = agent.says(at(53));
    assert_eq!(restarted.hears(at(54), &next), fresh(Origin::NewBoot, 51));
}

#[test]
fn a_peer_that_hears_us_no_more_is_not_believed_although_it_is_heard() {
    let (mut agent, mut fencer) = acquainted();
    for now in (60..=310).step_by(50) {
        let beat = agent.says(at(now));
        fencer.says(at(now));
        assert_eq!(fencer.hears(at(now), &beat), fresh(Origin::Same, 10));
    }
    let beat = agent.says(at(360));
    assert_eq!(fencer.hears(at(360), &beat), Arrival::Unproven);
    assert_eq!(fencer.other.heard_at(), Some(at(310)));
    let answer = fencer.answers(at(360), &beat);
    agent.hears(at(361), &answer);
    let healed = agent.says(at(362));
    assert_eq!(fencer.hears(at(363), &healed), fresh(Origin::Same, 360), "the way back heals");
}

#[test]
fn each_link_has_its_own_loss_and_a_dead_one_loses_everything() {
    let (mut agent, mut fencer) = acquainted();
    for beat in 1..=300_u64 {
        let now = at(beat.saturating_mul(50));
        let said = fencer.says(now);
        agent.hears(now, &said);
        let frame = agent.says(now);
        fencer.hears_over(now, 0, &frame);
        if beat.is_multiple_of(2) {
            fencer.hears_over(now, 1, &frame);
            fencer.hears_over(now, 1, &frame);
        }
    }
    assert_eq!([0, 1, 2].map(|on| fencer.loss_permille(on)), [0, 500, 1_000]);
}

#[test]
fn a_link_that_is_a_little_slower_loses_nothing() {
    let (mut agent, mut fencer) = acquainted();
    for beat in 1..=300_u64 {
        let now = at(beat.saturating_mul(50));
        let said = fencer.says(now);
        agent.hears(now, &said);
        let frame = agent.says(now);
        for on in [beat.is_multiple_of(3), !beat.is_multiple_of(3)].map(u8::from) {
            fencer.hears_over(now, on, &frame);
        }
    }
    assert_eq!([0, 1].map(|on| fencer.loss_permille(on)), [0, 0]);
}

#[test]
fn the_window_tells_the_last_sixty_four_numbers_apart_and_no_more() {
    let mut window = Window::new();
    assert!(window.insert(Seq(100)));
    assert!(window.insert(Seq(37)), "63 behind");
    assert!(!window.insert(Seq(36)), "64 behind");
    assert!(!window.insert(Seq(37)));
    assert!(!window.insert(Seq(100)));
    assert!(window.insert(Seq(163)), "63 ahead: 100 is the last remembered");
    assert!(!window.insert(Seq(100)));
    assert!(window.insert(Seq(101)));
    assert!(window.insert(Seq(227)), "64 ahead: nothing is remembered");
    assert!(!window.insert(Seq(163)));
    assert!(window.insert(Seq(164)));
    assert!(window.insert(Seq(u32::MAX)), "the last number of a start");
    assert!(!window.insert(Seq(u32::MAX)));
    assert!(!window.insert(Seq(1)), "nothing comes after it");
}

#[test]
fn frames_that_overtook_each_other_are_each_fresh_once() {
    let (mut agent, mut fencer) = acquainted();
    let (first, second) = (agent.says(at(20)), agent.says(at(21)));
    assert_eq!(fencer.hears(at(22), &second), fresh(Origin::Same, 10));
    assert_eq!(fencer.hears(at(23), &first), fresh(Origin::Same, 10));
    assert_eq!(fencer.other.echo().map(|echo| echo.seq), Some(second.seq), "the newest is echoed");
    assert_eq!(fencer.hears(at(24), &first), Arrival::Copy);
}

#[test]
fn an_echo_of_a_number_not_sent_yet_or_long_ago_proves_nothing() {
    let (mut agent, mut fencer) = acquainted();
    let newest = fencer.says(at(20)).seq.0;
    for (echoed, counts) in [(newest, true), (newest.saturating_add(1), false), (0, false)] {
        let echo = Echo { start: fencer.start, seq: Seq(echoed) };
        let claim = agent.says_with(at(30), Some(echo));
        let arrival = fencer.hears(at(30), &claim);
        assert_eq!(matches!(arrival, Arrival::Fresh { .. }), counts, "echo of {echoed}");
    }
    for _ in 0..sent::REMEMBERED {
        fencer.says(at(40));
    }
    let echo = Echo { start: fencer.start, seq: Seq(newest) };
    let claim = agent.says_with(at(50), Some(echo));
    assert_eq!(fencer.hears(at(50), &claim), Arrival::Unproven, "64 frames ago");
}

#[test]
fn a_flood_of_recordings_is_answered_a_few_times_a_beat() {
    let mut peer = PeerState::new();
    for _ in 0..HELLOS_PER_BEAT {
        assert!(peer.may_hello());
    }
    assert!(!peer.may_hello());
    assert!(!peer.may_hello());
    peer.beat();
    assert!(peer.may_hello());
}

#[test]
fn whoever_is_forgotten_must_prove_itself_anew() {
    let (mut agent, mut fencer) = acquainted();
    fencer.other.forget();
    assert_eq!((fencer.other.boot(), fencer.other.echo()), (None, None));
    fencer.says(at(400));
    let stale = agent.says(at(400));
    assert_eq!(fencer.hears(at(401), &stale), Arrival::Unproven);
    agent.meets(at(402), &mut fencer);
}

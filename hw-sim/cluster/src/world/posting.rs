//! From a core's frame to the peer's core: seal, carry, open. An adversary listens and plays back.

use palisade_agent_core::Input as AgentInput;
use palisade_fencer_core::Input as FencerInput;
use palisade_protocol::ids::{NodeId, Peer, Role};
use palisade_protocol::time::Duration;
use palisade_protocol::wire::{Body, Frame, PRELUDE_LEN, Post, Prelude, VERSION};

use super::World;
use super::network::Passage;
use super::queue::Happening;

/// What the adversary keeps at most.
const RECORDED_MAX: usize = 512;

/// How many in a thousand datagrams it keeps.
const RECORDED_PERMILLE: u64 = 60;

/// Played back datagrams within seven suspicions.
const REPLAYS: u32 = 300;

impl World {
    /// Whether the adversary listens.
    pub const fn record(&mut self, records: bool) {
        self.records = records;
    }

    /// The adversary plays back `count` of what it has recorded in whatever life.
    pub fn replay(&mut self, count: u32) {
        self.after(self.replay_every(), Happening::Replay { left: count });
    }

    pub(super) fn replay_one(&mut self, left: u32) {
        let count = u64::try_from(self.recorded.len()).unwrap_or(0);
        let place = usize::try_from(self.chance.below(count)).unwrap_or(0);
        if let Some(letter) = self.recorded.get(place).cloned() {
            let number = self.mail.post(letter);
            self.mail.letter_mut(number).replayed = true;
            self.after(self.shape.flight, Happening::Arrive { letter: number });
        }
        if left > 0 {
            self.after(self.replay_every(), Happening::Replay { left: left - 1 });
        }
    }

    fn replay_every(&self) -> Duration {
        self.timing.raw().suspect_after * 7 / REPLAYS
    }

    pub(super) fn post_all(&mut self, from: Peer, posts: &[Post]) {
        for post in posts {
            if let Body::Grant(_) = post.body {
                self.promised(from.node, post);
            }
            for link in self.shape.link_ids() {
                if let Some(passage) = self.network.carries(from.node, post.dst.node, link) {
                    self.send(from, post, link, passage);
                }
            }
        }
    }

    pub(super) fn arrive(&mut self, number: u32) {
        let Self { mail, machines, now, trace, .. } = self;
        let letter = mail.letter(number);
        *trace ^= letter.print();
        let to = letter.to;
        let Some(machine) = machines.get_mut(usize::from(to.node.get()) - 1) else { return };
        let still = machine.is_still();
        let (frozen, postbox) = match to.role {
            Role::Member => (machine.agent.frozen, machine.agent.postbox.as_mut()),
            Role::Voter => (machine.fencer.frozen, machine.fencer.postbox.as_mut()),
        };
        if still || frozen {
            return self.keep(to, number);
        }
        let reads_next = machine.speaks_next;
        let mut opened = postbox.and_then(|postbox| postbox.open(letter.link, letter.bytes()).ok());
        if let Some(frame) = opened.as_mut().filter(|_| reads_next) {
            read_as_next(frame, letter.bytes());
        }
        let old = self.timing.raw().suspect_after * 2;
        let stale = letter.replayed
            && now.since(letter.sent_at) > old
            && machine.resumed_at < letter.sent_at;
        let corrupt = letter.corrupt;
        mail.done(number);
        if corrupt {
            let so = opened.map(|_| "a corrupt datagram is believed");
            return self.judge.stale(self.now, to.node, so);
        }
        let Some(frame) = opened else { return };
        if stale {
            self.tell_only_time(to);
        }
        self.is_stale = stale;
        match to.role {
            Role::Member => {
                self.tell_agent(to.node, AgentInput::Heard(frame));
                self.attend_dog(to.node);
            }
            Role::Voter => self.tell_fencer(to.node, FencerInput::Heard(frame)),
        }
        self.is_stale = false;
    }

    /// What was due anyway is done first, so that nothing but the datagram causes what follows.
    fn tell_only_time(&mut self, to: Peer) {
        for _ in 0..2 {
            match to.role {
                Role::Member => {
                    self.tell_agent(to.node, AgentInput::Tick);
                    self.attend_dog(to.node);
                }
                Role::Voter => self.tell_fencer(to.node, FencerInput::Tick),
            }
        }
    }

    fn keep(&mut self, to: Peer, number: u32) {
        let machine = self.machine(to.node);
        let kept = match to.role {
            Role::Member => machine.agent.keep(number),
            Role::Voter => machine.fencer.keep(number),
        };
        if !kept {
            self.mail.done(number);
        }
    }

    pub(super) fn unread(&mut self, letters: Vec<u32>) {
        letters.into_iter().for_each(|letter| self.mail.done(letter));
    }

    fn send(
        &mut self,
        from: Peer,
        post: &Post,
        link: palisade_protocol::ids::LinkId,
        passage: Passage,
    ) {
        let Self { mail, machines, now, .. } = self;
        let Some(machine) = machines.get(usize::from(from.node.get()) - 1) else { return };
        let postbox = match from.role {
            Role::Member => machine.agent.postbox.as_ref(),
            Role::Voter => machine.fencer.postbox.as_ref(),
        };
        let Some(postbox) = postbox else { return };
        let (number, letter) = mail.blank(post.dst, link, *now);
        letter.len = u16::try_from(postbox.seal(post, link, &mut letter.bytes)).unwrap_or(0);
        if self.records && self.chance.hits(RECORDED_PERMILLE) {
            self.listen(number);
        }
        if let Some(after) = passage.double {
            let copy = self.mail.copy(number);
            self.after(after, Happening::Arrive { letter: copy });
        }
        if let Some(bit) = passage.corrupt {
            self.mail.letter_mut(number).turn_bit(bit);
        }
        self.after(passage.flight, Happening::Arrive { letter: number });
    }

    fn listen(&mut self, number: u32) {
        let letter = self.mail.letter(number).clone();
        if self.recorded.len() < RECORDED_MAX {
            self.recorded.push(letter);
            return;
        }
        let place = usize::try_from(self.chance.below(RECORDED_MAX as u64)).unwrap_or(0);
        if let Some(old) = self.recorded.get_mut(place) {
            *old = letter;
        }
    }

    /// A voter promises: until when, in the world's time. What answers an earlier life promises the
    /// running one nothing.
    fn promised(&mut self, voter: NodeId, grant: &Post) {
        let (now, promise) = (self.now, self.timing.raw().promise);
        let member = grant.dst.node;
        if !grant.echo.is_some_and(|echo| self.machine(member).lives_since(echo.start)) {
            return;
        }
        let clock = self.machine(voter).clock;
        let ends = clock.world(clock.local(now) + promise);
        let place = usize::from(voter.get()) - 1;
        let machine = self.machine(member);
        if let Some(end) = machine.promises.get_mut(place) {
            *end = ends.max(*end);
        }
        if let Some(boot) = machine.running_boot() {
            self.machine(voter).disk.pardon(member, boot);
        }
    }
}

/// Reads the body of a frame of the next version as that version does: as this one's, by another
/// number.
fn read_as_next(frame: &mut Frame, bytes: &[u8]) {
    let (head, rest) = bytes.split_at_checked(PRELUDE_LEN).unwrap_or_default();
    let prelude = Prelude::from_bytes(head).filter(|prelude| prelude.version == VERSION + 1);
    let body = prelude.and_then(|prelude| {
        Body::decode(VERSION, prelude.kind, rest.get(..usize::from(prelude.body_len))?)
    });
    frame.body = body.unwrap_or(frame.body);
}

//! The loop: wait, hear, tell the core, do what it says, and ask it before each pet.
//!
//! One thread, one loop. It decides nothing, and between two waits it neither forks nor waits nor, on
//! its way to the pet, allocates.

use palisade_agent_core::{AgentCore, Effects, Input, Phase};
use palisade_host::clock;
use palisade_host::control::Server;
use palisade_protocol::ids::LINKS_MAX;
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use crate::control::{self, Request};
use crate::mail::Mail;
use crate::petting::{Petting, Turn};
use crate::probe::Probe;
use crate::status::{About, Parts};
use crate::telling::Telling;
use crate::wake::{Ready, Wake, Word};
use crate::watchdog::DogError;

/// Frames taken from one link before the dog is looked at again: a flood must not starve it.
const FRAMES_AT_ONCE: usize = 64;

/// The place of the control socket among the sources; links come before it.
const CONTROL: usize = LINKS_MAX;
/// The place of the probe.
const PROBE: usize = LINKS_MAX + 1;

/// A running agent.
#[derive(Debug)]
pub(crate) struct Daemon {
    about: About,
    core: AgentCore,
    petting: Petting,
    mail: Mail,
    telling: Telling,
    wake: Wake,
    control: Server,
    probe: Option<Probe>,
    wakeups: u64,
    /// Whether the dog's driver has failed and nobody was told since it worked.
    is_failing: bool,
}

impl Daemon {
    /// An agent of these parts, not running yet.
    #[expect(
        clippy::too_many_arguments,
        reason = "called once, with parts that belong together nowhere else"
    )]
    pub(crate) const fn new(
        about: About,
        core: AgentCore,
        petting: Petting,
        mail: Mail,
        telling: Telling,
        wake: Wake,
        control: Server,
        probe: Option<Probe>,
    ) -> Self {
        let (wakeups, is_failing) = (0, false);
        Self { about, core, petting, mail, telling, wake, control, probe, wakeups, is_failing }
    }

    /// Runs until the node has left.
    pub(crate) fn run(mut self) -> ExitCode {
        log::info!(
            "agent of {} in cluster {}, boot {}",
            self.about.node,
            self.about.cluster,
            self.about.boot
        );
        self.feed(Input::Tick);
        loop {
            self.attend_dog();
            if let Some(end) = self.end() {
                return end;
            }
            let ready = self.wait();
            self.wakeups += 1;
            self.hear(ready);
            self.take_words();
            self.take_probe(ready);
            self.feed(Input::Tick);
            self.serve(ready);
        }
    }

    fn wait(&mut self) -> Ready {
        let mut sources: [Option<BorrowedFd<'_>>; LINKS_MAX + 2] = [None; LINKS_MAX + 2];
        for (place, link) in sources.iter_mut().zip(self.mail.ids()) {
            *place = self.mail.descriptor(*link);
        }
        let others = [Some(self.control.as_fd()), self.probe.as_ref().map(Probe::fd)];
        for (place, other) in sources.iter_mut().skip(CONTROL).zip(others) {
            *place = other;
        }
        let now = clock::now();
        let pet_at = Some(self.petting.due_at()).filter(|at| *at > now);
        let alarm_at = self.core.next_deadline().min(pet_at.unwrap_or(Instant::NEVER));
        self.wake.wait(alarm_at, &sources)
    }

    fn hear(&mut self, ready: Ready) {
        for place in (0..self.mail.ids().len()).filter(|place| ready.has(*place)) {
            for _ in 0..FRAMES_AT_ONCE {
                let link = self.mail.ids().get(place).copied();
                let Some(frame) = link.and_then(|link| self.mail.next(link)) else { break };
                self.feed(Input::Heard(frame));
            }
        }
    }

    fn take_words(&mut self) {
        while let Some(word) = self.wake.next_word() {
            match word {
                Word::Leave => self.feed(Input::Leave),
                Word::Reload => log::warn!(
                    "SIGHUP: nothing of an agent's configuration changes while it runs; \
                     systemctl restart palisade-agent leaves in order and starts anew"
                ),
            }
        }
    }

    fn take_probe(&mut self, ready: Ready) {
        let report = self.probe.as_ref().filter(|_| ready.has(PROBE)).and_then(Probe::take);
        if let Some(report) = report {
            self.feed(Input::Probe(report));
        }
    }

    /// Tells the core one thing, and does what follows.
    fn feed(&mut self, input: Input) {
        let now = clock::now();
        let effects = self.core.handle(now, input);
        self.carry_out(now, &effects);
    }

    /// The end of a life first; then letters, which others wait for; then words.
    fn carry_out(&mut self, now: Instant, effects: &Effects) {
        if effects.fence_self.is_some() {
            self.fire(now);
        }
        effects.posts.iter().for_each(|post| self.mail.send(post));
        if let Some(probe) = self.probe.as_ref().filter(|_| effects.probe)
            && !probe.ask(now)
        {
            log::warn!("the health probe still waits for its last answer");
        }
        effects.news.iter().for_each(|news| self.telling.news(now, news));
        if effects.disarm {
            self.disarm(now);
        }
    }

    fn attend_dog(&mut self) {
        loop {
            let turn = self.petting.attend(&mut self.core);
            let now = clock::now();
            match turn {
                Turn::Rest | Turn::StillRefused => return,
                Turn::Armed(effects) => {
                    self.carry_out(now, &effects);
                    log::info!(
                        "{} armed, {}",
                        self.petting.dog().name(),
                        Span(self.petting.dog().timeout())
                    );
                    self.telling.remember(now, format_args!("petting the watchdog"));
                }
                Turn::Petted(effects) => {
                    self.is_failing = false;
                    return self.carry_out(now, &effects);
                }
                Turn::Refused(refusal) => return self.telling.refused(now, &refusal),
                Turn::Failed(error, effects) => {
                    self.carry_out(now, &effects);
                    return self.dog_failed(now, &error);
                }
            }
        }
    }

    fn dog_failed(&mut self, now: Instant, error: &DogError) {
        if !self.is_failing {
            self.telling.alarm(now, format_args!("watchdog: {error}"));
        }
        self.is_failing = true;
    }

    fn fire(&mut self, now: Instant) {
        match self.petting.fire_soonest() {
            Ok(within) => log::error!("this machine is reset within {}", Span(within)),
            Err(error) => self.telling.alarm(now, format_args!("no way to reset at once: {error}")),
        }
    }

    fn disarm(&mut self, now: Instant) {
        match self.petting.disarm() {
            Ok(()) => log::info!("the watchdog is disarmed"),
            Err(error) => self.telling.alarm(now, format_args!("not disarmed: {error}")),
        }
        self.feed(Input::Disarmed);
    }

    /// Whether there is nothing left to do.
    fn end(&mut self) -> Option<ExitCode> {
        let now = clock::now();
        match self.core.phase() {
            Phase::Left => {
                if self.petting.dog().is_armed() {
                    self.disarm(now);
                }
                (!self.petting.dog().is_armed()).then_some(ExitCode::SUCCESS)
            }
            Phase::Leaving if self.is_nobodys() => {
                log::warn!(
                    "nobody grants this node a lease and its watchdog is not armed: it just ends"
                );
                Some(ExitCode::SUCCESS)
            }
            Phase::Leaving | Phase::Serving | Phase::FencingSelf => None,
        }
    }

    /// Whether no promise to this node is in force, and no watchdog would bite.
    fn is_nobodys(&self) -> bool {
        let ends = self.core.lease_from().map(|from| from + self.about.timing.lease());
        !self.petting.dog().is_armed() && ends.is_none_or(|ends| ends <= clock::now())
    }

    fn serve(&mut self, ready: Ready) {
        if !ready.has(CONTROL) {
            return;
        }
        let mut orders = Vec::new();
        let Self { control: server, about, core, petting, mail, telling, .. } = self;
        let (now, wakeups, has_check) = (clock::now(), self.wakeups, self.probe.is_some());
        let parts = Parts { now, about, core, petting, mail, telling, wakeups };
        server.serve(|request| control::answer(request, &parts, has_check, &mut orders));
        for order in orders {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Request) {
        match order {
            Request::Status => {}
            Request::Arm => self.feed(Input::ArmCheck),
            Request::Disarm => self.feed(Input::DisarmCheck),
            Request::Leave => self.feed(Input::Leave),
        }
    }
}

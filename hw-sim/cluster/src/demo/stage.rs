//! The stage: three machines with their hardware, the links between them and the manager of the
//! service. It carries out acts, keeps machines and hardware consistent, and records.
//!
//! One thread runs it. It decides nothing that a daemon decides: the service moves only when a
//! hook of a fencer says that a proof stands.

use super::event::{Mark, What};
use super::hook::Waiting;
use super::layout::{Files, LINKS};
use super::machine::{Machine, Role};
use super::node::Node;
use super::numbers::BOOT;
use super::rig::{Happening, PowerEvent, Rig};
use super::run::Run;
use super::scenario::{Act, Ending};
use super::switch::{Path, inwards, outwards};
use super::tail::Tails;
use super::truth::Command;
use nix::sys::signal::Signal;
use palisade_host::clock;
use palisade_hw::app::AppState;
use palisade_protocol::time::{Duration, Instant};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};

/// What the audience is shown.
#[derive(Debug)]
pub enum Show {
    /// A line of text.
    Note(String),
    /// An event.
    Mark(Mark),
    /// The end.
    Done(Box<Run>),
}

/// Everything that is simulated, and the record of it.
#[derive(Debug)]
pub struct Stage {
    /// What was said and what was so.
    pub record: Run,
    files: Files,
    rig: Rig,
    machines: Vec<Machine>,
    tails: Tails,
    agenda: Vec<(Instant, Todo)>,
    inbox: Receiver<Happening>,
    audience: Sender<Show>,
    /// Where the service belongs, as the manager knows it.
    owner: Node,
    /// Whether somebody wants the run to end now.
    pub stopped: bool,
}

/// Something that happens later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Todo {
    Boot(Node),
}

/// Longest time between two looks into the journals.
const LOOK: Duration = Duration::from_millis(5);

impl Stage {
    /// A stage on which nothing runs yet.
    pub fn new(
        record: Run,
        files: Files,
        rig: Rig,
        inbox: Receiver<Happening>,
        audience: Sender<Show>,
    ) -> Self {
        let machines = Node::ALL.map(|node| Machine::new(node, files.clone())).into();
        let tails = Tails::of(files.journals());
        let (agenda, owner, stopped) = (Vec::new(), Node::OWNER, false);
        Self { record, files, rig, machines, tails, agenda, inbox, audience, owner, stopped }
    }

    /// Boots every machine now.
    pub fn begin(&mut self) {
        for node in Node::ALL {
            self.boot(node);
        }
    }

    /// Waits a little, then takes note of everything that happened.
    pub fn turn(&mut self) {
        let wait = self.agenda.iter().map(|(at, _)| clock::now().until(*at)).min();
        match self.inbox.recv_timeout(wait.map_or(LOOK, |wait| wait.min(LOOK))) {
            Ok(happening) => self.take(happening),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.stopped = true,
        }
        while let Ok(happening) = self.inbox.try_recv() {
            self.take(happening);
        }
        self.do_what_is_due();
        self.read_journals();
        self.look_for_exits();
    }

    /// Starts the service where it belongs and arms its check there.
    pub fn start_service(&mut self) {
        self.serve_on(self.owner);
    }

    /// Whether the health check of the owner has begun to ask.
    pub fn owner_is_asked(&self) -> bool {
        self.rig.app(self.owner).requests() > 0
    }

    /// Whether the watchdog of a machine runs.
    pub fn is_armed(&self, node: Node) -> bool {
        self.rig.dog(node).left().is_some()
    }

    /// Carries out one act of the script.
    pub fn perform(&mut self, act: Act) {
        let victim = self.record.cast.victim;
        if let Some(words) = act.aftermath() {
            let elapsed = clock::now().since(self.record.origin()).as_millis();
            self.say(format!("{elapsed:>+8} ms  {words}"));
        }
        match act {
            Act::Crash => self.halt(victim, "crash", Cause::Script),
            Act::LoseMains => self.lose_mains(victim),
            Act::MainsBack => self.rig.mains_return(victim),
            Act::LoseAllMains => Node::ALL.into_iter().for_each(|node| self.lose_mains(node)),
            Act::AllMainsBack => Node::ALL.into_iter().for_each(|node| self.rig.mains_return(node)),
            Act::StopAgent => self.machine(victim).signal(Role::Agent, Signal::SIGSTOP),
            Act::HoldPowerButton => self.rig.slow_power(victim),
            Act::ServiceFails => self.rig.app(victim).force(AppState::Error),
            Act::ServiceFreezes => self.rig.app(victim).force(AppState::Silent),
            Act::ServiceThaws => self.rig.app(victim).force(AppState::Running),
            Act::Isolate => self.rig.switch().cut(outwards(victim).chain(inwards(victim))),
            Act::Mute => self.rig.switch().cut(outwards(victim)),
            Act::CutLink => self.cut_link(victim, self.record.cast.link),
            Act::Heal => self.rig.switch().heal(),
            Act::KillFencer => self.machine(victim).kill(Role::Fencer),
            Act::StartFencer => self.start(victim, Role::Fencer),
            Act::UpgradeFencer(places) => self.upgrade(places, Role::Fencer),
            Act::UpgradeAgent(places) => self.upgrade(places, Role::Agent),
            Act::Replay => self.record.replayed = self.rig.switch().replay(victim),
        }
    }

    /// Records and shows an event of the simulator.
    pub fn mark(&mut self, node: Node, what: What, detail: impl Into<String>) {
        self.note(Mark::seen(clock::now(), node, what, detail));
    }

    /// Shows a line of text.
    pub fn say(&self, text: impl Into<String>) {
        self.show(Show::Note(text.into()));
    }

    /// An audience that has left is no reason to stop.
    pub fn show(&self, show: Show) {
        self.audience.send(show).unwrap_or_default();
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Power(node, event) => self.power(node, event),
            Happening::Bite(node) => self.bitten(node),
            Happening::Hook(waiting) => self.hooked(waiting),
            Happening::Stop => self.stopped = true,
        }
    }

    fn power(&mut self, node: Node, event: PowerEvent) {
        match event {
            PowerEvent::Ordered(order) => {
                let at = clock::now();
                self.record.truth.commands.push(Command { at, node, order });
            }
            PowerEvent::Off => self.halt(node, "power off", Cause::Hardware),
            PowerEvent::Reset => {
                self.halt(node, "reset", Cause::Hardware);
                self.boot_later(node);
            }
            PowerEvent::On => self.boot_later(node),
        }
    }

    fn bitten(&mut self, node: Node) {
        self.record.truth.bites.push((node, clock::now()));
        self.halt(node, "watchdog", Cause::Hardware);
        self.mark(node, What::SelfReset, "its watchdog bit");
        self.rig.reset_by_dog(node);
    }

    /// The manager: a proof against the owner moves the service to the machine whose hook says so.
    fn hooked(&mut self, waiting: Waiting) {
        let (node, target) = (&waiting.call.node, &waiting.call.target);
        let is_ours = Node::from_name(target) == Some(self.owner);
        if !is_ours || *node != Node::STANDBY.name() {
            waiting.answer("nothing to start here");
            return;
        }
        let text = format!("service started; {target} fenced by {}", waiting.call.proof);
        self.owner = Node::STANDBY;
        self.serve_on(Node::STANDBY);
        self.mark(Node::STANDBY, What::Promoted, &text);
        waiting.answer(&text);
    }

    fn serve_on(&mut self, node: Node) {
        self.rig.app(node).force(AppState::Running);
        self.record.truth.services.begin(node, clock::now());
        super::control::arm(self.files.file(node, "agent.sock"));
    }

    /// The machine can no longer act, from now on.
    fn halt(&mut self, node: Node, why: &'static str, cause: Cause) {
        self.machine(node).kill_all();
        let at = clock::now();
        if cause == Cause::Script && self.record.truth.lives.lasts(node) {
            self.record.truth.scripted_ends.push((node, at));
        }
        self.record.truth.end_life(node, at, why);
        self.rig.app(node).crash();
        self.agenda.retain(|(_, todo)| *todo != Todo::Boot(node));
        if cause == Cause::Hardware {
            self.rig.dog(node).machine_off();
        }
    }

    fn lose_mains(&mut self, node: Node) {
        self.halt(node, "mains lost", Cause::Script);
        self.rig.dog(node).machine_off();
        self.rig.mains_fail(node);
    }

    fn cut_link(&self, node: Node, link: usize) {
        assert!(link < LINKS.len(), "the cast names one of our links");
        let cut = outwards(node).chain(inwards(node)).filter(|path: &Path| path.link == link);
        self.rig.switch().cut(cut);
    }

    /// A daemon is stopped cleanly and started again when it has gone. The owner's agent does not
    /// leave while its service runs: it is killed, and the watchdog gives the next one its time.
    fn upgrade(&mut self, places: u8, role: Role) {
        let first = self.record.cast.victim.index();
        let place = first.saturating_add(usize::from(places)) % Node::ALL.len();
        let Some(node) = Node::ALL.get(place).copied() else { return };
        let elapsed = clock::now().since(self.record.origin()).as_millis();
        self.say(format!("{elapsed:>+8} ms  {node}'s {} is restarted", role.name()));
        if role == Role::Agent && node == self.owner {
            self.machine(node).kill(role);
            self.start(node, role);
        } else {
            self.machine(node).restart(role);
        }
    }

    fn boot_later(&mut self, node: Node) {
        self.agenda.retain(|(_, todo)| *todo != Todo::Boot(node));
        self.agenda.push((clock::now() + BOOT, Todo::Boot(node)));
    }

    fn do_what_is_due(&mut self) {
        let now = clock::now();
        let (due, later) = self.agenda.drain(..).partition(|(at, _)| *at <= now);
        self.agenda = later;
        let due: Vec<(Instant, Todo)> = due;
        for (_, todo) in due {
            match todo {
                Todo::Boot(node) => self.boot(node),
            }
        }
    }

    fn boot(&mut self, node: Node) {
        self.rig.new_boot(node);
        self.record.truth.lives.begin(node, clock::now());
        for role in Role::ALL {
            self.start(node, role);
        }
    }

    fn start(&mut self, node: Node, role: Role) {
        if let Err(error) = self.machine(node).start(role) {
            self.mark(node, What::Alarm, format!("{} did not start: {error}", role.name()));
        }
    }

    fn read_journals(&mut self) {
        for mark in self.tails.fresh() {
            self.note(mark);
        }
        self.serve_again();
    }

    /// After a cold start the manager starts the service where it was, once that node is a member.
    fn serve_again(&mut self) {
        let truth = &self.record.truth;
        let owner = self.owner;
        let cold =
            self.record.scenario.ending == Ending::ColdStart && self.record.fault_at.is_some();
        let nowhere = !Node::ALL.into_iter().any(|node| truth.services.lasts(node));
        let back = self.record.back_at(owner).is_some();
        if cold && nowhere && back {
            self.serve_on(owner);
        }
    }

    fn look_for_exits(&mut self) {
        for node in Node::ALL {
            for exit in self.machine(node).reap() {
                if exit.expected {
                    self.start(node, exit.role);
                } else {
                    let text = format!("{} ended: {}", exit.role.name(), exit.how);
                    self.mark(node, What::Alarm, text);
                }
            }
        }
    }

    fn note(&mut self, mark: Mark) {
        self.show(Show::Mark(mark.clone()));
        let place = self.record.marks.partition_point(|other| other.at <= mark.at);
        self.record.marks.insert(place, mark);
    }

    fn machine(&mut self, node: Node) -> &mut Machine {
        let index = node.index();
        assert!(index < self.machines.len(), "every node has a machine");
        &mut self.machines[index]
    }
}

/// Who ended a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The script: no fencing, and the watchdog goes on.
    Script,
    /// Power or watchdog.
    Hardware,
}

//! The simulated hardware of the demo: a BMC, a watchdog and a `/status` service for each machine,
//! and the switch between them. Everything that happens to it goes to one inbox.
//!
//! Wires parts together; carries out nothing by itself.

use super::config_text::BMC_USER;
use super::hook::Waiting;
use super::layout::{Block, Files};
use super::node::Node;
use super::numbers::{OFF_LATENCY, ON_LATENCY, SLOW_OFF, WATCHDOG};
use super::priority::like_hardware;
use super::switch::Switch;
use super::truth::Order;
use palisade_host::clock;
use palisade_hw::app::{App, AppState};
use palisade_hw::bmc::{Bmc, Event, Privilege, Secret, Settings, User};
use palisade_hw::dog::Breed;
use palisade_hw::face::dog::{self, DogFace};
use palisade_hw::face::http::HttpFace;
use palisade_hw::face::rmcp::{RackEvent, RmcpFace};
use palisade_hw::fault::Kind;
use palisade_hw::power::{What, Wiring};
use palisade_ipmi::chassis::{ControlAction, RestorePolicy, StartReason};
use std::io;
use std::sync::mpsc::Sender;

/// What the stage must hear of at once.
#[derive(Debug)]
pub enum Happening {
    /// The power of a machine.
    Power(Node, PowerEvent),
    /// The watchdog of a machine bit.
    Bite(Node),
    /// A fencer ran its hook.
    Hook(Waiting),
    /// Somebody wants the run to end.
    Stop,
}

/// What can happen to a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerEvent {
    /// Its BMC was given an order, in a valid session.
    Ordered(Order),
    /// It has no power.
    Off,
    /// It has power and starts.
    On,
    /// It starts anew.
    Reset,
}

/// The hardware of all machines.
#[derive(Debug)]
pub struct Rig {
    rack: RmcpFace,
    dogs: Vec<DogFace>,
    apps: Vec<HttpFace>,
    switch: Switch,
    block: Block,
}

impl Rig {
    /// Powers everything; the watchdogs sleep, the services are not started.
    ///
    /// Errs when an address or a socket cannot be had; the error names it.
    pub fn start(
        block: Block,
        files: &Files,
        password: &str,
        inbox: &Sender<Happening>,
    ) -> io::Result<Self> {
        let dogs = Node::ALL.map(|node| dog(files, node, inbox.clone()));
        let apps =
            Node::ALL.map(|node| HttpFace::start(block.status(node), App::new(AppState::Refused)));
        Ok(Self {
            rack: rack(&block, password, inbox.clone())?,
            dogs: dogs.into_iter().collect::<io::Result<_>>()?,
            apps: apps.into_iter().collect::<io::Result<_>>()?,
            switch: Switch::start(&block)?,
            block,
        })
    }

    /// The watchdog of a machine.
    pub fn dog(&self, node: Node) -> &DogFace {
        assert!(node.index() < self.dogs.len(), "every node has a watchdog");
        &self.dogs[node.index()]
    }

    /// The service of a machine.
    pub fn app(&self, node: Node) -> &HttpFace {
        assert!(node.index() < self.apps.len(), "every node has a service");
        &self.apps[node.index()]
    }

    /// The addresses.
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// The links.
    pub const fn switch(&self) -> &Switch {
        &self.switch
    }

    /// The machine starts a new life: a new boot id, a sleeping watchdog.
    pub fn new_boot(&self, node: Node) {
        self.dog(node).machine_restarted(random());
    }

    /// The machine and its BMC lose their mains.
    pub fn mains_fail(&self, node: Node) {
        self.with_bmc(node, |bmc| bmc.mains_fail(clock::now()));
    }

    /// The mains come back; the machine becomes what it was.
    pub fn mains_return(&self, node: Node) {
        self.with_bmc(node, |bmc| bmc.mains_return(clock::now()));
    }

    /// Its BMC holds the power button from now on.
    pub fn slow_power(&self, node: Node) {
        self.with_bmc(node, |bmc| bmc.break_it(clock::now(), Kind::SlowOff(SLOW_OFF)));
    }

    /// The machine's watchdog resets it.
    pub fn reset_by_dog(&self, node: Node) {
        self.with_bmc(node, |bmc| bmc.machine_reset(clock::now(), StartReason::Watchdog));
    }

    fn with_bmc(&self, node: Node, act: impl FnOnce(&mut Bmc)) {
        let found = self.rack.with(node.index(), |bmc, _| act(bmc));
        assert!(found.is_some(), "every node has a BMC");
    }
}

fn rack(block: &Block, password: &str, inbox: Sender<Happening>) -> io::Result<RmcpFace> {
    let bmc = |node| Ok((block.bmc(node), Bmc::new(settings(node, password)?)));
    let bmcs = Node::ALL.into_iter().map(bmc).collect::<io::Result<Vec<_>>>()?;
    RmcpFace::start(bmcs, move |RackEvent { bmc, event }| {
        if let (Some(node), Some(event)) = (Node::ALL.get(bmc), power_event(event)) {
            tell(&inbox, Happening::Power(*node, event));
        }
    })
}

fn settings(node: Node, password: &str) -> io::Result<Settings> {
    let password = Secret::new(password.as_bytes()).map_err(io::Error::other)?;
    let user = User { name: BMC_USER.to_owned(), password, privilege: Privilege::Operator };
    let wiring = Wiring {
        off_latency: OFF_LATENCY,
        on_latency: ON_LATENCY,
        restore: RestorePolicy::Previous,
        ..Wiring::default()
    };
    Ok(Settings { wiring, ..Settings::simple(user, node.number().into()) })
}

fn power_event(event: Event) -> Option<PowerEvent> {
    match event {
        Event::Power(change) => match change.what {
            What::On(_) => Some(PowerEvent::On),
            What::Off => Some(PowerEvent::Off),
            What::Reset(_) => Some(PowerEvent::Reset),
            What::Interrupted | What::MainsLost | What::MainsBack => None,
        },
        Event::Ordered { action, .. } => Some(PowerEvent::Ordered(order(action))),
        Event::Machine(_) | Event::Watchdog(_) | Event::Rebooted { .. } => None,
    }
}

const fn order(action: ControlAction) -> Order {
    match action {
        ControlAction::Down => Order::Off,
        ControlAction::Up => Order::On,
        ControlAction::Cycle
        | ControlAction::Reset
        | ControlAction::Pulse
        | ControlAction::Soft => Order::Other,
    }
}

fn dog(files: &Files, node: Node, inbox: Sender<Happening>) -> io::Result<DogFace> {
    let settings = dog::Settings {
        socket: files.file(node, "dog.sock"),
        boot: random(),
        class: "physical".to_owned(),
        breed: Breed { timeout: WATCHDOG, fire: WATCHDOG, no_way_out: false },
    };
    let mut raised = false;
    DogFace::start(settings, move |event| {
        // The face's thread is met here only; the first event is that the dog is armed.
        if !std::mem::replace(&mut raised, true) {
            like_hardware();
        }
        if event.what == dog::What::Fired {
            tell(&inbox, Happening::Bite(node));
        }
    })
}

/// A stage that has gone hears nothing more.
fn tell(inbox: &Sender<Happening>, happening: Happening) {
    inbox.send(happening).unwrap_or_default();
}

/// A boot id; never the same twice.
fn random() -> u128 {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes);
    assert!(filled.is_ok(), "the system gives random bytes: {filled:?}");
    u128::from_ne_bytes(bytes)
}

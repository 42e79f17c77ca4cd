//! The one place where the watchdog is armed and petted: ask, pet, look at the clock, report.
//!
//! The core is asked right before each act and told right after it; no permit outlives one call. A
//! refusal is a value: the watchdog goes on running down.

use palisade_agent_core::pet::{PetPermit, Refusal};
use palisade_agent_core::{AgentCore, Effects, Input};
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

use nix::errno::Errno;

use crate::holder::Holder;
use crate::watchdog::{Dog, DogError};

/// Pets in one timeout: the third one in a row may be refused and the fourth still saves the machine.
const PETS_PER_TIMEOUT: u32 = 4;

/// After a watchdog that could not be armed, how long until it is tried again.
const ARM_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The dog and who keeps it open.
#[derive(Debug)]
pub(crate) struct Petting {
    dog: Box<dyn Dog>,
    holder: Option<Holder>,
    /// Whether the core knows that the dog is armed.
    is_reported: bool,
    every: Duration,
    due_at: Instant,
    refused: Option<Refusal>,
    counts: PetCounts,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PetCounts {
    /// Pets that were complete.
    pub(crate) pets: u64,
    /// Pets that were due and refused, by change of reason.
    pub(crate) refusals: u64,
    /// Pets that the driver did not do.
    pub(crate) failures: u64,
    /// The longest from a test to its completed pet.
    pub(crate) longest: Duration,
}

/// What came of a turn with the dog.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nothing was due.
    Rest,
    /// It was armed; the first pet, due at once, decides whether that counts. What the core makes of
    /// how well it is held.
    Armed(Effects),
    /// It was petted; what the core makes of it.
    Petted(Effects),
    /// A pet was refused, for the same reason as before.
    StillRefused,
    /// A pet was refused, for a new reason.
    Refused(Refusal),
    /// The driver failed; what the core makes of the time that it took.
    Failed(DogError, Effects),
}

impl Petting {
    /// With a dog that is not armed yet; `beat` is the shortest time between two pets.
    pub(crate) fn new(dog: Box<dyn Dog>, holder: Option<Holder>, beat: Duration) -> Self {
        let every = (dog.timeout() / PETS_PER_TIMEOUT).max(beat);
        let due_at = Instant::BOOT;
        let counts = PetCounts::default();
        Self { dog, holder, is_reported: false, every, due_at, refused: None, counts }
    }

    /// The dog, to look at.
    pub(crate) fn dog(&self) -> &dyn Dog {
        &*self.dog
    }

    /// What was done so far.
    pub(crate) const fn counts(&self) -> PetCounts {
        self.counts
    }

    /// Why the last pet that was due did not happen.
    pub(crate) const fn refused(&self) -> Option<&Refusal> {
        self.refused.as_ref()
    }

    /// When the next pet is due. After a refusal that lies in the past: every wake-up asks again.
    pub(crate) const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Pets if a pet is due and the core allows it.
    pub(crate) fn attend(&mut self, core: &mut AgentCore) -> Turn {
        let now = clock::now();
        if now < self.due_at {
            return Turn::Rest;
        }
        match core.pet_decision(now) {
            Ok(permit) if self.dog.is_armed() => self.pet(core, permit),
            Ok(permit) => self.arm(core, &permit),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Stops the dog, once the lease was given up.
    ///
    /// # Errors
    /// If it goes on running; it will bite.
    pub(crate) fn disarm(&mut self) -> Result<(), DogError> {
        self.dog.disarm()?;
        self.is_reported = false;
        if let Some(holder) = &self.holder
            && let Err(error) = holder.let_go()
        {
            log::error!("the watchdog's holder does not let go: {error}; it may bite");
        }
        Ok(())
    }

    /// Makes the machine reset by the shortest way.
    pub(crate) fn fire_soonest(&mut self) -> Result<Duration, DogError> {
        self.dog.fire_soonest()
    }

    fn pet(&mut self, core: &mut AgentCore, permit: PetPermit) -> Turn {
        let petted = self.dog.pet(&permit);
        let done_at = clock::now();
        self.counts.longest = self.counts.longest.max(done_at.since(permit.tested_at()));
        // A pet that failed may still arrive: the core judges its time like that of any other.
        let input = if self.is_reported || petted.is_err() {
            Input::Petted { permit, done_at }
        } else {
            Input::Armed { permit, done_at }
        };
        let effects = core.handle(done_at, input);
        if let Err(error) = petted {
            self.counts.failures += 1;
            return Turn::Failed(error, effects);
        }
        self.is_reported = true;
        self.refused = None;
        self.counts.pets += 1;
        self.due_at = done_at + self.every;
        Turn::Petted(effects)
    }

    /// Opens and sets the dog, which may take long; what counts is the pet that follows.
    fn arm(&mut self, core: &mut AgentCore, permit: &PetPermit) -> Turn {
        if let Err(error) = self.dog.arm(permit) {
            self.due_at = clock::now() + ARM_AGAIN_AFTER;
            return Turn::Failed(error, Effects::default());
        }
        self.refused = None;
        Turn::Armed(if self.is_held() {
            Effects::default()
        } else {
            core.handle(clock::now(), Input::DogUncertain)
        })
    }

    /// Has the second holder keep the device, if this dog has one; whether no death of the agent pets.
    fn is_held(&self) -> bool {
        let Some(device) = self.dog.device() else { return true };
        let held = self.holder.as_ref().ok_or(Errno::ECHILD).and_then(|holder| holder.hold(device));
        if let Err(error) = held {
            log::error!(
                "the watchdog has no second holder: {error}; if the agent dies it is petted once more, \
                 so its lease proves nothing until the agent is restarted"
            );
        }
        held.is_ok()
    }

    /// Only an armed dog makes a refusal worth telling.
    fn refuse(&mut self, refusal: Refusal) -> Turn {
        let is_known = self.refused.as_ref().is_some_and(|known| known.same_reason(&refusal));
        self.refused = Some(refusal);
        if is_known || !self.dog.is_armed() {
            return Turn::StillRefused;
        }
        self.counts.refusals += 1;
        Turn::Refused(refusal)
    }
}

//! A watchdog: a timer that resets the machine unless it is petted in time.
//!
//! Opening one pets it, setting its time pets it, and closing it without the magic character pets it
//! too; so whatever pets asks to see a [`PetPermit`], which only the core can write. Nothing here decides
//! whether to pet, and nothing here keeps a permit.

mod class;
mod errors;
mod ioctls;
mod linux;
mod sim;
mod sim_text;
mod support;
mod sysrq;

use core::fmt;
use palisade_agent_core::pet::PetPermit;
use palisade_protocol::time::Duration;
use std::os::fd::BorrowedFd;

pub use class::{Evidence, class_of};
pub use errors::DogError;
pub use linux::LinuxDog;
pub use palisade_protocol::wire::DogClass;
pub use sim::SimDog;
pub use support::{BootStatus, Support};

/// One watchdog of this machine.
pub trait Dog: fmt::Debug {
    /// How far its bite can be trusted.
    fn class(&self) -> DogClass;

    /// What stands behind it, for people: driver identity or socket.
    fn name(&self) -> &str;

    /// Its time as armed: the whole span from a pet to the bite, as the driver states it.
    fn timeout(&self) -> Duration;

    /// Whether the watchdog runs already, started by an agent before this one; no if that cannot be
    /// found out.
    fn runs(&mut self) -> bool;

    /// Whether this agent has armed it, so that it is running down.
    fn is_armed(&self) -> bool;

    /// Opens it, sets its time and reads the time back. Counts as a pet.
    ///
    /// # Errors
    /// If it cannot be opened, only rings an alarm, or keeps another time than asked; it is then left
    /// as it was found, as far as the driver allows.
    fn arm(&mut self, permit: &PetPermit) -> Result<(), DogError>;

    /// Starts its whole time anew. The caller times this call.
    ///
    /// # Errors
    /// If it is not armed or the driver refuses; it then goes on running down.
    fn pet(&mut self, permit: &PetPermit) -> Result<(), DogError>;

    /// Stops it for good (magic close). Only after the lease was given up.
    ///
    /// # Errors
    /// If it cannot be stopped (`nowayout`); it then goes on running down and will bite.
    fn disarm(&mut self) -> Result<(), DogError>;

    /// Makes the machine reset as soon as it can be done, and says within what time.
    ///
    /// # Errors
    /// If no way worked; the time that was armed goes on running down.
    fn fire_soonest(&mut self) -> Result<Duration, DogError>;

    /// The open device, for a [`Holder`](crate::holder::Holder) to keep open too.
    fn device(&self) -> Option<BorrowedFd<'_>>;

    /// The boot id of the machine that it guards, if that is not this one (simulators).
    fn boot_id(&self) -> Option<u128> {
        None
    }

    /// What the driver says of the boot before this one, if it says anything.
    fn boot_status(&self) -> Option<BootStatus> {
        None
    }
}

//! A watchdog of the Linux kernel: `/dev/watchdogN` and its ioctls.
//!
//! Opens the device only to arm it, keeps it open until it is disarmed, and never takes a driver's
//! word for the time: what was set is read back. It writes nothing but pets and the magic character.

use super::class::{Evidence, class_of};
use super::errors::DogError;
use super::support::{BootStatus, Support};
use super::sysrq::Sysrq;
use super::{Dog, DogClass, ioctls};
use nix::Result as KernelResult;
use nix::errno::Errno;
use palisade_agent_core::pet::PetPermit;
use palisade_protocol::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// The character that makes the next close stop the timer.
const MAGIC: &[u8] = b"V";

/// A pet for drivers that take none by ioctl: any byte but the magic one.
const PET: &[u8] = b"\0";

/// The shortest times worth trying, in seconds; drivers refuse what they cannot do.
const SHORTEST_S: [i32; 3] = [1, 2, 3];

/// One `/dev/watchdogN`.
#[derive(Debug)]
pub struct LinuxDog {
    device: PathBuf,
    identity: String,
    timeout_s: i32,
    class: DogClass,
    class_is_given: bool,
    nowayout: bool,
    boot_status: Option<BootStatus>,
    open: Option<OpenDog>,
    sysrq: Option<Sysrq>,
}

/// What is only there while the device is open.
#[derive(Debug)]
struct OpenDog {
    file: File,
    pets_by_ioctl: bool,
}

impl LinuxDog {
    /// Looks at `device` through `/sys`, without opening it. `timeout` is cut to whole seconds;
    /// `class` overrides what the traces say.
    pub fn at(device: PathBuf, timeout: Duration, class: Option<DogClass>) -> Self {
        let facts = sys_folder(&device);
        let identity = fact(&facts, "identity").unwrap_or_else(|| "unknown driver".into());
        let found = class.unwrap_or_else(|| class_of(&identity, &Evidence::of_this_machine()));
        Self {
            timeout_s: i32::try_from(timeout.as_secs()).unwrap_or(i32::MAX),
            nowayout: fact(&facts, "nowayout").as_deref() == Some("1"),
            boot_status: fact(&facts, "bootstatus")
                .and_then(|bits| bits.parse().ok())
                .map(BootStatus::from_bits),
            open: None,
            sysrq: Sysrq::open(),
            device,
            identity,
            class: found,
            class_is_given: class.is_some(),
        }
    }

    /// Checks the open driver, then sets the time and reads it back.
    fn commission(&mut self, file: &File) -> Result<Support, DogError> {
        let raw = ioctls::support(file.as_fd()).map_err(self.failed("WDIOC_GETSUPPORT"))?;
        let support = Support::from_raw(&raw);
        self.identity.clone_from(&support.identity);
        if support.is_alarm_only() {
            return Err(DogError::AlarmOnly {
                device: self.device.clone(),
                identity: support.identity,
            });
        }
        self.check_class(&support.identity)?;
        if support.sets_timeout() {
            ioctls::set_timeout(file.as_fd(), self.timeout_s)
                .map_err(self.failed("WDIOC_SETTIMEOUT"))?;
        }
        self.check_timeout(file.as_fd())?;
        Ok(support)
    }

    /// Others were told the class; a driver loaded since then may have another.
    fn check_class(&self, identity: &str) -> Result<(), DogError> {
        let found = class_of(identity, &Evidence::of_this_machine());
        if self.class_is_given || found == self.class {
            return Ok(());
        }
        let (device, identity) = (self.device.clone(), identity.to_owned());
        Err(DogError::ClassDiffers { device, identity, told: self.class, found })
    }

    /// Opens and sets the device, which starts it.
    fn opened(&mut self) -> Result<OpenDog, DogError> {
        let file = OpenOptions::new().write(true).open(&self.device).map_err(|error| {
            DogError::Open { device: self.device.clone(), errno: errno_of(&error) }
        })?;
        let support = match self.commission(&file) {
            Ok(support) => support,
            Err(error) => return Err(stop_after(file, error)),
        };
        self.note_boot_status(file.as_fd());
        Ok(OpenDog { file, pets_by_ioctl: support.pets_by_ioctl() })
    }

    fn check_timeout(&self, device: BorrowedFd<'_>) -> Result<(), DogError> {
        let kept_s = ioctls::timeout(device).map_err(self.failed("WDIOC_GETTIMEOUT"))?;
        if kept_s == self.timeout_s {
            return Ok(());
        }
        Err(DogError::TimeoutDiffers {
            device: self.device.clone(),
            asked_s: self.timeout_s,
            kept_s,
        })
    }

    fn note_boot_status(&mut self, device: BorrowedFd<'_>) {
        if let Ok(bits) = ioctls::boot_status(device) {
            self.boot_status = Some(BootStatus::from_bits(bits.cast_unsigned()));
        }
    }

    fn failed(&self, call: &'static str) -> impl Fn(Errno) -> DogError + use<> {
        let device = self.device.clone();
        move |errno| DogError::Call { device: device.clone(), call, errno }
    }

    fn not_armed(&self) -> DogError {
        DogError::NotArmed { device: self.device.clone() }
    }
}

impl Dog for LinuxDog {
    /// As the kernel tells without opening the device, which would start it. [Linux
    /// Documentation/ABI/testing/sysfs-class-watchdog, `state`]
    fn runs(&mut self) -> bool {
        let name = self.device.file_name().unwrap_or_default();
        let state = fs::read_to_string(Path::new("/sys/class/watchdog").join(name).join("state"));
        state.is_ok_and(|state| state.trim() == "active")
    }

    fn class(&self) -> DogClass {
        self.class
    }

    fn name(&self) -> &str {
        &self.identity
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_s.unsigned_abs()))
    }

    fn is_armed(&self) -> bool {
        self.open.is_some()
    }

    fn arm(&mut self, _permit: &PetPermit) -> Result<(), DogError> {
        if self.open.is_none() {
            self.open = Some(self.opened()?);
        }
        Ok(())
    }

    fn pet(&mut self, _permit: &PetPermit) -> Result<(), DogError> {
        let Some(open) = &mut self.open else { return Err(self.not_armed()) };
        let (call, petted) = open.pet();
        petted.map_err(|errno| DogError::Call { device: self.device.clone(), call, errno })
    }

    fn disarm(&mut self) -> Result<(), DogError> {
        if self.open.is_some() && self.nowayout {
            return Err(DogError::NoWayOut { device: self.device.clone() });
        }
        let Some(OpenDog { mut file, .. }) = self.open.take() else { return Ok(()) };
        let stopped = file.write_all(MAGIC);
        drop(file);
        stopped.map_err(|error| self.failed("write(V)")(errno_of(&error)))
    }

    fn fire_soonest(&mut self) -> Result<Duration, DogError> {
        let opened = match self.open.take() {
            Some(open) => open,
            None => self.opened()?,
        };
        let open = self.open.insert(opened);
        let device = open.file.as_fd();
        let within =
            SHORTEST_S.into_iter().find_map(|second| ioctls::set_timeout(device, second).ok());
        if let Some(sysrq) = &mut self.sysrq {
            // Does not return if it works; if it fails, the shortened time is what is left.
            drop(sysrq.reboot_now());
        }
        let within = within.ok_or(Errno::EINVAL).map_err(self.failed("WDIOC_SETTIMEOUT"))?;
        Ok(Duration::from_secs(u64::from(within.unsigned_abs())))
    }

    fn device(&self) -> Option<BorrowedFd<'_>> {
        self.open.as_ref().map(|open| open.file.as_fd())
    }

    fn boot_status(&self) -> Option<BootStatus> {
        self.boot_status
    }
}

impl OpenDog {
    fn pet(&mut self) -> (&'static str, KernelResult<()>) {
        if self.pets_by_ioctl {
            return ("WDIOC_KEEPALIVE", ioctls::keep_alive(self.file.as_fd()));
        }
        ("write", self.file.write_all(PET).map_err(|error| errno_of(&error)))
    }
}

/// Stops what was just opened, so that a refused device does not bite, and hands the reason on.
fn stop_after(mut file: File, reason: DogError) -> DogError {
    if let Err(error) = file.write_all(MAGIC) {
        log::error!("a watchdog that was refused could not be stopped again: {error}; it may bite");
    }
    drop(file);
    reason
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// `/sys/class/watchdog/watchdogN` of `/dev/watchdogN`; `/dev/watchdog` is the first one.
fn sys_folder(device: &Path) -> PathBuf {
    let name = device.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = if name == "watchdog" { "watchdog0" } else { name };
    Path::new("/sys/class/watchdog").join(name)
}

fn fact(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unnumbered_device_is_the_first_one() {
        assert_eq!(
            sys_folder(Path::new("/dev/watchdog")),
            Path::new("/sys/class/watchdog/watchdog0")
        );
        assert_eq!(
            sys_folder(Path::new("/dev/watchdog3")),
            Path::new("/sys/class/watchdog/watchdog3")
        );
    }

    #[test]
    fn a_dog_that_is_not_open_needs_no_stopping_and_fires_only_if_it_can_be_set() {
        let mut dog =
            LinuxDog::at("/dev/null".into(), Duration::from_secs(10), Some(DogClass::Physical));
        assert!(dog.fire_soonest().is_err(), "/dev/null is no watchdog");
        assert!(dog.disarm().is_ok());
        assert_eq!(dog.timeout(), Duration::from_secs(10));
    }

    #[test]
    fn what_is_no_watchdog_is_refused_by_its_first_answer() {
        let mut dog =
            LinuxDog::at("/dev/null".into(), Duration::from_secs(10), Some(DogClass::Physical));
        let null = File::options().write(true).open("/dev/null").expect("/dev/null opens");
        let refused = dog.commission(&null).expect_err("no watchdog");
        assert!(
            refused.to_string().starts_with("WDIOC_GETSUPPORT on /dev/null: ENOTTY"),
            "{refused}"
        );
    }
}

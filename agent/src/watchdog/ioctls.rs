//! The ioctls of `linux/watchdog.h`, each as a function that says what it did.
#![expect(unsafe_code, reason = "ioctl(2)")]

use super::support::RawSupport;
use nix::Result;
use std::os::fd::{AsRawFd, BorrowedFd};

mod raw {
    //! Generated wrappers: number, direction and size as the kernel's header has them.
    use super::RawSupport;

    nix::ioctl_read!(get_support, b'W', 0, RawSupport);
    nix::ioctl_read!(get_boot_status, b'W', 2, i32);
    nix::ioctl_read!(keep_alive, b'W', 5, i32);
    nix::ioctl_readwrite!(set_timeout, b'W', 6, i32);
    nix::ioctl_read!(get_timeout, b'W', 7, i32);
}

/// `WDIOC_GETSUPPORT`: what the driver can do.
pub(super) fn support(device: BorrowedFd<'_>) -> Result<RawSupport> {
    let mut answer = RawSupport::default();
    // SAFETY: the descriptor is open while borrowed; the kernel writes at most the structure's 40 bytes.
    unsafe { raw::get_support(device.as_raw_fd(), &raw mut answer) }?;
    Ok(answer)
}

/// `WDIOC_GETBOOTSTATUS`: why the machine booted, as bits `WDIOF_*`.
pub(super) fn boot_status(device: BorrowedFd<'_>) -> Result<i32> {
    let mut answer = 0;
    // SAFETY: the descriptor is open while borrowed; the kernel writes one int.
    unsafe { raw::get_boot_status(device.as_raw_fd(), &raw mut answer) }?;
    Ok(answer)
}

/// `WDIOC_KEEPALIVE`: pets.
pub(super) fn keep_alive(device: BorrowedFd<'_>) -> Result<()> {
    let mut unused = 0;
    // SAFETY: the descriptor is open while borrowed; the kernel ignores the argument.
    unsafe { raw::keep_alive(device.as_raw_fd(), &raw mut unused) }?;
    Ok(())
}

/// `WDIOC_SETTIMEOUT`: sets whole seconds, pets, and returns what the driver made of it.
pub(super) fn set_timeout(device: BorrowedFd<'_>, seconds: i32) -> Result<i32> {
    let mut kept = seconds;
    // SAFETY: the descriptor is open while borrowed; the kernel reads and writes one int.
    unsafe { raw::set_timeout(device.as_raw_fd(), &raw mut kept) }?;
    Ok(kept)
}

/// `WDIOC_GETTIMEOUT`: the time in whole seconds.
pub(super) fn timeout(device: BorrowedFd<'_>) -> Result<i32> {
    let mut answer = 0;
    // SAFETY: the descriptor is open while borrowed; the kernel writes one int.
    unsafe { raw::get_timeout(device.as_raw_fd(), &raw mut answer) }?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_no_watchdog_refuses_each_call() {
        let null = File::open("/dev/null").expect("/dev/null opens");
        assert_eq!(support(null.as_fd()).map(|_| ()), Err(Errno::ENOTTY));
        assert_eq!(boot_status(null.as_fd()), Err(Errno::ENOTTY));
        assert_eq!(keep_alive(null.as_fd()), Err(Errno::ENOTTY));
        assert_eq!(set_timeout(null.as_fd(), 10), Err(Errno::ENOTTY));
        assert_eq!(timeout(null.as_fd()), Err(Errno::ENOTTY));
    }
}

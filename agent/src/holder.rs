//! A second pair of hands on the watchdog: a tiny process that keeps the device open.
//!
//! The kernel pets a watchdog whose last descriptor is closed without the magic character, so an
//! agent that is killed late would give its machine a whole watchdog time more than it told anybody.
//! With the holder no death of the agent is a last close. It never pets, and never lets go unless told.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, read, write};
use palisade_protocol::time::Duration;
use std::fs::{self, OpenOptions};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// How long an answer of the holder is waited for. It has nothing else to do.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Order: keep the descriptor that comes with it. A second one replaces the first.
const HOLD: u8 = b'h';
/// Order: close it.
const LET_GO: u8 = b'g';
/// Answer: done.
const DONE: u8 = b'k';

/// The agent's side.
#[derive(Debug)]
pub struct Holder {
    channel: OwnedFd,
}

impl Holder {
    /// Forks the holder. To be called before there is any thread.
    ///
    /// # Errors
    /// If there are no more processes or descriptors.
    pub fn fork() -> nix::Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        // SAFETY: the child runs only this module's loop and never returns into the caller's code.
        #[expect(unsafe_code, reason = "fork(2)")]
        match unsafe { fork() }? {
            ForkResult::Parent { .. } => Ok(Self { channel: ours }),
            ForkResult::Child => {
                drop(ours);
                keep_until_told(&theirs)
            }
        }
    }

    /// Has `device` kept open from now on.
    ///
    /// # Errors
    /// If the holder is gone or silent: then a death of the agent is a last close.
    pub fn hold(&self, device: BorrowedFd<'_>) -> nix::Result<()> {
        let fds = [device.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(
            self.channel.as_raw_fd(),
            &[IoSlice::new(&[HOLD])],
            &rights,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )?;
        self.wait_until_done()
    }

    /// Has it closed, which stops the watchdog if the magic character was its last word.
    ///
    /// # Errors
    /// If the holder is gone or silent.
    pub fn let_go(&self) -> nix::Result<()> {
        let order = [IoSlice::new(&[LET_GO])];
        sendmsg::<()>(self.channel.as_raw_fd(), &order, &[], MsgFlags::MSG_NOSIGNAL, None)?;
        self.wait_until_done()
    }

    fn wait_until_done(&self) -> nix::Result<()> {
        let patience = PollTimeout::try_from(ANSWER_MAX).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.channel.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, patience)? == 0 {
            return Err(Errno::ETIMEDOUT);
        }
        let mut answer = [0];
        match read(&self.channel, &mut answer)? {
            1 if answer == [DONE] => Ok(()),
            _ => Err(Errno::ECONNRESET),
        }
    }
}

/// The child's whole life.
fn keep_until_told(channel: &OwnedFd) -> ! {
    close_all_but(channel);
    become_hard_to_kill();
    let mut held = None;
    loop {
        match next_order(channel, held.as_ref()) {
            Order::Hold(device) => held = Some(device),
            Order::LetGo => held = None,
            Order::AgentGone => match &held {
                Some(device) => wait_for_reset(device),
                None => leave(),
            },
            Order::MachineGone => leave(),
        }
        // Nobody waits for it: the next order will be that the agent is gone.
        write(channel, &[DONE]).ok();
    }
}

enum Order {
    Hold(OwnedFd),
    LetGo,
    AgentGone,
    MachineGone,
}

/// Waits for an order or the end of either side.
fn next_order(channel: &OwnedFd, held: Option<&OwnedFd>) -> Order {
    let mut room = [0];
    let mut rights = nix::cmsg_space!(RawFd);
    loop {
        if wait(channel, held).is_err() {
            return Order::MachineGone;
        }
        let mut parts = [IoSliceMut::new(&mut room)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
        let (len, device) =
            match recvmsg::<()>(channel.as_raw_fd(), &mut parts, Some(&mut rights), flags) {
                Ok(message) => (
                    message.bytes,
                    message.cmsgs().ok().and_then(|mut all| all.find_map(descriptor)),
                ),
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(_) => return Order::AgentGone,
            };
        match (len, room, device) {
            (0, _, _) => return Order::AgentGone,
            (_, [HOLD], Some(device)) => return Order::Hold(device),
            (_, [LET_GO], _) => return Order::LetGo,
            _ => {}
        }
    }
}

fn descriptor(message: ControlMessageOwned) -> Option<OwnedFd> {
    let ControlMessageOwned::ScmRights(fds) = message else { return None };
    let fd = fds.first().copied()?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else owns it.
    #[expect(unsafe_code, reason = "nix hands out a bare descriptor")]
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Until there is an order; errs once the far end of `held` hangs up, as only a simulator's does.
fn wait(channel: &OwnedFd, held: Option<&OwnedFd>) -> nix::Result<()> {
    let device = PollFd::new(held.unwrap_or(channel).as_fd(), PollFlags::empty());
    let mut fds = [PollFd::new(channel.as_fd(), PollFlags::POLLIN), device];
    while poll(&mut fds, PollTimeout::NONE) == Err(Errno::EINTR) {}
    let [_, device] = fds;
    if held.is_some() && has_hung_up(&device) { Err(Errno::ENODEV) } else { Ok(()) }
}

/// The agent is dead and its watchdog runs down: nothing is left but to keep it from being petted.
fn wait_for_reset(held: &OwnedFd) -> ! {
    let mut fds = [PollFd::new(held.as_fd(), PollFlags::empty())];
    while !fds.iter().any(has_hung_up) {
        poll(&mut fds, PollTimeout::NONE).ok();
    }
    leave()
}

fn has_hung_up(fd: &PollFd<'_>) -> bool {
    fd.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
}

/// Whatever else the agent had open then would otherwise stay open for good.
fn close_all_but(channel: &OwnedFd) {
    let Ok(kept) = libc::c_uint::try_from(channel.as_raw_fd()) else { return };
    for (first, last) in [(3, kept.saturating_sub(1)), (kept.saturating_add(1), libc::c_uint::MAX)]
    {
        if first <= last {
            // SAFETY: takes three numbers; the child uses no other descriptor from here on.
            #[expect(unsafe_code, reason = "close_range(2)")]
            unsafe {
                libc::syscall(libc::SYS_close_range, first, last, 0);
            }
        }
    }
}

/// Signals that would end an agent must not end its holder; neither must a lack of memory.
fn become_hard_to_kill() {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None).ok();
    prctl::set_name(c"palisade-hold").ok();
    fs::write("/proc/self/oom_score_adj", "-1000").ok();
    let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") else { return };
    dup2_stdin(&null).ok();
    dup2_stdout(&null).ok();
    dup2_stderr(&null).ok();
}

/// Ends the child without running anything of the parent's.
fn leave() -> ! {
    // SAFETY: _exit(2) takes a number and does not return.
    #[expect(unsafe_code, reason = "_exit(2): no destructor or handler of the parent may run")]
    unsafe {
        libc::_exit(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{recv, send};

    /// A stand-in for a device: the far end sees when its last descriptor is closed.
    fn device() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .expect("a pair")
    }

    fn is_closed_within(far: &OwnedFd, millis: u16) -> bool {
        let mut fds = [PollFd::new(far.as_fd(), PollFlags::empty())];
        poll(&mut fds, PollTimeout::from(millis)).expect("poll works") == 1
    }

    #[test]
    fn a_device_outlives_the_agent_and_ends_with_the_machine() {
        let holder = Holder::fork().expect("it forks");
        let (near, far) = device();
        holder.hold(near.as_fd()).expect("it is held");
        drop(near);
        drop(holder);
        assert!(!is_closed_within(&far, 100), "the agent is gone, the device is held");
        send(far.as_raw_fd(), b"x", MsgFlags::MSG_NOSIGNAL).expect("somebody is there");
        // Closing the far end, as a simulator does when its machine is reset, ends the holder.
    }

    #[test]
    fn a_device_is_closed_when_the_agent_says_so() {
        let holder = Holder::fork().expect("it forks");
        let (near, far) = device();
        holder.hold(near.as_fd()).expect("it is held");
        drop(near);
        holder.let_go().expect("it lets go");
        assert!(is_closed_within(&far, 5_000));
        let mut room = [0];
        assert_eq!(recv(far.as_raw_fd(), &mut room, MsgFlags::empty()), Ok(0));
    }

    #[test]
    fn a_holder_of_nothing_ends_with_the_agent() {
        let holder = Holder::fork().expect("it forks");
        let (near, far) = device();
        holder.hold(near.as_fd()).expect("it is held");
        drop(near);
        holder.let_go().expect("it lets go");
        drop(holder);
        assert!(is_closed_within(&far, 5_000));
    }
}

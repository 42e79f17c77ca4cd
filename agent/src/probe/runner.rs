//! The probe's thread and the loop's handle on it.
//!
//! The handle's calls neither wait nor allocate. The thread lives as long as the process.

use super::http::Asker;
use super::mailbox::Mailbox;
use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use palisade_agent_core::ProbeReport;
use palisade_agent_core::health::Answer;
use palisade_protocol::time::Instant;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{io, thread};

/// Stack of the thread: under `mlockall` every page of it is locked.
const STACK: usize = 512 * 1024;

/// A running probe.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mailbox: Mailbox,
    questions: EventFd,
    answers: EventFd,
}

impl Probe {
    /// Starts the thread; it asks nothing yet.
    ///
    /// # Errors
    /// If the system has no more descriptors or threads.
    pub fn start(asker: Asker) -> io::Result<Self> {
        Self::start_with(move || asker.ask())
    }

    /// Asks a question dated `asked_at`, unless the last one is still open: then false.
    pub fn ask(&self, asked_at: Instant) -> bool {
        self.shared.mailbox.ask(asked_at) && self.shared.questions.write(1).is_ok()
    }

    /// The answer, once it is there. What it shows is as old as its question.
    pub fn take(&self) -> Option<ProbeReport> {
        self.shared.answers.read().ok();
        self.shared.mailbox.take()
    }

    /// Readable when there is an answer.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.answers.as_fd()
    }

    fn start_with(ask: impl Fn() -> Answer + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            mailbox: Mailbox::default(),
            questions: EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?,
            answers: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
        });
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("probe".into())
            .stack_size(STACK)
            .spawn(move || theirs.run(ask))?;
        Ok(Self { shared })
    }
}

impl Shared {
    fn run(&self, ask: impl Fn() -> Answer) {
        while self.wait_for_question() {
            // A panic is a probe without an answer; the next question finds the thread alive.
            let answer = catch_unwind(AssertUnwindSafe(&ask)).unwrap_or(Answer::Silent);
            self.mailbox.put(answer);
            self.answers.write(1).ok();
        }
    }

    /// False if the descriptor is gone, which ends the thread.
    fn wait_for_question(&self) -> bool {
        loop {
            match self.questions.read() {
                Ok(_) => return true,
                Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, mpsc};

    const FIRST: Instant = Instant::from_millis(1);
    const SECOND: Instant = Instant::from_millis(2);

    fn next(probe: &Probe) -> Option<ProbeReport> {
        let mut fds = [PollFd::new(probe.fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(10_000_u16)).expect("poll works");
        probe.take()
    }

    #[test]
    fn an_answer_carries_the_date_of_its_question() {
        let probe = Probe::start_with(|| Answer::Running).expect("it starts");
        assert!(probe.ask(FIRST));
        assert_eq!(next(&probe), Some(ProbeReport { asked_at: FIRST, answer: Answer::Running }));
    }

    #[test]
    fn a_panicking_probe_is_silent_once_and_answers_again() {
        let first = AtomicBool::new(true);
        let probe = Probe::start_with(move || {
            assert!(!first.swap(false, Ordering::Relaxed), "a probe that panics");
            Answer::Running
        });
        let probe = probe.expect("it starts");
        assert!(probe.ask(FIRST));
        assert_eq!(next(&probe), Some(ProbeReport { asked_at: FIRST, answer: Answer::Silent }));
        assert!(probe.ask(SECOND));
        assert_eq!(next(&probe), Some(ProbeReport { asked_at: SECOND, answer: Answer::Running }));
    }

    #[test]
    fn a_hanging_probe_only_withholds_its_answer() {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let probe = Probe::start_with(move || {
            held.lock().expect("never poisoned").recv().ok();
            Answer::Running
        });
        let probe = probe.expect("it starts");
        assert!(probe.ask(FIRST));
        assert_eq!(probe.take(), None);
        assert!(!probe.ask(SECOND), "the open question stays the only one");
        release.send(()).expect("the probe waits");
        assert_eq!(next(&probe), Some(ProbeReport { asked_at: FIRST, answer: Answer::Running }));
    }
}

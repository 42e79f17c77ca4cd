//! A slot for one answer between the probe's thread and the loop. Neither side ever waits in it.
//!
//! ```text
//!          ask (loop)         put (thread)
//!   Idle ------------> Asked --------------> Answered
//!    ^                                          |
//!    +------------------------------------------+  take (loop)
//! ```

use super::atomic::{AtomicU32, AtomicU64, Ordering};
use palisade_agent_core::ProbeReport;
use palisade_agent_core::health::{Answer, FailKind};
use palisade_protocol::time::Instant;

const IDLE: u32 = 0;
const ASKED: u32 = 1;

/// Nothing, a question, or an answer.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: AtomicU32,
    asked_at_nanos: AtomicU64,
}

impl Mailbox {
    /// Puts a question; false if the last one is still open or its answer was not taken.
    pub(super) fn ask(&self, asked_at: Instant) -> bool {
        let is_idle = self.state.load(Ordering::Acquire) == IDLE;
        if is_idle {
            self.asked_at_nanos.store(asked_at.as_nanos(), Ordering::Relaxed);
            self.state.store(ASKED, Ordering::Release);
        }
        is_idle
    }

    /// Answers the open question.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn put(&self, answer: Answer) {
        let put = self.state.compare_exchange(
            ASKED,
            to_word(answer),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        assert!(put.is_ok(), "an answer needs an open question");
    }

    /// Takes the answer, if there is one, with the date of its question.
    pub(super) fn take(&self) -> Option<ProbeReport> {
        let answer = from_word(self.state.load(Ordering::Acquire))?;
        let asked_at = Instant::from_nanos(self.asked_at_nanos.load(Ordering::Relaxed));
        self.state.store(IDLE, Ordering::Release);
        Some(ProbeReport { asked_at, answer })
    }
}

/// Kind in the low half, HTTP status in the high one. 0 and 1 are taken.
fn to_word(answer: Answer) -> u32 {
    match answer {
        Answer::Running => 2,
        Answer::Maintenance => 3,
        Answer::FirstRun => 4,
        Answer::Starting => 5,
        Answer::Stopping => 6,
        Answer::Silent => 7,
        Answer::Failed(FailKind::NotDeployed) => 8,
        Answer::Failed(FailKind::Error) => 9,
        Answer::Failed(FailKind::Unreadable) => 10,
        Answer::Failed(FailKind::Refused) => 11,
        Answer::Failed(FailKind::Redirect) => 12,
        Answer::Failed(FailKind::Status(status)) => 13 | (u32::from(status) << 16),
    }
}

/// [`to_word`] back; nothing for a state that is no answer.
fn from_word(word: u32) -> Option<Answer> {
    let [kind, _, low, high] = word.to_le_bytes();
    Some(match kind {
        2 => Answer::Running,
        3 => Answer::Maintenance,
        4 => Answer::FirstRun,
        5 => Answer::Starting,
        6 => Answer::Stopping,
        7 => Answer::Silent,
        8 => Answer::Failed(FailKind::NotDeployed),
        9 => Answer::Failed(FailKind::Error),
        10 => Answer::Failed(FailKind::Unreadable),
        11 => Answer::Failed(FailKind::Refused),
        12 => Answer::Failed(FailKind::Redirect),
        13 => Answer::Failed(FailKind::Status(u16::from_le_bytes([low, high]))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Answer; 12] = [
        Answer::Running,
        Answer::Maintenance,
        Answer::FirstRun,
        Answer::Starting,
        Answer::Stopping,
        Answer::Silent,
        Answer::Failed(FailKind::NotDeployed),
        Answer::Failed(FailKind::Error),
        Answer::Failed(FailKind::Unreadable),
        Answer::Failed(FailKind::Refused),
        Answer::Failed(FailKind::Redirect),
        Answer::Failed(FailKind::Status(599)),
    ];

    #[test]
    fn every_answer_comes_out_as_it_went_in() {
        let mailbox = Mailbox::default();
        for (n, answer) in ALL.into_iter().enumerate() {
            let report = ProbeReport { asked_at: Instant::from_millis(n as u64), answer };
            assert!(mailbox.ask(report.asked_at));
            mailbox.put(answer);
            assert_eq!(mailbox.take(), Some(report));
            assert_eq!(mailbox.take(), None, "an answer is taken once");
        }
    }

    #[test]
    fn there_is_one_question_at_a_time() {
        let mailbox = Mailbox::default();
        let (first, second) = (Instant::from_millis(1), Instant::from_millis(2));
        assert!(mailbox.ask(first));
        assert!(!mailbox.ask(second), "the first is open");
        assert_eq!(mailbox.take(), None, "a question is no answer");
        mailbox.put(Answer::Silent);
        assert!(!mailbox.ask(second), "its answer was not taken");
        assert_eq!(mailbox.take(), Some(ProbeReport { asked_at: first, answer: Answer::Silent }));
    }
}

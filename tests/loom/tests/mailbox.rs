//! The hand-over between the probe's thread and the loop, in every order in which their steps can
//! happen: an answer carries the date of its own question, is taken once, and none is lost.

use std::sync::atomic::{AtomicUsize, Ordering as Counting};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use palisade_agent_core::ProbeReport;
use palisade_agent_core::health::Answer;
use palisade_loom::Mailbox;
use palisade_protocol::time::Instant;

const FIRST: Instant = Instant::from_millis(1);
const SECOND: Instant = Instant::from_millis(2);

/// What the thread answers, question by question.
const ANSWERS: [Answer; 2] = [Answer::Running, Answer::Silent];

#[test]
fn each_answer_comes_with_the_date_of_its_own_question() {
    in_every_order(|| {
        let shared = Arc::new(Shared::default());
        let probe = probe(&shared, ANSWERS.len());
        for (asked_at, answer) in [FIRST, SECOND].into_iter().zip(ANSWERS) {
            assert!(shared.ask(asked_at), "the answer before was taken");
            assert_eq!(shared.wait(), ProbeReport { asked_at, answer });
            assert_eq!(shared.mailbox.take(), None, "an answer is taken once");
        }
        probe.join().unwrap();
    });
}

#[test]
fn a_question_asked_too_early_changes_nothing() {
    in_every_order(|| {
        let shared = Arc::new(Shared::default());
        let probe = probe(&shared, 1);
        assert!(shared.ask(FIRST));
        assert!(!shared.mailbox.ask(SECOND), "open or answered, the first was not taken");
        assert_eq!(shared.wait(), ProbeReport { asked_at: FIRST, answer: ANSWERS[0] });
        probe.join().unwrap();
        assert_eq!(shared.mailbox.take(), None);
    });
}

#[test]
fn an_answer_that_nobody_waits_for_is_there_later() {
    in_every_order(|| {
        let shared = Arc::new(Shared::default());
        let probe = probe(&shared, 1);
        assert!(shared.ask(FIRST));
        let early = shared.mailbox.take();
        probe.join().unwrap();
        let report = early.or_else(|| shared.mailbox.take());
        assert_eq!(report, Some(ProbeReport { asked_at: FIRST, answer: ANSWERS[0] }));
        assert!(shared.mailbox.ask(SECOND));
    });
}

/// The mailbox, and the eventfd by which the thread learns of a question: a counter that the kernel
/// orders like this.
#[derive(Debug, Default)]
struct Shared {
    mailbox: Mailbox,
    questions: AtomicU32,
}

impl Shared {
    fn ask(&self, asked_at: Instant) -> bool {
        let asked = self.mailbox.ask(asked_at);
        if asked {
            self.questions.fetch_add(1, Ordering::Release);
        }
        asked
    }

    fn wait(&self) -> ProbeReport {
        loop {
            if let Some(report) = self.mailbox.take() {
                return report;
            }
            thread::yield_now();
        }
    }
}

/// The probe's thread, for as many questions.
fn probe(shared: &Arc<Shared>, questions: usize) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for (answered, answer) in (0_u32..).zip(ANSWERS).take(questions) {
            while shared.questions.load(Ordering::Acquire) <= answered {
                thread::yield_now();
            }
            shared.mailbox.put(answer);
        }
    })
}

fn in_every_order(story: impl Fn() + Send + Sync + 'static) {
    let orders = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&orders);
    loom::model(move || {
        count.fetch_add(1, Counting::Relaxed);
        story();
    });
    assert!(orders.load(Counting::Relaxed) > 5, "there is more than one order: {orders:?}");
}

//! Whatever arrives, at whatever moment: the client never panics, and never believes a forged off.
#![cfg(test)]

mod fake;

use fake::{FakeBmc, Talk, status};
use palisade_ipmi::client::{Answer, Event, Input, Order};
use palisade_protocol::time::Duration;
use proptest::prelude::*;

/// What a network may do to the client between two honest steps.
#[derive(Clone, Debug)]
enum Mischief {
    Junk(Vec<u8>),
    /// An honest reply of earlier with one byte changed.
    Tampered {
        which: prop::sample::Index,
        at: prop::sample::Index,
        xor: u8,
    },
    /// An honest reply of earlier, cut.
    Cut {
        which: prop::sample::Index,
        to: prop::sample::Index,
    },
    /// An honest reply of earlier once more.
    Again(prop::sample::Index),
    /// The next packets do not reach the BMC.
    Deaf(u32),
    PortRefused,
    Wait(u64),
}

fn mischief() -> impl Strategy<Value = Mischief> {
    let junk = prop::collection::vec(any::<u8>(), 0..100).prop_map(Mischief::Junk);
    let tampered = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..)
        .prop_map(|(which, at, xor)| Mischief::Tampered { which, at, xor });
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>())
        .prop_map(|(which, to)| Mischief::Cut { which, to });
    let again = any::<prop::sample::Index>().prop_map(Mischief::Again);
    prop_oneof![
        junk,
        tampered,
        cut,
        again,
        (0_u32..3).prop_map(Mischief::Deaf),
        Just(Mischief::PortRefused),
        (0_u64..300).prop_map(Mischief::Wait),
    ]
}

fn play(talk: &mut Talk, mischief: &Mischief) -> Option<Event> {
    let pick = |which: &prop::sample::Index| {
        (!talk.replies.is_empty()).then(|| which.get(&talk.replies).clone())
    };
    match mischief {
        Mischief::Junk(bytes) => talk.feed(Input::Datagram(bytes)),
        Mischief::Tampered { which, at, xor } => {
            let mut bytes = pick(which)?;
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
            talk.feed(Input::Datagram(&bytes))
        }
        Mischief::Cut { which, to } => {
            let bytes = pick(which)?;
            let to = to.index(bytes.len());
            talk.feed(Input::Datagram(&bytes[..to]))
        }
        Mischief::Again(which) => {
            let bytes = pick(which)?;
            talk.feed(Input::Datagram(&bytes))
        }
        Mischief::Deaf(count) => {
            talk.bmc.deaf_to = *count;
            None
        }
        Mischief::PortRefused => talk.feed(Input::PortRefused),
        Mischief::Wait(millis) => {
            talk.now += Duration::from_millis(*millis);
            talk.feed(Input::Tick)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_login_survives_mischief_at_every_step(
        tricks in prop::collection::vec(mischief(), 0..40),
    ) {
        let mut talk = Talk::new(FakeBmc::new());
        let mut event = talk.feed(Input::Tick);
        for trick in &tricks {
            event = event.or_else(|| play(&mut talk, trick));
            if event.is_some() || talk.client.is_over() {
                break;
            }
            event = talk.step();
        }
        prop_assert!(!matches!(event, Some(Event::Answered(_) | Event::Declined(_))));
    }

    /// The same with a question that leaves with the proof of the password.
    #[test]
    fn a_question_on_board_of_a_login_is_answered_by_the_bmc_alone(
        tricks in prop::collection::vec(mischief(), 0..40),
    ) {
        let mut talk = Talk::with_orders(FakeBmc::new(), &[Order::Status]);
        let mut event = talk.feed(Input::Tick);
        for trick in &tricks {
            event = event.or_else(|| play(&mut talk, trick));
            if let Some(Event::Answered(answer)) = event.take() {
                prop_assert_eq!(answer, Answer::Status(status(true)));
            }
            if talk.client.is_over() || talk.client.next_deadline().is_none() {
                break;
            }
            event = talk.step();
        }
    }

    /// The machine was off, was switched on, and is on: no replay, forgery or delay of what the BMC
    /// said while it was off makes it off again.
    #[test]
    fn a_machine_that_is_on_is_never_read_as_off(
        tricks in prop::collection::vec(mischief(), 0..60),
    ) {
        let mut talk = Talk::opened(FakeBmc::new());
        talk.order(Order::Off);
        prop_assert_eq!(talk.order(Order::Status), Event::Answered(Answer::Status(status(false))));
        talk.order(Order::On);
        let by = talk.now + Duration::from_secs(30);
        let mut event = talk.feed(Input::Order { order: Order::Status, by: Some(by) });
        for trick in &tricks {
            event = event.or_else(|| play(&mut talk, trick));
            if let Some(Event::Answered(answer)) = &event {
                prop_assert_eq!(answer, &Answer::Status(status(true)));
                event = talk.feed(Input::Order { order: Order::Status, by: Some(by) });
            }
            if talk.client.is_over() {
                break;
            }
        }
    }
}

//! Judges a run against the promises. Pure: reads the record, decides nothing in it.

use super::event::{Mark, What, signed_ms};
use super::node::Node;
use super::numbers::{
    BEAT, BOOT, CHECK_EVERY, CHECK_TIMEOUT, HOST, OFF_CONFIRM, OFF_LATENCY, ON_LATENCY, ON_REST,
    PROMISE, READING, RTT, SLOW_OFF, SUSPECT_AFTER, WARRANT, WATCHDOG,
};
use super::run::{Outcome, Run};
use super::scenario::{Act, Ending, ProofKind};
use super::truth::{Command, Order, Spell};
use palisade_protocol::time::{Duration, Instant};

/// How a promise fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was put to the test and held.
    Held,
    /// It was broken.
    Broken,
    /// This scenario does not put it to the test.
    Untested,
}

/// The judgement on one promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The promise's number as the README lists them, or `end` for the expected end.
    pub promise: &'static str,
    /// Its name.
    pub title: &'static str,
    /// How it fared.
    pub fate: Fate,
    /// What shows it.
    pub evidence: String,
}

/// Judges every promise, and whether the expected end was reached.
pub fn judge(run: &Run) -> Vec<Verdict> {
    let promise = |&(number, title, judged): &Promise| {
        let finding = match run.outcome {
            Outcome::Interrupted => untested("interrupted"),
            Outcome::Reached | Outcome::Missed(_) if run.fault_at.is_none() => {
                untested("no fault struck")
            }
            Outcome::Reached | Outcome::Missed(_) => judged(run),
        };
        verdict(number, title, finding)
    };
    let end = verdict("end", "expected end", reached(run));
    PROMISES.iter().map(promise).chain([end]).collect()
}

type Promise = (&'static str, &'static str, fn(&Run) -> Finding);

const PROMISES: [Promise; 8] = [
    ("S1", "one owner", one_owner),
    ("S2", "self-fence", self_fence),
    ("S3", "warrant", warranted),
    ("S4", "no wrong kill", no_wrong_kill),
    ("S5", "no nervous kill", no_nervous_kill),
    ("S6", "stale is nothing", stale_is_nothing),
    ("L1", "bounded", bounded),
    ("L2", "heals", heals),
];

/// Whether all that was put to the test held.
pub fn all_held(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| verdict.fate != Fate::Broken)
}

/// The longest time from the fault to a proof, and what it is made of.
pub fn proof_bound(run: &Run, proof: ProofKind) -> (Duration, String) {
    let notice = notice(run);
    let (parts, sum) = match proof {
        ProofKind::PowerOff => (
            format!(
                "2 RTT {} + off {} + reading {} + confirm {}",
                ms(RTT * 2),
                ms(OFF_LATENCY),
                ms(READING),
                ms(OFF_CONFIRM)
            ),
            notice.1 + RTT * 2 + OFF_LATENCY + READING + OFF_CONFIRM,
        ),
        ProofKind::LeaseExpired | ProofKind::LeaseExpiredOrReborn => {
            return (
                PROMISE + BEAT + HOST,
                sum_text("promise", PROMISE, &format!("beat {}", ms(BEAT))),
            );
        }
    };
    (sum + HOST, sum_text(notice.0, notice.1, &parts))
}

/// The longest time from healing (or power on) to admission.
pub fn heal_bound(run: &Run) -> Duration {
    // A machine that still falls from an order is let go, rested and raised before it is a member.
    let falling = if run.scenario.does(Act::HoldPowerButton) { SLOW_OFF } else { Duration::ZERO };
    match run.scenario.ending {
        // No new life is admitted while an order may be on its way: a warrant's life at most.
        Ending::Replaced(_) => falling + ON_REST + ON_LATENCY + BOOT + WARRANT + HOST * 4,
        Ending::ColdStart => ON_LATENCY + BOOT + PROMISE * 2 + WATCHDOG + HOST * 4,
        Ending::Spared(_) => PROMISE,
    }
}

type Finding = (Fate, String);

fn verdict(promise: &'static str, title: &'static str, (fate, evidence): Finding) -> Verdict {
    Verdict { promise, title, fate, evidence }
}

fn held(evidence: impl Into<String>) -> Finding {
    (Fate::Held, evidence.into())
}

fn broken(evidence: impl Into<String>) -> Finding {
    (Fate::Broken, evidence.into())
}

fn untested(evidence: impl Into<String>) -> Finding {
    (Fate::Untested, evidence.into())
}

/// No two machines ever served at once, and no proof stood while its life went on.
fn one_owner(run: &Run) -> Finding {
    let services: Vec<_> = run.truth.services.iter().collect();
    for (place, one) in services.iter().enumerate() {
        let other = services.iter().skip(place + 1).find(|other| one.overlaps(other));
        if let Some(other) = other {
            return broken(format!(
                "{} and {} served at once {}",
                one.node,
                other.node,
                when(run, other.from)
            ));
        }
    }
    match run.marks.iter().find_map(|mark| premature(run, mark)) {
        Some(evidence) => broken(evidence),
        None => held(handover(run)),
    }
}

/// The evidence against a proof that stood while the life it ends went on.
fn premature(run: &Run, mark: &Mark) -> Option<String> {
    if mark.what != What::Fenced {
        return None;
    }
    let condemned = condemned_life(run, mark)?;
    (condemned.end_or_never() > mark.at)
        .then(|| format!("{} was called fenced {} while it ran", mark.node, when(run, mark.at)))
}

/// The life that the proof is about: the one that ran at the latest warrant before it.
fn condemned_life<'a>(run: &'a Run, proof: &Mark) -> Option<&'a Spell> {
    let warrant = run.marks.iter().rfind(|mark| {
        mark.what == What::Warrant && mark.node == proof.node && mark.at <= proof.at
    })?;
    run.truth.lives.of(proof.node).filter(|life| life.from <= warrant.at).last()
}

/// How far apart the old owner's end and the new owner's beginning were.
fn handover(run: &Run) -> String {
    let services: Vec<_> = run.truth.services.iter().collect();
    match services.windows(2).last() {
        Some([old, new]) => format!(
            "{} stopped acting {}, {} served {}: {} apart",
            old.node,
            when(run, old.end_or_never()),
            new.node,
            when(run, new.from),
            ms(new.from.since(old.end_or_never()))
        ),
        _ => "the service ran in one place throughout".to_owned(),
    }
}

/// A victim that no majority renews is dead when the promises end.
fn self_fence(run: &Run) -> Finding {
    let cut_off = [Act::Isolate, Act::Mute, Act::StopAgent];
    let (Some(fault), true) = (run.fault_at, cut_off.iter().any(|act| run.scenario.does(*act)))
    else {
        return untested("no node that runs was cut off from the majority");
    };
    let limit = fault + PROMISE + RTT;
    match run.truth.lives.at(run.cast.victim, fault).map(|life| (life.end_or_never(), life.end)) {
        Some((end, why)) if end <= limit => held(format!(
            "{} ended {} ({why}), limit {}",
            run.cast.victim,
            when(run, end),
            ms(PROMISE + RTT)
        )),
        Some((Instant::NEVER, _)) => broken(format!("{} still runs", run.cast.victim)),
        Some((end, _)) => broken(format!("{} ended only {}", run.cast.victim, when(run, end))),
        None => broken("the victim did not run when the fault struck"),
    }
}

/// Every power-off that a BMC obeyed had a living warrant, every power-on a proof.
fn warranted(run: &Run) -> Finding {
    let commands = &run.truth.commands;
    if let Some(command) = commands.iter().find(|command| !is_warranted(run, command)) {
        return broken(format!(
            "{:?} of {} {} had no warrant",
            command.order,
            command.node,
            when(run, command.at)
        ));
    }
    if commands.is_empty() {
        return held("no power command was sent");
    }
    held(format!("{} power commands, each after its warrant or proof", commands.len()))
}

fn is_warranted(run: &Run, command: &Command) -> bool {
    let paper = match command.order {
        Order::Off => What::Warrant,
        Order::On => What::Fenced,
        Order::Other => return false,
    };
    let before =
        |mark: &&Mark| mark.what == paper && mark.node == command.node && mark.at <= command.at;
    // The journal's line and the command race by less than the time of a session.
    let life = if command.order == Order::On { Duration::MAX } else { WARRANT + HOST };
    run.marks.iter().rfind(before).is_some_and(|mark| command.at.since(mark.at) <= life)
}

/// No life that was not condemned met a power-off.
fn no_wrong_kill(run: &Run) -> Finding {
    let offs = run.truth.commands.iter().filter(|command| command.order == Order::Off);
    let wrong = offs.clone().find(|command| !hit_the_condemned(run, command));
    match wrong {
        None if offs.count() == 0 => held("no power-off was sent"),
        Some(command) => broken(format!(
            "{} was powered off {} in a life nobody had condemned",
            command.node,
            when(run, command.at)
        )),
        None => held(format!("only the condemned life of {} was powered off", run.cast.victim)),
    }
}

fn hit_the_condemned(run: &Run, command: &Command) -> bool {
    let life = run.truth.lives.at(command.node, command.at);
    let condemned_at = run.marks.iter().rfind(|mark| {
        mark.what == What::Warrant && mark.node == command.node && mark.at <= command.at
    });
    let same_life = match (life, condemned_at) {
        (Some(life), Some(warrant)) => life.from <= warrant.at,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    same_life && command.node == run.cast.victim
}

/// Nobody but the victim lost its life, and in a scenario that spares everybody nobody did.
fn no_nervous_kill(run: &Run) -> Finding {
    let to_be_fenced =
        matches!(run.scenario.ending, Ending::Replaced(_)).then_some(run.cast.victim);
    let spared = |node: Node| Some(node) != to_be_fenced;
    let nervous = [What::Warrant, What::OffSent, What::Fenced, What::SelfReset];
    let said = run.marks.iter().find(|mark| spared(mark.node) && nervous.contains(&mark.what));
    let done = run.truth.unscripted_ends().find(|life| spared(life.node));
    match (said, done) {
        (Some(mark), _) => {
            broken(format!("{} {} {}", mark.node, mark.what.name(), when(run, mark.at)))
        }
        (None, Some(life)) => {
            broken(format!("{} ended {} ({})", life.node, when(run, life.end_or_never()), life.end))
        }
        (None, None) => held(match to_be_fenced {
            Some(victim) => format!("nobody but {victim} was touched"),
            None => "nobody was fenced or reset itself".to_owned(),
        }),
    }
}

/// Repeated datagrams of the victim's former life changed nothing.
fn stale_is_nothing(run: &Run) -> Finding {
    if run.replayed == 0 {
        return untested("nothing was replayed");
    }
    match dead_admission(run) {
        Some(mark) => {
            broken(format!("{} was admitted {} while it was dead", mark.node, when(run, mark.at)))
        }
        None if run.victim_first(What::Fenced).is_none() => broken("the victim was never fenced"),
        None => {
            held(format!("{} recorded datagrams sent again: no decision changed", run.replayed))
        }
    }
}

/// An admission of a machine at a time when it could not act.
fn dead_admission(run: &Run) -> Option<&Mark> {
    run.of(run.cast.victim, What::Admitted)
        .find(|mark| run.truth.lives.at(mark.node, mark.at).is_none())
}

/// The proof came in time.
fn bounded(run: &Run) -> Finding {
    let Ending::Replaced(proof) = run.scenario.ending else {
        return untested("nobody is to be fenced");
    };
    let (bound, parts) = proof_bound(run, proof);
    match run.victim_first(What::Fenced).map(|mark| mark.at.since(run.origin())) {
        Some(took) if took <= bound => {
            held(format!("proof after {}, bound {} = {parts}", ms(took), ms(bound)))
        }
        Some(took) => {
            broken(format!("proof only after {}, bound {} = {parts}", ms(took), ms(bound)))
        }
        None => broken("no proof"),
    }
}

/// Everybody is a member again in time.
fn heals(run: &Run) -> Finding {
    let from = match run.scenario.ending {
        Ending::Spared(_) => return untested("nobody left"),
        Ending::Replaced(_) => healed_at(run),
        Ending::ColdStart => run.origin() + last_step(run),
    };
    let bound = heal_bound(run);
    let back = match run.scenario.ending {
        Ending::ColdStart => Node::ALL.into_iter().map(|node| run.back_at(node)).collect(),
        Ending::Replaced(_) | Ending::Spared(_) => vec![run.back_at(run.cast.victim)],
    };
    match back.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()) {
        None => broken("not everybody was admitted again"),
        Some(at) if at.since(from) <= bound => held(format!(
            "admitted {} after the last fault healed, bound {}",
            ms(at.since(from)),
            ms(bound)
        )),
        Some(at) => broken(format!(
            "admitted only {} after the last fault healed, bound {}",
            ms(at.since(from)),
            ms(bound)
        )),
    }
}

/// When nothing stood in the way of the victim's return any more.
fn healed_at(run: &Run) -> Instant {
    let proven = run.victim_first(What::Fenced).map_or(run.origin(), |mark| mark.at);
    proven.max(run.origin() + last_step(run))
}

fn last_step(run: &Run) -> Duration {
    let last = run.scenario.script.last().map_or(0, |step| step.at_ms);
    Duration::from_millis(last.into())
}

/// The end that the scenario must come to.
fn reached(run: &Run) -> Finding {
    match &run.outcome {
        Outcome::Reached => held("as expected"),
        Outcome::Missed(missing) => broken(missing.clone()),
        Outcome::Interrupted => broken("interrupted"),
    }
}

/// How the fault is noticed, and the longest time that takes.
fn notice(run: &Run) -> (&'static str, Duration) {
    if run.scenario.does(Act::ServiceFails) {
        ("check", CHECK_EVERY + CHECK_TIMEOUT)
    } else {
        ("suspicion", SUSPECT_AFTER + BEAT)
    }
}

fn sum_text(name: &str, first: Duration, rest: &str) -> String {
    format!("{name} {} + {rest} + host {}", ms(first), ms(HOST))
}

/// A time as the summary writes it.
pub fn ms(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}

fn when(run: &Run, at: Instant) -> String {
    format!("at {:+.0} ms", signed_ms(run.origin(), at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sample::{at, kill};
    use crate::demo::scenario::Scenario;

    fn fate(run: &Run, promise: &str) -> Fate {
        judge(run).into_iter().find(|verdict| verdict.promise == promise).unwrap().fate
    }

    #[test]
    fn a_good_run_breaks_no_promise() {
        let verdicts = judge(&kill());
        assert!(all_held(&verdicts), "{verdicts:#?}");
    }

    #[test]
    fn two_machines_serving_at_once_break_s1() {
        let mut run = kill();
        run.truth.services.begin(Node::ALL[2], at(900));
        assert_eq!(fate(&run, "S1"), Fate::Broken);
    }

    #[test]
    fn a_proof_while_the_node_runs_breaks_s1() {
        let mut run = kill();
        run.truth.lives = Default::default();
        run.truth.lives.begin(Node::OWNER, at(-3_000));
        run.truth.lives.end(Node::OWNER, at(800), "power off");
        assert_eq!(fate(&run, "S1"), Fate::Broken);
    }

    #[test]
    fn a_power_off_without_warrant_breaks_s3() {
        let mut run = kill();
        run.marks.retain(|mark| mark.what != What::Warrant);
        assert_eq!(fate(&run, "S3"), Fate::Broken);
        assert_eq!(fate(&run, "S4"), Fate::Broken);
    }

    #[test]
    fn a_power_off_long_after_its_warrant_breaks_s3() {
        let mut run = kill();
        run.truth.commands[0].at = at(311 + 2_500);
        assert_eq!(fate(&run, "S3"), Fate::Broken);
    }

    #[test]
    fn a_power_off_of_the_next_life_breaks_s4() {
        let mut run = kill();
        run.truth.commands.push(Command { at: at(3_700), node: Node::OWNER, order: Order::Off });
        assert_eq!(fate(&run, "S4"), Fate::Broken);
    }

    #[test]
    fn a_power_off_of_a_healthy_node_breaks_s4_and_its_warrant_s5() {
        let mut run = kill();
        run.marks.push(Mark::seen(at(320), Node::STANDBY, What::Warrant, ""));
        run.truth.commands.push(Command { at: at(330), node: Node::STANDBY, order: Order::Off });
        assert_eq!(fate(&run, "S4"), Fate::Broken);
        assert_eq!(fate(&run, "S5"), Fate::Broken);
    }

    #[test]
    fn a_bitten_bystander_breaks_s5() {
        let mut run = kill();
        run.truth.end_life(Node::ALL[2], at(1_200), "watchdog");
        assert_eq!(fate(&run, "S5"), Fate::Broken);
    }

    #[test]
    fn an_admission_of_the_dead_breaks_s6() {
        let mut run = kill();
        run.marks.push(Mark::seen(at(400), Node::OWNER, What::Admitted, "by a replay"));
        assert_eq!(fate(&run, "S6"), Fate::Broken);
    }

    #[test]
    fn a_late_proof_breaks_l1() {
        let mut run = kill();
        run.marks.retain(|mark| mark.what != What::Fenced);
        run.marks.push(Mark::seen(at(1_900), Node::OWNER, What::Fenced, "PowerOff"));
        assert_eq!(fate(&run, "L1"), Fate::Broken);
    }

    #[test]
    fn a_node_that_does_not_come_back_breaks_l2() {
        let mut run = kill();
        run.marks.retain(|mark| !(mark.what == What::Admitted && mark.at > at(0)));
        assert_eq!(fate(&run, "L2"), Fate::Broken);
    }

    #[test]
    fn a_victim_that_outlives_the_promise_breaks_s2() {
        let mut run = kill();
        run.scenario = Scenario::named("hang").unwrap();
        run.truth.lives = Default::default();
        run.truth.lives.begin(Node::OWNER, at(-3_000));
        run.truth.lives.end(Node::OWNER, at(1_700), "power off");
        assert_eq!(fate(&run, "S2"), Fate::Broken);
    }

    #[test]
    fn an_end_not_reached_is_no_success() {
        let mut run = kill();
        run.outcome = Outcome::Missed("nobody was promoted".to_owned());
        assert!(!all_held(&judge(&run)));
    }
}

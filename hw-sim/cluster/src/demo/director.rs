//! Plays one scenario on a stage: waits until all is well, strikes, waits for the expected end.
//!
//! Says what is missing; whether promises held is judged elsewhere.

use super::event::{Mark, What, Witness};
use super::layout::LINKS;
use super::node::Node;
use super::numbers::BEAT;
use super::run::{Outcome, Run};
use super::scenario::{Act, Ending, ProofKind, Sign, Step};
use super::stage::Stage;
use palisade_host::clock;
use palisade_protocol::time::{Duration, Instant};

/// Plays the scenario of `stage`'s record; the record then is the run.
pub fn play(stage: &mut Stage) {
    stage.begin();
    let outcome = match prepare(stage) {
        Ok(()) => {
            wait(stage, stage.record.cast.delay);
            act_and_watch(stage)
        }
        Err(_) if stage.stopped => Outcome::Interrupted,
        Err(missing) => Outcome::Missed(missing),
    };
    wait(stage, SETTLE);
    stage.record.outcome = outcome;
    stage.record.ended_at = clock::now();
}

/// Longest time from start to a quiet cluster: boot hold, first admissions, room for a slow host.
const READY_MAX: Duration = Duration::from_secs(20);
/// After the end, for the last lines of the journals.
const SETTLE: Duration = Duration::from_millis(150);

/// Waits until everybody is a member under an armed watchdog, has said so for some beats, and the
/// owner serves under its health check.
fn prepare(stage: &mut Stage) -> Result<(), String> {
    let limit = clock::now() + READY_MAX;
    until(stage, limit, |stage| not_admitted(&stage.record))?;
    until(stage, limit, |stage| {
        let asleep = Node::ALL.into_iter().find(|node| !stage.is_armed(*node))?;
        Some(format!("the watchdog of {asleep} was never armed"))
    })?;
    stage.start_service();
    until(stage, limit, |stage| {
        (!stage.owner_is_asked())
            .then(|| format!("the health check of {} never asked", Node::OWNER))
    })?;
    wait(stage, BEAT * 3);
    Ok(())
}

fn not_admitted(run: &Run) -> Option<String> {
    let admitted = |node: &Node| run.admitted_since(*node, Instant::BOOT).is_some();
    let missing = Node::ALL.into_iter().find(|node| !admitted(node))?;
    Some(format!("{missing} was never admitted by a majority"))
}

/// Turns the stage until nothing is missing; errs with what is.
fn until(
    stage: &mut Stage,
    limit: Instant,
    missing: impl Fn(&Stage) -> Option<String>,
) -> Result<(), String> {
    while let Some(text) = missing(stage) {
        if stage.stopped {
            return Err(text);
        }
        if let Some(alarm) = run_alarm(&stage.record) {
            return Err(alarm);
        }
        if clock::now() > limit {
            return Err(text);
        }
        stage.turn();
    }
    Ok(())
}

/// A daemon that ends before anything was broken will not come back.
fn run_alarm(run: &Run) -> Option<String> {
    let ours = |mark: &&Mark| mark.what == What::Alarm && mark.witness == Witness::Simulator;
    run.marks.iter().find(ours).map(|mark| format!("{}'s {}", mark.node, mark.detail))
}

fn wait(stage: &mut Stage, span: Duration) {
    let end = clock::now() + span;
    while clock::now() < end && !stage.stopped {
        stage.turn();
    }
}

fn act_and_watch(stage: &mut Stage) -> Outcome {
    let scenario = stage.record.scenario;
    let fault_at = clock::now();
    stage.record.fault_at = Some(fault_at);
    stage.mark(stage.record.cast.victim, What::Fault, told(&stage.record));
    let mut script = scenario.script.iter().peekable();
    loop {
        let elapsed = clock::now().since(fault_at);
        while let Some(step) = script.next_if(|step| due(step, elapsed)) {
            stage.perform(step.act);
        }
        let missing = missing(&stage.record);
        match missing {
            _ if stage.stopped => return Outcome::Interrupted,
            None if elapsed >= scenario.watch() && script.peek().is_none() => {
                return Outcome::Reached;
            }
            Some(text) if elapsed > scenario.patience() => return Outcome::Missed(text),
            None | Some(_) => stage.turn(),
        }
    }
}

fn due(step: &Step, elapsed: Duration) -> bool {
    elapsed.as_millis() >= u128::from(step.at_ms)
}

/// The fault in words.
fn told(run: &Run) -> String {
    if run.scenario.does(Act::CutLink) {
        let name = LINKS.get(run.cast.link).copied().unwrap_or_default();
        return format!("{}: link {name}", run.scenario.about);
    }
    run.scenario.about.to_owned()
}

/// What is still missing at the expected end.
fn missing(run: &Run) -> Option<String> {
    match run.scenario.ending {
        Ending::Replaced(proof) => not_replaced(run, proof),
        Ending::Spared(sign) => moved(run).or_else(|| unseen(run, sign)),
        Ending::ColdStart => {
            Node::ALL.into_iter().find_map(|node| not_back(run, node)).or_else(|| moved(run))
        }
    }
}

fn not_replaced(run: &Run, proof: ProofKind) -> Option<String> {
    let victim = run.cast.victim;
    let Some(fenced) = run.victim_first(What::Fenced) else {
        return Some(format!("{victim} was never fenced"));
    };
    if !names(&fenced.detail, proof) {
        return Some(format!("the proof is not {proof:?}: {}", fenced.detail));
    }
    if run.first(Node::STANDBY, What::Promoted).is_none() {
        return Some(format!("{} was never promoted", Node::STANDBY));
    }
    if !run.truth.services.lasts(Node::STANDBY) {
        return Some(format!("{} does not serve", Node::STANDBY));
    }
    not_back(run, victim)
}

/// Whether `detail` names the proof, however it is spelled.
fn names(detail: &str, proof: ProofKind) -> bool {
    let letters: String = detail.chars().filter(char::is_ascii_alphabetic).collect();
    let words: &[&str] = match proof {
        ProofKind::PowerOff => &["poweroff"],
        ProofKind::LeaseExpired => &["leaseexpired"],
        ProofKind::LeaseExpiredOrReborn => &["leaseexpired", "reborn"],
    };
    let letters = letters.to_ascii_lowercase();
    words.iter().any(|word| letters.contains(word))
}

/// Whether `node` has not been admitted in a life that began after the fault.
fn not_back(run: &Run, node: Node) -> Option<String> {
    run.back_at(node).is_none().then(|| format!("{node} was not admitted again"))
}

/// Whether the service is not where it was.
fn moved(run: &Run) -> Option<String> {
    let owner = Node::OWNER;
    (!run.truth.services.lasts(owner)).then(|| format!("{owner} does not serve"))
}

fn unseen(run: &Run, sign: Sign) -> Option<String> {
    match sign {
        Sign::Quiet => None,
        Sign::LinkNamed => link_not_named(run),
        Sign::BegunAgain => not_begun_again(run),
    }
}

fn link_not_named(run: &Run) -> Option<String> {
    let link = LINKS.get(run.cast.link).copied().unwrap_or_default();
    let named = run.marks.iter().any(|mark| {
        mark.at >= run.origin()
            && matches!(mark.what, What::Alarm | What::Lost)
            && mark.detail.contains(link)
    });
    (!named).then(|| format!("no event names {link}"))
}

fn not_begun_again(run: &Run) -> Option<String> {
    let restarts = run.scenario.script.iter().filter(|step| {
        matches!(step.act, Act::StartFencer | Act::UpgradeFencer(_) | Act::UpgradeAgent(_))
    });
    let wanted = restarts.count();
    let begun =
        run.marks.iter().filter(|mark| mark.what == What::Started && mark.at >= run.origin());
    let begun = begun.count();
    (begun < wanted).then(|| format!("{begun} of {wanted} daemons began again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sample::{at, kill};

    #[test]
    fn nothing_is_missing_at_the_end_of_a_good_run() {
        assert_eq!(missing(&kill()), None);
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut run = kill();
        run.marks.retain(|mark| mark.what != What::Promoted);
        assert_eq!(missing(&run).as_deref(), Some("node2 was never promoted"));
        run.marks.retain(|mark| mark.what != What::Fenced);
        assert_eq!(missing(&run).as_deref(), Some("node1 was never fenced"));
    }

    #[test]
    fn the_wrong_proof_is_not_the_expected_end() {
        let mut run = kill();
        for mark in run.marks.iter_mut().filter(|mark| mark.what == What::Fenced) {
            mark.detail = "lease expired".to_owned();
        }
        assert!(missing(&run).is_some_and(|text| text.contains("PowerOff")));
    }

    #[test]
    fn an_admission_before_the_fault_is_no_return() {
        let mut run = kill();
        run.marks.retain(|mark| mark.at < at(3_000));
        assert_eq!(missing(&run).as_deref(), Some("node1 was not admitted again"));
    }
}

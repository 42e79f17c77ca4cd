//! All machines at once, each in a task of its own.
//!
//! Whatever happens to a task, its machine has a report: the work may be interrupted at any time and
//! then says what is known.

use std::fs;
use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinSet};

use super::super::exit::Failure;
use super::act::{self, Report};
use super::machines::Machine;
use super::progress::Progress;
use super::wish::Wish;
use crate::power::Engine;

/// One report for each machine, in their order.
pub(super) async fn ask(wish: &Wish, machines: &[Machine]) -> Result<Vec<Report>, Failure> {
    let mut ends = Ends::watched().map_err(Failure::unknown)?;
    let engine = Engine::start().map_err(Failure::unknown)?;
    let mut reports: Vec<Option<Report>> = machines.iter().map(|_| None).collect();
    let mut progress = Progress::new(machines.len());
    let mut waiting = machines.iter().enumerate();
    let at_most = wish.at_most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < at_most
            && let Some((place, machine)) = waiting.next()
        {
            let (engine, act, longest) = (engine.clone(), wish.act, wish.longest());
            let bmc = machine.bmc.clone();
            tasks.spawn(async move { (place, act::carry_out(&engine, act, &bmc, longest).await) });
        }
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => note(done, &mut reports, &mut progress),
                None => break,
            },
            () = progress.due() => progress.show(),
            () = ends.told() => break,
        }
    }
    progress.clear();
    let begun = machines.len() - waiting.len();
    let rest = |place| match place {
        place if place >= begun => Report::not_begun(),
        _ if tasks.is_empty() => Report::lost(),
        _ => Report::interrupted(wish.act),
    };
    let reports = reports.into_iter().enumerate();
    Ok(reports.map(|(place, report)| report.unwrap_or_else(|| rest(place))).collect())
}

fn note(
    done: Result<(usize, Report), JoinError>,
    reports: &mut [Option<Report>],
    progress: &mut Progress,
) {
    // A task that broke has no place; its machine is then one that nothing is known of.
    let Ok((place, report)) = done else { return };
    progress.count(report.power.is_some());
    if let Some(slot) = reports.get_mut(place) {
        *slot = Some(report);
    }
}

/// The ways in which a person or a script ends the work early.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone. None if whoever started us wants that ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl Ends {
    fn watched() -> io::Result<Self> {
        let hangup = (!hangups_are_ignored()?).then(|| signal(SignalKind::hangup())).transpose()?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())?, hangup })
    }

    async fn told(&mut self) {
        let told = tokio::select! {
            told = self.interrupt.recv() => told,
            told = self.terminate.recv() => told,
            told = hung_up(self.hangup.as_mut()) => told,
        };
        if told.is_none() {
            pending::<()>().await;
        }
    }
}

async fn hung_up(hangup: Option<&mut Signal>) -> Option<()> {
    match hangup {
        Some(hangup) => hangup.recv().await,
        None => pending().await,
    }
}

/// The kernel's mask of ignored signals, whose first is SIGHUP.
fn hangups_are_ignored() -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & 1 != 0))
}

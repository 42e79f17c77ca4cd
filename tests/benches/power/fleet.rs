//! Part b: any number of machines.

use std::error::Error;

use super::Bench;
use super::contest::{Contender, hold, print, target};
use super::measured::Run;
use super::peers::{self, Work};
use super::rack::{Rack, who};

type Failure = Box<dyn Error>;

const SIZES: [usize; 4] = [1, 100, 1_000, 10_000];

/// More machines than this take parallel `ipmitool` minutes.
const IPMITOOL_MAX: usize = 100;

/// Processor time for 10,000 verified offs.
const CPU_MAX_MS: f64 = 1_500.0;

pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    for machines in SIZES {
        let rack = Rack::start(&bench.simulator, machines, &[])?;
        for work in [Work::Status, Work::Off] {
            one(bench, &rack, machines, work)?;
        }
    }
    Ok(())
}

fn one(bench: &Bench, rack: &Rack, machines: usize, work: Work) -> Result<(), Failure> {
    let account = rack.account();
    let (who, hosts) = (who(&account), rack.hosts());
    let mut contenders = vec![peers::palisade(&bench.palisade, &hosts, machines, who, work)];
    contenders.extend(peers::ipmipower(&hosts, who, work));
    if machines <= IPMITOOL_MAX {
        let many = peers::many_ipmitool(&rack.file()?, rack.port(), who, work);
        contenders.push(many.at_most(if machines == 1 { bench.rounds() } else { 3 }));
    }
    let prepare = || if work == Work::Off { all_on(bench, rack, machines) } else { Ok(()) };
    hold(&mut contenders, rounds(bench, machines), prepare)?;
    let note = match machines {
        0..=IPMITOOL_MAX => "",
        10_000 => "; ipmitool is left out, and ipmipower ends with an error",
        _ => "; ipmitool is left out, it would take minutes",
    };
    let title = format!("b: {} of {machines} machines, palisade-sim bmc{note}", word(work));
    print(&title, &contenders, machines);
    if machines == 10_000 && work == Work::Off {
        let cpu = contenders.first().map(Contender::median_cpu).unwrap_or_default();
        target("ms of processor time", cpu, "<= 1500", |cpu| cpu <= CPU_MAX_MS);
    }
    Ok(())
}

/// Powers every machine of the rack on.
pub(crate) fn all_on(bench: &Bench, rack: &Rack, machines: usize) -> Result<(), Failure> {
    let account = rack.account();
    let on = peers::palisade(&bench.palisade, &rack.hosts(), machines, who(&account), Work::On);
    let run = Run::of(on.words(), "\"power\":\"on\"")?;
    if run.good == machines { Ok(()) } else { Err(format!("{} of {machines} on", run.good).into()) }
}

const fn rounds(bench: &Bench, machines: usize) -> usize {
    match machines {
        0..=100 => bench.rounds(),
        101..=1_000 if !bench.quick => 21,
        _ => 3,
    }
}

const fn word(work: Work) -> &'static str {
    match work {
        Work::Off => "verified off",
        Work::Status | Work::On | Work::Reboot => work.word(),
    }
}

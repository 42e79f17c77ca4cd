//! Part d: memory, processes and processor time of a verified off, of one machine and of a thousand.

use std::error::Error;

use super::Bench;
use super::contest::{Contender, hold, print};
use super::fleet::all_on;
use super::peers::{self, Work};
use super::rack::{Rack, who};

type Failure = Box<dyn Error>;

pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    one(bench)?;
    thousand(bench)
}

fn one(bench: &Bench) -> Result<(), Failure> {
    let rack = Rack::start(&bench.simulator, 1, &[])?;
    let account = rack.account();
    let (who, at) = (who(&account), rack.first());
    let mut contenders: Vec<Contender> = [
        Some(peers::fence_palisade(&bench.fence_palisade, at, who, Work::Off)),
        Some(peers::fence_ipmilan(at, who, Work::Off)),
        peers::ipmipower(&at.to_string(), who, Work::Off),
        peers::ipmitool(at, who, Work::Off),
    ]
    .into_iter()
    .flatten()
    .collect();
    hold(&mut contenders, 5, || all_on(bench, &rack, 1))?;
    print("d: what off of one machine takes (MiB: the largest process)", &contenders, 1);
    Ok(())
}

fn thousand(bench: &Bench) -> Result<(), Failure> {
    const MACHINES: usize = 1_000;
    let rack = Rack::start(&bench.simulator, MACHINES, &[])?;
    let account = rack.account();
    let (who, hosts) = (who(&account), rack.hosts());
    let mut contenders = vec![peers::palisade(&bench.palisade, &hosts, MACHINES, who, Work::Off)];
    contenders.extend(peers::ipmipower(&hosts, who, Work::Off));
    hold(&mut contenders, 5, || all_on(bench, &rack, MACHINES))?;
    print("d: what off of 1,000 machines takes", &contenders, MACHINES);
    Ok(())
}

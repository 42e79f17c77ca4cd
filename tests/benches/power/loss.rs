//! Part c: a network that loses datagrams.

use std::error::Error;

use super::Bench;
use super::contest::{Contender, hold, print, target, target_of_one};
use super::peers::{self, Work};
use super::rack::{Rack, who};
use super::relay::Relay;

type Failure = Box<dyn Error>;

const MACHINES: usize = 200;
/// Per direction.
const LOST_PERCENT: [usize; 4] = [0, 1, 5, 15];
/// With more lost, parallel `ipmitool` takes minutes.
const LOST_PERCENT_FOR_IPMITOOL: usize = 5;
const RAKP4_MAX_MS: f64 = 500.0;

pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    LOST_PERCENT.into_iter().try_for_each(|lost| losing(bench, lost))?;
    lost_rakp4(bench)
}

fn losing(bench: &Bench, lost: usize) -> Result<(), Failure> {
    let fault = format!("drop={lost}");
    let more = ["--fault", fault.as_str()];
    let rack = Rack::start(&bench.simulator, MACHINES, if lost == 0 { &[] } else { &more })?;
    let account = rack.account();
    let (who, hosts) = (who(&account), rack.hosts());
    let mut contenders =
        vec![peers::palisade(&bench.palisade, &hosts, MACHINES, who, Work::Status)];
    contenders.extend(peers::ipmipower(&hosts, who, Work::Status));
    if lost <= LOST_PERCENT_FOR_IPMITOOL {
        let many = peers::many_ipmitool(&rack.file()?, rack.port(), who, Work::Status);
        contenders.push(many.at_most(1));
    }
    hold(&mut contenders, bench.rounds(), || Ok(()))?;
    let title = format!("c: status of {MACHINES} machines, {lost} % lost each way");
    print(&title, &contenders, MACHINES);
    if let ([ours, theirs, ..], 5) = (contenders.as_slice(), lost) {
        let times = theirs.median().over(ours.median());
        target("times faster than ipmipower", times, ">= 3", |times| times >= 3.0);
        let done = 100.0 * ours.share_done(MACHINES);
        target_of_one("% of machines answered", Some(done), "100", |done| done >= 100.0);
    }
    Ok(())
}

fn lost_rakp4(bench: &Bench) -> Result<(), Failure> {
    let rack = Rack::start(&bench.simulator, 1, &[])?;
    let account = rack.account();
    let (who, relay) = (who(&account), Relay::start(rack.first())?);
    let at = relay.address();
    let mut contenders: Vec<Contender> = [
        Some(peers::fence_palisade(&bench.fence_palisade, at, who, Work::Status)),
        Some(peers::fence_ipmilan(at, who, Work::Status)),
        peers::ipmipower(&at.to_string(), who, Work::Status).map(|peer| peer.at_most(1)),
        peers::ipmitool(at, who, Work::Status),
    ]
    .into_iter()
    .flatten()
    .collect();
    let prepare = || {
        relay.lose_one();
        Ok(())
    };
    hold(&mut contenders, bench.rounds(), prepare)?;
    print("c: status of one machine, the first RAKP 4 lost", &contenders, 1);
    let ours = contenders.first().map(Contender::median).unwrap_or_default();
    target("ms with a lost RAKP 4", ours, "< 500", |ms| ms < RAKP4_MAX_MS);
    Ok(())
}

//! Part a: one machine, whole processes.

use std::error::Error;

use palisade_tests::ipmi_sim::{self, IpmiSim};

use super::Bench;
use super::contest::{Contender, hold, print, target};
use super::peers::{self, Account, Work};
use super::rack::{Rack, who, write_secret};

type Failure = Box<dyn Error>;

/// What off may cost beyond what the BMC itself takes.
const OFF_MORE_MS: f64 = 50.0;

pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let password_file = folder.path().join("password");
    write_secret(&password_file, ipmi_sim::PASSWORD)?;
    let who = Account {
        user: ipmi_sim::USER,
        password: ipmi_sim::PASSWORD,
        password_file: &password_file,
    };
    status(bench, who)?;
    switching(bench, who)?;
    [0, 300, 1_200].into_iter().try_for_each(|latency| slow_off(bench, latency))
}

/// Without a chassis script, whose own start would be most of what is measured.
fn status(bench: &Bench, who: Account<'_>) -> Result<(), Failure> {
    let bmc = IpmiSim::without_chassis();
    let mut contenders = all(bench, &bmc, who, Work::Status);
    hold(&mut contenders, bench.rounds(), || Ok(()))?;
    print("a: status of one machine, ipmi_sim without a chassis script", &contenders, 1);
    let median = |at: usize| contenders.get(at).map(Contender::median).unwrap_or_default();
    let times = |at: usize| median(at).over(median(0));
    target("times faster than fence_ipmilan", times(1), ">= 40", |times| times >= 40.0);
    target("times faster than ipmipower", times(2), ">= 6", |times| times >= 6.0);
    Ok(())
}

fn switching(bench: &Bench, who: Account<'_>) -> Result<(), Failure> {
    let bmc = IpmiSim::start();
    for work in [Work::Off, Work::On, Work::Reboot] {
        let mut contenders = all(bench, &bmc, who, work);
        let begin = if work == Work::On { "0" } else { "1" };
        let prepare = || {
            bmc.set_power(begin);
            Ok(())
        };
        hold(&mut contenders, bench.rounds(), prepare)?;
        let note = match work {
            Work::Off => "; ipmitool does not verify",
            Work::Reboot => {
                "; ours rests for 2 s between off and on (power_wait), which the BMC wants"
            }
            Work::Status | Work::On => "",
        };
        print(&format!("a: {} of one machine, ipmi_sim{note}", work.word()), &contenders, 1);
    }
    Ok(())
}

/// A BMC that needs `latency` ms to be off.
fn slow_off(bench: &Bench, latency: u32) -> Result<(), Failure> {
    let span = format!("{latency}ms");
    let rack = Rack::start(&bench.simulator, 1, &["--off-latency", &span])?;
    let account = rack.account();
    let (who, at) = (who(&account), rack.first());
    let ours = peers::fence_palisade(&bench.fence_palisade, at, who, Work::Off);
    let mut contenders: Vec<Contender> = [
        Some(ours),
        Some(peers::fence_ipmilan(at, who, Work::Off)),
        peers::ipmipower(&at.to_string(), who, Work::Off),
        Some(peers::restless_reboot(&bench.fence_palisade, at, who)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let prepare = || super::fleet::all_on(bench, &rack, 1);
    hold(&mut contenders, bench.rounds(), prepare)?;
    print(&format!("a: off of a machine that takes {latency} ms to be off"), &contenders, 1);
    for (what, one) in [("off", contenders.first()), ("reboot without its rest", contenders.last())]
    {
        let median = one.map(Contender::median).unwrap_or_default();
        let more = median.map(|ms| ms - f64::from(latency));
        let what = format!("{what}: ms more than the machine takes");
        target(&what, more, "<= 50", |more| more <= OFF_MORE_MS);
    }
    Ok(())
}

fn all(bench: &Bench, bmc: &IpmiSim, who: Account<'_>, work: Work) -> Vec<Contender> {
    let at = bmc.address();
    let contenders = [
        Some(peers::fence_palisade(&bench.fence_palisade, at, who, work)),
        Some(peers::fence_ipmilan(at, who, work)),
        peers::ipmipower(&at.to_string(), who, work),
        peers::ipmitool(at, who, work),
    ];
    contenders.into_iter().flatten().collect()
}

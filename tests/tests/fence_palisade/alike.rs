//! Both agents side by side: the same options, the same exit codes, the same effect.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::thread;

use palisade_tests::ipmi_sim::IpmiSim;

use super::rig::{access, by_stdin, code, ours, run, short, stderr, theirs, with};

/// Options added to those that reach the simulator, and power before: `1` or `0`.
const ALIKE: &[(&str, &str)] = &[
    ("1", "action=on"),
    ("0", "action=on"),
    ("1", "action=off"),
    ("0", "action=off"),
    ("1", "action=reboot"),
    ("0", "action=reboot"),
    ("1", "action=status"),
    ("0", "action=status"),
    ("1", "action=monitor"),
    ("0", "action=monitor"),
    ("1", "action=list"),
    ("1", "action=list-status"),
    ("1", "action=validate-all"),
    ("1", "action=metadata"),
    ("1", "action=manpage"),
    ("1", "action=diag"),
    ("1", ""),
    ("1", "action=OFF"),
    ("1", "option=off"),
    ("1", "privlvl=operator action=off"),
    ("0", "privlvl=administrator action=on"),
    ("1", "auth=md5 action=status"),
    ("0", "auth=password action=status"),
    ("1", "method=onoff action=reboot"),
    ("1", "method=cycle action=off"),
    ("1", "port=n1 action=off"),
    ("0", "plug=n1 action=status"),
    ("1", "nodename=n1 action=off"),
    ("1", "delay=1 action=status"),
    ("1", "disable_timeout=1 action=off"),
    ("0", "disable_timeout=false action=status"),
    ("1", "power_timeout=5 action=off"),
    ("1", "power-timeout=5 action=off"),
    ("0", "power_timeout=5 retry_on=2 action=on"),
    ("1", "shell_timeout=5 login_timeout=7 action=status"),
    ("1", "stonith_status_sleep=2 action=off"),
    ("1", "ipmitool_timeout=3 action=status"),
    ("1", "ipmitool_path=/usr/bin/ipmitool action=off"),
    ("1", "sudo_path=/usr/bin/sudo action=status"),
    ("1", "quiet=1 action=off"),
    ("1", "verbose=1 action=status"),
    ("1", "verbose_level=2 action=status"),
    ("1", "verbose=2 action=off"),
    ("1", "verbose_level= action=off"),
    ("1", "verbose_level=-1 action=off"),
    ("1", "verbose_level=x action=off"),
    ("1", "verbose_level=1.0 action=off"),
    ("1", "quiet=maybe action=off"),
    ("1", "disable_timeout=x action=off"),
    ("1", "delay=-1 action=off"),
    ("1", "stonith_status_sleep=-1 action=off"),
    ("1", "ipmitool_timeout=0 action=off"),
    ("1", "ipmitool_timeout=100000 action=off"),
    ("1", "plug_separator=; action=off"),
    ("1", "unheard_of=1 action=off"),
    ("1", "password=wrong action=off"),
    ("1", "password=wrong action=status"),
    ("1", "username=nobody action=off"),
    ("1", "cipher=nonsense action=status"),
    ("1", "action=explode"),
    ("1", "privlvl=nonsense action=off"),
    ("1", "method=nonsense action=off"),
    ("1", "ipport=nonsense action=off"),
    ("1", "delay=nonsense action=off"),
];

/// Words of a command line after the options that reach the simulator.
const ALIKE_BY_ARGUMENT: &[(&str, &str)] = &[
    ("1", "-o off"),
    ("0", "-ostatus"),
    ("1", "-qo off"),
    ("0", "-o on -L operator"),
    ("1", "--action=reboot --method=onoff"),
    ("1", "--act off"),
    ("1", "-A md5 -o status"),
    ("1", "-h"),
    ("1", "-V"),
    ("1", "--lanplus=1"),
    ("1", "-X"),
    ("1", "--nonsense"),
    ("1", "-o"),
];

/// Pairs of simulators; either agent spends its time waiting for one.
const PAIRS: usize = 8;

/// Whoever replaces `fence_ipmilan` changes the agent's name and nothing else.
#[test]
fn the_same_options_do_the_same_in_both_agents() {
    let by_stdin_alike =
        alike(ALIKE, |agent, address, more| by_stdin(agent, &with(&access(address), more)));
    let by_argument_alike = alike(ALIKE_BY_ARGUMENT, |agent, address, more| {
        run(agent, &with(&short(address), more), "")
    });
    let differences = [by_stdin_alike, by_argument_alike].concat();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Asks both agents each of `cases`; where they differ.
fn alike(
    cases: &[(&str, &str)],
    ask: impl Fn(&Path, SocketAddr, &str) -> Output + Sync,
) -> Vec<String> {
    let share = |cases: &[(&str, &str)]| {
        let (one, two) = (IpmiSim::start(), IpmiSim::start());
        let difference = |(before, more): &(&str, &str)| {
            let [ours, theirs] = [(&one, ours()), (&two, theirs())].map(|(simulator, agent)| {
                simulator.set_power(before);
                let output = ask(agent, simulator.address(), more);
                (code(&output), changes(before, &simulator.orders()), stderr(&output))
            });
            let same = (ours.0, &ours.1) == (theirs.0, &theirs.1);
            (!same).then(|| format!("{before} {more}: {ours:?} and {theirs:?}"))
        };
        cases.iter().filter_map(difference).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let shares = cases.chunks(cases.len().div_ceil(PAIRS));
        let shares: Vec<_> = shares.map(|cases| scope.spawn(|| share(cases))).collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    })
}

/// A machine's power before, and what it became, order by order: an order to stay as it is changes nothing.
fn changes(before: &str, orders: &[String]) -> Vec<String> {
    let mut changes = [&[before.to_owned()], orders].concat();
    changes.dedup();
    changes
}

/// Power is the same before a reboot and after it.
#[test]
fn an_agent_that_does_nothing_is_told_from_one_that_reboots() {
    let cases = [("1", "action=reboot"), ("1", ""), ("0", "action=reboot"), ("1", "action=on")];
    let differences = alike(&cases, |agent, address, more| {
        let agent = if agent == ours() { Path::new("/bin/true") } else { agent };
        by_stdin(agent, &with(&access(address), more))
    });
    assert_eq!(differences.len(), 3, "{}", differences.join("\n"));
}

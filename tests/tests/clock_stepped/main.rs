//! The wall clock of a real kernel leaps by days, twenty times a second: no deadline, rest or delay of ours is
//! shorter or longer for it.
//!
//! Everything runs in one guest, so in virtual time: [`palisade_tests::guest`].
#![cfg(test)]

use std::path::Path;

use palisade_tests::guest::{Guest, Transcript};
use palisade_tests::ipmi_sim::{self, PASSWORD, USER};
use palisade_tests::programs::tested;

/// The machine obeys an order after two seconds, and writes down when it got it.
const SLOW_CHASSIS: &str = r#"#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat "$1")" ;;
"get boot") echo "boot:default" ;;
"set power")
    read -r now _ </proc/uptime
    echo "ordered $4 $now" >>/bmc/orders
    { sleep 2; echo "$4" >"$1"; } >/dev/null 2>&1 &
    ;;
esac
"#;

/// The seconds that it takes.
const OBEYS_S: f64 = 2.0;

/// What an act may take beside what it waits for: between two readings of power are 50 ms, the chassis is a
/// shell script, and the processor is slow.
const WORK_S: f64 = 0.3;

/// The guest's clock is read by its ticks.
const TICK_S: f64 = 0.01;

/// Between off and on.
const REST_S: f64 = 2.0;

const DAY_S: f64 = 86_400.0;

/// What FreeIPMI's console, which goes by the wall clock, is told to do.
const THEIRS: &str = "ipmipower -D LAN_2_0 -I 3 -W opensesspriv -u $user -p $password -h 127.0.0.1";

/// A guest with `ipmi_sim` at its port, and the programs that are put to the test.
fn guest(script: &str) -> Guest {
    let start = format!(
        "mkdir -p /bmc/state\n\
         ipmi_sim -c /bmc/lan.conf -f /bmc/bmc.emu -s /bmc/state -n >/bmc/log 2>&1 &\n\
         bmc=$!\n\
         user={USER} password={PASSWORD}\n\
         echo $password >/password && chmod 600 /password\n\
         access=\"-a 127.0.0.1 -l $user -p $password -P -C 3\"\n\
         until fence_palisade $access -o status >/dev/null 2>&1; do usleep 50000; done\n"
    );
    let mut guest = Guest::new(&format!("{start}{script}"));
    let at = "127.0.0.1:623".parse().unwrap();
    for (name, text) in ipmi_sim::files(Path::new("/bmc"), at, "") {
        let text = if name == "chassis" { SLOW_CHASSIS } else { &text };
        guest = guest.with_file(&format!("bmc/{name}"), name == "chassis", text);
    }
    let ours = ["fence_palisade", "palisade"].map(|name| tested("palisade-fencer", name).unwrap());
    let theirs = ["/usr/bin/ipmi_sim", "/usr/sbin/ipmipower"].map(Into::into);
    ours.iter().chain(&theirs).fold(guest, |guest, program| guest.with_program(program))
}

/// This span is what was to be waited for and what work takes beside it, in seconds.
#[track_caller]
fn assert_waited(span: f64, wanted: f64) {
    let allowed = wanted - TICK_S..wanted + WORK_S;
    assert!(allowed.contains(&span), "{span} s, and {wanted} s were to be waited for");
}

/// When the machine was ordered on or off, in order.
fn ordered(told: &Transcript) -> Vec<(&str, f64)> {
    let orders = told.after("ordered").map(|line| line.split_once(' ').unwrap());
    orders.map(|(what, when)| (what, when.parse().unwrap())).collect()
}

#[test]
fn a_machine_that_takes_its_time_is_waited_for_though_the_clock_leaps_ahead() {
    let told = guest(&format!(
        "step_the_clock_by 86400 &\n\
         act off fence_palisade $access -o off\n\
         act status fence_palisade $access -o status\n\
         act on fence_palisade $access -o on\n\
         act reboot fence_palisade $access -o reboot --delay 3\n\
         cat /bmc/orders\n\
         until fence_palisade $access -o status >/dev/null; do usleep 50000; done\n\
         act theirs {THEIRS} --off --wait-until-off\n"
    ));
    let told = told.run();
    let acts = ["off", "status", "on", "reboot"].map(|name| told.act(name));
    assert_eq!(acts.map(|act| act.exit), [0, 2, 0, 0], "{told:#?}");
    let [off, _, on, reboot] = acts;
    let orders = ordered(&told);
    let [("0", first), ("1", second), ("0", third), ("1", last), ..] = orders[..] else {
        panic!("off, on, off and on, which may be repeated: {told:#?}")
    };
    assert!(off.began <= first && off.ended <= second && on.ended <= third, "{told:#?}");
    assert!([off, on, reboot].iter().all(|act| act.wall > DAY_S), "the clock leapt: {told:#?}");
    assert_waited(off.took(), OBEYS_S);
    assert_waited(on.took(), OBEYS_S);
    assert_waited(third - reboot.began, 3.0);
    assert_waited(last - third, OBEYS_S + REST_S);
    // The steps are such as throw off a program that goes by the wall clock: it gives up before it can know.
    let theirs = told.act("theirs");
    assert!(theirs.exit != 0 && theirs.took() < OBEYS_S, "{told:#?}");
}

#[test]
fn a_silent_bmc_is_given_up_in_time_though_the_clock_is_set_back() {
    let told = guest(&format!(
        "kill -STOP $bmc\n\
         act before {THEIRS} --stat\n\
         step_the_clock_by -86400 &\n\
         act off fence_palisade $access -o off\n\
         act power palisade power off -h 127.0.0.1 --user $user --password-file /password --json\n\
         act theirs timeout 60 {THEIRS} --stat\n"
    ));
    let told = told.run();
    let (off, power) = (told.act("off"), told.act("power"));
    assert_eq!([off.exit, power.exit], [1, 3], "{told:#?}");
    assert!(off.wall < -DAY_S && power.wall < -DAY_S, "the clock was set back: {told:#?}");
    assert_waited(off.took(), 2.0);
    assert_waited(power.took(), 10.0);
    // The steps are such as throw off a program that goes by the wall clock: it would never end.
    let (before, theirs) = (told.act("before"), told.act("theirs"));
    assert!(before.took() < 30.0 && theirs.took() >= 60.0, "{told:#?}");
}

#[test]
fn a_cluster_keeps_its_promises_in_a_kernel_whose_clock_is_stepped() {
    let script = "step_the_clock_by 86400 &\n\
        act kill palisade-sim demo --scenario kill\n\
        kill $!\n\
        step_the_clock_by -86400 &\n\
        act voter-restart palisade-sim demo --scenario voter-restart\n";
    // Each is the program of the package of that name.
    let programs = ["palisade-sim", "palisade-agent", "palisade-fencer"];
    let programs = programs.map(|name| tested(name, name).unwrap());
    let told = programs.iter().fold(Guest::new(script), |guest, it| guest.with_program(it)).run();
    for scenario in ["kill", "voter-restart"] {
        let act = told.act(scenario);
        assert!(act.exit == 0 && act.wall.abs() > DAY_S, "{told:#?}");
    }
}

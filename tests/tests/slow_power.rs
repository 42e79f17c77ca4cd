//! What takes a machine minutes, in the minutes of a guest: [`palisade_tests::guest`].
#![cfg(test)]

use palisade_tests::guest::Guest;
use palisade_tests::programs::tested;

/// Every loss uses up a number of the session, of which there are 64; the machines take longer than that.
#[test]
fn slow_machines_behind_a_bad_network_are_dead_though_a_session_does_not_last() {
    let told = Guest::new(
        "echo correct-horse >/password && chmod 600 /password\n\
         account='--user palisade --password-file /password'\n\
         palisade-sim bmc --listen 127.9.0.1:623 --count 2 $account --off-latency 45s \\\n\
           --fault drop=12 >/bmcs 2>&1 &\n\
         until palisade power status -h '127.9.0.[1-2]' $account >/dev/null 2>&1; do usleep 200000; done\n\
         act off palisade power off -h '127.9.0.[1-2]' $account --timeout 120s --json\n",
    );
    let programs = [("palisade-sim", "palisade-sim"), ("palisade-fencer", "palisade")];
    let programs = programs.map(|(package, name)| tested(package, name).unwrap());
    let told = programs.iter().fold(told, |guest, program| guest.with_program(program)).run();
    let off = told.act("off");
    assert!(off.exit == 0 && off.took() >= 45.0, "{told:#?}");
}

//! What the fuzzers begin from, and its nearest neighbours: every truncation and every flipped bit of
//! it, each through the same door as in `tests/fuzz`.
//!
//! The doors judge; here they are only opened. Needs no nightly toolchain.
#![cfg(test)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use palisade_hw::chance::Chance;
use palisade_tests::fuzz::{Target, target};

/// Most neighbours of one border. Beyond it they are drawn at random, the same each time.
const NEIGHBOURS_MAX: usize = 20_000;

#[test]
fn what_peers_send_breaks_no_rule() {
    replay("peer");
}

#[test]
fn what_a_network_does_to_a_console_breaks_no_rule() {
    replay("rmcp_client");
}

#[test]
fn what_a_network_does_to_a_bmc_breaks_no_rule() {
    replay("rmcp_bmc");
}

#[test]
fn what_a_virtual_machine_sends_breaks_no_rule() {
    replay("qemu");
}

#[test]
fn what_an_operator_writes_breaks_no_rule() {
    replay("config");
}

#[test]
fn what_a_disk_holds_breaks_no_rule() {
    replay("durable");
}

#[test]
fn what_a_redfish_service_answers_breaks_no_rule() {
    replay("redfish");
}

#[test]
fn what_an_operator_lists_breaks_no_rule() {
    replay("host_list");
}

#[test]
fn what_a_cluster_manager_gives_an_agent_breaks_no_rule() {
    replay("fence_agent_stdin");
}

fn replay(name: &str) {
    let target = target(name).expect("a border of this name");
    let seeds = (target.seeds)();
    assert!(seeds.len() > 2, "{name}: {} seeds", seeds.len());
    seeds.iter().for_each(|seed| open(target, seed));
    let neighbours: usize = seeds.iter().map(|seed| 9 * seed.len()).sum();
    if neighbours <= NEIGHBOURS_MAX {
        seeds.iter().flat_map(|seed| all_neighbours(seed)).for_each(|bytes| open(target, &bytes));
    } else {
        some_neighbours(&seeds).for_each(|bytes| open(target, &bytes));
    }
}

/// Every truncation, then every flipped bit.
fn all_neighbours(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..seed.len()).map(|len| seed[..len].to_vec());
    cut.chain((0..8 * seed.len()).map(|bit| flipped(seed, bit)))
}

fn some_neighbours(seeds: &[Vec<u8>]) -> impl Iterator<Item = Vec<u8>> {
    let mut chance = Chance::new(1);
    let mut below = move |bound: usize| {
        let bound = u64::try_from(bound).expect("64 bits");
        usize::try_from(chance.bits() % bound).expect("64 bits")
    };
    (0..NEIGHBOURS_MAX).map(move |_| {
        let seed = &seeds[below(seeds.len())];
        let place = below(9 * seed.len());
        place
            .checked_sub(seed.len())
            .map_or_else(|| seed[..place].to_vec(), |bit| flipped(seed, bit))
    })
}

fn flipped(seed: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn open(target: Target, bytes: &[u8]) {
    let held = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_ok();
    assert!(held, "{}: a rule was broken by {}", target.name, hex(bytes));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

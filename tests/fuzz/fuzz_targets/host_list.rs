//! Whatever an operator may call a list of hosts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("host_list", bytes));

//! Datagrams of peers, authentic ones too, to both cores.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("peer", bytes));

//! Whatever a disk may hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("durable", bytes));

//! Whatever a Redfish service may answer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("redfish", bytes));

//! A hostile network against the BMC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("rmcp_bmc", bytes));

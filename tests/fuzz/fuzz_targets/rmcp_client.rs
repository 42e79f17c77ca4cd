//! A hostile network against the console.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("rmcp_client", bytes));

//! Whatever a cluster manager may give the fence agent.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("fence_agent_stdin", bytes));

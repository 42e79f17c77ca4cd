//! Any stream of bytes from a virtual machine to the simulated BMC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| palisade_tests::fuzz::run("qemu", bytes));

//! Answers of STUN servers, and results of checks read from files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::diagnose::fuzz(bytes));

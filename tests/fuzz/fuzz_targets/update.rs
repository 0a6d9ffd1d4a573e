//! The feed of versions and its signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::update::fuzz(bytes));

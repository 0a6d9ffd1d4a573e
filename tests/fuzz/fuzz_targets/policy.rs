//! Policy and settings files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::policy::fuzz(bytes));

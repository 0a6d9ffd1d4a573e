//! Provisioning objects, imported from a file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::provisioning::fuzz(bytes));

//! Offers, answers and candidates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::sdp::fuzz(bytes));

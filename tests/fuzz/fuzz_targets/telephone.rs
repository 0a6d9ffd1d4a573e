//! Payloads that are no Opus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_audio::fuzz::fuzz_telephone(bytes));

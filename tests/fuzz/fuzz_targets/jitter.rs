//! RTP packets with any header at any time.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_audio::fuzz::fuzz_jitter(bytes));

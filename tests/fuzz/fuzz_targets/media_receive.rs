//! Whatever arrives on media sockets and TURN streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_core::media::fuzz_receive(std::time::Instant::now(), bytes));

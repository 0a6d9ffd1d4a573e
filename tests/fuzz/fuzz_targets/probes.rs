//! Answers of name servers, heads of HTTP answers, certificates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phone_io::probe::fuzz(bytes));

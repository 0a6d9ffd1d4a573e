//! WebSocket messages, event bodies, REST bodies, and a whole line that is told nonsense.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    use phone_core::line::genesys::fuzz;
    fuzz::stanza(bytes);
    fuzz::notification(bytes);
    fuzz::http_body(bytes);
    fuzz::sign_in_answer(bytes);
    fuzz::line(std::time::Instant::now(), bytes);
});

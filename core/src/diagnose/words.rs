//! Figures as people read them.

/// `−22 dB`, with a true minus sign.
pub fn db(value: f32) -> String {
    format!("{value:.0} dB").replace('-', "−")
}

/// `14 ms`, `0.4 ms`.
pub fn ms(value: f64) -> String {
    if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}

/// A share as `0.8 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `1 server`, `2 servers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first letter large, for a reason that becomes a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

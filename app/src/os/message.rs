//! Words for somebody who has no terminal to read them in: a message box of the system. Only Windows starts the window
//! with nowhere to write to, through `offhook-window`.

/// Set by `offhook-window` for the program it starts.
pub const WITHOUT_TERMINAL: &str = "OFFHOOK_WITHOUT_TERMINAL";

/// Whether what is written to stderr is seen by nobody.
pub fn is_needed() -> bool {
    std::env::var_os(WITHOUT_TERMINAL).is_some_and(|value| !value.is_empty())
}

/// Cause and remedy as a message box shows them: a paragraph each.
pub fn words(cause: &str, remedy: &str) -> String {
    format!("{}\n\n{}", cause.trim(), remedy.trim())
}

/// Shows the words and returns when they were read; elsewhere than on Windows they go to stderr.
#[cfg(windows)]
pub fn show(words: &str) {
    let dialog = rfd::MessageDialog::new().set_level(rfd::MessageLevel::Error).set_title(crate::text::PRODUCT);
    // It has one button, so there is no answer to look at.
    _ = dialog.set_description(words).show();
}

/// Shows the words and returns when they were read; elsewhere than on Windows they go to stderr.
#[cfg(not(windows))]
pub fn show(words: &str) {
    eprintln!("{words}");
}

//! Words of results of before, and of what changed since.

pub const DIAG_COMPARE: &str = "Compare with an older result";
pub const DIAG_COMPARE_NOT: &str = "Do not compare";
pub const DIAG_BASELINE: &str = "Baseline of this headset";
pub const DIAG_SAVED: &str = "Saved in the downloads";
pub const DIAG_NO_OLDER: &str =
    "No older result is here. Save this one, or drop the .json file of another on this window.";
pub const DIAG_OR_DROP: &str = "Or drop the .json file of another on this window.";
pub const DIAG_CHECK_FIRST: &str = "Run a check first. Then drop the file again, and both are compared.";

/// The head of what changed.
pub fn changed_since(when: &str) -> String {
    format!("Changed since {when}")
}

pub fn unchanged_since(when: &str) -> String {
    format!("Nothing changed since {when}.")
}

pub fn not_compared(file: &str, why: &str) -> String {
    format!("{file} cannot be compared with: {why}. Choose a file that “Save the result” has written.")
}

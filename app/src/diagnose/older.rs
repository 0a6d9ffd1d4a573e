//! Results of before that can be compared with: the baselines that were kept, and the files that were saved.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use phone_core::diagnose::Report;

use super::baseline::{self, Baselines};

/// How the files of saved results begin.
pub const SAVED: &str = "offhook-check-";
/// So many are offered, the newest ones.
const MOST: usize = 8;
/// Files of a folder that are looked at.
const LOOKED_AT: usize = 4_096;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Older {
    /// It was kept as the good one of a headset.
    pub baseline: bool,
    pub report: Report,
}

/// The newest results of both, the newest first. A file that is no result is left out.
pub fn find(baselines: &Baselines, saved: Option<&Path>) -> Vec<Older> {
    let kept = newest(baselines.folder(), "").into_iter().map(|file| (true, file));
    let saved = newest(saved, SAVED).into_iter().map(|file| (false, file));
    let mut found: Vec<Older> = kept
        .chain(saved)
        .filter_map(|(is_baseline, file)| {
            let read = baseline::read(&file).inspect_err(|error| tracing::warn!(%error, "an older result is unusable"));
            Some(Older { baseline: is_baseline, report: read.ok()? })
        })
        .collect();
    found.sort_by_key(|older| std::cmp::Reverse(older.report.began_s));
    found.truncate(MOST);
    found
}

fn newest(folder: Option<&Path>, beginning: &str) -> Vec<PathBuf> {
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else { return Vec::new() };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .take(LOOKED_AT)
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(beginning) && name.ends_with(".json")
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use phone_tests::process::Scratch;

    use super::*;
    use crate::model::made_up::diagnosis;

    #[test]
    fn kept_and_saved_results_are_found_newest_first_and_nothing_else() {
        let scratch = Scratch::new("older");
        let saved = scratch.path().join("Downloads");
        std::fs::create_dir_all(&saved).unwrap();
        let baselines = Baselines::below(Some(scratch.path().to_owned()));
        assert_eq!(find(&baselines, Some(&saved)), []);
        let at = |began_s| Report { began_s, ..diagnosis::healthy() };
        baselines.keep("pulseaudio:jabra", &at(1_000)).unwrap();
        for began_s in 2_000..2_010_u64 {
            std::fs::write(saved.join(format!("{SAVED}{began_s}.json")), at(began_s).to_json()).unwrap();
        }
        std::fs::write(saved.join("holiday.json"), at(9_000).to_json()).unwrap();
        std::fs::write(saved.join(format!("{SAVED}9000.html")), "<p>").unwrap();
        std::fs::write(saved.join(format!("{SAVED}9001.json")), "{}").unwrap();
        let found = find(&baselines, Some(&saved));
        assert!(found.len() <= MOST && found.iter().all(|older| older.report.began_s < 9_000), "{found:?}");
        assert!(found.is_sorted_by_key(|older| std::cmp::Reverse(older.report.began_s)));
        let alone = find(&baselines, None);
        assert_eq!(alone, [Older { baseline: true, report: at(1_000) }]);
    }
}

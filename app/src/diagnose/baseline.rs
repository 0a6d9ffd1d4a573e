//! Results that are kept: one as the good one of each headset, to compare later ones with.

use std::io;
use std::path::{Path, PathBuf};

use phone_core::diagnose::Report;
use phone_core::diagnose::report::MOST_BYTES;

/// Letters of a device's id that stay in the name of its file.
const NAME: usize = 48;

/// Where they are kept.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    /// `None`: nowhere.
    folder: Option<PathBuf>,
}

impl Baselines {
    /// In `baselines` below this folder, which is made when it is needed.
    pub fn below(folder: Option<PathBuf>) -> Self {
        Self { folder: folder.map(|folder| folder.join("baselines")) }
    }

    /// Where they lie, once one was kept.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn file(&self, device: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.json", name_of(device))))
    }

    /// Of the microphone with this id; `None`: none was kept, or it cannot be read any more.
    pub fn load(&self, device: &str) -> Option<Report> {
        let file = self.file(device).filter(|file| file.is_file())?;
        read(&file).inspect_err(|error| tracing::warn!(%error, "a kept result cannot be read")).ok()
    }

    /// Replaces the one of this microphone whole, or not at all.
    pub fn keep(&self, device: &str, report: &Report) -> io::Result<()> {
        let file = self.file(device).ok_or_else(|| io::Error::other("this user has no folder for it"))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder)?;
        let half = file.with_extension("new");
        std::fs::write(&half, report.to_json())?;
        std::fs::rename(half, file)
    }
}

/// Reads a result from a file; the error says what is wrong with it.
pub fn read(file: &Path) -> io::Result<Report> {
    // A device file would never end; a file that is too large is never held whole.
    let told = std::fs::metadata(file)?;
    if !told.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if told.len() > MOST_BYTES as u64 {
        return Err(io::Error::other("it is too large for a result of a check"));
    }
    Report::from_json(&std::fs::read(file)?).map_err(io::Error::other)
}

/// A file name that is readable, safe on every system, and different for different ids.
fn name_of(device: &str) -> String {
    let plain: String =
        device.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).take(NAME).collect();
    // FNV-1a, so that two ids with the same beginning have two files.
    let hash = device
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{plain}-{:08x}", hash as u32)
}

#[cfg(test)]
mod tests {
    use phone_tests::process::Scratch;

    use super::*;
    use crate::model::made_up::diagnosis;

    #[test]
    fn each_headset_has_its_own_baseline_and_a_broken_one_is_none() {
        let scratch = Scratch::new("baselines");
        let baselines = Baselines::below(Some(scratch.path().to_owned()));
        let (jabra, cam) = ("pulseaudio:alsa_input.usb-Jabra/../..", "pulseaudio:cam");
        assert_eq!(baselines.load(jabra), None);
        baselines.keep(jabra, &diagnosis::healthy()).unwrap();
        baselines.keep(cam, &diagnosis::wrong_microphone()).unwrap();
        assert_eq!(baselines.load(jabra), Some(diagnosis::healthy()));
        assert_eq!(baselines.load(cam), Some(diagnosis::wrong_microphone()));
        baselines.keep(jabra, &diagnosis::wrong_microphone()).unwrap();
        assert_eq!(baselines.load(jabra), Some(diagnosis::wrong_microphone()), "the newer one replaces it");
        assert_eq!(std::fs::read_dir(scratch.path().join("baselines")).unwrap().count(), 2, "nothing else is left");
        std::fs::write(baselines.file(cam).unwrap(), "{\"schema\":\"offhook-diagnosis/1\"").unwrap();
        assert_eq!(baselines.load(cam), None);
        assert!(Baselines::default().keep(jabra, &diagnosis::healthy()).is_err());
    }

    #[test]
    fn what_is_no_result_is_refused_with_the_reason() {
        let scratch = Scratch::new("no-results");
        let write = |name: &str, bytes: &[u8]| {
            let file = scratch.file(name);
            std::fs::write(&file, bytes).unwrap();
            read(&file).unwrap_err().to_string()
        };
        assert!(write("a.json", b"hello").contains("no result of a check"));
        let newer = diagnosis::healthy().to_json().replace("offhook-diagnosis/1", "offhook-diagnosis/7");
        assert!(write("b.json", newer.as_bytes()).contains("offhook-diagnosis/7"));
        assert!(write("c.json", &vec![b' '; MOST_BYTES + 1]).contains("too large"));
        assert!(read(scratch.path()).unwrap_err().to_string().contains("no file"));
        assert!(read(&scratch.file("none.json")).is_err());
    }

    #[test]
    fn names_of_files_are_safe_and_different() {
        let names = ["../../x", "a:b", "a;b", &"x".repeat(500), &"x".repeat(501), ""].map(name_of);
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && name.len() < 64, "{name}");
        }
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}

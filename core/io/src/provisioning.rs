//! Provisioning objects in a folder: `active.json`, `draft.json`, what was active before in `history/`, and who did
//! what in `audit.jsonl`.
//!
//! Every file is written beside its place and then moved there, so a crash leaves the old one. One program at a time
//! may write: it holds a lock on `lock`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use phone_core::provisioning::{Finding, Objects, Severity, Store, read};

use crate::store::replace_file;

const ACTIVE: &str = "active.json";
/// Larger is no file of ours.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} cannot be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} cannot be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("another program is changing {}", path.display())]
    Busy { path: PathBuf },
    #[error("{} is larger than {} MB", path.display(), FILE_LIMIT >> 20)]
    TooLarge { path: PathBuf },
}

/// A provisioning folder. While it is open for writing nobody else can open it so.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held, never read.
    _lock: Option<File>,
}

impl Folder {
    /// For reading; the folder need not be there.
    pub fn reading(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), _lock: None }
    }

    /// For writing; the folder is made where it is not there.
    pub fn writing(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        let cannot = |path: &Path, source| FolderError::Write { path: path.to_owned(), source };
        fs::create_dir_all(&path).map_err(|source| cannot(&path, source))?;
        let place = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&place);
        let lock = lock.map_err(|source| cannot(&place, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Busy { path }),
            Err(TryLockError::Error(source)) => Err(cannot(&place, source)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in it. A folder that is not there is empty. What was wrong in a file is told; with errors among that
    /// it must not be written again, for then something would be lost.
    pub fn load(&self) -> Result<(Store, Vec<Finding>), FolderError> {
        let mut findings = Vec::new();
        let mut one = |path: PathBuf| -> Result<Option<Objects>, FolderError> {
            let Some(text) = file_text(&path)? else { return Ok(None) };
            let (objects, found) = read::text(&text);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            findings.extend(found.into_iter().map(|f| Finding { object: format!("{name}: {}", f.object), ..f }));
            Ok(Some(objects))
        };
        let active = one(self.path.join(ACTIVE))?.unwrap_or_default();
        let draft = one(self.path.join("draft.json"))?;
        let mut history = Vec::new();
        for place in self.history_files()? {
            history.extend(one(place)?);
        }
        Ok((Store { active, draft, history }, findings))
    }

    /// What is in force, and what was wrong in its file.
    pub fn active(&self) -> Result<(Objects, Vec<Finding>), FolderError> {
        Ok(file_text(&self.path.join(ACTIVE))?.map(|text| read::text(&text)).unwrap_or_default())
    }

    fn history_files(&self) -> Result<Vec<PathBuf>, FolderError> {
        let folder = self.path.join("history");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FolderError::Read { path: folder, source }),
        };
        let files = entries.filter_map(Result::ok).map(|entry| entry.path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        Ok(files)
    }

    /// Writes what is given in the place of what is there: history first, so that an activation cut short can be
    /// activated again and nothing is lost.
    pub fn save(&self, store: &Store) -> Result<(), FolderError> {
        let history = self.path.join("history");
        fs::create_dir_all(&history).map_err(|source| FolderError::Write { path: history.clone(), source })?;
        let kept: Vec<PathBuf> = (0..store.history.len()).map(|at| history.join(format!("{at:02}.json"))).collect();
        for (place, objects) in kept.iter().zip(&store.history) {
            write(place, &read::to_text(objects))?;
        }
        write(&self.path.join(ACTIVE), &read::to_text(&store.active))?;
        let draft = self.path.join("draft.json");
        match &store.draft {
            Some(objects) => write(&draft, &read::to_text(objects))?,
            None => remove(&draft)?,
        }
        for old in self.history_files()?.iter().filter(|old| !kept.contains(old)) {
            remove(old)?;
        }
        Ok(())
    }

    /// Adds one line to the audit log.
    pub fn audit(&self, line: &serde_json::Value) -> Result<(), FolderError> {
        let path = self.path.join("audit.jsonl");
        let add = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        };
        add().map_err(|source| FolderError::Write { path: path.clone(), source })
    }
}

/// The text of a file; `None`: there is none. What is no UTF-8 becomes no JSON, and is told as that.
pub fn file_text(path: &Path) -> Result<Option<String>, FolderError> {
    let unreadable = |source| FolderError::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unreadable(source)),
        Ok(facts) if facts.len() > FILE_LIMIT => return Err(FolderError::TooLarge { path: path.to_owned() }),
        Ok(facts) if !facts.is_file() => return Err(unreadable(std::io::Error::other("it is no file"))),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn write(path: &Path, text: &str) -> Result<(), FolderError> {
    replace_file(path, text).map_err(|source| FolderError::Write { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FolderError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Whether a folder was read so badly that writing it would lose something.
pub fn is_damaged(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use phone_core::provisioning::{Day, Kind, Object};

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("offhook-provisioning-{}-{name}", std::process::id()));
            fs::remove_dir_all(&path).ok();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn today() -> Day {
        Day::new(2026, 6, 1).unwrap()
    }

    #[test]
    fn row_144_draft_active_set_and_history_survive_the_program() {
        let place = Place::new("survive");
        let folder = Folder::writing(&place.0).unwrap();
        let mut store = folder.load().unwrap().0;
        assert_eq!(store, Store::default(), "a folder that is not there is empty");
        for name in ["Madrid", "Lisboa"] {
            store.edit().add(Object::new(Kind::Site, name));
            store.activate(today()).unwrap();
        }
        store.edit().add(Object::new(Kind::Site, "Leeds"));
        folder.save(&store).unwrap();
        assert_eq!(folder.load().unwrap(), (store.clone(), vec![]));

        store.roll_back(today()).unwrap();
        store.draft = None;
        folder.save(&store).unwrap();
        let (again, _) = folder.load().unwrap();
        assert_eq!(again, store);
        assert_eq!((again.active.iter().count(), again.history.len()), (1, 1));
    }

    #[test]
    fn one_program_at_a_time_may_write() {
        let place = Place::new("busy");
        let first = Folder::writing(&place.0).unwrap();
        assert!(matches!(Folder::writing(&place.0), Err(FolderError::Busy { .. })));
        drop(first);
        Folder::writing(&place.0).unwrap();
    }

    #[test]
    fn a_damaged_file_is_told_with_its_name() {
        let place = Place::new("damaged");
        let folder = Folder::writing(&place.0).unwrap();
        fs::write(place.0.join("active.json"), b"{\xff").unwrap();
        let (_, findings) = folder.load().unwrap();
        assert!(is_damaged(&findings));
        assert!(findings[0].to_string().starts_with("active.json: the file: it is no JSON"), "{}", findings[0]);
    }
}

//! Writes the rows of [`super::tables`] as an .msi. The only file that names the crates for it.

use std::io::{Cursor, Read as _, Write as _};
use std::time::{Duration, SystemTime};

use ::msi::{Column, Insert, LanguageId, Package, PackageType};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::tables::{Contents, Scope, tables};
use crate::{Build, icons};

/// Windows Installer 5, which every Windows 10 has.
const INSTALLER: i32 = 500;
/// From the start of Windows' count of time to that of Unix.
const SINCE_1601: Duration = Duration::from_hours(3_234_576);

pub fn bytes(build: &Build, scope: Scope, version: &str, contents: &Contents) -> Result<Vec<u8>> {
    let app = &build.description.app;
    let tables = tables(build, scope, version, contents)?;
    let cabinet = cabinet(build, contents)?;
    let mut digest = Sha256::new();
    digest.update(&cabinet);

    let mut package = Package::create(PackageType::Installer, Cursor::new(Vec::new()))?;
    for (name, (columns, rows)) in tables {
        digest.update(format!("{name}{rows:?}"));
        let columns = columns.split(';').map(column).collect::<Result<Vec<_>>>()?;
        package.create_table(name, columns)?;
        package.insert_rows(Insert::into(name).rows(rows)).with_context(|| format!("table {name}"))?;
    }
    package.write_stream("offhook.cab")?.write_all(&cabinet)?;
    package.write_stream("Icon.offhook.ico")?.write_all(&icons::ico()?)?;

    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(build.epoch));
    // Another content is another package, the same content the same.
    let package_code = Uuid::new_v5(&build.description.windows.namespace, &digest.finalize());
    let about = package.summary_info_mut();
    about.set_title("Installation Database");
    about.set_subject(format!("{} {version}", app.name));
    about.set_author(app.vendor.clone());
    about.set_comments(app.summary.clone());
    about.set_creating_application(app.name.clone());
    about.set_arch("x64");
    about.set_languages(&[LanguageId::from_tag("en-US")]);
    about.set_uuid(package_code);
    about.set_creation_time(time);
    about.set_last_save_time(time);
    // Compressed; 8: the user's own package needs no administrator.
    about.set_word_count(if scope == Scope::User { 2 + 8 } else { 2 });
    about.set_page_count(INSTALLER);
    about.set_doc_security(2);
    package.flush()?;

    repacked(package.into_inner()?, time)
}

/// The same streams in a new container: one after the other, in the version of the format that everything reads, and with
/// nothing in it of when it was made.
fn repacked(package: Cursor<Vec<u8>>, time: SystemTime) -> Result<Vec<u8>> {
    let mut old = cfb::CompoundFile::open(package)?;
    let mut new = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new()))?;
    new.set_storage_clsid("/", *old.root_entry().clsid())?;
    let streams: Vec<_> = old.walk().filter(cfb::Entry::is_stream).map(|entry| entry.path().to_owned()).collect();
    for path in streams {
        let mut bytes = Vec::new();
        old.open_stream(&path)?.read_to_end(&mut bytes)?;
        new.create_stream(&path)?.write_all(&bytes)?;
    }
    // The root has no time of making ([MS-CFB] 2.6.1), and what signs refuses one that has.
    let never = SystemTime::UNIX_EPOCH.checked_sub(SINCE_1601).context("a time before 1970")?;
    new.set_created_time("/", never)?;
    new.set_modified_time("/", time)?;
    new.flush()?;
    Ok(new.into_inner().into_inner())
}

/// `*s72 Name`: key or not; `s` text, `l` text that may be translated, `i` number, `v` bytes, capital where it may be
/// empty; length in letters, or bytes of the number.
fn column(words: &str) -> Result<Column> {
    let (key, words) = words.strip_prefix('*').map_or((false, words), |rest| (true, rest));
    let (kind, name) = words.split_once(' ').context("type and name of a column")?;
    let (letter, length) = kind.split_at(1);
    let mut column = Column::build(name.trim());
    if key {
        column = column.primary_key();
    }
    if letter.chars().all(|letter| letter.is_ascii_uppercase()) {
        column = column.nullable();
    }
    let length: usize = length.parse().with_context(|| format!("length of column {name}"))?;
    Ok(match (letter.to_ascii_lowercase().as_str(), length) {
        ("s", length) => column.string(length),
        ("l", length) => column.localizable().string(length),
        ("i", 2) => column.int16(),
        ("i", 4) => column.int32(),
        ("v", _) => column.binary(),
        _ => bail!("`{kind}` is no type of a column"),
    })
}

fn cabinet(build: &Build, contents: &Contents) -> Result<Vec<u8>> {
    let time = time::OffsetDateTime::from_unix_timestamp(i64::from(build.epoch))?;
    let time = time::PrimitiveDateTime::new(time.date(), time.time());
    let mut cabinet = cab::CabinetBuilder::new();
    let folder = cabinet.add_folder(cab::CompressionType::MsZip);
    for (key, _, _) in contents.files() {
        folder.add_file(key).set_datetime(time);
    }
    let mut writer = cabinet.build(Cursor::new(Vec::new()))?;
    for (_, _, bytes) in contents.files() {
        let mut file = writer.next_file()?.context("as many files as were added")?;
        std::io::copy(&mut bytes.take(u64::MAX), &mut file)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ::msi::{Select, Value};

    use super::*;
    use crate::description::tests::ours;

    fn build() -> Build {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Build { description: ours(), root, version: "1.2.3", epoch: 1_700_000_000, out: std::path::PathBuf::new() }
    }

    fn contents() -> Contents {
        Contents { program: b"MZ program".repeat(9000), launcher: b"MZ launcher".to_vec(), terms: "MIT".to_owned() }
    }

    fn rows(scope: Scope, table: &str) -> Vec<Vec<Value>> {
        tables(&build(), scope, "1.2.3", &contents()).expect("our description is whole")[table].1.clone()
    }

    fn word(value: &Value) -> &str {
        value.as_str().unwrap_or_default()
    }

    #[test]
    fn the_same_program_packs_into_the_same_bytes() {
        let (one, two) = (
            bytes(&build(), Scope::Machine, "1.2.3", &contents()).expect("it can be packed"),
            bytes(&build(), Scope::Machine, "1.2.3", &contents()).expect("it can be packed"),
        );
        assert!(one == two);
        let other = bytes(&build(), Scope::Machine, "1.2.4", &contents()).expect("it can be packed");
        assert!(one != other);
    }

    #[test]
    fn what_is_packed_can_be_read_back() {
        let bytes = bytes(&build(), Scope::User, "1.2.3", &contents()).expect("it can be packed");
        let mut package = Package::open(Cursor::new(bytes)).expect("it is a package");
        assert_eq!(package.summary_info().arch(), Some("x64"));
        assert_eq!(package.summary_info().word_count(), Some(10));
        let files = package.select_rows(Select::table("File")).expect("the table is there").count();
        assert_eq!(files, 3);
        let mut packed = Vec::new();
        package.read_stream("offhook.cab").expect("it is inside").read_to_end(&mut packed).expect("it can be read");
        let mut cabinet = cab::Cabinet::new(Cursor::new(packed)).expect("it is a cabinet");
        let mut program = Vec::new();
        cabinet.read_file("program").expect("it is inside").read_to_end(&mut program).expect("it can be read");
        assert_eq!(program, contents().program);
    }

    #[test]
    fn every_property_that_decides_anything_is_remembered_and_passed_on() {
        for scope in [Scope::Machine, Scope::User] {
            let properties = rows(scope, "Property");
            let secure = properties.iter().find(|row| word(&row[0]) == "SecureCustomProperties").expect("it is there");
            let secure: BTreeSet<&str> = word(&secure[1]).split(';').collect();
            let actions = rows(scope, "CustomAction");
            let kept: BTreeSet<&str> = actions.iter().map(|row| word(&row[2])).collect();
            for component in rows(scope, "Component") {
                let condition = word(&component[4]).to_owned();
                for property in condition.split(|c: char| !(c.is_ascii_uppercase() || c == '_')) {
                    if property.len() > 3 {
                        assert!(kept.contains(property), "{property} is forgotten at an upgrade");
                        assert!(secure.contains(property), "{property} is lost on the way to the service");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_name_only_rows_that_exist() {
        for scope in [Scope::Machine, Scope::User] {
            let keys =
                |table: &str| rows(scope, table).iter().map(|row| word(&row[0]).to_owned()).collect::<BTreeSet<_>>();
            let (components, folders, registry, files) =
                (keys("Component"), keys("Directory"), keys("Registry"), keys("File"));
            for row in rows(scope, "Component") {
                assert!(folders.contains(word(&row[2])), "{row:?}");
                assert!(registry.contains(word(&row[5])) || files.contains(word(&row[5])), "{row:?}");
            }
            for (table, column) in [("Registry", 5), ("File", 1), ("Shortcut", 3), ("FeatureComponents", 1)] {
                assert!(rows(scope, table).iter().all(|row| components.contains(word(&row[column]))), "{table}");
            }
            let actions = keys("CustomAction");
            for row in rows(scope, "InstallExecuteSequence") {
                let own = word(&row[0]).starts_with(|c: char| c.is_ascii_lowercase());
                assert!(!own || actions.contains(word(&row[0])), "{row:?}");
            }
            let mut at = BTreeMap::new();
            for row in rows(scope, "InstallExecuteSequence") {
                assert_eq!(at.insert(row[2].as_int(), row[0].clone()), None, "two actions at once");
            }
        }
    }

    #[test]
    fn policy_is_left_to_the_administrator() {
        for scope in [Scope::Machine, Scope::User] {
            for row in rows(scope, "Registry") {
                assert!(!word(&row[2]).starts_with(r"SOFTWARE\Policies\Offhook"), "{row:?}");
            }
        }
        assert!(
            rows(Scope::User, "CustomAction").iter().all(|row| row[1].as_int() == Some(51)),
            "nothing runs as the system"
        );
    }

    #[test]
    fn a_column_that_is_written_wrong_is_an_error() {
        for words in ["", "s72", "x1 Name", "sx Name"] {
            assert!(column(words).is_err(), "{words}");
        }
    }
}

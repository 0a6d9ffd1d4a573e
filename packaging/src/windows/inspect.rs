//! A look into a built .exe: does it start on a clean Windows, and does it tell of the machine it was built on?

use std::path::Path;

use anyhow::{Context, Result};
use object::LittleEndian as LE;
use object::pe::IMAGE_DIRECTORY_ENTRY_RESOURCE;
use object::read::pe::PeFile64;

/// Paths of this machine that must not be in the program.
pub fn places(root: &Path) -> Vec<String> {
    let home = std::env::var("HOME").or_else(|_| std::env::var("USERPROFILE")).ok();
    let cargo = std::env::var("CARGO_HOME").ok();
    [Some(root.display().to_string()), cargo, home.map(|home| format!("{home}/."))].into_iter().flatten().collect()
}

/// What is wrong with it, a sentence each.
pub fn faults(bytes: &[u8], libraries: &[String], places: &[String]) -> Result<Vec<String>> {
    let file = PeFile64::parse(bytes).context("it is no 64-bit Windows program")?;
    let mut faults = Vec::new();
    if let Some(table) = file.import_table()? {
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let name = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).to_ascii_lowercase();
            // The umbrella libraries of Windows 10 and newer.
            if !name.starts_with("api-ms-win-") && !libraries.contains(&name) {
                faults.push(format!("it loads {name}, which a clean Windows does not have"));
            }
        }
    }
    let resources = file.data_directory(IMAGE_DIRECTORY_ENTRY_RESOURCE);
    if resources.is_none_or(|directory| directory.size.get(LE) == 0) {
        faults.push("it has no version, icon and manifest".to_owned());
    }
    for place in places {
        if !place.is_empty() && bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
            faults.push(format!("it holds a path of the machine it was built on: {place}"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_is_an_error_and_no_panic() {
        for bytes in [&b""[..], b"MZ", &[0; 4096]] {
            assert!(faults(bytes, &[], &[]).is_err());
        }
    }
}

//! What goes with the packages of every system: bill of materials, licences, checksums.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::sbom::Materials;
use crate::{Build, licences};

pub struct Papers {
    /// `CycloneDX`, JSON.
    bill: String,
    /// Licences of everything inside.
    pub terms: String,
}

impl Papers {
    /// Of what is linked for this target triple.
    pub fn of(build: &Build, target: &str) -> Result<Self> {
        let name = &build.description.app.program;
        let materials = Materials::of(&build.root, target)?;
        let bill = serde_json::to_string_pretty(&materials.cyclonedx(name, build.version))? + "\n";
        let font = |font: &str| {
            let file = build.root.join(format!("assets/fonts/LICENSE-{font}.txt"));
            std::fs::read_to_string(&file).with_context(|| file.display().to_string())
        };
        let (inter, phosphor) = (font("Inter")?, font("Phosphor")?);
        let terms = licences::third_party(&materials, &[("Inter", &inter), ("Phosphor", &phosphor)])?;
        Ok(Self { bill, terms })
    }

    /// Writes them beside the packages and lists everything; `mark` stands in the files' names, for instance `-windows`.
    pub fn release(&self, build: &Build, mark: &str, mut written: Vec<PathBuf>) -> Result<()> {
        let name = &build.description.app.program;
        for (ending, text) in [("cdx.json", &self.bill), ("third-party.txt", &self.terms)] {
            let file = build.out.join(format!("{name}-{}{mark}.{ending}", build.version));
            std::fs::write(&file, text)?;
            written.push(file);
        }
        let mut sums = String::new();
        for file in &written {
            let bytes = std::fs::read(file)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            println!("{name:<44} {:>9.2} MiB", bytes.len() as f64 / f64::from(1 << 20));
            for byte in Sha256::digest(&bytes) {
                write!(sums, "{byte:02x}")?;
            }
            writeln!(sums, "  {name}")?;
        }
        std::fs::write(build.out.join(format!("SHA256SUMS{mark}")), sums)?;
        println!("in {}", build.out.display());
        Ok(())
    }
}

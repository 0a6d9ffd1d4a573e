//! `cargo xtask policy`: writes everything that follows from packaging/policy/schema.toml.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools::root;

mod admx;
mod apple;
mod json;
mod page;
mod rust;
mod schema;

use schema::Schema;

const SOURCE: &str = "packaging/policy/schema.toml";
const APPLICATION: &str = "packaging/app.toml";

/// A file that follows from the schema, with what has to stand in it.
struct Generated {
    path: String,
    text: String,
}

/// Writes the files, or with `check` only tells which are not current.
pub fn policy(check: bool) -> Result<ExitCode> {
    let mut stale = Vec::new();
    for Generated { path, text } in generated(&root())? {
        let file = root().join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|old| old == text) {
            continue;
        }
        if !check {
            let folder = file.parent().with_context(|| format!("{path} has no folder"))?;
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
            std::fs::write(&file, text).with_context(|| format!("{path} cannot be written"))?;
        }
        stale.push(path);
    }
    for path in &stale {
        eprintln!("policy: {path} {}", if check { "is not current: run cargo xtask policy" } else { "written" });
    }
    if stale.is_empty() {
        eprintln!("policy: everything is current");
    }
    Ok(if check && !stale.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn generated(root: &Path) -> Result<Vec<Generated>> {
    let text = std::fs::read_to_string(root.join(SOURCE)).with_context(|| format!("{SOURCE} cannot be read"))?;
    let application =
        std::fs::read_to_string(root.join(APPLICATION)).with_context(|| format!("{APPLICATION} cannot be read"))?;
    let schema = Schema::parse(&text, &application)?;
    let made = |path: &str, text| Generated { path: path.to_owned(), text };
    Ok(vec![
        made("core/src/policy/keys.rs", formatted(&rust::keys(&schema))?),
        made("core/src/policy/table.rs", formatted(&rust::table(&schema))?),
        made("packaging/policy/gen/offhook.admx", admx::admx(&schema)),
        made("packaging/policy/gen/en-US/offhook.adml", admx::adml(&schema)),
        made("packaging/policy/gen/offhook.mobileconfig", apple::mobileconfig(&schema)),
        made(&format!("packaging/policy/gen/{}.plist", schema.macos_domain), apple::manifest(&schema)),
        made("packaging/policy/gen/policy.schema.json", json::json_schema(&schema)?),
        made("packaging/policy/gen/example-managed.json", json::example(&schema)?),
        made("docs/administrator/policy.md", page::page(&schema)),
    ])
}

/// As `cargo fmt` would have it.
fn formatted(code: &str) -> Result<String> {
    use std::io::Write;

    let config = root().join("rustfmt.toml");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt cannot be started: rustup component add rustfmt")?;
    let mut input = rustfmt.stdin.take().context("rustfmt takes no input")?;
    input.write_all(code.as_bytes())?;
    drop(input);
    let output = rustfmt.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refused what was generated");
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Text as XML says it.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_made_from_the_schema_is_current() {
        for Generated { path, text } in generated(&root()).expect("the schema is sound") {
            let there = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
            assert!(there == text, "{path} is not current: run `cargo xtask policy`");
        }
    }

    #[test]
    fn text_of_the_schema_cannot_break_out_of_xml() {
        assert_eq!(xml("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
    }
}

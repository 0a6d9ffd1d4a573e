//! The bill of materials: every crate that is compiled into the program, as `CycloneDX` 1.5.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};

/// What `phone_app` is built from on one target; tests and build scripts are not in the program.
pub struct Materials {
    metadata: Metadata,
    /// By name and version.
    ids: BTreeSet<(String, String, PackageId)>,
}

impl Materials {
    /// Asks cargo; `target` as in `x86_64-unknown-linux-gnu`.
    pub fn of(root: &Path, target: &str) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command.manifest_path(root.join("Cargo.toml"));
        command.other_options(["--locked".to_owned(), format!("--filter-platform={target}")]);
        let metadata = command.exec().context("cargo metadata failed; fetch the dependencies with: cargo fetch")?;
        let graph = metadata.resolve.as_ref().context("cargo resolved nothing")?;
        let nodes: BTreeMap<_, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
        let app = metadata.packages.iter().find(|package| package.name.as_str() == "phone_app");
        let mut to_see = vec![app.context("phone_app is a member")?.id.clone()];
        let mut seen = BTreeSet::new();
        while let Some(id) = to_see.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            let linked = |kind: &cargo_metadata::DepKindInfo| kind.kind == DependencyKind::Normal;
            for dependency in nodes.get(&id).into_iter().flat_map(|node| &node.deps) {
                if dependency.dep_kinds.iter().any(linked) {
                    to_see.push(dependency.pkg.clone());
                }
            }
        }
        let packages = metadata.packages.iter().filter(|package| seen.contains(&package.id));
        let ids = packages.map(|one| (one.name.to_string(), one.version.to_string(), one.id.clone())).collect();
        Ok(Self { metadata, ids })
    }

    /// In order of name and version, without the crates of this workspace.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages().filter(|package| package.source.is_some())
    }

    fn packages(&self) -> impl Iterator<Item = &Package> {
        self.ids.iter().filter_map(|(_, _, id)| self.metadata.packages.iter().find(|package| &package.id == id))
    }

    /// `CycloneDX`, with no time and no serial number, so that the same sources give the same file.
    pub fn cyclonedx(&self, name: &str, version: &str) -> Value {
        let component = |package: &Package| {
            let purl = format!("pkg:cargo/{}@{}", package.name, package.version);
            let mut component = json!({
                "type": "library",
                "bom-ref": purl,
                "name": package.name,
                "version": package.version.to_string(),
                "purl": purl,
            });
            if let Some(licence) = &package.license {
                component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
            }
            component
        };
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": { "component": { "type": "application", "bom-ref": name, "name": name, "version": version } },
            "components": self.foreign().map(component).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_linked_and_nothing_that_only_builds_or_tests() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("packaging stands below the root");
        let materials = Materials::of(root, "x86_64-unknown-linux-gnu").expect("cargo answers");
        let bill = materials.cyclonedx("offhook", "1.2.3");
        let components = bill["components"].as_array().expect("a list");
        let named = |name: &str| components.iter().any(|component| component["name"] == name);
        assert!(named("rtc") && named("eframe") && named("opusic-sys"));
        assert!(!named("proptest"), "tests are not in the program");
        assert!(!named("windows-sys"), "other systems are not in the program");
        assert!(!named("phone_core"), "it is ours");
        assert!(components.iter().all(|component| component["licenses"].is_array()), "each has a licence");
    }
}

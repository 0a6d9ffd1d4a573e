//! What other machines run, read here: workflows, the Flatpak manifest, the scripts. They are not run by the tests, so at
//! least they are whole, name files that exist, and say that they were not run.

use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("packaging stands below the root").to_owned()
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is in the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == ending) {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "nothing ends in {ending} below {folder}");
    files.sort();
    files
}

fn yaml(file: &Path) -> Yaml {
    let text = std::fs::read_to_string(file).expect("it can be read");
    let mut documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(documents.len(), 1, "{}", file.display());
    documents.remove(0)
}

/// Every path below packaging/ that a text names.
fn named(text: &str) -> Vec<String> {
    text.replace('\\', "/")
        .split(|c: char| c.is_whitespace() || "\"'`;,()".contains(c))
        .filter_map(|word| word.find("packaging/").map(|at| word[at..].trim_end_matches(['.', ':']).to_owned()))
        .filter(|word| word.rsplit('/').next().is_some_and(|name| name.contains('.') && !name.contains(['$', '*'])))
        .collect()
}

#[test]
fn workflows_ask_for_little_and_every_step_does_something() {
    for file in files(".github/workflows", "yml") {
        let name = file.display();
        let text = std::fs::read_to_string(&file).expect("it can be read");
        assert!(text.contains("NOT RUN BY US"), "{name} does not say that it was not run");
        let workflow = yaml(&file);
        assert_eq!(workflow["permissions"]["contents"].as_str(), Some("read"), "{name}");
        for (job, body) in workflow["jobs"].as_hash().expect("jobs") {
            assert!(body["runs-on"].as_str().is_some_and(|on| !on.ends_with("latest")), "{name} {job:?}");
            assert!(body["timeout-minutes"].as_i64().is_some_and(|minutes| minutes <= 120), "{name} {job:?}");
            for step in body["steps"].as_vec().expect("steps") {
                let (uses, run) = (step["uses"].as_str(), step["run"].as_str());
                assert!(uses.is_some() != run.is_some(), "{name}: {step:?}");
                if let Some(uses) = uses {
                    assert!(
                        uses.split_once('@').is_some_and(|(_, version)| version.starts_with('v')),
                        "{name}: {uses}"
                    );
                }
                // A secret on a command line ends in a log.
                assert!(!run.unwrap_or_default().contains("secrets."), "{name}: {step:?}");
            }
        }
    }
}

#[test]
fn what_recipes_and_scripts_name_exists() {
    for (folder, ending) in [
        (".github/workflows", "yml"),
        ("packaging", "sh"),
        ("packaging", "ps1"),
        ("packaging", "c"),
        ("docs/administrator", "md"),
    ] {
        for file in files(folder, ending) {
            let text = std::fs::read_to_string(&file).expect("it can be read");
            for path in named(&text) {
                // What somebody makes first.
                let made = path.ends_with("offhook.deb");
                assert!(made || root().join(&path).exists(), "{}: {path} does not exist", file.display());
            }
        }
    }
}

#[test]
fn the_guide_names_every_property_and_what_detection_rules_need() {
    let file = root().join("docs/administrator/README.md");
    let guide = std::fs::read_to_string(file).expect("it is in the repository");
    for property in crate::windows::properties(&crate::description::tests::ours()) {
        assert!(guide.contains(&format!("`{property}")), "{property} is not in the administrator's guide");
    }
    for code in crate::windows::upgrade_codes(&crate::description::tests::ours()) {
        assert!(guide.contains(&code), "the upgrade code is {code}");
    }
}

#[test]
fn macos_looks_for_policies_under_the_id_of_the_bundle_and_no_other() {
    let id = crate::description::tests::ours().app.id;
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("it is in the repository");
    assert!(read("core/src/policy/keys.rs").contains(&format!("MACOS_DOMAIN: &str = {id:?}")));
    assert!(
        read("packaging/policy/gen/offhook.mobileconfig").contains(&format!("<key>PayloadType</key><string>{id}<"))
    );
    assert!(read("docs/administrator/README.md").contains(&format!("`{id}`")));
    // A tool for MDM finds a manifest by its name.
    let manifest = read(&format!("packaging/policy/gen/{id}.plist"));
    assert!(manifest.contains(&format!("<key>pfm_domain</key><string>{id}<")));
    assert_eq!(files("packaging/policy/gen", "plist").len(), 1, "a manifest of another id is left over");
}

#[test]
fn the_flatpak_names_the_program_as_every_package_does() {
    let description = crate::description::tests::ours();
    let manifest = yaml(&root().join(format!("packaging/linux/flatpak/{}.yml", description.app.id)));
    assert_eq!(manifest["id"].as_str(), Some(description.app.id.as_str()));
    assert_eq!(manifest["command"].as_str(), Some(description.app.program.as_str()));
    let desktop = format!("{}.desktop", description.linux.desktop_id);
    assert_eq!(manifest["rename-desktop-file"].as_str(), Some(desktop.as_str()));
    let rights: Vec<&str> = manifest["finish-args"].as_vec().expect("rights").iter().filter_map(Yaml::as_str).collect();
    assert!(rights.contains(&"--share=network") && rights.contains(&"--socket=pulseaudio"), "{rights:?}");
    assert!(!rights.iter().any(|right| right.contains("filesystem") || right.contains("device=all")), "{rights:?}");
}

#[test]
#[cfg(unix)]
fn shell_scripts_are_whole() {
    for file in files("packaging", "sh") {
        let status = std::process::Command::new("sh").arg("-n").arg(&file).status().expect("sh starts");
        assert!(status.success(), "{}", file.display());
        let text = std::fs::read_to_string(&file).expect("it can be read");
        assert!(text.lines().any(|line| line.starts_with("set -eu")), "{} goes on after an error", file.display());
    }
}

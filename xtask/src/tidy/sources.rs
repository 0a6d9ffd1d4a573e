//! Rules for Rust files, manifests and assets.

use super::{Finding, SourceFile};

/// Longer than this there is a second noun inside.
const LONGEST_FILE: usize = 800;

pub fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.has_extension("rs") {
            rust(file, &mut findings);
        } else if file.path.ends_with("Cargo.toml") {
            manifest(file, &mut findings);
        }
    }
    assets(files, &mut findings);
    findings
}

/// A word that only some files may use, and why.
struct Reserved {
    words: &'static [&'static str],
    /// Where the rule holds.
    under: &'static str,
    /// Where it does not, below that.
    except: &'static [&'static str],
    why: &'static str,
}

const RESERVED: &[Reserved] = &[
    Reserved {
        words: &["jid", "dialog", "cseq", "conversation"],
        under: "core/src/",
        // The tests of the whole phone play the service, in its own words.
        except: &["core/src/line/", "core/src/phone/tests"],
        why: "a word of one protocol; outside core/src/line/<protocol>/ say call, line or session",
    },
    Reserved {
        words: &["rtc::"],
        under: "",
        except: &["core/src/media/webrtc", "xtask/"],
        why: "the media engine's crate is named in core/src/media/webrtc.rs only, so that it can be replaced there",
    },
    Reserved {
        words: &["turn_client_proto"],
        under: "",
        // The exchange proves its TURN server with the same client, in its tests alone.
        except: &["core/src/media/turn", "exchange/src/turn.rs", "xtask/"],
        why: "the TURN client's crate is named in core/src/media/turn.rs only",
    },
    Reserved {
        words: &["cpal::"],
        under: "",
        except: &["audio/device/", "xtask/"],
        why: "sound devices are opened in audio/device only",
    },
    Reserved {
        words: &[
            "Color32::from_",
            "Color32::RED",
            "Color32::GREEN",
            "Color32::BLUE",
            "Color32::WHITE",
            "Color32::BLACK",
            "Color32::GRAY",
            "hex_color!",
        ],
        under: "app/src/",
        except: &["app/src/theme"],
        why: "colours come from theme.rs, where both themes have them",
    },
    Reserved {
        words: &["unbounded_channel", "UnboundedSender", "crossbeam_channel::unbounded"],
        under: "",
        except: &["xtask/"],
        why: "every queue is bounded and says what happens when it is full",
    },
];

/// Words that mean unfinished work. Put together, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimplemen", "ted!("),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
];

/// Folders of one person's computer.
const HOMES: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("C:\\", "Users")];

fn rust(file: &SourceFile, findings: &mut Vec<Finding>) {
    let count = file.lines().count();
    if count > LONGEST_FILE {
        let why = format!("{count} lines; over {LONGEST_FILE} there is a second noun inside");
        findings.push(Finding::new(&file.path, 0, why));
    }
    // A module says first what it is for.
    let is_source = !file.path.contains("/tests/") || file.path.matches("/tests/").count() == 1;
    if is_source && !file.text.as_deref().unwrap_or_default().starts_with("//!") {
        findings.push(Finding::new(&file.path, 1, "a module opens with a `//!` line that says what it is for"));
    }
    for (number, line) in file.lines() {
        let mut find = |why: String| findings.push(Finding::new(&file.path, number, why));
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            find(format!("unfinished work: {word}"));
        }
        for home in HOMES.iter().filter(|home| line.contains(**home)) {
            find(format!("a path of one computer: {home}"));
        }
        if line.trim_start().starts_with("#[ignore]") {
            find("an ignored test says why, and who runs it: #[ignore = \"…\"]".to_owned());
        }
        let code = code_of(line);
        for rule in RESERVED {
            let here = file.path.starts_with(rule.under) && !rule.except.iter().any(|path| file.path.starts_with(path));
            if !here {
                continue;
            }
            for word in rule.words.iter().filter(|word| has_word(code, word)) {
                find(format!("`{word}`: {}", rule.why));
            }
        }
    }
}

/// The line without its comment. A `//` inside a text is taken for one too, which hides nothing that matters here.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether the word stands there as a word of its own, or as part of a name in `snake_case`.
fn has_word(code: &str, word: &str) -> bool {
    let reserved_as_written = word.contains(':') || word.contains('_') || word.chars().any(char::is_uppercase);
    let (code, word) =
        if reserved_as_written { (code.to_owned(), word.to_owned()) } else { (code.to_lowercase(), word.to_owned()) };
    code.match_indices(&word).any(|(start, _)| {
        let before = code.get(..start).and_then(|text| text.chars().next_back());
        let after = code.get(start + word.len()..).and_then(|text| text.chars().next());
        let open = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        let starts = open(before) && (!reserved_as_written || before != Some('_'));
        starts && (reserved_as_written || open(after))
    })
}

/// Who may know whom: the arrows of ARCHITECTURE.md.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("core/", &[]),
    ("audio/", &[]),
    ("audio/device/", &["phone_audio"]),
    ("core/io/", &["phone_core", "phone_audio"]),
    ("exchange/", &["phone_core", "phone_io", "phone_audio"]),
    ("app/", &["phone_core", "phone_io", "phone_audio", "phone_device", "phone_exchange"]),
    ("tests/", &["phone_core", "phone_io", "phone_audio", "phone_device", "phone_exchange"]),
    ("xtask/", &[]),
    ("packaging/", &[]),
];

fn manifest(file: &SourceFile, findings: &mut Vec<Finding>) {
    let folder = file.path.trim_end_matches("Cargo.toml");
    if folder.is_empty() || folder.contains("fuzz") {
        return;
    }
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == folder) else {
        findings.push(Finding::new(&file.path, 0, "a crate that the dependency rules of tidy do not know"));
        return;
    };
    let mut section = "";
    for (number, line) in file.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        // Tests may use the harness; it knows nobody who does not know it.
        let test_only = section == "[dev-dependencies]";
        if section.contains("dependencies") && name.starts_with("phone_") && !allowed.contains(&name) && !test_only {
            findings.push(Finding::new(
                &file.path,
                number,
                format!("this crate must not know {name} (ARCHITECTURE.md)"),
            ));
        }
    }
    if !file.text.as_deref().unwrap_or_default().contains("[lints]\nworkspace = true") {
        findings.push(Finding::new(&file.path, 0, "the workspace's lints are missing: [lints] workspace = true"));
    }
}

/// Whatever is no text was made by somebody, and beside it stands who and under which terms.
fn assets(files: &[SourceFile], findings: &mut Vec<Finding>) {
    for file in files.iter().filter(|file| file.text.is_none() && file.path.contains("assets/")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let said = files.iter().any(|other| {
            let name = other.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
            name == "README.md" || name.starts_with("LICENSE")
        });
        if !said {
            findings.push(Finding::new(&file.path, 0, "no README.md or LICENSE beside it says where it comes from"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(path: &str, text: &str, part: &str) {
        let found = check(&[SourceFile::new(path, text)]);
        assert!(found.iter().any(|finding| finding.why.contains(part)), "{path}: {text}: {found:?}");
    }

    #[track_caller]
    fn assert_fine(path: &str, text: &str) {
        assert_eq!(check(&[SourceFile::new(path, text)]), Vec::new(), "{path}: {text}");
    }

    #[test]
    fn protocol_words_stay_in_their_line() {
        let text = "//! x\nlet conversation_id = 1;";
        assert_found("core/src/call.rs", text, "conversation");
        assert_fine("core/src/line/genesys/wire.rs", text);
        assert_fine("core/src/call.rs", "//! x\n// One conversation as the user sees it.");
        assert_fine("core/src/call.rs", "//! x\nlet rigid = dialogue(1);");
        assert_found("core/src/phone.rs", "//! x\nfn next(JID: u8)", "jid");
    }

    #[test]
    fn the_media_engine_s_crate_has_one_door() {
        assert_found("core/src/media/engine.rs", "//! x\nuse rtc::peer;", "rtc::");
        assert_fine("core/src/media/webrtc.rs", "//! x\nuse rtc::peer;");
        assert_fine("core/src/media/engine.rs", "//! x\nuse webrtc::Peer;");
    }

    #[test]
    fn colours_come_from_the_theme() {
        assert_found("app/src/panels/calls.rs", "//! x\nlet c = Color32::from_rgb(1, 2, 3);", "theme.rs");
        assert_fine("app/src/theme.rs", "//! x\nlet c = Color32::from_rgb(1, 2, 3);");
    }

    #[test]
    fn unfinished_work_and_silent_ignores_are_told() {
        assert_found("core/src/a.rs", &format!("//! x\n{}later)", concat!("to", "do!(")), "unfinished");
        assert_found("core/src/a.rs", "//! x\n#[ignore]\nfn a() {}", "ignored");
        assert_fine("core/src/a.rs", "//! x\n#[ignore = \"takes an hour; the nightly run does it\"]\nfn a() {}");
        assert_found("core/src/a.rs", &format!("//! x\nlet p = \"{}me\";", concat!("/ho", "me/")), "one computer");
    }

    #[test]
    fn long_files_and_silent_modules_are_told() {
        assert_found("core/src/a.rs", &format!("//! x\n{}", "\n".repeat(800)), "second noun");
        assert_found("core/src/a.rs", "fn a() {}", "what it is for");
    }

    #[test]
    fn a_crate_that_knows_too_much_is_told() {
        let lints = "[lints]\nworkspace = true\n";
        let core = |dependency: &str| format!("{lints}[dependencies]\n{dependency}.workspace = true\n");
        assert_found("core/Cargo.toml", &core("phone_audio"), "must not know phone_audio");
        assert_fine("core/io/Cargo.toml", &core("phone_audio"));
        assert_fine("core/Cargo.toml", &format!("{lints}[dev-dependencies]\nphone_tests.workspace = true\n"));
        assert_found("core/Cargo.toml", "[dependencies]\n", "lints");
        assert_found("new/Cargo.toml", lints, "do not know");
    }

    #[test]
    fn every_asset_says_where_it_comes_from() {
        let image = || SourceFile { path: "assets/icons/a.png".to_owned(), text: None };
        assert_eq!(check(&[image()]).len(), 1);
        assert_eq!(check(&[image(), SourceFile::new("assets/icons/README.md", "ours")]), Vec::new());
        assert_eq!(check(&[image(), SourceFile::new("assets/README.md", "ours")]).len(), 1);
    }
}

//! Rules for the documents: links lead somewhere, decisions have their four parts, the changelog has a place for the
//! next line.

use super::{Finding, SourceFile};

const PARTS: [&str; 4] = ["## Context", "## Choice", "## Consequence", "## What would change our mind"];

pub fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: Vec<&str> = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        links(file, files, &mut findings);
        let text = file.text.as_deref().unwrap_or_default();
        if let Some(name) = file.path.strip_prefix("docs/decisions/") {
            for part in PARTS.iter().filter(|part| !text.lines().any(|line| line == **part)) {
                findings.push(Finding::new(&file.path, 0, format!("a decision has the part `{part}`")));
            }
            let number = name.split('-').next().unwrap_or_default();
            if number.len() != 4 || number.parse::<u16>().is_err() || numbers.contains(&number) {
                findings.push(Finding::new(&file.path, 0, "a decision has a number of four digits of its own"));
            }
            numbers.push(number);
        }
        if file.path == "CHANGELOG.md" && !text.contains("## Unreleased") {
            findings.push(Finding::new(&file.path, 0, "the part `## Unreleased` is missing"));
        }
    }
    findings
}

/// Every link to a file of the repository finds it.
fn links(file: &SourceFile, files: &[SourceFile], findings: &mut Vec<Finding>) {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (number, line) in file.lines() {
        for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            let target = joined(folder, path);
            let inside = format!("{target}/");
            if !files.iter().any(|file| file.path == target || file.path.starts_with(&inside)) {
                findings.push(Finding::new(&file.path, number, format!("the link leads nowhere: {link}")));
            }
        }
    }
}

fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<SourceFile> = files.iter().map(|(path, text)| SourceFile::new(path, text)).collect();
        check(&files).into_iter().map(|finding| finding.why).collect()
    }

    #[test]
    fn links_are_followed_from_where_they_stand() {
        let good = [
            ("docs/a.md", "[b](../README.md#part) [c](https://x.test) [d](decisions)"),
            ("README.md", ""),
            ("docs/decisions/x.txt", ""),
        ];
        assert_eq!(found(&good), Vec::<String>::new());
        assert_eq!(found(&[("docs/a.md", "see [b](b.md)")]), ["the link leads nowhere: b.md"]);
    }

    #[test]
    fn a_decision_has_four_parts_and_a_number() {
        let text = PARTS.join("\n");
        assert_eq!(found(&[("docs/decisions/0001-a.md", text.as_str())]), Vec::<String>::new());
        assert_eq!(found(&[("docs/decisions/0001-a.md", "## Context")]).len(), 3);
        assert_eq!(
            found(&[("docs/decisions/0001-a.md", text.as_str()), ("docs/decisions/0001-b.md", text.as_str())]).len(),
            1
        );
        assert_eq!(found(&[("docs/decisions/first.md", text.as_str())]).len(), 1);
    }

    #[test]
    fn the_changelog_has_a_place_for_the_next_line() {
        assert_eq!(found(&[("CHANGELOG.md", "## 0.1.0")]).len(), 1);
        assert_eq!(found(&[("CHANGELOG.md", "## Unreleased")]), Vec::<String>::new());
    }
}

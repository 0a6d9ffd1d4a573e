//! The small files of a Linux package.

use std::io::Write;

use anyhow::{Context, Result};

use crate::Build;
use crate::description::Description;

/// Desktop Entry Specification 1.4, the newest that Debian 12's tools know.
pub fn desktop(description: &Description) -> String {
    let app = &description.app;
    let linux = &description.linux;
    let types: Vec<String> = app.link_schemes.iter().map(|scheme| format!("x-scheme-handler/{scheme}")).collect();
    let (types, categories) = (types.join(";"), linux.categories.join(";"));
    format!(
        "[Desktop Entry]\n\
         Version=1.4\n\
         Type=Application\n\
         Name={}\n\
         GenericName=Phone\n\
         Comment={}\n\
         Exec={} %u\n\
         Icon={}\n\
         Terminal=false\n\
         Categories={categories};\n\
         Keywords=call;phone;softphone;WebRTC;SIP;\n\
         MimeType={types};\n\
         StartupNotify=true\n\
         StartupWMClass={}\n",
        app.name, app.summary, app.program, linux.desktop_id, linux.desktop_id
    )
}

/// `AppStream`, for software centres.
pub fn metainfo(description: &Description, version: &str, epoch: u32) -> String {
    let app = &description.app;
    let paragraphs: Vec<String> = description.paragraphs().map(|text| format!("    <p>{}</p>", escape(text))).collect();
    let paragraphs = paragraphs.join("\n");
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{id}</id>
  <name>{name}</name>
  <summary>{summary}</summary>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>{licence}</project_license>
  <developer_name>{vendor}</developer_name>
  <description>
{paragraphs}
  </description>
  <launchable type="desktop-id">{desktop}.desktop</launchable>
  <url type="homepage">{homepage}</url>
  <provides>
    <binary>{program}</binary>
  </provides>
  <content_rating type="oars-1.1">
    <content_attribute id="social-audio">intense</content_attribute>
  </content_rating>
  <releases>
    <release version="{version}" timestamp="{epoch}"/>
  </releases>
</component>
"#,
        id = app.id,
        name = escape(&app.name),
        summary = escape(&app.summary),
        licence = app.licence,
        vendor = escape(&app.vendor),
        desktop = description.linux.desktop_id,
        homepage = app.homepage,
        program = app.program,
    )
}

/// Lines of at most `width` letters, broken between words.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Debian's machine-readable copyright file.
pub fn copyright(build: &Build) -> Result<String> {
    let app = &build.description.app;
    let mit = std::fs::read_to_string(build.root.join("LICENSE-MIT")).context("LICENSE-MIT is in the repository")?;
    let paragraph = |text: &str| -> String {
        text.trim()
            .lines()
            .map(|line| if line.trim().is_empty() { " .\n".into() } else { format!(" {line}\n") })
            .collect()
    };
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: {}\n\
         Source: {}\n\
         Comment: The licences of the libraries inside are in third-party.txt.gz beside this.\n\
         \nFiles: *\nCopyright: {}\nLicense: MIT or Apache-2.0\n\
         \nLicense: MIT\n{}\
         \nLicense: Apache-2.0\n On Debian systems the whole text is in /usr/share/common-licenses/Apache-2.0.\n",
        app.name,
        app.homepage,
        app.vendor,
        paragraph(&mit)
    ))
}

/// Without name and time, so that the same text gives the same bytes.
pub fn gzip(text: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::tests::ours;

    #[test]
    fn links_of_every_scheme_open_the_program_with_the_link() {
        let text = desktop(&ours());
        assert!(text.contains("Exec=offhook %u\n"), "{text}");
        assert!(text.contains("x-scheme-handler/tel;x-scheme-handler/sip;"), "{text}");
    }

    #[test]
    fn lines_break_between_words_only() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
    }

    #[test]
    fn text_for_software_centres_is_escaped() {
        assert_eq!(escape("you & <me>"), "you &amp; &lt;me&gt;");
        assert!(metainfo(&ours(), "1.2.3", 7).contains(r#"<release version="1.2.3" timestamp="7"/>"#));
    }

    #[test]
    fn the_same_text_is_packed_into_the_same_bytes() {
        assert_eq!(gzip(b"text").expect("memory"), gzip(b"text").expect("memory"));
    }
}

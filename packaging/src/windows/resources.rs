//! Version, icon and manifest as sources of a resource compiler: `windres` here, `rc` on Windows.

use anyhow::{Context, Result};

use crate::{Build, icons};

/// Per-monitor DPI, UTF-8 as the code page of the old calls, paths longer than 260 letters, no administrator.
const MANIFEST: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">
  <trustInfo xmlns="urn:schemas-microsoft-com:asm.v3">
    <security><requestedPrivileges><requestedExecutionLevel level="asInvoker" uiAccess="false"/></requestedPrivileges></security>
  </trustInfo>
  <compatibility xmlns="urn:schemas-microsoft-com:compatibility.v1">
    <application><supportedOS Id="{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}"/></application>
  </compatibility>
  <application xmlns="urn:schemas-microsoft-com:asm.v3">
    <windowsSettings>
      <dpiAware xmlns="http://schemas.microsoft.com/SMI/2005/WindowsSettings">true/pm</dpiAware>
      <dpiAwareness xmlns="http://schemas.microsoft.com/SMI/2016/WindowsSettings">PerMonitorV2</dpiAwareness>
      <longPathAware xmlns="http://schemas.microsoft.com/SMI/2016/WindowsSettings">true</longPathAware>
      <activeCodePage xmlns="http://schemas.microsoft.com/SMI/2019/WindowsSettings">UTF-8</activeCodePage>
    </windowsSettings>
  </application>
</assembly>
"#;

pub fn write(build: &Build) -> Result<()> {
    for (name, bytes) in [
        ("offhook.manifest", MANIFEST.as_bytes().to_vec()),
        ("offhook.ico", icons::ico()?),
        ("offhook.rc", script(build)?.into_bytes()),
    ] {
        let file = build.out.join(name);
        std::fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn script(build: &Build) -> Result<String> {
    let app = &build.description.app;
    let four = four_numbers(build.version)?;
    let commas = four.map(|number| number.to_string()).join(",");
    let dots = four.map(|number| number.to_string()).join(".");
    let strings = [
        ("CompanyName", app.vendor.as_str()),
        ("FileDescription", &app.name),
        ("FileVersion", &dots),
        ("InternalName", &app.program),
        ("LegalCopyright", &app.vendor),
        ("OriginalFilename", "offhook.exe"),
        ("ProductName", &app.name),
        ("ProductVersion", &dots),
    ]
    .map(|(key, value)| format!("      VALUE \"{key}\", \"{}\"\n", value.replace('"', "\"\"")));
    let strings = strings.concat();
    // 24 is a manifest; 0x40004 is Windows NT, 1 a program; 0x409 US English, 1200 Unicode.
    Ok(format!(
        "1 ICON \"offhook.ico\"\n\
         1 24 \"offhook.manifest\"\n\
         1 VERSIONINFO\nFILEVERSION {commas}\nPRODUCTVERSION {commas}\nFILEOS 0x40004\nFILETYPE 1\n\
         BEGIN\n  BLOCK \"StringFileInfo\"\n  BEGIN\n    BLOCK \"040904B0\"\n    BEGIN\n{strings}    END\n  END\n  \
         BLOCK \"VarFileInfo\"\n  BEGIN\n    VALUE \"Translation\", 0x409, 1200\n  END\nEND\n"
    ))
}

/// `1.2.3` as Windows counts: `1.2.3.0`.
pub fn four_numbers(version: &str) -> Result<[u16; 4]> {
    let mut four = [0; 4];
    let plain = version.split('-').next().unwrap_or_default();
    for (place, part) in four.iter_mut().zip(plain.split('.')) {
        *place = part.parse().with_context(|| format!("`{version}` is no version Windows can read"))?;
    }
    Ok(four)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_gets_the_four_numbers_windows_wants() {
        assert_eq!(four_numbers("1.2.3").expect("a version"), [1, 2, 3, 0]);
        assert_eq!(four_numbers("0.4.0-beta.1").expect("a version"), [0, 4, 0, 0]);
        assert!(four_numbers("1.70000.0").is_err());
    }
}

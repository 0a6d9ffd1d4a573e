//! Writes pictures of the window into a folder: `cargo run -p phone_app --example screenshots -- FOLDER [NAME]`.
//! Needs a display; without one, `xvfb-run -a` gives it one.

use std::path::PathBuf;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from).context("name the folder for the pictures")?;
    let pictures = phone_app::screenshots::screenshots(&folder, arguments.next().as_deref())?;
    println!("{pictures} pictures in {}", folder.display());
    Ok(())
}

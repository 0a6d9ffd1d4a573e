//! The icon, drawn from `icons/offhook.svg` in every size and container that systems want.

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// What Linux desktops look for.
pub const LINUX_SIZES: [u32; 8] = [16, 24, 32, 48, 64, 128, 256, 512];

pub const SVG: &str = include_str!("../icons/offhook.svg");

/// RGBA, not premultiplied.
fn draw(size: u32) -> Result<Pixmap> {
    let tree = Tree::from_str(SVG, &Options::default())?;
    let mut pixmap = Pixmap::new(size, size).context("an icon has a size")?;
    let scale = size as f32 / tree.size().width();
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    Ok(pixmap)
}

pub fn png(size: u32) -> Result<Vec<u8>> {
    Ok(draw(size)?.encode_png()?)
}

/// Apple's icon file, 16 to 1024 pixels.
pub fn icns() -> Result<Vec<u8>> {
    let mut family = icns::IconFamily::new();
    for size in [16, 32, 64, 128, 256, 512, 1024] {
        let pixmap = draw(size)?;
        let rgba = pixmap.pixels().iter().flat_map(|pixel| {
            let color = pixel.demultiply();
            [color.red(), color.green(), color.blue(), color.alpha()]
        });
        let image = icns::Image::from_data(icns::PixelFormat::RGBA, size, size, rgba.collect())?;
        family.add_icon(&image)?;
    }
    let mut bytes = Vec::new();
    family.write(&mut bytes)?;
    Ok(bytes)
}

/// Windows' icon file with PNG pictures, 16 to 256 pixels.
pub fn ico() -> Result<Vec<u8>> {
    let sizes = [16_u32, 24, 32, 48, 64, 256];
    let pictures = sizes.into_iter().map(|size| Ok((size, png(size)?))).collect::<Result<Vec<_>>>()?;
    let mut bytes = vec![0, 0, 1, 0];
    bytes.extend(u16::try_from(pictures.len())?.to_le_bytes());
    let mut at = 6 + 16 * u32::try_from(pictures.len())?;
    for (size, picture) in &pictures {
        let length = u32::try_from(picture.len())?;
        // 256 is written as 0; no palette, one plane, 32 bits a pixel.
        let side = (*size % 256) as u8;
        bytes.extend([side, side, 0, 0, 1, 0, 32, 0]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(at.to_le_bytes());
        at += length;
    }
    bytes.extend(pictures.into_iter().flat_map(|(_, picture)| picture));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_icon_is_a_white_ring_on_an_ink_square_with_clear_corners() {
        let pixmap = draw(64).expect("the drawing is in the repository");
        let at = |x, y| {
            let color = pixmap.pixel(x, y).expect("within the picture").demultiply();
            [color.red(), color.green(), color.blue(), color.alpha()]
        };
        assert_eq!(at(0, 0)[3], 0, "the corner is clear");
        assert_eq!(at(30, 34), [0x23, 0x29, 0x35, 255], "the middle of the ring is ink");
        assert_eq!(at(14, 34), [255; 4], "the ring is white at its left");
    }

    #[test]
    fn apple_reads_its_own_container() {
        let family = icns::IconFamily::read(icns().expect("it can be made").as_slice()).expect("it can be read");
        assert!(family.available_icons().len() >= 6, "{:?}", family.available_icons());
    }

    #[test]
    fn each_picture_of_the_windows_icon_is_where_its_directory_says() {
        let bytes = ico().expect("it can be made");
        for entry in bytes[6..].chunks(16).take(6) {
            let at = u32::from_le_bytes(entry[12..16].try_into().expect("four bytes")) as usize;
            assert_eq!(bytes[at..at + 4], *b"\x89PNG");
        }
    }
}

//! SVG as pixels, with the letters of a font that is part of this program.

use anyhow::{Context, Result};
use resvg::usvg::fontdb::Database;
use resvg::{tiny_skia, usvg};
use std::sync::{Arc, OnceLock};

/// An SVG that was read.
pub struct Svg {
    tree: usvg::Tree,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Painted {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

impl Svg {
    /// Reads an SVG.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(svg: &str) -> Result<Self> {
        let options = usvg::Options { fontdb: fonts()?, ..usvg::Options::default() };
        Ok(Self { tree: usvg::Tree::from_str(svg, &options).context("the SVG cannot be painted")? })
    }

    /// Pixels in a row and rows of the picture, with `scale` pixels to a unit of the SVG.
    pub fn size(&self, scale: f32) -> (u32, u32) {
        let size = self.tree.size();
        ((size.width() * scale).ceil() as u32, (size.height() * scale).ceil() as u32)
    }

    /// Paints it on white, with `scale` pixels to a unit of the SVG.
    ///
    /// # Errors
    /// When the picture would be too large.
    pub fn paint(&self, scale: f32) -> Result<Painted> {
        let (width, height) = self.size(scale);
        let mut pixels = tiny_skia::Pixmap::new(width, height)
            .with_context(|| format!("a picture of {width} x {height} pixels cannot be made"))?;
        // The drawing may cover the last row and column only in part.
        pixels.fill(tiny_skia::Color::WHITE);
        resvg::render(&self.tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
        let rgb = pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
        Ok(Painted { width, height, rgb })
    }
}

impl Painted {
    /// The picture as PNG.
    ///
    /// # Errors
    /// When it has no pixels.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// The program's own font as the only one, read once. A machine's fonts would give other pictures there.
fn fonts() -> Result<Arc<Database>> {
    static FONTS: OnceLock<Option<Arc<Database>>> = OnceLock::new();
    let read = || {
        let mut fonts = Database::new();
        fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        let family = fonts.faces().next().and_then(|face| Some(face.families.first()?.0.clone()))?;
        fonts.set_sans_serif_family(family);
        Some(Arc::new(fonts))
    };
    FONTS.get_or_init(read).clone().context("the font that comes with the program cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_size_of_its_svg_times_the_scale() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"5\"><rect width=\"10\" height=\"5\"/></svg>";
        let svg = Svg::parse(svg).unwrap();
        assert_eq!((svg.size(1.0), svg.size(2.5)), ((10, 5), (25, 13)));
        let painted = svg.paint(2.0).unwrap();
        assert_eq!(painted, Painted { width: 20, height: 10, rgb: vec![0; 600] });
        assert!(painted.png().unwrap().starts_with(b"\x89PNG"));
        assert!(svg.paint(1e9).is_err());
        assert!(Svg::parse("<svg").is_err());
    }
}

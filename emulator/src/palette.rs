//! Colours.
/// The colours of one television standard.
#[derive(Debug)]
pub struct Palette {
    rgb: [[u8; 3]; 256],
    gray: [u8; 256],
}
impl Palette {
    /// Red, green, blue of a palette index.
    pub fn rgb(&self, index: u8) -> [u8; 3] {
        self.rgb[usize::from(index)]
    }
    /// ALE's gray value of every palette index.
    pub fn gray(&self) -> &[u8; 256] {
        &self.gray
    }
}

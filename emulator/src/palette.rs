//! The colors of the TIA's palette indices, as ALE shows them.
//!
//! Indices are color register bytes: hue in the high nibble, luminance in bits 3 to 1. Bit 0 is set only by PAL color
//! loss and in grayed-out frames.

use crate::properties::TelevisionFormat;
use std::sync::OnceLock;

/// The colors of one television standard.
#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    rgb: [[u8; 3]; 256],
    /// The same, red in the lowest byte.
    rgb_words: [u32; 256],
    gray: [u8; 256],
    averages: OnceLock<Box<[u8]>>,
}

impl Palette {
    /// The palette of `format`.
    pub fn of(format: TelevisionFormat) -> &'static Palette {
        static NTSC_PALETTE: OnceLock<Palette> = OnceLock::new();
        static PAL_PALETTE: OnceLock<Palette> = OnceLock::new();
        match format {
            TelevisionFormat::Ntsc => NTSC_PALETTE.get_or_init(|| Palette::from_colors(&NTSC)),
            TelevisionFormat::Pal => PAL_PALETTE.get_or_init(|| Palette::from_colors(&PAL)),
        }
    }

    /// Red, green and blue of a palette index.
    pub fn rgb(&self, index: u8) -> [u8; 3] {
        self.rgb[usize::from(index)]
    }

    /// The gray value of every palette index, as in ALE's grayscale screen.
    pub fn gray(&self) -> &[u8; 256] {
        &self.gray
    }

    /// Writes red, green and blue of every palette index in `pixels` to `rgb`, which has three bytes for each.
    pub(crate) fn pixels_to_rgb(&self, pixels: &[u8], rgb: &mut [u8]) {
        let (eights, rest) = pixels.as_chunks::<8>();
        let (converted, rgb) = rgb.as_chunks_mut::<24>();
        for (eight, rgb) in eights.iter().zip(converted) {
            // Most pixels look like their neighbors.
            let colors =
                if equal(eight) { [self.rgb_word(eight[0]); 8] } else { eight.map(|index| self.rgb_word(index)) };
            let [a, b, c, d, e, f, g, h] = colors;
            let words = [a | b << 24 | c << 48, c >> 16 | d << 8 | e << 32 | f << 56, f >> 8 | g << 16 | h << 40];
            for (bytes, word) in rgb.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
        }
        for (&index, rgb) in rest.iter().zip(rgb.as_chunks_mut::<3>().0) {
            *rgb = self.rgb(index);
        }
    }

    /// Writes the gray value of every palette index in `pixels` to `gray`.
    pub(crate) fn pixels_to_gray(&self, pixels: &[u8], gray: &mut [u8]) {
        let table = &self.gray;
        let (eights, rest) = pixels.as_chunks::<8>();
        let (converted, gray) = gray.as_chunks_mut::<8>();
        for (eight, gray) in eights.iter().zip(converted) {
            *gray = if equal(eight) { [table[usize::from(eight[0])]; 8] } else { eight.map(|i| table[usize::from(i)]) };
        }
        for (&index, gray) in rest.iter().zip(gray) {
            *gray = table[usize::from(index)];
        }
    }

    /// Red, green and blue in bytes 0 to 2 of a word.
    #[inline(always)]
    fn rgb_word(&self, index: u8) -> u64 {
        self.rgb_words[usize::from(index)].into()
    }

    /// ALE's color averaging: entry `256 * current + previous` is the palette index to show for a pixel that is
    /// `current` in this frame and was `previous` in the last one.
    ///
    /// ALE fills its table for even indices only; a pixel that is or was odd turns black.
    pub(crate) fn averages(&self) -> &[u8] {
        self.averages.get_or_init(|| {
            let odd = |a: u8, b: u8| (a | b) & 1 != 0;
            let average = |a, b| if odd(a, b) { 0 } else { self.average(self.rgb(a), self.rgb(b)) };
            (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| average(a, b))).collect()
        })
    }

    /// Television phosphor: of two colors that alternate, the brighter shines through at 77 %.
    fn average(&self, a: [u8; 3], b: [u8; 3]) -> u8 {
        let mixed: [i32; 3] = std::array::from_fn(|channel| {
            let (low, high) = (a[channel].min(b[channel]), a[channel].max(b[channel]));
            (i32::from(high - low) * 77 / 100 + i32::from(low)) & !3
        });
        let distance = |index: u8| -> i32 {
            self.rgb(index).iter().zip(mixed).map(|(&channel, mixed)| (i32::from(channel) - mixed).abs()).sum()
        };
        // If several are equally near, the first.
        (0..=u8::MAX).step_by(2).min_by_key(|&index| distance(index)).unwrap_or(0)
    }

    fn from_colors(colors: &[u32; 128]) -> Palette {
        let channels = |color: u32| {
            let [_, r, g, b] = color.to_be_bytes();
            [r, g, b]
        };
        let mut palette =
            Palette { rgb: [[0; 3]; 256], rgb_words: [0; 256], gray: [0; 256], averages: OnceLock::new() };
        for (i, &color) in colors.iter().enumerate() {
            let rgb = channels(color);
            let [r, g, b] = rgb.map(f64::from);
            let gray = (0.2989 * r + 0.5870 * g + 0.1140 * b + 0.5).floor() as u8;
            palette.rgb[2 * i] = rgb;
            palette.gray[2 * i] = gray;
            // Odd indices show as gray on the color screen. On the gray screen ALE reads one entry too far and finds the
            // blue of the next color; past the table's end there is a 0.
            palette.rgb[2 * i + 1] = [gray; 3];
            palette.gray[2 * i + 1] = colors.get(i + 1).map_or(0, |&next| channels(next)[2]);
        }
        palette.rgb_words = palette.rgb.map(|[r, g, b]| u32::from_le_bytes([r, g, b, 0]));
        palette
    }
}

/// Whether all eight palette indices are the same.
#[inline(always)]
fn equal(eight: &[u8; 8]) -> bool {
    let word = u64::from_le_bytes(*eight);
    word == word.rotate_left(8)
}

/// 0xRRGGBB of the even indices, NTSC.
#[rustfmt::skip]
const NTSC: [u32; 128] = [
    0x000000, 0x4A4A4A, 0x6F6F6F, 0x8E8E8E, 0xAAAAAA, 0xC0C0C0, 0xD6D6D6, 0xECECEC,
    0x484800, 0x69690F, 0x86861D, 0xA2A22A, 0xBBBB35, 0xD2D240, 0xE8E84A, 0xFCFC54,
    0x7C2C00, 0x904811, 0xA26221, 0xB47A30, 0xC3903D, 0xD2A44A, 0xDFB755, 0xECC860,
    0x901C00, 0xA33915, 0xB55328, 0xC66C3A, 0xD5824A, 0xE39759, 0xF0AA67, 0xFCBC74,
    0x940000, 0xA71A1A, 0xB83232, 0xC84848, 0xD65C5C, 0xE46F6F, 0xF08080, 0xFC9090,
    0x840064, 0x97197A, 0xA8308F, 0xB846A2, 0xC659B3, 0xD46CC3, 0xE07CD2, 0xEC8CE0,
    0x500084, 0x68199A, 0x7D30AD, 0x9246C0, 0xA459D0, 0xB56CE0, 0xC57CEE, 0xD48CFC,
    0x140090, 0x331AA3, 0x4E32B5, 0x6848C6, 0x7F5CD5, 0x956FE3, 0xA980F0, 0xBC90FC,
    0x000094, 0x181AA7, 0x2D32B8, 0x4248C8, 0x545CD6, 0x656FE4, 0x7580F0, 0x8490FC,
    0x001C88, 0x183B9D, 0x2D57B0, 0x4272C2, 0x548AD2, 0x65A0E1, 0x75B5EF, 0x84C8FC,
    0x003064, 0x185080, 0x2D6D98, 0x4288B0, 0x54A0C5, 0x65B7D9, 0x75CCEB, 0x84E0FC,
    0x004030, 0x18624E, 0x2D8169, 0x429E82, 0x54B899, 0x65D1AE, 0x75E7C2, 0x84FCD4,
    0x004400, 0x1A661A, 0x328432, 0x48A048, 0x5CBA5C, 0x6FD26F, 0x80E880, 0x90FC90,
    0x143C00, 0x355F18, 0x527E2D, 0x6E9C42, 0x87B754, 0x9ED065, 0xB4E775, 0xC8FC84,
    0x303800, 0x505916, 0x6D762B, 0x88923E, 0xA0AB4F, 0xB7C25F, 0xCCD86E, 0xE0EC7C,
    0x482C00, 0x694D14, 0x866A26, 0xA28638, 0xBB9F47, 0xD2B656, 0xE8CC63, 0xFCE070,
];

/// 0xRRGGBB of the even indices, PAL.
#[rustfmt::skip]
const PAL: [u32; 128] = [
    0x000000, 0x2B2B2B, 0x525252, 0x767676, 0x979797, 0xB6B6B6, 0xD2D2D2, 0xECECEC,
    0x000000, 0x2B2B2B, 0x525252, 0x767676, 0x979797, 0xB6B6B6, 0xD2D2D2, 0xECECEC,
    0x805800, 0x96711A, 0xAB8732, 0xBE9C48, 0xCFAF5C, 0xDFC06F, 0xEED180, 0xFCE090,
    0x445C00, 0x5E791A, 0x769332, 0x8CAC48, 0xA0C25C, 0xB3D76F, 0xC4EA80, 0xD4FC90,
    0x703400, 0x89511A, 0xA06B32, 0xB68448, 0xC99A5C, 0xDCAF6F, 0xECC280, 0xFCD490,
    0x006414, 0x1A8035, 0x329852, 0x48B06E, 0x5CC587, 0x6FD99E, 0x80EBB4, 0x90FCC8,
    0x700014, 0x891A35, 0xA03252, 0xB6486E, 0xC95C87, 0xDC6F9E, 0xEC80B4, 0xFC90C8,
    0x005C5C, 0x1A7676, 0x328E8E, 0x48A4A4, 0x5CB8B8, 0x6FCBCB, 0x80DCDC, 0x90ECEC,
    0x70005C, 0x841A74, 0x963289, 0xA8489E, 0xB75CB0, 0xC66FC1, 0xD380D1, 0xE090E0,
    0x003C70, 0x195A89, 0x2F75A0, 0x448EB6, 0x57A5C9, 0x68BADC, 0x79CEEC, 0x88E0FC,
    0x580070, 0x6E1A89, 0x8332A0, 0x9648B6, 0xA75CC9, 0xB76FDC, 0xC680EC, 0xD490FC,
    0x002070, 0x193F89, 0x2F5AA0, 0x4474B6, 0x578BC9, 0x68A1DC, 0x79B5EC, 0x88C8FC,
    0x340080, 0x4A1A96, 0x5F32AB, 0x7248BE, 0x835CCF, 0x936FDF, 0xA280EE, 0xB090FC,
    0x000088, 0x1A1A9D, 0x3232B0, 0x4848C2, 0x5C5CD2, 0x6F6FE1, 0x8080EF, 0x9090FC,
    0x000000, 0x2B2B2B, 0x525252, 0x767676, 0x979797, 0xB6B6B6, 0xD2D2D2, 0xECECEC,
    0x000000, 0x2B2B2B, 0x525252, 0x767676, 0x979797, 0xB6B6B6, 0xD2D2D2, 0xECECEC,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_indices_show_gray_in_color_and_the_next_blue_in_gray() {
        let pal = Palette::of(TelevisionFormat::Pal);
        assert_eq!(pal.rgb(3), [pal.gray()[2]; 3]);
        assert_eq!(pal.gray()[3], pal.rgb(4)[2]);
        assert_eq!(pal.gray()[255], 0);
    }

    #[test]
    fn an_average_is_the_nearest_color_to_seventy_seven_percent_of_the_brighter() {
        let averages = Palette::of(TelevisionFormat::Ntsc).averages();
        assert_eq!(averages[0], 0);
        // Black and $0E, 236 in each channel: 77 % is 181, cut to 180, between $08 (170) and $0A (192).
        assert_eq!((averages[0x000E], averages[0x0E00]), (0x08, 0x08));
        assert_eq!(averages[0x0E0F], 0);
    }

    #[test]
    fn gray_is_the_rounded_luminance() {
        let ntsc = Palette::of(TelevisionFormat::Ntsc);
        assert_eq!(ntsc.rgb(2), [0x4A; 3]);
        assert_eq!(ntsc.gray()[2], 74);
        // $24: 162, 98, 33: 48.42 + 57.53 + 3.76 = 109.71
        assert_eq!((ntsc.rgb(0x24), ntsc.gray()[0x24]), ([0xA2, 0x62, 0x21], 110));
    }
}

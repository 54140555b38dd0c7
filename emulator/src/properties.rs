//! A cartridge's controllers, the position of its picture on the screen, and the television format.

/// The controllers and the position of the picture: a row of ALE's property table, whose key is the image's MD5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Properties {
    /// Paddles in the left port.
    pub left_paddles: bool,
    /// Paddles in the right port.
    pub right_paddles: bool,
    /// The two joysticks are plugged in crosswise.
    pub swap_ports: bool,
    /// The two paddles of a port are exchanged.
    pub swap_paddles: bool,
    /// First scanline of the picture.
    pub first_scanline: u32,
    /// Rows of the picture; 210 grows to 250 when the format is found to be PAL.
    pub height: u32,
    /// Whether HMOVE blanks the first eight pixels.
    pub hmove_blanks: bool,
    /// Fixed television format; detected when `None`.
    pub format: Option<TelevisionFormat>,
    /// Both difficulty switches at A while the format is detected.
    pub difficulty_a: bool,
    /// Largest paddle resistance, in ohm.
    pub paddle_max: i32,
}

/// A television standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelevisionFormat {
    /// 60 frames a second, 262 lines: America and Japan.
    Ntsc,
    /// 50 frames a second, 312 lines: most of Europe.
    Pal,
}

impl Properties {
    /// The properties of a cartridge that is not in ALE's table.
    pub const DEFAULT: Properties = Properties {
        left_paddles: false,
        right_paddles: false,
        swap_ports: false,
        swap_paddles: false,
        first_scanline: 34,
        height: 210,
        hmove_blanks: true,
        format: None,
        difficulty_a: false,
        paddle_max: 790_196,
    };

    /// Whether the game is played with paddles.
    pub fn has_paddles(&self) -> bool {
        self.left_paddles || self.right_paddles
    }
}

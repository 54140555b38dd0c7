//! A screen as a learner sees it: gray or color, the maximum of two, any size.
//!
//! The order is ale-py's: palette indices become gray values or colors first, then the pixelwise maximum is taken, and the
//! result is resized as OpenCV does it. So an observation made here equals one of ale-py's `AtariVectorEnv` or gymnasium's
//! `AtariPreprocessing`, bit for bit.
//!
//! ```
//! use atari_emulator::observation::{ObservationSettings, Observer};
//! use atari_emulator::{Action, CartridgeImage, Environment, Settings};
//!
//! let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! let settings = ObservationSettings::default(); // 84 x 84 in gray, resized by area
//! let mut observer = Observer::new(&settings, environment.palette(), environment.screen_height())?;
//! environment.act(Action::Fire);
//! observer.remember(environment.screen());
//! environment.act(Action::Fire);
//! assert_eq!(observer.observe(environment.screen()).len(), 84 * 84);
//! # Ok::<(), atari_emulator::SettingFault>(())
//! ```

mod resize;
mod screens;
mod stack;

pub use resize::Resize;
pub use stack::FrameStack;
#[cfg(feature = "vector")]
pub(crate) use stack::{begin as begin_stack, push as push_frame};

use crate::palette::Palette;
use crate::screen::Screen;
use crate::setting_fault::SettingFault;
use resize::strips::{Square, SquareResizer, SIDE};
use resize::{Resizer, Rows, Size};
use screens::ScreenPair;

/// Largest height and width of a frame, in pixels: ten times any television's, and far below the limits of OpenCV's 16-bit
/// picture sizes.
pub const LARGEST_SIDE: usize = 4096;

/// Pixels in a row of the console's picture.
const SCREEN_WIDTH: usize = 160;

/// Size and kind of a frame. The default is 84 x 84 in gray, resized by area.
///
/// ```
/// # use atari_emulator::observation::{ObservationSettings, Resize};
/// let settings = ObservationSettings::default().with_size(210, 160).with_grayscale(false);
/// assert_eq!((settings.shape(), settings.frame_bytes()), (vec![210, 160, 3], Some(100_800)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObservationSettings {
    /// Rows, 1 to [`LARGEST_SIDE`].
    pub height: usize,
    /// Columns, 1 to [`LARGEST_SIDE`].
    pub width: usize,
    /// One gray value for each pixel; otherwise red, green and blue.
    pub grayscale: bool,
    /// How screens are resized to that size.
    pub resize: Resize,
}

impl Default for ObservationSettings {
    fn default() -> Self {
        Self { height: 84, width: 84, grayscale: true, resize: Resize::Area }
    }
}

impl ObservationSettings {
    /// With this many rows and columns.
    #[must_use]
    pub fn with_size(self, height: usize, width: usize) -> Self {
        Self { height, width, ..self }
    }

    /// In gray, or in color.
    #[must_use]
    pub fn with_grayscale(self, grayscale: bool) -> Self {
        Self { grayscale, ..self }
    }

    /// Resized by this method.
    #[must_use]
    pub fn with_resize(self, resize: Resize) -> Self {
        Self { resize, ..self }
    }

    /// Values for each pixel: 1 in gray, 3 in color.
    pub fn channels(&self) -> usize {
        if self.grayscale {
            1
        } else {
            3
        }
    }

    /// Bytes of a frame: `height * width`, three times that in color; `None` if that exceeds `usize`.
    pub fn frame_bytes(&self) -> Option<usize> {
        self.height.checked_mul(self.width)?.checked_mul(self.channels())
    }

    /// The shape of a frame: (height, width), in color (height, width, 3).
    pub fn shape(&self) -> Vec<usize> {
        let mut shape = vec![self.height, self.width];
        if !self.grayscale {
            shape.push(self.channels());
        }
        shape
    }
}

/// Makes frames from the screens of one environment: [`remember`](Self::remember) the last screen but one of a step, then
/// [`observe`](Self::observe) the last.
#[derive(Clone, Debug)]
pub struct Observer {
    maker: FrameMaker,
    screens: ScreenPair,
    has_remembered: bool,
    /// The frame shows the maximum of both screens, not the last alone.
    pooled: bool,
    /// Further screens in the frame's maximum, after steps that were cut short: see [`Colors::pool`].
    older: Vec<Vec<u8>>,
    frame: Vec<u8>,
}

impl Observer {
    /// An observer of screens with `screen_height` rows and the colors of `palette`. Its frame is black until the first
    /// [`observe`](Self::observe).
    ///
    /// # Errors
    /// [`SettingFault`] when a side of the frame is 0 or above [`LARGEST_SIDE`], or `screen_height` is 0.
    pub fn new(
        settings: &ObservationSettings,
        palette: &'static Palette,
        screen_height: usize,
    ) -> Result<Self, SettingFault> {
        let ObservationSettings { height, width, .. } = *settings;
        for (side, pixels) in [("height", height), ("width", width)] {
            let good = (1..=LARGEST_SIDE).contains(&pixels);
            SettingFault::unless(good, side, &pixels, &format_args!("1 to {LARGEST_SIDE}"))?;
        }
        SettingFault::unless(screen_height > 0, "screen_height", &screen_height, &"at least 1")?;
        Ok(Self {
            maker: FrameMaker::new(settings, palette, screen_height),
            screens: ScreenPair::new(screen_height),
            has_remembered: false,
            pooled: false,
            older: Vec::new(),
            frame: vec![0; height * width * settings.channels()],
        })
    }

    /// Keeps `screen` for the maximum with the next one observed. Call it at most once before each
    /// [`observe`](Self::observe).
    ///
    /// # Panics
    /// When `screen` does not have 160 columns and the rows that the observer was made for.
    pub fn remember(&mut self, screen: Screen<'_>) {
        self.screens.set_before_last(&screen);
        self.has_remembered = true;
    }

    /// Forgets the remembered screen, so that the next one is observed alone.
    pub fn forget(&mut self) {
        self.has_remembered = false;
    }

    /// Makes the frame of `screen`, or of the pixelwise maximum with the remembered screen, which is then forgotten. Only
    /// rows that depend on a changed row of the screens are recomputed.
    ///
    /// # Panics
    /// When `screen` does not have 160 columns and the rows that the observer was made for.
    pub fn observe(&mut self, screen: Screen<'_>) -> &[u8] {
        self.screens.set_last(&screen);
        if self.pooled != self.has_remembered {
            self.screens.change_all();
        }
        self.pooled = std::mem::take(&mut self.has_remembered);
        self.older.clear();
        let pair = [self.screens.last(), self.screens.before_last()];
        let shown = if self.pooled { &pair[..] } else { &pair[..1] };
        self.maker.make(shown, self.screens.changes(), &mut self.frame);
        self.screens.forget_changes();
        &self.frame
    }

    /// Makes the frame of a step that ended before its last screen, as ale-py and gymnasium do: they pool pictures in place,
    /// so the remembered screen is pooled with everything that the previous frame showed. Without a remembered screen the
    /// frame stays as it is.
    pub(crate) fn observe_without_last(&mut self) -> &[u8] {
        if std::mem::take(&mut self.has_remembered) {
            if self.pooled {
                self.maker.colors.pool(&mut self.older, self.screens.displaced_before_last());
            }
            self.pooled = true;
            self.screens.forget_changes();
            self.screens.change_all();
            let mut shown = vec![self.screens.last(), self.screens.before_last()];
            shown.extend(self.older.iter().map(Vec::as_slice));
            self.maker.make(&shown, self.screens.changes(), &mut self.frame);
        }
        &self.frame
    }

    /// The newest frame: [`ObservationSettings::frame_bytes`] values, row by row, in color with interleaved channels.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Replaces the frame, for instance by one that was saved, and forgets all screens. The next frame is computed from
    /// scratch.
    ///
    /// # Panics
    /// When `frame` has another size.
    pub fn set_frame(&mut self, frame: &[u8]) {
        self.frame.copy_from_slice(frame);
        self.screens = ScreenPair::new(self.screens.changes().len());
        self.has_remembered = false;
        self.pooled = false;
        self.older.clear();
    }
}

/// Makes frames of one size from screens of one height. It keeps its working memory, so making a frame allocates nothing.
#[derive(Clone, Debug)]
struct FrameMaker {
    colors: Colors,
    resizer: Resizer,
    /// A faster resizer for frames of 84 x 84 gray pixels, resized by area.
    square: Option<Box<SquareResizer>>,
}

/// The values of the palette indices.
#[derive(Clone, Debug)]
enum Colors {
    Gray(Box<[u8; 256]>),
    Rgb(Box<[[u8; 3]; 256]>),
}

impl Colors {
    fn rgb(palette: &Palette) -> Self {
        let mut rgb = Box::new([[0; 3]; 256]);
        for (index, color) in (0..=u8::MAX).zip(rgb.iter_mut()) {
            *color = palette.rgb(index);
        }
        Colors::Rgb(rgb)
    }

    /// Adds `screen` to `older`, screens that are only used for their pixelwise maximum. Kept is one screen for each channel,
    /// which has at every pixel the index with the greatest value of that channel: the maximum of all channels over these
    /// screens is the maximum over everything added.
    fn pool(&self, older: &mut Vec<Vec<u8>>, screen: Vec<u8>) {
        let channels = if matches!(self, Colors::Gray(_)) { 1 } else { 3 };
        if older.is_empty() {
            older.resize(channels, screen);
            return;
        }
        let value = |index: u8, channel: usize| match self {
            Colors::Gray(gray) => gray[usize::from(index)],
            Colors::Rgb(rgb) => rgb[usize::from(index)][channel],
        };
        for (channel, kept) in older.iter_mut().enumerate() {
            for (kept, &new) in kept.iter_mut().zip(&screen) {
                if value(new, channel) > value(*kept, channel) {
                    *kept = new;
                }
            }
        }
    }
}

/// The pixelwise maximum of screens, row by row.
struct Pooled<'a> {
    screens: &'a [&'a [u8]],
    colors: &'a Colors,
}

impl Pooled<'_> {
    fn row(screen: &[u8], row: usize) -> &[u8] {
        &screen[row * SCREEN_WIDTH..(row + 1) * SCREEN_WIDTH]
    }
}

impl Rows for Pooled<'_> {
    fn fill(&self, row: usize, output: &mut [u8]) {
        let (first, others) = self.screens.split_first().expect("a frame is made of at least one screen");
        let first = Self::row(first, row);
        match self.colors {
            Colors::Gray(gray) => {
                for (value, &index) in output.iter_mut().zip(first) {
                    *value = gray[usize::from(index)];
                }
            }
            Colors::Rgb(rgb) => {
                for (value, &index) in output.chunks_exact_mut(3).zip(first) {
                    value.copy_from_slice(&rgb[usize::from(index)]);
                }
            }
        }
        for other in others.iter().map(|screen| Self::row(screen, row)).filter(|&other| other != first) {
            match self.colors {
                Colors::Gray(gray) => {
                    for (value, &index) in output.iter_mut().zip(other) {
                        *value = gray[usize::from(index)].max(*value);
                    }
                }
                Colors::Rgb(rgb) => {
                    for (value, &index) in output.chunks_exact_mut(3).zip(other) {
                        for (value, &channel) in value.iter_mut().zip(&rgb[usize::from(index)]) {
                            *value = channel.max(*value);
                        }
                    }
                }
            }
        }
    }

    fn repeats(&self, row: usize) -> bool {
        row > 0 && self.screens.iter().all(|screen| Self::row(screen, row) == Self::row(screen, row - 1))
    }
}

impl FrameMaker {
    /// Frames from screens with `screen_height` rows and the colors of `palette`.
    fn new(settings: &ObservationSettings, palette: &Palette, screen_height: usize) -> Self {
        let colors = if settings.grayscale { Colors::Gray(Box::new(*palette.gray())) } else { Colors::rgb(palette) };
        Self::with_colors(settings, colors, screen_height)
    }

    fn with_colors(settings: &ObservationSettings, colors: Colors, screen_height: usize) -> Self {
        let &ObservationSettings { height, width, grayscale, resize } = settings;
        let source = Size { height: screen_height, width: SCREEN_WIDTH };
        let square = grayscale && resize == Resize::Area && (height, width) == (SIDE, SIDE) && screen_height > SIDE;
        Self {
            colors,
            resizer: Resizer::new(resize, source, Size { height, width }, settings.channels()),
            square: square.then(|| Box::new(SquareResizer::new(screen_height))),
        }
    }

    /// Writes the frame of the pixelwise maximum of `screens` (at least one, of palette indices) to `output`. Where a byte of
    /// `changes` is 0, the row of the screens is the same as when `output` was written last.
    fn make(&mut self, screens: &[&[u8]], changes: &[u8], output: &mut [u8]) {
        if let (Some(resizer), Colors::Gray(gray), Ok(frame)) =
            (&self.square, &self.colors, <&mut Square>::try_from(&mut *output))
        {
            match screens {
                [screen] => return resizer.resize(None, screen, changes, gray, frame),
                [screen, other] => return resizer.resize(Some(other), screen, changes, gray, frame),
                _ => {}
            }
        }
        self.resizer.resize(&Pooled { screens, colors: &self.colors }, changes, output);
    }
}

#[cfg(test)]
mod tests;

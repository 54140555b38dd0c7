//! Screen, RAM and sound, as new arrays or into buffers of the caller.

use super::AleInterface;
use crate::arguments::{integer, text, Arguments, Named, Positional, Signature};
use crate::arrays::{array, shape_as_text, Buffer};
use crate::png_files;
use numpy::ndarray::IntoDimension;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::path::Path;

/// The signature of a getter of `shape`.
macro_rules! into_buffer {
    ($name:literal, $shape:literal) => {
        Signature {
            name: $name,
            overloads: &[
                concat!($name, "(self) -> numpy.ndarray[dtype=uint8, shape=", $shape, "]"),
                concat!($name, "(self, buffer: ndarray[dtype=uint8, shape=", $shape, ", order='C', writable]) -> None"),
            ],
            parameters: &["buffer"],
            required: 0,
        }
    };
}

static GET_SCREEN: Signature = into_buffer!("getScreen", "(height, 160)");
static GET_SCREEN_RGB: Signature = into_buffer!("getScreenRGB", "(height, 160, 3)");
static GET_SCREEN_GRAYSCALE: Signature = into_buffer!("getScreenGrayscale", "(height, 160)");
static GET_RAM: Signature = into_buffer!("getRAM", "(128)");
static GET_AUDIO: Signature = into_buffer!("getAudio", "(512)");
static SET_RAM: Signature = Signature {
    name: "setRAM",
    overloads: &["setRAM(self, index: int, value: int, /) -> None"],
    parameters: &["", ""],
    required: 2,
};
static SAVE_SCREEN_PNG: Signature = Signature {
    name: "saveScreenPNG",
    overloads: &["saveScreenPNG(self, path: str, /) -> None"],
    parameters: &[""],
    required: 1,
};

/// Bytes for the caller: a new array, or `None` if they went into a buffer.
type Given<'py> = PyResult<Option<Bound<'py, PyAny>>>;

/// Gives a screen to a caller with these arguments.
fn give_screen<'py, S>(
    py: Python<'py>,
    call: (&Arguments<'_, 'py>, Option<Buffer<'py>>),
    shape: S,
    bytes: &[u8],
) -> Given<'py>
where
    S: IntoDimension + AsRef<[usize]>,
{
    let expected = shape.as_ref();
    let (arguments, Some(buffer)) = call else {
        return Ok(Some(array(py, shape, bytes)?.into_any()));
    };
    if buffer.shape() != expected && !buffer.is_writable() {
        return Err(arguments.mismatch());
    }
    if buffer.shape().len() != expected.len() {
        let dimensions = if expected.len() == 3 { "three" } else { "two" };
        return Err(PyRuntimeError::new_err(format!("Expected a numpy array with {dimensions} dimensions.")));
    }
    if buffer.shape() != expected {
        let (found, expected) = (shape_as_text(buffer.shape()), shape_as_text(expected));
        // ale-py writes a comma in one of the three.
        let comma = if arguments.method() == GET_SCREEN.name { "," } else { "" };
        return Err(PyRuntimeError::new_err(format!("Invalid shape{comma} {found}, expecting shape {expected}")));
    }
    if buffer.fill(bytes) {
        Ok(None)
    } else {
        Err(arguments.mismatch())
    }
}

/// Gives bytes in one row. A buffer of another shape is an argument of the wrong type.
fn give_row<'py>(py: Python<'py>, call: (&Arguments<'_, 'py>, Option<Buffer<'py>>), bytes: &[u8]) -> Given<'py> {
    match call {
        (_, None) => Ok(Some(array(py, [bytes.len()], bytes)?.into_any())),
        (_, Some(buffer)) if buffer.shape() == [bytes.len()] && buffer.fill(bytes) => Ok(None),
        (arguments, Some(_)) => Err(arguments.mismatch()),
    }
}

#[pymethods]
impl AleInterface {
    /// The size of the screen in pixels: (height, width). The width is 160, the height 210 in most games, 250 with PAL
    /// cartridges.
    #[pyo3(name = "getScreenDims")]
    fn screen_dims(&self, py: Python<'_>) -> PyResult<(usize, usize)> {
        Ok((self.game(py)?.environment.screen_height(), 160))
    }

    /// The screen as palette indices: a new array of shape (height, 160) and type uint8, or None if they were written
    /// into `buffer`.
    ///
    /// `buffer` is a writable, C-contiguous buffer of unsigned bytes of this shape: a numpy array, a bytearray or the
    /// like. Raises TypeError if it is of another kind, RuntimeError if it has another shape.
    #[pyo3(name = "getScreen", signature = (*args, **kwargs), text_signature = "($self, buffer=None)")]
    fn screen<'py>(&self, py: Python<'py>, args: Positional<'_, 'py>, kwargs: Option<Named<'_, 'py>>) -> Given<'py> {
        let arguments = GET_SCREEN.take(args, kwargs)?;
        let buffer = arguments.optional(0, Buffer::of)?;
        let mut game = self.game(py)?;
        let screen = game.environment.screen();
        give_screen(py, (&arguments, buffer), [screen.height, screen.width], screen.pixels)
    }

    /// The screen in color: a new array of shape (height, 160, 3) and type uint8, red, green and blue, or None if they
    /// were written into `buffer` (see getScreen).
    #[pyo3(name = "getScreenRGB", signature = (*args, **kwargs), text_signature = "($self, buffer=None)")]
    fn screen_rgb<'py>(
        &self,
        py: Python<'py>,
        args: Positional<'_, 'py>,
        kwargs: Option<Named<'_, 'py>>,
    ) -> Given<'py> {
        let arguments = GET_SCREEN_RGB.take(args, kwargs)?;
        let buffer = arguments.optional(0, Buffer::of)?;
        let game = &mut *self.game(py)?;
        let screen = game.environment.screen();
        let shape = [screen.height, screen.width, 3];
        give_screen(py, (&arguments, buffer), shape, game.rgb.picture(&screen))
    }

    /// The screen in gray: a new array of shape (height, 160) and type uint8, the luminance, or None if it was written
    /// into `buffer` (see getScreen).
    #[pyo3(name = "getScreenGrayscale", signature = (*args, **kwargs), text_signature = "($self, buffer=None)")]
    fn screen_grayscale<'py>(
        &self,
        py: Python<'py>,
        args: Positional<'_, 'py>,
        kwargs: Option<Named<'_, 'py>>,
    ) -> Given<'py> {
        let arguments = GET_SCREEN_GRAYSCALE.take(args, kwargs)?;
        let buffer = arguments.optional(0, Buffer::of)?;
        let game = &mut *self.game(py)?;
        let screen = game.environment.screen();
        let shape = [screen.height, screen.width];
        give_screen(py, (&arguments, buffer), shape, game.gray.picture(&screen))
    }

    /// Writes the screen to a PNG file: 8-bit RGB, 320 pixels wide, because every pixel is shown twice.
    ///
    /// Raises OSError if the file cannot be written. (ale-py says so on stderr only, and the picture is lost.)
    #[pyo3(name = "saveScreenPNG", signature = (*args, **kwargs), text_signature = "($self, path, /)")]
    fn save_screen_png(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let path = SAVE_SCREEN_PNG.take(args, kwargs)?.required(0, text)?;
        let mut game = self.game(py)?;
        png_files::write(Path::new(&path), &game.environment.screen())
    }

    /// The number of bytes of RAM, 128.
    #[pyo3(name = "getRAMSize")]
    fn ram_size(&self) -> usize {
        128
    }

    /// The console's RAM, CPU addresses $80 to $FF: a new array of shape (128,) and type uint8, or None if it was
    /// written into `buffer`, a writable, C-contiguous buffer of 128 unsigned bytes.
    #[pyo3(name = "getRAM", signature = (*args, **kwargs), text_signature = "($self, buffer=None)")]
    fn ram<'py>(&self, py: Python<'py>, args: Positional<'_, 'py>, kwargs: Option<Named<'_, 'py>>) -> Given<'py> {
        let arguments = GET_RAM.take(args, kwargs)?;
        let buffer = arguments.optional(0, Buffer::of)?;
        give_row(py, (&arguments, buffer), self.game(py)?.environment.ram())
    }

    /// Changes the byte of RAM with this index, 0 to 127, to `value`, 0 to 255. Raises RuntimeError for a greater
    /// index.
    #[pyo3(name = "setRAM", signature = (*args, **kwargs), text_signature = "($self, index, value, /)")]
    fn set_ram(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let arguments = SET_RAM.take(args, kwargs)?;
        let (index, value): (u64, u8) = (arguments.required(0, integer)?, arguments.required(1, integer)?);
        let mut game = self.game(py)?;
        if !usize::try_from(index).is_ok_and(|index| game.environment.write_ram(index, value)) {
            return Err(PyRuntimeError::new_err("setRAM index out of bounds."));
        }
        Ok(())
    }

    /// The number of samples of `getAudio`, 512.
    #[pyo3(name = "getAudioSize")]
    fn audio_size(&self, py: Python<'_>) -> PyResult<usize> {
        self.game(py)?;
        Ok(512)
    }

    /// The sound of the last act: a new array of shape (512,) and type uint8, samples around 128, which is silence; or
    /// None if they were written into `buffer`, a writable, C-contiguous buffer of 512 unsigned bytes. They last one
    /// frame, whatever the frame skip is. All are 0 unless `sound_obs` was True when the cartridge was loaded.
    #[pyo3(name = "getAudio", signature = (*args, **kwargs), text_signature = "($self, buffer=None)")]
    fn audio<'py>(&self, py: Python<'py>, args: Positional<'_, 'py>, kwargs: Option<Named<'_, 'py>>) -> Given<'py> {
        let arguments = GET_AUDIO.take(args, kwargs)?;
        let buffer = arguments.optional(0, Buffer::of)?;
        give_row(py, (&arguments, buffer), self.game(py)?.environment.audio())
    }
}

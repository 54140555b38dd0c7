//! The settings, by name.

use super::AleInterface;
use crate::arguments::{boolean, float, integer, text, Named, Positional, Signature};
use crate::enums::logger_mode_of;
use crate::logging;
use crate::settings::{float_as_text, Kind};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

macro_rules! getter {
    ($name:literal, $type:literal) => {
        Signature {
            name: $name,
            overloads: &[concat!($name, "(self, key: str, /) -> ", $type)],
            parameters: &[""],
            required: 1,
        }
    };
}
macro_rules! setter {
    ($name:literal, $type:literal) => {
        Signature {
            name: $name,
            overloads: &[concat!($name, "(self, key: str, value: ", $type, ", /) -> None")],
            parameters: &["", ""],
            required: 2,
        }
    };
}

static GET_STRING: Signature = getter!("getString", "str");
static GET_INT: Signature = getter!("getInt", "int");
static GET_BOOL: Signature = getter!("getBool", "bool");
static GET_FLOAT: Signature = getter!("getFloat", "float");
static SET_STRING: Signature = setter!("setString", "str");
static SET_INT: Signature = setter!("setInt", "int");
static SET_BOOL: Signature = setter!("setBool", "bool");
static SET_FLOAT: Signature = setter!("setFloat", "float");
static SET_LOGGER_MODE: Signature = Signature {
    name: "setLoggerMode",
    overloads: &["setLoggerMode(mode: LoggerMode, /) -> None"],
    parameters: &[""],
    required: 1,
};

impl AleInterface {
    fn set(&self, key: &str, kind: Kind, value: String) -> PyResult<()> {
        if self.settings().set(key, kind, value) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(format!(
            "The key {key} you are trying to set does not exist or has incorrect value type.\n"
        )))
    }
}

#[pymethods]
impl AleInterface {
    /// A setting as text; "" if there is no setting `key`.
    #[pyo3(name = "getString", signature = (*args, **kwargs), text_signature = "($self, key, /)")]
    fn get_string(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<String> {
        let key = GET_STRING.take(args, kwargs)?.required(0, text)?;
        Ok(self.settings().text(&key).unwrap_or("").to_string())
    }

    /// A setting as an int: the number with which its text begins, or 0; -1 if there is no setting `key`.
    #[pyo3(name = "getInt", signature = (*args, **kwargs), text_signature = "($self, key, /)")]
    fn get_int(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<i32> {
        let key = GET_INT.take(args, kwargs)?.required(0, text)?;
        Ok(self.settings().integer(&key).unwrap_or(-1))
    }

    /// Whether a setting is True; False if there is no setting `key`.
    #[pyo3(name = "getBool", signature = (*args, **kwargs), text_signature = "($self, key, /)")]
    fn get_bool(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<bool> {
        let key = GET_BOOL.take(args, kwargs)?.required(0, text)?;
        Ok(self.settings().flag(&key).unwrap_or(false))
    }

    /// A setting as a float, in single precision; -1.0 if there is no setting `key`.
    #[pyo3(name = "getFloat", signature = (*args, **kwargs), text_signature = "($self, key, /)")]
    fn get_float(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<f32> {
        let key = GET_FLOAT.take(args, kwargs)?.required(0, text)?;
        Ok(self.settings().float(&key).unwrap_or(-1.0))
    }

    /// Changes a setting that takes a str, from the next `loadROM` on: `record_screen_dir`, a folder in which every
    /// frame is saved as a PNG file. `rom_file` is the path loaded last. `cpu`, `record_sound_filename`, `sound`,
    /// `palette`, `fragsize`, `freq`,
    /// `tiafreq`, `volume` and `clipvol` have no effect here; they are kept and can be read back.
    ///
    /// Raises RuntimeError if there is no such setting, or it takes another type.
    #[pyo3(name = "setString", signature = (*args, **kwargs), text_signature = "($self, key, value, /)")]
    fn set_string(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let arguments = SET_STRING.take(args, kwargs)?;
        let (key, value) = (arguments.required(0, text)?, arguments.required(1, text)?);
        self.set(&key, Kind::Text, value)
    }

    /// Changes a setting that takes an int, from the next `loadROM` on:
    ///
    /// * `random_seed`: seed of the sticky actions; -1 (the default) is the clock
    /// * `system_random_seed`: seed of the console, which decides on the first content of RAM; 4753849
    /// * `frame_skip`: frames for which `act` holds an action; 1
    /// * `max_num_frames_per_episode`: frames after which an episode is cut off; 0 is never
    /// * `reward_min`, `reward_max`: the range of an act's reward
    /// * `max_num_frames`, `paddle_min` and `paddle_max` have no effect here
    ///
    /// Raises RuntimeError if there is no such setting, or it takes another type.
    #[pyo3(name = "setInt", signature = (*args, **kwargs), text_signature = "($self, key, value, /)")]
    fn set_int(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let arguments = SET_INT.take(args, kwargs)?;
        let (key, value): (_, i32) = (arguments.required(0, text)?, arguments.required(1, integer)?);
        self.set(&key, Kind::Integer, value.to_string())
    }

    /// Changes a setting that takes True or False, from the next `loadROM` on:
    ///
    /// * `sound_obs`: whether `getAudio` has sound; False
    /// * `color_averaging`: whether every picture is a mixture of the last two frames; False
    /// * `truncate_on_loss_of_life`: whether a lost life ends the episode; False
    /// * `display_screen`, `run_length_encoding`, `restricted_action_set` and `send_rgb` have no effect here
    ///
    /// Raises RuntimeError if there is no such setting, or it takes another type.
    #[pyo3(name = "setBool", signature = (*args, **kwargs), text_signature = "($self, key, value, /)")]
    fn set_bool(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let arguments = SET_BOOL.take(args, kwargs)?;
        let (key, value) = (arguments.required(0, text)?, arguments.required(1, boolean)?);
        self.set(&key, Kind::Flag, u8::from(value).to_string())
    }

    /// Changes a setting that takes a float, from the next `loadROM` on: `repeat_action_probability`, the probability
    /// per frame that the action before is repeated instead of the new one (sticky actions). It is 0.25 unless it is
    /// set. Six digits are kept.
    ///
    /// Raises RuntimeError if there is no such setting, or it takes another type.
    #[pyo3(name = "setFloat", signature = (*args, **kwargs), text_signature = "($self, key, value, /)")]
    fn set_float(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let arguments = SET_FLOAT.take(args, kwargs)?;
        let (key, value) = (arguments.required(0, text)?, arguments.required(1, float)?);
        self.set(&key, Kind::Float, float_as_text(value as f32))
    }

    /// Chooses which messages are written to stderr, in the whole process: LoggerMode.Info (the default), Warning or
    /// Error.
    #[staticmethod]
    #[pyo3(name = "setLoggerMode", signature = (*args, **kwargs), text_signature = "(mode, /)")]
    fn set_logger_mode(args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        logging::set_level(SET_LOGGER_MODE.take(args, kwargs)?.required(0, logger_mode_of)?);
        Ok(())
    }
}

//! The native part of the Python package `atari_emulator`: ale-py's classes over the emulator.
//!
//! | module | contents |
//! |---|---|
//! | `interface` | `ALEInterface`: one console, its settings, screens and states |
//! | `state` | `ALEState`: a saved position |
//! | `settings` | ale-py's settings by name, kept as text |
//! | `cartridge_files` | cartridges read from files, each once |
//! | `vector` | `ALEVectorInterface`: many environments on threads |
//! | `arguments` | what a method was called with, and the `TypeError` when that does not fit |
//! | `enums` | `Action`, `LoggerMode`, `AutoresetMode` |
//! | `arrays` | numpy arrays out, buffers of the caller in |

mod arguments;
mod enums;
mod vector;

use pyo3::prelude::*;

/// The version of ale-py that this module stands in for, and whose frames, rewards and draws it equals.
const STANDS_IN_FOR: &str = "0.12.1";

/// ale-py's native classes, over an emulator that equals it bit for bit.
#[pymodule]
fn _ale_py(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", STANDS_IN_FOR)?;
    // There is no SDL here: windows are the Python part's business.
    module.add("SDL_SUPPORT", false)?;
    enums::add_to(module)?;
    vector::add_to(module)?;
    Ok(())
}

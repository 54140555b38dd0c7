//! The native part of the Python package `atari_emulator`: ale-py's classes over the emulator.
//!
//! | module | contents |
//! |---|---|
//! | `interface` | `ALEInterface`: one console, its settings, screens and states |
//! | `state` | `ALEState`: a saved position; `Snapshot`: one in memory |
//! | `settings` | ale-py's settings by name, kept as text |
//! | `turns` | a value that threads use in turn, and that survives a fork |
//! | `logging` | messages on stderr |
//! | `png_files` | screens as PNG files |
//! | `cartridge_files` | cartridges read from files, each once |
//! | `vector` | `ALEVectorInterface`: many environments on threads |
//! | `arguments` | what a method was called with, and the `TypeError` when that does not fit |
//! | `enums` | `Action`, `LoggerMode`, `AutoresetMode` |
//! | `arrays` | numpy arrays out, buffers of the caller in |

mod arguments;
mod arrays;
mod cartridge_files;
mod enums;
mod interface;
mod logging;
mod png_files;
mod settings;
mod state;
mod turns;
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
    turns::count_forks(module.py())?;
    enums::add_to(module)?;
    module.add_class::<interface::AleInterface>()?;
    module.add_class::<state::AleState>()?;
    module.add_class::<state::Snapshot>()?;
    vector::add_to(module)?;
    Ok(())
}

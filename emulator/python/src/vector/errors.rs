//! The exceptions for the emulator's errors, with ale-py's texts where programs may look for them.

use atari_emulator::vector::VectorError;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::PyErr;

/// The exception for an environment's number that is out of range.
pub(super) fn no_such_environment(found: impl std::fmt::Display, num_envs: usize) -> PyErr {
    PyIndexError::new_err(format!("reset env_id {found} is out of range [0, {num_envs})"))
}

/// The exception for an error.
pub(super) fn to_python(error: VectorError) -> PyErr {
    match error {
        VectorError::NotReset => {
            PyRuntimeError::new_err("send() called before reset(); last_recv_env_ids_ is uninitialized")
        }
        VectorError::FirstReset { found, expected } => PyRuntimeError::new_err(format!(
            "The first reset() must reset every environment (got {found} of {expected})"
        )),
        VectorError::PartialReset { batch_size, num_envs } => PyValueError::new_err(format!(
            "Partial reset is not supported for async mode where batch_size < num_envs (got batch_size={batch_size}, num_envs={num_envs})"
        )),
        VectorError::DuplicateReset { env } => PyValueError::new_err(format!("reset has a duplicate env_id={env}")),
        VectorError::NoSuchEnvironment { found, num_envs } => no_such_environment(found, num_envs),
        VectorError::ActionCount { found, expected } => {
            PyValueError::new_err(format!("Expected {expected} actions, got {found}"))
        }
        VectorError::Settings(faults) => {
            let told = faults.iter().map(|fault| {
                format!("{} is {}, allowed is {}", python_name(fault.setting), fault.value, fault.allowed)
            });
            PyValueError::new_err(told.collect::<Vec<_>>().join("; "))
        }
        VectorError::NothingSent { .. }
        | VectorError::NotReceived { .. }
        | VectorError::Forked
        | VectorError::Lost => PyRuntimeError::new_err(error.to_string()),
        error => PyValueError::new_err(error.to_string()),
    }
}

/// The parameter's name where it differs from the setting's.
fn python_name(setting: &str) -> &str {
    match setting {
        "height" => "img_height",
        "width" => "img_width",
        "stack" => "stack_num",
        other => other,
    }
}

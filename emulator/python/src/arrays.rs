//! New numpy arrays out, and buffers of the caller to fill.

use numpy::ndarray::{ArrayView, IntoDimension};
use numpy::{PyArray, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods, ToPyArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// A new array of `shape` with a copy of `bytes`, row by row.
pub(crate) fn array<'py, S: IntoDimension>(
    py: Python<'py>,
    shape: S,
    bytes: &[u8],
) -> PyResult<Bound<'py, PyArray<u8, S::Dim>>> {
    let view = ArrayView::from_shape(shape.into_dimension(), bytes);
    view.map(|view| view.to_pyarray(py)).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A C-contiguous buffer of unsigned bytes that the caller owns.
pub(crate) struct Buffer<'py>(Bound<'py, PyArrayDyn<u8>>);

impl<'py> Buffer<'py> {
    /// The buffer of a numpy array, a bytearray, a memoryview, an `array.array("B")`, or anything else with Python's
    /// buffer protocol.
    /// `None` if it is not contiguous, or not of unsigned bytes.
    pub(crate) fn of(object: &Bound<'py, PyAny>) -> Option<Self> {
        let array = match object.cast::<PyArrayDyn<u8>>() {
            Ok(array) => array.clone(),
            Err(_) => {
                let view = PyMemoryView::from(object).ok()?;
                let numpy = object.py().import("numpy").ok()?;
                // An array of a memoryview shares its memory.
                numpy.call_method1("asarray", (view,)).ok()?.cast_into().ok()?
            }
        };
        array.is_c_contiguous().then_some(Self(array))
    }

    /// Rows, columns and so on.
    pub(crate) fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// Whether it can be written to.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.try_readwrite().is_ok()
    }

    /// Overwrites the buffer with as many bytes. Returns whether it can be written to.
    pub(crate) fn fill(&self, bytes: &[u8]) -> bool {
        let Ok(mut array) = self.0.try_readwrite() else { return false };
        match array.as_slice_mut() {
            Ok(buffer) if buffer.len() == bytes.len() => {
                buffer.copy_from_slice(bytes);
                true
            }
            _ => false,
        }
    }
}

/// `(210, 160)`.
pub(crate) fn shape_as_text(shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("({}{})", lengths.join(", "), if shape.len() == 1 { "," } else { "" })
}

//! Sequences of numbers as vectors, and arrays of the caller to be filled. Sequences may be numpy arrays of any number
//! type; the usual ones are copied at once.

use crate::arguments::{float, integer, Arguments};
use numpy::{Element, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

/// A sequence of integers in the range of a C int; `None` for everything else.
pub(super) fn integers(object: &Bound<'_, PyAny>) -> Option<Vec<i64>> {
    if let Some(numbers) = array::<i64>(object) {
        return numbers.iter().all(|&number| i32::try_from(number).is_ok()).then_some(numbers);
    }
    if let Some(numbers) = array::<i32>(object) {
        return Some(numbers.into_iter().map(i64::from).collect());
    }
    each(object, |item| integer::<i32>(item).map(i64::from))
}

/// A sequence of real numbers; `None` for everything else.
fn floats(object: &Bound<'_, PyAny>) -> Option<Vec<f32>> {
    if let Some(numbers) = array::<f32>(object) {
        return Some(numbers);
    }
    each(object, |item| float(item).map(|number| number as f32))
}

/// The same, or Python's None.
pub(super) fn floats_or_none(object: &Bound<'_, PyAny>) -> Option<Option<Vec<f32>>> {
    if object.is_none() {
        Some(None)
    } else {
        floats(object).map(Some)
    }
}

/// The numbers of a one-dimensional array of this type.
fn array<T: Element + Copy>(object: &Bound<'_, PyAny>) -> Option<Vec<T>> {
    let array = object.cast::<PyArray1<T>>().ok()?.try_readonly().ok()?;
    let numbers = array.as_array().iter().copied().collect();
    Some(numbers)
}

fn each<T>(object: &Bound<'_, PyAny>, convert: impl Fn(&Bound<'_, PyAny>) -> Option<T>) -> Option<Vec<T>> {
    if object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyDict>() {
        return None;
    }
    (0..object.len().ok()?).map(|place| convert(&object.get_item(place).ok()?)).collect()
}

/// A writable array of bytes.
pub(super) fn bytes<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyArrayDyn<u8>>> {
    object.cast::<PyArrayDyn<u8>>().ok().cloned()
}

/// The same, or Python's None.
pub(super) fn bytes_or_none<'py>(object: &Bound<'py, PyAny>) -> Option<Option<Bound<'py, PyArrayDyn<u8>>>> {
    if object.is_none() {
        Some(None)
    } else {
        bytes(object).map(Some)
    }
}

/// The array, if it has this shape and can be written to from its first byte to its last.
///
/// # Errors
/// `ValueError`.
pub(super) fn with_shape<'py, T: Element>(
    array: Bound<'py, PyArrayDyn<T>>,
    name: &str,
    shape: &[usize],
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if array.shape() != shape {
        return Err(PyValueError::new_err(format!("{name} has the shape {:?}, expected is {shape:?}", array.shape())));
    }
    if !array.is_c_contiguous() || array.try_readwrite().is_err() {
        return Err(PyValueError::new_err(format!(
            "{name} must be a writable C-contiguous array, used by nobody meanwhile"
        )));
    }
    Ok(array)
}

/// Copies the rows of `from` for which `wanted` is set.
pub(super) fn fill_rows(to: &Bound<'_, PyArrayDyn<u8>>, from: &[u8], wanted: &[bool]) -> PyResult<()> {
    let mut view = to.try_readwrite().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let bytes = view.as_slice_mut().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let each = bytes.len() / wanted.len().max(1);
    let rows = bytes.chunks_exact_mut(each.max(1)).zip(from.chunks_exact(each.max(1)));
    for ((to, from), _) in rows.zip(wanted).filter(|(_, &wanted)| wanted) {
        to.copy_from_slice(from);
    }
    Ok(())
}

/// Copies `values` into an array of as many.
fn fill<T: Element + Copy>(to: &Bound<'_, PyArrayDyn<T>>, values: impl Iterator<Item = T>) -> PyResult<()> {
    let mut view = to.try_readwrite().map_err(|error| PyValueError::new_err(error.to_string()))?;
    view.as_array_mut().iter_mut().zip(values).for_each(|(to, value)| *to = value);
    Ok(())
}

/// An array of the caller for one number for each environment of a batch.
pub(super) struct Numbers;

impl Numbers {
    /// The argument at `place`, an int32 array of `batch_size`, unless it was left out or is None.
    pub(super) fn optional<'py>(
        arguments: &Arguments<'_, 'py>,
        place: usize,
        name: &str,
        batch_size: usize,
    ) -> PyResult<Option<Bound<'py, PyArrayDyn<i32>>>> {
        let convert = |object: &Bound<'py, PyAny>| {
            if object.is_none() {
                Some(None)
            } else {
                object.cast::<PyArrayDyn<i32>>().ok().cloned().map(Some)
            }
        };
        let array = arguments.optional(place, convert)?.flatten();
        array.map(|array| with_shape(array, name, &[batch_size])).transpose()
    }

    pub(super) fn fill(array: Option<Bound<'_, PyArrayDyn<i32>>>, values: impl Iterator<Item = i32>) -> PyResult<()> {
        array.map_or(Ok(()), |array| fill(&array, values))
    }
}

/// An array of the caller for a flag for each environment of a batch.
pub(super) struct Flags<'py>(Bound<'py, PyArrayDyn<bool>>);

impl<'py> Flags<'py> {
    /// The argument at `place`, a bool array of `batch_size`.
    pub(super) fn required(
        arguments: &Arguments<'_, 'py>,
        place: usize,
        name: &str,
        batch_size: usize,
    ) -> PyResult<Self> {
        let array = arguments.required(place, |object| object.cast::<PyArrayDyn<bool>>().ok().cloned())?;
        with_shape(array, name, &[batch_size]).map(Self)
    }

    pub(super) fn fill(&self, values: &[bool]) -> PyResult<()> {
        fill(&self.0, values.iter().copied())
    }
}

/// An array of the caller for the rewards of a batch.
pub(super) enum Rewards<'py> {
    Integers(Bound<'py, PyArrayDyn<i32>>),
    Floats(Bound<'py, PyArrayDyn<f32>>),
}

impl<'py> Rewards<'py> {
    /// An int32 or float32 array.
    pub(super) fn of(object: &Bound<'py, PyAny>) -> Option<Self> {
        if let Ok(array) = object.cast::<PyArrayDyn<i32>>() {
            return Some(Self::Integers(array.clone()));
        }
        object.cast::<PyArrayDyn<f32>>().ok().map(|array| Self::Floats(array.clone()))
    }

    /// The array, if it has one entry for each environment of the batch.
    pub(super) fn checked(self, batch_size: usize) -> PyResult<Self> {
        Ok(match self {
            Self::Integers(array) => Self::Integers(with_shape(array, "rewards", &[batch_size])?),
            Self::Floats(array) => Self::Floats(with_shape(array, "rewards", &[batch_size])?),
        })
    }

    pub(super) fn fill(&self, values: &[i32]) -> PyResult<()> {
        match self {
            Self::Integers(array) => fill(array, values.iter().copied()),
            Self::Floats(array) => fill(array, values.iter().map(|&reward| reward as f32)),
        }
    }
}

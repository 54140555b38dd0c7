//! What a method was called with. Everything that does not fit, a number out of range included, is the one `TypeError`
//! that ale-py raises for wrong types, wrong numbers of arguments and unknown names.
//!
//! Methods take all their arguments through here, because PyO3's own conversions raise other types of exception
//! (`OverflowError`) with other texts, and programs match ale-py's.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use std::ffi::OsString;
use std::path::PathBuf;

/// The arguments that a method gets by position.
pub(crate) type Positional<'a, 'py> = &'a Bound<'py, PyTuple>;
/// The arguments that a method gets by name.
pub(crate) type Named<'a, 'py> = &'a Bound<'py, PyDict>;

/// How a method can be called.
pub(crate) struct Signature {
    /// The method's name.
    pub(crate) name: &'static str,
    /// One line an overload, as a stub would write it, with the name.
    pub(crate) overloads: &'static [&'static str],
    /// Names of the parameters; an empty one can be given by position only.
    pub(crate) parameters: &'static [&'static str],
    /// How many of them must be given.
    pub(crate) required: usize,
}

/// The arguments of one call, in the order of the signature's parameters.
pub(crate) struct Arguments<'a, 'py> {
    signature: &'static Signature,
    positional: &'a Bound<'py, PyTuple>,
    named: Option<&'a Bound<'py, PyDict>>,
}

impl Signature {
    /// # Errors
    /// `TypeError` if there are too few or too many arguments, or one has an unknown name or is given twice.
    pub(crate) fn take<'a, 'py>(
        &'static self,
        positional: &'a Bound<'py, PyTuple>,
        named: Option<&'a Bound<'py, PyDict>>,
    ) -> PyResult<Arguments<'a, 'py>> {
        let arguments = Arguments { signature: self, positional, named };
        let given = positional.len() + named.map_or(0, |named| named.len());
        let names_fit = named.is_none_or(|named| {
            named.keys().iter().all(|name| {
                let place = name.extract::<String>().ok().and_then(|name| self.place_of(&name));
                place.is_some_and(|place| place >= positional.len())
            })
        });
        let all_there = (0..self.required).all(|place| matches!(arguments.get(place), Ok(Some(_))));
        if names_fit && all_there && given <= self.parameters.len() {
            Ok(arguments)
        } else {
            Err(arguments.mismatch())
        }
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|&parameter| !name.is_empty() && parameter == name)
    }
}

impl<'py> Arguments<'_, 'py> {
    /// The name of the method that was called.
    pub(crate) fn method(&self) -> &'static str {
        self.signature.name
    }

    /// The argument of the parameter at `place`, if it was given.
    pub(crate) fn get(&self, place: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        if place < self.positional.len() {
            return self.positional.get_item(place).map(Some);
        }
        let name = self.signature.parameters[place];
        match self.named {
            Some(named) if !name.is_empty() => named.get_item(name),
            _ => Ok(None),
        }
    }

    /// The argument at `place`, converted by `convert`; `None` if it was not given.
    ///
    /// # Errors
    /// `TypeError` if `convert` gives `None`.
    pub(crate) fn optional<T>(
        &self,
        place: usize,
        convert: impl FnOnce(&Bound<'py, PyAny>) -> Option<T>,
    ) -> PyResult<Option<T>> {
        let Some(argument) = self.get(place)? else { return Ok(None) };
        convert(&argument).map(Some).ok_or_else(|| self.mismatch())
    }

    /// The argument at `place`, converted by `convert`.
    ///
    /// # Errors
    /// `TypeError` if it was not given or `convert` gives `None`.
    pub(crate) fn required<T>(
        &self,
        place: usize,
        convert: impl FnOnce(&Bound<'py, PyAny>) -> Option<T>,
    ) -> PyResult<T> {
        self.optional(place, convert)?.ok_or_else(|| self.mismatch())
    }

    /// The `TypeError` for arguments that fit no overload.
    pub(crate) fn mismatch(&self) -> PyErr {
        let Signature { name, overloads, .. } = self.signature;
        let mut text =
            format!("{name}(): incompatible function arguments. The following argument types are supported:\n");
        for (number, overload) in overloads.iter().enumerate() {
            text += &format!("    {}. {overload}\n", number + 1);
        }
        let type_of = |object: &Bound<'_, PyAny>| match object.get_type().fully_qualified_name() {
            Ok(name) => name.to_string(),
            Err(_) => "?".to_string(),
        };
        let mut types: Vec<String> = self.positional.iter().map(|argument| type_of(&argument)).collect();
        for (name, argument) in self.named.iter().flat_map(|named| named.iter()) {
            types.push(format!("{name} = {}", type_of(&argument)));
        }
        text += &format!("\nInvoked with types: {}", types.join(", "));
        PyTypeError::new_err(text)
    }
}

/// An integer in the range of `T`: an `int`, a `bool`, or anything with `__index__`. Floats are none.
pub(crate) fn integer<T: TryFrom<i64>>(object: &Bound<'_, PyAny>) -> Option<T> {
    object.extract::<i64>().ok().and_then(|number| T::try_from(number).ok())
}

/// A `float`, an `int`, a numpy float.
pub(crate) fn float(object: &Bound<'_, PyAny>) -> Option<f64> {
    object.extract::<f64>().ok().filter(|_| !object.is_instance_of::<PyString>())
}

/// `True`, `False` or one of numpy's. 1 and 0 are none.
pub(crate) fn boolean(object: &Bound<'_, PyAny>) -> Option<bool> {
    if let Ok(value) = object.cast::<PyBool>() {
        return Some(value.is_true());
    }
    object.extract::<bool>().ok()
}

/// A `str`.
pub(crate) fn text(object: &Bound<'_, PyAny>) -> Option<String> {
    object.cast::<PyString>().ok()?.extract().ok()
}

/// A path: `str`, `bytes` or `os.PathLike`.
pub(crate) fn path(object: &Bound<'_, PyAny>) -> Option<PathBuf> {
    let decoded = object.py().import("os").ok()?.call_method1("fsdecode", (object,)).ok()?;
    decoded.extract::<OsString>().ok().map(PathBuf::from)
}

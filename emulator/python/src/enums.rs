//! `Action`, `LoggerMode` and `AutoresetMode`: plain `enum.Enum` classes, as ale-py has them. Their members are not
//! integers.

use crate::arguments::integer;
use atari_emulator::Action;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// A Python enum class with members that Rust can name by their place.
pub(crate) struct Enum {
    class: Py<PyAny>,
    members: Vec<Py<PyAny>>,
}

static ACTION: PyOnceLock<Enum> = PyOnceLock::new();
static LOGGER_MODE: PyOnceLock<Enum> = PyOnceLock::new();
static AUTORESET_MODE: PyOnceLock<Enum> = PyOnceLock::new();

const LOGGER_MODES: [&str; 3] = ["Info", "Warning", "Error"];
const AUTORESET_MODES: [&str; 2] = ["NextStep", "SameStep"];

/// Makes the classes and adds them, and all their members, to the module.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let names = Action::ALL.iter().map(ToString::to_string).collect::<Vec<_>>();
    let names = names.iter().map(String::as_str).collect::<Vec<_>>();
    let enums = [
        (&ACTION, "Action", names.as_slice(), "The 18 positions of joystick and button. Its values are ALE's numbers."),
        (&LOGGER_MODE, "LoggerMode", &LOGGER_MODES, "Which messages are written to stderr: this kind and graver ones."),
        (&AUTORESET_MODE, "AutoresetMode", &AUTORESET_MODES, "How the next episode of a vector's environment starts."),
    ];
    for (cell, name, names, doc) in enums {
        let made = cell.get_or_try_init(py, || Enum::new(module, name, names, doc))?;
        module.add(name, &made.class)?;
        for (name, member) in names.iter().zip(&made.members) {
            module.add(*name, member)?;
        }
    }
    Ok(())
}

impl Enum {
    fn new(module: &Bound<'_, PyModule>, name: &str, names: &[&str], doc: &str) -> PyResult<Self> {
        let py = module.py();
        let members: Vec<(&str, usize)> = names.iter().enumerate().map(|(value, &name)| (name, value)).collect();
        let options = PyDict::new(py);
        options.set_item("module", module.name()?)?;
        options.set_item("qualname", name)?;
        let plain = py.import("enum")?.getattr("Enum")?;
        let class = plain.call((name, members), Some(&options))?;
        class.setattr("__doc__", doc)?;
        // `Action.FIRE` in both, as ale-py's: programs write them into logs.
        class.setattr("__repr__", plain.getattr("__str__")?)?;
        let members = names.iter().map(|name| class.getattr(*name).map(Bound::unbind)).collect::<PyResult<_>>()?;
        Ok(Self { class: class.unbind(), members })
    }

    /// The place of a member; `None` for everything else.
    fn place_of(&self, object: &Bound<'_, PyAny>) -> Option<usize> {
        self.members.iter().position(|member| object.is(member))
    }
}

fn of(cell: &'static PyOnceLock<Enum>, py: Python<'_>) -> &'static Enum {
    cell.get(py).expect("the module makes its enums before anything else can be called")
}

/// The joystick action that a member of `Action` stands for; `None` for everything else.
pub(crate) fn action_of(object: &Bound<'_, PyAny>) -> Option<Action> {
    of(&ACTION, object.py()).place_of(object).map(|place| Action::ALL[place])
}

/// ALE's number of an action: of a member of `Action`, or any integer from 0 to 2^32 - 1; `None` for everything else.
pub(crate) fn action_number(object: &Bound<'_, PyAny>) -> Option<u32> {
    action_of(object).map(Action::number).or_else(|| integer(object))
}

/// The member of `Action` for a joystick action.
pub(crate) fn action_member(py: Python<'_>, action: Action) -> Py<PyAny> {
    let place = Action::ALL.iter().position(|&known| known == action).unwrap_or(0);
    of(&ACTION, py).members[place].clone_ref(py)
}

/// The place of a member of `LoggerMode`: 0 Info, 1 Warning, 2 Error. A member can also be given by its value. `None`
/// for everything else.
pub(crate) fn logger_mode_of(object: &Bound<'_, PyAny>) -> Option<usize> {
    let by_value = || integer(object).filter(|&place: &usize| place < LOGGER_MODES.len());
    of(&LOGGER_MODE, object.py()).place_of(object).or_else(by_value)
}

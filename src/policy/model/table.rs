//! Tables in the file of a model: safetensors arrays of f64.

use crate::observations::Space;
use crate::policy::table::states::States;
use crate::policy::table::{ActionValues, Table, Values};
use anyhow::{anyhow, bail, ensure, Context, Result};
use safetensors::{Dtype, SafeTensors};

/// Keys of a table's metadata.
pub(super) const KEYS: [&str; 3] = [ARRAYS, EDGES, LIMITS];
/// The names of its arrays; only the files of tables have it.
pub(super) const ARRAYS: &str = "table";
/// Edges of a number, if observations are divided into cells.
const EDGES: &str = "table_edges";
/// The last edge of each number.
const LIMITS: &str = "table_limits";

/// An array of a file.
pub(super) struct Array<'a> {
    pub(super) name: &'static str,
    pub(super) shape: Vec<usize>,
    pub(super) values: &'a [f64],
}

/// The arrays of a table, in the order of their names.
pub(super) fn arrays(table: &Table) -> Vec<Array<'_>> {
    let of_actions = |name, values: &ActionValues| (name, vec![values.states(), values.actions()]);
    let with = |(name, shape), values| Array { name, shape, values };
    let of_states = |values: &[f64]| ("v", vec![values.len()]);
    match &table.values {
        Values::Actions(q) => vec![with(of_actions("q", q), q.values())],
        Values::Double([q1, q2]) => {
            vec![with(of_actions("q1", q1), q1.values()), with(of_actions("q2", q2), q2.values())]
        }
        Values::States(v, possible) => {
            vec![with(of_actions("possible", possible), possible.values()), with(of_states(v), v)]
        }
        Values::Planned(v, q) => vec![with(of_actions("q", q), q.values()), with(of_states(v), v)],
    }
}

/// The metadata of a table.
pub(super) fn metadata(table: &Table) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = arrays(table).iter().map(|array| array.name).collect();
    let mut strings = vec![(ARRAYS, names.join(" "))];
    if let States::Cells(discretizer) = &table.states {
        let limits: Vec<String> = discretizer.limits().iter().map(f64::to_string).collect();
        strings.extend([(EDGES, discretizer.edges().to_string()), (LIMITS, limits.join(" "))]);
    }
    strings
}

/// The table of a file for an environment with these observations and so many actions. `text` is the metadata's value of a key.
///
/// # Errors
/// When something is missing or does not fit the environment.
pub(super) fn read<'a>(
    bytes: &[u8],
    text: impl Fn(&str) -> Result<&'a str>,
    space: Space,
    actions: usize,
) -> Result<Table> {
    let names = text(ARRAYS)?;
    let wrong = |key: &str, value: &str| anyhow!("its metadata have `{key}` = `{value}`, which are no numbers");
    let states = match space {
        Space::Numbers(_) => {
            let (edges, limits) = (text(EDGES)?, text(LIMITS)?);
            let numbers: Option<Vec<f64>> = limits.split(' ').map(|limit| limit.parse().ok()).collect();
            let limits = numbers.ok_or_else(|| wrong(LIMITS, limits))?;
            let edges = edges.parse().ok().filter(|edges| *edges < usize::MAX).ok_or_else(|| wrong(EDGES, edges))?;
            States::of(space, Some(&limits), edges, actions)?
        }
        _ => States::of(space, None, 0, actions)?,
    };
    let tensors = SafeTensors::deserialize(bytes).context("not a safetensors file")?;
    let array = |name: &str, shape: &[usize]| -> Result<Vec<f64>> {
        let tensor = tensors.tensor(name).map_err(|_| anyhow!("it lacks `{name}`"))?;
        if tensor.dtype() != Dtype::F64 || tensor.shape() != shape {
            bail!("`{name}` is {:?} {:?}, expected F64 {shape:?}", tensor.dtype(), tensor.shape());
        }
        let numbers = tensor.data().as_chunks::<8>().0;
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    };
    let of_actions = |name: &str| {
        let values = array(name, &[states.len(), actions])?;
        ActionValues::from_values(actions, values).with_context(|| format!("`{name}` cannot be used"))
    };
    let of_states = || -> Result<Vec<f64>> {
        let values = array("v", &[states.len()])?;
        let wrong = values.iter().find(|value| !value.is_finite());
        ensure!(wrong.is_none(), "`v` is not finite: {}", wrong.copied().unwrap_or_default());
        Ok(values)
    };
    let values = match names {
        "q" => Values::Actions(of_actions("q")?),
        "q1 q2" => Values::Double([of_actions("q1")?, of_actions("q2")?]),
        "possible v" => Values::States(of_states()?, of_actions("possible")?),
        "q v" => Values::Planned(of_states()?, of_actions("q")?),
        other => bail!("its metadata have `{ARRAYS}` = `{other}`; known are `q`, `q1 q2`, `possible v` and `q v`"),
    };
    Ok(Table { states, values })
}

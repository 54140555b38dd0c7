//! Updates that may fail because learning has diverged, and what to tell the user then.

use crate::networks::learner::{Learner, Which};
use crate::networks::loss::{Loss, NotFinite, Shown};
use crate::observations::Seen;
use anyhow::Result;

/// One update of the learner's online network.
///
/// # Errors
/// When the device fails, or the loss is not a finite number; the error then says which values are not, and what to do about it.
pub(super) fn update(learner: &mut dyn Learner, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
    learner.update(observations, loss).map_err(|error| match error.is::<NotFinite>() {
        true => error.context(diagnosis(learner, loss.targets)),
        false => error,
    })
}

/// Which values are not finite, and what to do about it. `targets` are those of the update that failed.
fn diagnosis(learner: &dyn Learner, targets: &[f32]) -> String {
    let infinite = |values: &[f32]| values.iter().any(|value| !value.is_finite());
    let tensor = match learner.parameters(Which::Online) {
        Ok(online) => online.architecture.layout().into_iter().find(|spec| infinite(&online.values[spec.range()])),
        Err(_) => None,
    };
    let what = match tensor {
        Some(spec) => format!("the parameters `{}` of the online network are not all finite", spec.name),
        None if infinite(targets) => "the targets are not all finite, the online network's parameters are".into(),
        None => "the online network's outputs are not all finite, its parameters are".into(),
    };
    format!("learning has diverged: {what}; try a smaller learning rate (--set learning_rate=...)")
}

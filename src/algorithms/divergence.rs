//! Updates that may fail because learning has diverged, and what to tell the user then.

use crate::networks::finite::{self, NotFiniteProbabilities, NotFiniteValues};
use crate::networks::learner::{Learner, LearnerState, Which};
use crate::networks::loss::{Loss, NotFinite, Shown};
use crate::observations::Seen;
use anyhow::{Context, Error, Result};

/// Advice for a run that has diverged.
const ADVICE: &str = "try a smaller learning rate (--set learning_rate=...)";

/// One update of the learner's online network.
///
/// # Errors
/// When the device fails, or the loss is not a finite number; the error then says which values are not, and what to do about it.
pub(super) fn update(learner: &mut dyn Learner, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
    learner.update(observations, loss).map_err(|error| explained(error, learner, loss.targets))
}

/// Adds the gradient of a part of a batch, as [`Learner::add_gradient`].
///
/// # Errors
/// As for [`update`].
pub(super) fn add_gradient(learner: &mut dyn Learner, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
    learner.add_gradient(observations, loss).map_err(|error| explained(error, learner, loss.targets))
}

/// The error, with a diagnosis if it says that values are not finite: those of an update with these `targets`, or Q-values or
/// probabilities to act by, without targets.
pub(super) fn explained(error: Error, learner: &dyn Learner, targets: &[f32]) -> Error {
    if error.is::<NotFinite>() || error.is::<NotFiniteValues>() || error.is::<NotFiniteProbabilities>() {
        return error.context(diagnosis(learner, targets));
    }
    error
}

/// The learner's state, to be saved.
///
/// # Errors
/// When the device fails, or a number is not finite: no run can continue from there.
pub(super) fn sound_state(learner: &dyn Learner) -> Result<LearnerState> {
    let state = learner.state()?;
    state.ensure_finite(learner.architecture()).with_context(|| format!("learning has diverged; {ADVICE}"))?;
    Ok(state)
}

/// Which values are not finite, and what to do about it. `targets` are those of the update that failed.
fn diagnosis(learner: &dyn Learner, targets: &[f32]) -> String {
    let online = learner.parameters(Which::Online).ok();
    let wrong = online.and_then(|online| finite::ensure_parameters(&online.architecture, &online.values).err());
    let what = match wrong {
        Some(wrong) => format!("the parameters `{}` of the online network are not all finite", wrong.array),
        None if targets.iter().any(|target| !target.is_finite()) => {
            "the targets are not all finite, the online network's parameters are".into()
        }
        None => "the online network's outputs are not all finite, its parameters are".into(),
    };
    format!("learning has diverged: {what}; {ADVICE}")
}

//! What to tell a user whose run has diverged.

use crate::networks::learner::{Learner, Which};

/// Says which values are not finite, and what to do about it. `targets` are those of the update that failed.
pub(super) fn diagnosis(learner: &dyn Learner, targets: &[f32]) -> String {
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

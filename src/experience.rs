//! Past transitions: a replay that batches are drawn from, and rollouts of the last steps.

pub mod replay;
pub mod rollout;

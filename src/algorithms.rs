//! Ways to learn.

pub mod dqn;
pub mod exploration;

//! Training, evaluating and watching DQN agents on the Atari 2600.
pub mod cli;
pub mod preprocess;

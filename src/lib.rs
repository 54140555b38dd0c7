//! Training, evaluating and watching DQN agents on the Atari 2600.
pub mod cli;
pub mod play;
pub mod recording;
pub mod preprocess;
pub mod roms;
pub mod trace;

//! Training, evaluating and watching DQN agents on the Atari 2600.
pub mod agent;
pub mod candle_network;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod conv;
pub mod cpu_network;
pub mod device;
pub mod learner;
pub mod metrics;
pub mod network;
pub mod optimizer;
pub mod preprocess;
pub mod random;
pub mod replay;
pub mod schedule;
pub mod scores;

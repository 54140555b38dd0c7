//! Past transitions, and how batches are drawn from them.

pub mod replay;

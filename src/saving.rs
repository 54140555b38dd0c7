//! Files that are whole or refused.

pub mod sealed_file;

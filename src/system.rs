//! The limits that the operating system sets, and how this program stays within them: memory, disk, threads, signals, and files
//! that are no ordinary files.

pub mod disk;
pub mod files;
pub mod memory;
pub mod signals;
pub mod threads;

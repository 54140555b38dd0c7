//! Files that people bring, and the names they give to files that are written: what a file is by its content, text in the
//! encodings of other systems, suffixes that promise another format.

pub mod foreign;
pub mod names;
pub mod texts;

pub use texts::read_text;

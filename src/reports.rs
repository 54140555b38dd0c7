//! What a person reads of a run afterwards: learning curves and a page.

pub mod curves;
pub mod page;

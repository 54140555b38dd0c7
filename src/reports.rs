//! Reports of runs for people: learning curves and a page of HTML.

pub mod curves;
pub mod page;

//! Pictures in files: charts as SVG and PNG, games as GIF and PNG. Knows numbers and pixels, no runs.

pub mod chart;
pub mod recording;

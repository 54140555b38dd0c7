//! How a run is asked to stop.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A flag that Ctrl-C, or a request to end, sets; the second time the program ends at once.
///
/// # Errors
/// When the signals cannot be watched for.
pub fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        warn!("\nstopping after this step and saving; once more to end at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

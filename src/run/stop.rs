//! How a run is asked to stop.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// A flag that Ctrl-C or another signal to end sets; a second signal ends the program at once.
///
/// # Errors
/// When signals cannot be caught.
pub fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        warn!("\nstopping soon and saving; a second signal ends at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

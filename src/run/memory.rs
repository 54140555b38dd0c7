//! How much memory is free.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes of memory that can be had without swapping, within the limit of the container if there is one; `None` where the
/// system does not tell.
pub fn available() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(container)).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_that_runs_tests_has_some_megabytes_free_and_less_than_a_petabyte() {
        let available = super::available().expect("tests run on systems that tell");
        assert!((1 << 20..1 << 50).contains(&available), "{available}");
    }
}

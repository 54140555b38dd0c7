//! How much memory this process can still have: the least that the machine, its control groups and the process's own limits leave.

use anyhow::{bail, Result};
use std::path::Path;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What leaves the least memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The machine, with everything that runs on it.
    Machine,
    /// A control group (of a container, a service, a batch job), this process's or one above it.
    ControlGroup,
    /// The process's own limit, `ulimit -v` or `ulimit -d`.
    Process,
}

/// Memory that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Bytes, without swapping.
    pub bytes: u64,
    /// Bytes if nothing else took any: more than these can never be had.
    pub at_best: u64,
    /// What leaves no more.
    pub limit: Limit,
}

impl Free {
    /// The bytes in words, and the limit if it is not simply the machine's memory.
    pub fn in_words(&self) -> String {
        let limit = match self.limit {
            Limit::Machine => "",
            Limit::ControlGroup => " within the limit of its control group (container, service or batch job)",
            Limit::Process => " within the process's own limit (ulimit -v)",
        };
        format!("{} are free{limit}", amount(self.bytes))
    }
}

/// Bytes in words, rounded up: 1.25 GB, 0.01 GB.
pub fn amount(bytes: u64) -> String {
    format!("{:.2} GB", bytes.div_ceil(10_000_000) as f64 / 100.0)
}

/// Memory that this process can still have; `None` if the system does not report it.
pub fn free() -> Option<Free> {
    let memory = MemoryRefreshKind::nothing().with_ram().with_swap();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let at_best = system.total_memory().saturating_add(system.total_swap());
    let machine = (system.available_memory() > 0).then(|| Free {
        bytes: committable().unwrap_or(u64::MAX).min(system.available_memory()),
        at_best,
        limit: Limit::Machine,
    });
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = control_group(Path::new("/sys/fs/cgroup"), &groups);
    let all = [machine, group, process()].into_iter().flatten();
    let at_best = all.clone().map(|free| free.at_best).min()?;
    all.min_by_key(|free| free.bytes).map(|least| Free { at_best, ..least })
}

/// Refuses `what` if it needs more bytes than are free.
///
/// # Errors
/// When it does.
pub fn ensure_free(what: &str, bytes: u64) -> Result<()> {
    // Asking takes a while, and so little is always there.
    if bytes < 1 << 20 {
        return Ok(());
    }
    if let Some(free) = free().filter(|free| free.bytes < bytes) {
        bail!("{what} would take {} of memory, and only {}", amount(bytes), free.in_words());
    }
    Ok(())
}

/// Bytes that can still be committed, where the kernel promises no more than it has (overcommit_memory = 2).
fn committable() -> Option<u64> {
    let mode = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").ok()?;
    if mode.trim() != "2" {
        return None;
    }
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some(kilobytes(&text, "CommitLimit")?.saturating_sub(kilobytes(&text, "Committed_AS")?))
}

/// Bytes of a line `name: N kB` in a file of /proc.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024))
}

/// What the process's own limits on its address space and data leave.
#[cfg(unix)]
fn process() -> Option<Free> {
    use rustix::process::{getrlimit, Resource};
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let left = |resource: Resource, used: &str| {
        let limit = getrlimit(resource).current?;
        Some(Free {
            bytes: limit.saturating_sub(kilobytes(&status, used).unwrap_or(0)),
            at_best: limit,
            limit: Limit::Process,
        })
    };
    let limits = [left(Resource::As, "VmSize"), left(Resource::Data, "VmData")];
    limits.into_iter().flatten().min_by_key(|free| free.bytes)
}

#[cfg(not(unix))]
fn process() -> Option<Free> {
    None
}

/// The least memory that the control groups leave, from this process's own to the root. `root` is where they are mounted, and
/// `groups` is the text of `/proc/self/cgroup`.
fn control_group(root: &Path, groups: &str) -> Option<Free> {
    let mut least: Option<Free> = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next(), fields.next()?, fields.next()?);
        // Version 2 has one hierarchy without names, version 1 a hierarchy for the memory.
        let names: &[[&str; 3]] = match controllers {
            "" => {
                &[["memory.max", "memory.current", "inactive_file"], ["memory.high", "memory.current", "inactive_file"]]
            }
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                &[["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"]]
            }
            _ => continue,
        };
        let mounts = if controllers.is_empty() { ["", "unified"] } else { ["memory", controllers] };
        for mount in mounts.map(|mount| root.join(mount)) {
            // In a container the path may be the host's and not be there; the mount itself is then the container's group.
            for group in Path::new(path.trim_start_matches('/')).ancestors().map(|group| mount.join(group)) {
                for names in names {
                    let free = group_free(&group, names);
                    least = [least, free].into_iter().flatten().min_by_key(|free| free.bytes);
                }
            }
        }
    }
    least
}

/// What one group's limit leaves; `names` are the files of its limit and its use, and the use that can be given back, in `memory.stat`.
fn group_free(group: &Path, [limit, used, cached]: &[&str; 3]) -> Option<Free> {
    let number = |file: &str| std::fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    // Without a limit the file says `max`, or in version 1 a number near the largest.
    let limit = number(limit).filter(|&limit| limit < 1 << 60)?;
    let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix(cached)?.trim().parse::<u64>().ok()).unwrap_or(0);
    let used = number(used).unwrap_or(0).saturating_sub(cached);
    Some(Free { bytes: limit.saturating_sub(used), at_best: limit, limit: Limit::ControlGroup })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_machine_that_runs_tests_has_some_megabytes_free_and_less_than_a_petabyte() {
        let Free { bytes, at_best, .. } = free().expect("tests run on systems that report it");
        assert!((1 << 20..1 << 50).contains(&bytes) && bytes <= at_best, "{bytes} of {at_best}");
    }

    #[test]
    fn the_least_limit_on_the_way_to_the_root_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = |name: &str, limit: &str, used: &str, cached: u64| {
            let group = root.path().join(name);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("memory.max"), limit).unwrap();
            fs::write(group.join("memory.current"), used).unwrap();
            fs::write(group.join("memory.stat"), format!("anon 5\ninactive_file {cached}\n")).unwrap();
        };
        let free = |text: &str| control_group(root.path(), text).map(|free| (free.bytes, free.at_best));
        assert_eq!(free("0::/user/job\n"), None);
        group("user/job", "max\n", "700\n", 0);
        assert_eq!(free("0::/user/job\n"), None);
        group("user", "1000\n", "900\n", 300);
        assert_eq!(free("0::/user/job\n"), Some((400, 1000)), "the parent's, less what it can give back");
        group("user/job", "800\n", "700\n", 0);
        assert_eq!(free("0::/user/job\n"), Some((100, 800)));
        fs::write(root.path().join("user/memory.high"), "650\n").unwrap();
        assert_eq!(free("0::/user/job\n"), Some((50, 650)), "beyond memory.high a process hardly moves");
        assert_eq!(free("0::/elsewhere\n"), None);
        group("", "500\n", "480\n", 0);
        assert_eq!(free("0::/elsewhere\n"), Some((20, 500)), "in a container the root is its own group");
    }

    #[test]
    fn groups_of_the_first_version_are_read_too() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("memory/box");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("memory.limit_in_bytes"), "1000\n").unwrap();
        fs::write(group.join("memory.usage_in_bytes"), "600\n").unwrap();
        fs::write(group.join("memory.stat"), "inactive_file 7\ntotal_inactive_file 100\n").unwrap();
        let text = "12:cpu,cpuacct:/box\n5:memory:/box\n0::/\n";
        assert_eq!(control_group(root.path(), text).map(|free| free.bytes), Some(500));
        fs::write(group.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        assert_eq!(control_group(root.path(), text), None, "no limit");
    }

    #[test]
    fn amounts_are_rounded_up() {
        assert_eq!(
            [0, 1, 10_000_000, 10_000_001, 1_250_000_000].map(amount),
            ["0.00 GB", "0.01 GB", "0.01 GB", "0.02 GB", "1.25 GB"]
        );
    }

    #[test]
    fn more_than_the_machine_has_is_refused_with_both_numbers() {
        ensure_free("nothing", 0).unwrap();
        let message = ensure_free("the whole world", 1 << 60).unwrap_err().to_string();
        assert!(message.contains("the whole world would take 1152921504.61 GB of memory, and only "), "{message}");
    }
}

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, setrlimit};

/// File descriptors for everything but notification connections: the store, the admin port, requests of our own.
const RESERVED: u64 = 3000;

/// The limits of the process, as Linux writes them. The system call that asks for them is one that a sandbox may
/// forbid.
const LIMITS: &str = "/proc/self/limits";

/// How many of these connections there can be: raises the process's limit of open files where it may, and gives up
/// half of what there is to other uses where it may not.
pub fn within_limits(connections: usize) -> usize {
    let Some((soft, hard)) = std::fs::read_to_string(LIMITS).ok().as_deref().and_then(open_files) else {
        return connections;
    };
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let soft = raised(soft, hard, wanted);
    if soft >= wanted {
        return connections;
    }
    let possible = usize::try_from(soft / 2).ok().and_then(NonZeroUsize::new).map_or(1, NonZeroUsize::get);
    let connections = connections.min(possible);
    tracing::warn!(
        open_files = soft,
        connections,
        "The limit of open files allows fewer connections than [listen] max_connections; raise it (ulimit -n, LimitNOFILE) to {wanted}"
    );
    connections
}

fn raised(soft: u64, hard: u64, wanted: u64) -> u64 {
    let target = wanted.min(hard);
    if soft >= target {
        return soft;
    }
    let limit = Rlimit { current: Some(target), maximum: (hard != u64::MAX).then_some(hard) };
    if setrlimit(Resource::Nofile, limit).is_ok() { target } else { soft }
}

/// The soft and the hard limit of open files.
fn open_files(limits: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace().map(|number| match number {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_read_as_linux_writes_them() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             unlimited            unlimited            processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some((1024, 524_288)));
        assert_eq!(open_files("Max open files   1024   unlimited   files"), Some((1024, u64::MAX)));
        assert_eq!(open_files("Max open files"), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn a_limit_that_is_high_enough_is_left_alone() {
        assert_eq!(raised(2000, 4000, 1000), 2000);
        assert_eq!(raised(4000, 4000, 9000), 4000);
    }
}

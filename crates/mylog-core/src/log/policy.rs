//! When the log is synced: a pure function of the policy, the time and what waits. It must never look at a
//! clock or a file itself.

/// Oldest age that unsynced data reaches under [`FsyncPolicy::EverySec`] on a disk that keeps up.
pub const EVERYSEC_MS: u64 = 1000;

/// How much a crash may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Every acknowledged write survives a power cut.
    Always,
    /// A power cut takes about a second; a killed server normally nothing but its last loop turn.
    EverySec,
    /// A power cut takes what the kernel has not written out; a killed server as under `EverySec`.
    No,
}

/// When to sync next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextSync {
    /// At once.
    Now,
    /// At this time, in ms of the writer's clock.
    At(u64),
    /// Not before something changes.
    Idle,
}

/// When to sync next. `unsynced_since` is when the oldest unsynced bytes were written, `wanted` says that
/// somebody asked for a sync whatever the policy.
pub fn next_sync(policy: FsyncPolicy, now_ms: u64, unsynced_since: Option<u64>, wanted: bool) -> NextSync {
    let Some(since) = unsynced_since else {
        return NextSync::Idle;
    };
    let due = match policy {
        _ if wanted => now_ms,
        FsyncPolicy::Always => now_ms,
        FsyncPolicy::EverySec => since.saturating_add(EVERYSEC_MS),
        FsyncPolicy::No => return NextSync::Idle,
    };
    if due <= now_ms {
        NextSync::Now
    } else {
        NextSync::At(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsynced_is_never_synced() {
        for policy in [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No] {
            assert_eq!(next_sync(policy, 5, None, true), NextSync::Idle);
        }
    }

    #[test]
    fn always_syncs_at_once() {
        assert_eq!(next_sync(FsyncPolicy::Always, 5, Some(5), false), NextSync::Now);
    }

    #[test]
    fn everysec_counts_from_the_oldest_unsynced_write() {
        assert_eq!(
            next_sync(FsyncPolicy::EverySec, 1099, Some(100), false),
            NextSync::At(1100)
        );
        assert_eq!(
            next_sync(FsyncPolicy::EverySec, 1100, Some(100), false),
            NextSync::Now
        );
    }

    #[test]
    fn no_syncs_only_when_asked() {
        assert_eq!(
            next_sync(FsyncPolicy::No, 1 << 40, Some(1), false),
            NextSync::Idle
        );
        assert_eq!(next_sync(FsyncPolicy::No, 2, Some(1), true), NextSync::Now);
    }
}

//! Which of the server's own children wait for the rewrite's child: the server runs one child at a time. No event reports
//! that, so the server's INFO is asked, and only while a rewrite runs or stands back.

use module_api::Ctx;

/// The largest number of replicas that are checked.
const REPLICAS: u64 = 1024;

/// The server's children that wait for the rewrite's child, or were refused because of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// A replica waits for its full sync.
    pub(super) full_sync: bool,
    /// An AOF rewrite is scheduled.
    pub(super) aof_rewrite: bool,
    /// A client asked for a BGSAVE. INFO does not show a scheduled BGSAVE, and a BGSAVE without SCHEDULE was refused, so each
    /// counted BGSAVE counts here.
    pub(super) bgsave: bool,
}

impl Waiting {
    /// True if any child waits.
    pub(super) fn any(self) -> bool {
        self != Self::default()
    }

    /// The names of the waiting children, for INFO and the server's log.
    pub(crate) fn names(self) -> String {
        let names: Vec<_> = [
            (self.full_sync, "full-sync"),
            (self.aof_rewrite, "aof-rewrite"),
            (self.bgsave, "bgsave"),
        ]
        .into_iter()
        .filter_map(|(waits, name)| waits.then_some(name))
        .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(",")
        }
    }
}

/// Asks INFO which children wait now. INFO does not show a waiting BGSAVE: `bgsaves` counts them.
pub(super) fn waiting(ctx: Ctx<'_>) -> Waiting {
    let replication = ctx.server_info(c"replication");
    let replicas = replication.number("connected_slaves").min(REPLICAS);
    let waits = |n| {
        replication
            .text(&format!("slave{n}"))
            .is_some_and(|replica| replica.contains("state=wait_bgsave"))
    };
    Waiting {
        full_sync: (0..replicas).any(waits),
        aof_rewrite: ctx.server_info(c"persistence").number("aof_rewrite_scheduled") > 0,
        bgsave: false,
    }
}

/// The number of BGSAVEs that clients asked for, since the start or the last CONFIG RESETSTAT.
pub(super) fn bgsaves(ctx: Ctx<'_>) -> u64 {
    let stats = ctx.server_info(c"commandstats");
    let calls = stats
        .text("cmdstat_bgsave")
        .and_then(|stat| stat.strip_prefix("calls=")?.split(',').next());
    calls.and_then(|calls| calls.parse().ok()).unwrap_or(0)
}

/// The number of children that the server has forked, the module's among them.
pub(super) fn forks(ctx: Ctx<'_>) -> u64 {
    ctx.server_info(c"stats").number("total_forks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_named() {
        assert_eq!(Waiting::default().names(), "none");
        let all = Waiting {
            full_sync: true,
            aof_rewrite: true,
            bgsave: true,
        };
        assert_eq!(all.names(), "full-sync,aof-rewrite,bgsave");
        assert!(all.any());
    }
}

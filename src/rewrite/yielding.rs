//! The server's other children and the rewrite: which of them wait for the rewrite's child is noted and logged, and with
//! `mylog.rewrite-yield` the rewrite gives way and begins anew after them.

use module_api::context::Flags;
use module_api::own_context;
use module_api::server::log;
use mylog_core::log::failure::Healing;

use super::rewriter::{healing, schedule, with};
use super::server_children::Waiting;
use super::{run, server_children};
use crate::settings::config;

/// Runs in the cron, while a child writes.
pub(super) fn watch() {
    let due = with(|rewriter| {
        let running = rewriter.running.as_mut().filter(|running| running.has_child());
        running.is_some_and(|running| running.watch.is_due())
    });
    let (Some(true), Some(ctx)) = (due, own_context()) else {
        return;
    };
    // Outside of `with`: INFO runs code of the server, which must not be called while the rewriter is borrowed.
    let (seen, bgsaves) = (server_children::waiting(ctx), server_children::bgsaves(ctx));
    let looked = with(|rewriter| {
        let running = rewriter.running.as_mut()?;
        let waiting = Waiting {
            bgsave: running.watch.has_seen_bgsave(bgsaves),
            ..seen
        };
        let news = std::mem::replace(&mut running.waiting, waiting) != waiting;
        Some((waiting, news))
    });
    let Some(Some((waiting, news))) =
        looked.filter(|looked| looked.is_some_and(|(waiting, _)| waiting.any()))
    else {
        return;
    };
    if news {
        log::notice(&format!(
            "log rewrite: its child is in the way of: {}",
            waiting.names()
        ));
    }
    // While the log needs a new file it takes no writes, so the rewrite is more urgent than any other child.
    if config::rewrite_yields() && !heals() && give_way(server_children::forks(ctx)) {
        run::abort(&format!("it gives way to: {}", waiting.names()));
        schedule();
    }
}

fn give_way(forks: u64) -> bool {
    with(|rewriter| {
        let now = rewriter.now();
        let gives = rewriter.courtesy.give_way(now, forks);
        rewriter.stats.yields += u64::from(gives);
        gives
    }) == Some(true)
}

fn heals() -> bool {
    healing() != Healing::NotNeeded
}

/// Runs in the cron, while a rewrite stands back: decides whether it may begin again.
pub(super) fn check_again() {
    let stands_back =
        with(|rewriter| rewriter.courtesy.stands_back() && rewriter.running.is_none()).unwrap_or(false);
    let Some(ctx) = own_context().filter(|_| stands_back) else {
        return;
    };
    if heals() || !config::rewrite_yields() {
        with(|rewriter| rewriter.courtesy.reset());
        return;
    }
    // The rewrite's own child has ended: an active child is another one.
    let active = Flags::of_server().any(Flags::ACTIVE_CHILD);
    let (forks, waiting) = (
        server_children::forks(ctx),
        !active && server_children::waiting(ctx).any(),
    );
    with(|rewriter| {
        let now = rewriter.now();
        rewriter.courtesy.look(now, forks, active, waiting);
    });
}

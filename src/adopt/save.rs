//! An RDB behind an adoption or a release. One of the time before would bring the native values back, those of durable
//! keys that are gone by then included, or lacks what is native now: where the server keeps RDBs, a new one takes its
//! place. The start can tell only as long as the log has not been rewritten (`lifecycle::stale_rdb`).

use module_api::commands::rm_call::ReplyType;
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::own_context;
use module_api::server::log;

use crate::engine;

/// The time before another try.
const AGAIN_MS: i64 = 200;

/// What an RDB is to be saved behind, as soon as no child runs: the log has to have it up to a seq.
static WANTED: Gil<Option<(u64, &'static str)>> = Gil::new(None);

/// Saves an RDB, where the server keeps any, once the log has what was changed up to `seq`.
pub(crate) fn behind(seq: u64, what: &'static str) {
    let waits = WANTED.with(|wanted| wanted.replace((seq, what)).is_some());
    if !waits {
        save();
    }
}

fn save() {
    let Some(ctx) = own_context() else { return };
    let Some((seq, what)) = WANTED.with(|wanted| *wanted) else {
        return;
    };
    // The RDB there is may be the only file that has the values. One without them must not take its place before the
    // log has them: cut short by a kill -9, it would know nothing of these keys, and win.
    let written = engine::with(|engine| engine.marks().written() >= seq) == Some(true);
    // A child that runs has begun before the end, and stands in the way of another.
    if !written || Flags::of_server().any(Flags::ACTIVE_CHILD) {
        ctx.after_ms(AGAIN_MS, save);
        return;
    }
    WANTED.with(|wanted| *wanted = None);
    let points = ctx.call(c"CONFIG", "", &[b"GET", b"save"]);
    let keeps = points.as_ref().and_then(|reply| reply.element(1));
    if keeps.is_none_or(|points| points.bytes().is_empty()) {
        return;
    }
    let reply = ctx.call(c"BGSAVE", "E", &[b"SCHEDULE"]);
    if reply.is_none_or(|reply| reply.whole().kind() == ReplyType::Error) {
        log::warning(&format!(
            "no RDB could be saved behind the {what}: the one there is has the keys as they were before; run BGSAVE"
        ));
    }
}

//! Saves an RDB after an adoption or a release. An RDB from before an adoption would bring the native values back, also
//! those of keys that were deleted since as durable ones; an RDB from before a release lacks the values that are native
//! now. So where the server keeps RDBs, a new one replaces the old one. The start can detect such an old RDB only as long as
//! the log has not been rewritten (`lifecycle::stale_rdb`).

use module_api::commands::rm_call::ReplyType;
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::own_context;
use module_api::server::log;

use crate::engine;

/// Time before the next try.
const AGAIN_MS: i64 = 200;

/// The seq that the log must have written before the RDB is saved, and whether an adoption or a release asks for it.
static WANTED: Gil<Option<(u64, &'static str)>> = Gil::new(None);

/// Saves an RDB, if the server keeps any, after the log has written the changes up to `seq` and no child runs.
pub(crate) fn after(seq: u64, what: &'static str) {
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
    // The present RDB may be the only file that contains the native values. An RDB without them must not replace it before
    // the log has written them: after a kill -9 the log would lack the keys, and the log wins at the start.
    let written = engine::with(|engine| engine.marks().written() >= seq) == Some(true);
    // A running child began before the end of the adoption or release, and the server runs only one child at a time.
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

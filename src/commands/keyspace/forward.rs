//! The twins that run the server's native command of the same name; only the reply waits for the disk.
//!
//! The callbacks of the types and the notifications turn the native command's changes of durable keys into effects.

use std::ffi::CStr;

use module_api::commands::spelling;
use module_api::context::Flags;
use module_api::server::config::c_text;

use super::{by_key, new_name};
use crate::acks::errors::NOT_RUN;
use crate::acks::execution_unit;
use crate::acks::reply::{Reply, Unchanged};
use crate::engine;
use crate::execute::invocation::Call;
use crate::execute::twins::ROUTED;
use crate::keyspace::native_effects::Cause;
use crate::keyspace::{native_effects, selected_db};
use crate::settings::config::{self, FlushPolicy};

/// The error for a native command whose spelling is not known.
const UNKNOWN_SPELLING: Unchanged = Unchanged(Reply::error(
    c"ERR rename-command has given the native command another name, under which it has not been used yet; nothing was done",
));

/// Runs the native command of the same name with the same arguments. It is replicated as itself.
pub(super) fn forward(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let name = call.args.get(0);
    let native = c_text(&String::from_utf8_lossy(
        &name.get(ROUTED.len()..).unwrap_or_default().to_ascii_lowercase(),
    ));
    let args: Vec<&[u8]> = call.args.from(1).collect();
    if let Some(refusal) = new_name::refusal(call, native.to_bytes()) {
        return Err(refusal.into());
    }
    see_names(call, &native);
    // The reply of this command waits for all of it, so the effects that the callbacks report need no wait of their own.
    let held = execution_unit::held_command();
    let home = selected_db::stay_in(call.db);
    let reply = match spelling::of(&native) {
        Some(_) => call
            .ctx
            .call(&native, "!E", &args)
            .map(|reply| Reply::from(&reply))
            .ok_or(Unchanged(NOT_RUN)),
        None => by_key::run(call, native.to_bytes()).unwrap_or(Err(UNKNOWN_SPELLING)),
    };
    drop(home);
    native_effects::settle(Cause::Command);
    drop(held);
    reply
}

/// Notes the keys as read: the native command's reply depends on them, even if the command changes nothing.
fn see_names(call: &Call<'_>, native: &CStr) {
    if call.sight.is_clear() {
        return;
    }
    let names = match native.to_bytes().to_ascii_lowercase().as_slice() {
        b"flushall" | b"flushdb" => 0,
        b"del" | b"unlink" => usize::MAX,
        b"rename" | b"renamenx" | b"copy" => 2,
        _ => 1,
    };
    for name in call.args.from(1).take(names) {
        call.sight.note_name(call.db, name);
    }
}

/// FLUSHALL and FLUSHDB under `mylog.flush-policy`.
pub(super) fn flush(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let all = call.args.get(0).to_ascii_lowercase().ends_with(b"flushall");
    let db = (!all).then_some(call.db);
    let keys =
        engine::with(|engine| db.map_or(engine.store.len(), |db| engine.store.db_len(db))).unwrap_or(0);
    let refuses = config::flush_policy() == FlushPolicy::Refuse;
    if refuses && keys > 0 && !call.ctx.flags().any(Flags::REPLICATED) {
        let name = if all { "FLUSHALL" } else { "FLUSHDB" };
        return Err(Unchanged(Reply::error_text(&format!(
            "ERR {name} would delete {keys} durable keys: mylog.flush-policy is refuse; nothing was done"
        ))));
    }
    forward(call)
}

//! Keys that get an expire time in the past: the servers differ in what they do then.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::context::Flags;
use module_api::keys::notify::Class;
use module_api::server::command_ms;

use crate::acks::reply::Unchanged;
use crate::execute::invocation::{Call, Target};
use crate::settings::server_version::Edition;

/// Whether SET with such a time only deletes the key.
static SET_DELETES: AtomicBool = AtomicBool::new(false);
/// Whether the deletion is notified as `expired` instead of `del`.
static TELLS_OF_END: AtomicBool = AtomicBool::new(false);

/// Notes which server this is. In OnLoad.
pub(crate) fn on(edition: Edition) {
    SET_DELETES.store(edition.is_valkey_since((8, 0)), Ordering::Relaxed);
    TELLS_OF_END.store(edition.is_valkey_since((8, 1)), Ordering::Relaxed);
}

/// True for an expire time in the past, on a server that expires keys itself: not on a replica and not during a load.
pub(in crate::commands) fn is_over(call: &Call<'_>, end: i64) -> bool {
    end <= command_ms() && !call.ctx.flags().any(Flags::LOADING | Flags::REPLICA)
}

/// True if SET with such an expire time only deletes the old value.
pub(in crate::commands) fn set_deletes() -> bool {
    SET_DELETES.load(Ordering::Relaxed)
}

/// Deletes a key because of its expire time, and sends the event.
pub(in crate::commands) fn delete(call: &mut Call<'_>, target: &mut Target<'_>) -> Result<(), Unchanged> {
    let key = target.name();
    call.delete(target)?;
    match TELLS_OF_END.load(Ordering::Relaxed) {
        true => call.changed(target, Class::Expired, c"expired"),
        false => call.changed(target, Class::Generic, c"del"),
    }
    call.replicate_as(c"MYLOG.DEL", [key]);
    Ok(())
}

//! What becomes of a key that is given an end in the past: the server's own way with that differs.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::context::Flags;
use module_api::keys::notify::Class;
use module_api::server::command_ms;

use crate::acks::reply::Reply;
use crate::execute::invocation::{Call, Target};
use crate::settings::server_version::Edition;

/// Whether SET sets nothing then.
static SET_DELETES: AtomicBool = AtomicBool::new(false);
/// Whether that is told of as the key's end.
static TELLS_OF_END: AtomicBool = AtomicBool::new(false);

/// This is the server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    SET_DELETES.store(edition.is_valkey_since((8, 0)), Ordering::Relaxed);
    TELLS_OF_END.store(edition.is_valkey_since((8, 1)), Ordering::Relaxed);
}

/// True for an end in the past, on a server that decides by itself what is over.
pub(in crate::commands) fn is_over(call: &Call<'_>, end: i64) -> bool {
    end <= command_ms() && !call.ctx.flags().any(Flags::LOADING | Flags::REPLICA)
}

/// True where SET with such an end only takes away what there is.
pub(in crate::commands) fn set_deletes() -> bool {
    SET_DELETES.load(Ordering::Relaxed)
}

/// Takes a key away for its end.
pub(in crate::commands) fn delete(call: &mut Call<'_>, target: &mut Target<'_>) -> Result<(), Reply> {
    let key = target.name();
    call.delete(target)?;
    match TELLS_OF_END.load(Ordering::Relaxed) {
        true => call.changed(target, Class::Expired, c"expired"),
        false => call.changed(target, Class::Generic, c"del"),
    }
    call.replicate_as(c"MYLOG.DEL", [key]);
    Ok(())
}

//! Storing a sorted set that was computed from others.

use std::ffi::CStr;

use module_api::keys::notify::Class;
use mylog_core::effect::{Change, NEVER};
use mylog_core::value::Kind;

use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::overwritten;
use crate::execute::invocation::Call;

/// Stores a sorted set with this number of members and this body under argument 1, in place of any old value. With `None` the
/// key is deleted.
pub(super) fn store(
    call: &mut Call<'_>,
    stored: Option<(usize, Vec<u8>)>,
    event: &CStr,
) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let Some((len, body)) = stored else {
        if target.exists() {
            call.delete(&mut target)?;
            call.changed(&target, Class::Generic, c"del");
        }
        return Ok(Reply::Int(0));
    };
    let (expire_at, kind, body) = (NEVER, Kind::ZSet, &body[..]);
    #[rustfmt::skip]
    overwritten::commit(call, &mut target, Change::Put { expire_at, kind, body })?;
    call.changed(&target, Class::ZSet, event);
    Ok(Reply::Int(len as i64))
}

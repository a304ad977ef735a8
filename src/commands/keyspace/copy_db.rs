//! COPY to another database, on a server that would leave the client in that database (see `selected_db`): the filter
//! replaces COPY with this command. In all else it is the native command: the callbacks of the types report its changes of
//! durable keys, and the unit waits for them as for those of any native command.

use super::new_name;
use crate::acks::errors::NOT_RUN;
use crate::acks::reply::{Reply, Unchanged};
use crate::engine::{self, backpressure};
use crate::execute::invocation::Call;
use crate::execute::twins;
use crate::keyspace::selected_db;

/// Runs COPY with the same arguments. COPY is replicated as COPY.
pub(super) fn copy_db(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if let Some(refusal) = new_name::refusal(call, b"copy") {
        return Err(refusal.into());
    }
    let durable = || {
        [1, 2]
            .into_iter()
            .any(|place| engine::is_durable(call.args.get(place)))
    };
    if let Some(refusal) = backpressure::refusal().filter(|_| durable()) {
        return Err(refusal.into());
    }
    let args: Vec<&[u8]> = call.args.from(1).collect();
    let home = selected_db::stay_in(call.db);
    let reply = call.ctx.call(c"copy", "!E", &args).ok_or(NOT_RUN)?;
    drop(home);
    Ok(Reply::from(&reply))
}

/// As `copy_db`, but registered without a permission and without a need for the password, so only the filter may use it.
pub(super) fn copy_for_all(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if !twins::is_copy_for_all(call.args.string(0)) {
        return Err(Unchanged(Reply::error(
            c"ERR MYLOG.COPYFORALL is what becomes of COPY",
        )));
    }
    copy_db(call)
}

//! COPY to another database, on a server that would leave the client there (see `astray`): what the filter makes of
//! it. It is the native command in all else: what it does to durable keys is told by the callbacks, and nothing is held.

use super::forward::NOT_RUN;
use crate::api::OwnedStr;
use crate::astray;
use crate::call::{Call, no_permission};
use crate::reply::Reply;

/// Runs COPY with the same arguments; it replicates as itself.
pub(super) fn copy_db(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let native = OwnedStr::new(b"copy");
    // The server has asked about our name alone.
    if !call.ctx.may_run_as(native.lend(), call.args) {
        return Err(no_permission(b"copy"));
    }
    let args: Vec<&[u8]> = call.args.from(1).collect();
    let home = astray::stay_in(call.db);
    let reply = call.ctx.call(c"copy", "!E", &args).ok_or(NOT_RUN)?;
    drop(home);
    Ok(Reply::from(&reply))
}

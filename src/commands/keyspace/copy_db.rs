//! COPY to another database, on a server that would leave the client there (see `selected_db`): what the filter makes of
//! it. It is the native command in all else: what it does to durable keys is told by the callbacks, and nothing is held.

use super::new_name;
use crate::acks::errors::NOT_RUN;
use crate::acks::reply::Reply;
use crate::engine;
use crate::execute::invocation::Call;
use crate::execute::twins;
use crate::keyspace::selected_db;

/// Runs COPY with the same arguments; it replicates as itself.
pub(super) fn copy_db(call: &mut Call<'_>) -> Result<Reply, Reply> {
    if let Some(refusal) = new_name::refusal(call, b"copy") {
        return Err(refusal);
    }
    let durable = || {
        [1, 2]
            .into_iter()
            .any(|place| engine::is_durable(call.args.get(place)))
    };
    if let Some(refusal) = engine::refusal().filter(|_| durable()) {
        return Err(refusal);
    }
    let args: Vec<&[u8]> = call.args.from(1).collect();
    let home = selected_db::stay_in(call.db);
    let reply = call.ctx.call(c"copy", "!E", &args).ok_or(NOT_RUN)?;
    drop(home);
    Ok(Reply::from(&reply))
}

/// As `copy_db`, without a question for permission or password: so nobody but the filter may call it.
pub(super) fn copy_for_all(call: &mut Call<'_>) -> Result<Reply, Reply> {
    if !twins::is_copy_for_all(call.args.string(0)) {
        return Err(Reply::error(c"ERR MYLOG.COPYFORALL is what becomes of COPY"));
    }
    copy_db(call)
}

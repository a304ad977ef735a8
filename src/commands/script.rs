//! The held forms of EVAL, EVALSHA and FCALL.

use std::ffi::CStr;

use crate::api::settings;
use crate::call::Call;
use crate::reply::Reply;
use crate::scripts;

const NOT_RUN: Reply = Reply::error(c"ERR the server did not run the native command");

/// EVAL script numkeys [key ...] [arg ...]
pub(super) fn eval(call: &mut Call<'_>) -> Result<Reply, Reply> {
    run(call, c"eval")
}

/// EVALSHA sha1 numkeys [key ...] [arg ...]
pub(super) fn evalsha(call: &mut Call<'_>) -> Result<Reply, Reply> {
    run(call, c"evalsha")
}

/// FCALL function numkeys [key ...] [arg ...]
pub(super) fn fcall(call: &mut Call<'_>) -> Result<Reply, Reply> {
    run(call, c"fcall")
}

fn run(call: &mut Call<'_>, native: &'static CStr) -> Result<Reply, Reply> {
    let args: Vec<Vec<u8>> = call.args.from(1).map(<[u8]>::to_vec).collect();
    if scripts::run_held(call.ctx, native, args) {
        return Ok(Reply::Sent);
    }
    inside_a_unit(call, native)
}

/// In EXEC, and in calls of other modules, the script has to run here and now. Nothing protects the client of
/// the EXEC while a script lets the event loop turn (see `scripts`): so this one must not.
fn inside_a_unit(call: &Call<'_>, native: &'static CStr) -> Result<Reply, Reply> {
    let args: Vec<&[u8]> = call.args.from(1).collect();
    let reply = settings::with_scripts_undisturbed(call.ctx, || call.ctx.call_script(native, "!CEM0", &args))
        .flatten();
    call.ctx.reply_with(&reply.ok_or(NOT_RUN)?);
    Ok(Reply::Sent)
}

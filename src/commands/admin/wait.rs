//! `MYLOG.WAIT timeout-ms`.

use module_api::server::now_ms;
use mylog_core::value::integer;

use crate::acks::mylog_wait;
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;

// The error texts of WAIT.
const NOT_A_TIMEOUT: Unchanged = Unchanged(Reply::error(c"ERR timeout is not an integer or out of range"));
const NEGATIVE: Unchanged = Unchanged(Reply::error(c"ERR timeout is negative"));
const TOO_LONG: Unchanged = Unchanged(Reply::error(c"ERR timeout is out of range"));

/// MYLOG.WAIT timeout-ms
pub(super) fn wait(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let timeout = integer(call.args.get(1)).ok_or(NOT_A_TIMEOUT)?;
    if timeout < 0 {
        return Err(NEGATIVE);
    }
    // The server adds the present time to the timeout.
    if timeout > i64::MAX - now_ms() {
        return Err(TOO_LONG);
    }
    Ok(mylog_wait::wait(call.ctx, timeout).unwrap_or(Reply::Later))
}

//! `MYLOG.ADOPT prefix | ABORT`.

use crate::acks::reply::{Reply, Unchanged};
use crate::adopt;
use crate::execute::invocation::Call;
use crate::settings::captured_keys;

/// MYLOG.ADOPT prefix | ABORT
pub(super) fn adopt(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let prefix = call.args.get(1);
    if prefix.eq_ignore_ascii_case(b"abort") {
        return match adopt::abort() {
            true => Ok(Reply::OK),
            false => Err(Unchanged(Reply::error(c"ERR No background adoption in progress"))),
        };
    }
    if !captured_keys::is_captured(prefix) {
        return Err(Unchanged(Reply::error(
            c"ERR mylog.capture does not hold this prefix",
        )));
    }
    match adopt::begin(prefix) {
        true => Ok(Reply::Simple(c"Background adoption started".into())),
        false => Err(Unchanged(Reply::error(
            c"ERR Background adoption already in progress",
        ))),
    }
}

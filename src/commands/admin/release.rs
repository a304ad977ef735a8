//! `MYLOG.RELEASE prefix | ABORT`.

use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;
use crate::release::{self, NotBegun};

/// MYLOG.RELEASE prefix | ABORT
pub(super) fn release(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let prefix = call.args.get(1);
    if prefix.eq_ignore_ascii_case(b"abort") {
        return match release::abort() {
            true => Ok(Reply::OK),
            false => Err(Unchanged(Reply::error(c"ERR No background release in progress"))),
        };
    }
    match release::begin(prefix) {
        Ok(()) => Ok(Reply::Simple(c"Background release started".into())),
        Err(NotBegun::InProgress) => Err(Unchanged(Reply::error(
            c"ERR Background release already in progress",
        ))),
        Err(NotBegun::NoWord) => Err(Unchanged(Reply::error(
            c"ERR mylog.capture has no word for a part of a captured prefix with a blank in it",
        ))),
    }
}

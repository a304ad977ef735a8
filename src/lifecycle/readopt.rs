//! Adopts native keys again whose adoption the log has lost in a crash.

use module_api::Ctx;

use crate::adopt;
use crate::keyspace::lost_adoptions;

/// Adopts the keys of the lost adoptions. Called after the log's keys have entered the keyspace.
pub(super) fn adopt_again(ctx: Ctx<'_>) {
    for (db, name) in lost_adoptions::take() {
        adopt::at_once(ctx, db, &name);
    }
    let _ = ctx.select_db(0);
}

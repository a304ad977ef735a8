//! Native keys whose adoption the log has lost in a crash are adopted again.

use module_api::Ctx;

use crate::adopt;
use crate::keyspace::lost_adoptions;

/// The log's keys have entered the keyspace: those that it lacks are adopted again.
pub(super) fn adopt_again(ctx: Ctx<'_>) {
    for (db, name) in lost_adoptions::take() {
        adopt::at_once(ctx, db, &name);
    }
    let _ = ctx.select_db(0);
}

//! The moment at which a native key becomes a durable one: one effect, one record, one command for replicas. A
//! crash leaves the durable key, or none and so a native one as any that a cache forgets.

use module_api::keys::key::{Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::encode_put;
use mylog_core::value::Value;

use super::build::Building;
use crate::engine;
use crate::engine::own_change::own_op;
use crate::keyspace::native_effects::Cause;
use crate::keyspace::unsynced_adoptions::Recent;
use crate::keyspace::{native_effects, unsynced_adoptions};
use crate::lifecycle::readopt;

/// About what a record takes beside its value.
const RECORD_HEAD: usize = 64;

/// Puts the value that was read in place of the native one, with the same end. False if the log can't take it, or
/// the key has just ended: then nothing has changed.
pub(super) fn take(ctx: Ctx<'_>, built: Building) -> bool {
    let (db, name) = (built.name.db, OwnedStr::new(&built.name.bytes));
    let value: Value = built.into_value();
    let kind = value.kind();
    // First: it may change the keyspace, and no key may be open meanwhile.
    native_effects::settle(Cause::Command);
    // Opened anew: a handle by which a list was read must not be used to take it away.
    let key = Key::open(ctx, name.lend(), Mode::Write);
    if key.native_kind() != Some(kind) {
        return false;
    }
    let expire_at = key.expire_at();
    // Made once, for the log and for replicas: a large one takes the most of this.
    let mut record = Vec::with_capacity(value.view().data_bytes() + RECORD_HEAD);
    encode_put(&mut record, db, name.lend().bytes(), expire_at, value.view());
    let id =
        engine::with(|engine| engine.commit_value(db, name.lend().bytes(), expire_at, value, Some(&record)));
    let Some(Ok(id)) = id else { return false };
    let seq = engine::with(|engine| engine.last_seq()).unwrap_or(0);
    unsynced_adoptions::note(Recent {
        seq,
        db,
        name: name.lend().bytes().to_vec(),
    });
    let followed = {
        let _own = own_op();
        key.unlink()
            .and_then(|()| key.set_word(kind, id.to_word() as usize))
            .and_then(|()| key.set_expire_at(expire_at))
    };
    if let Err(refused) = followed {
        log::warning(&format!(
            "an adopted key of the keyspace does not follow the log: {refused}"
        ));
    }
    // Whoever watches it can't tell this from a change. Nobody is notified of one: the value is what it was.
    ctx.signal_modified(name.lend());
    let origin = readopt::origin(seq);
    ctx.replicate(c"MYLOG.APPLY", &[name.lend().bytes(), &record, &origin]);
    true
}

//! The moment at which a native key becomes a durable one: one effect, one record, one command for replicas. After a crash
//! the log contains the durable key or does not; without it the native key is lost as any key of a cache.

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
use crate::keyspace::{lost_adoptions, native_effects, unsynced_adoptions};

/// Approximate size of a record without its value.
const RECORD_HEAD: usize = 64;

/// Replaces the native value with the durable one, with the same expire time. Returns false, without any change, if the log
/// can't take the value, or if the key has just expired.
pub(super) fn take(ctx: Ctx<'_>, built: Building) -> bool {
    let (db, name) = (built.name.db, OwnedStr::new(&built.name.bytes));
    let value: Value = built.into_value();
    let kind = value.kind();
    // This comes first, since it may change the keyspace while no key may be open.
    native_effects::settle(Cause::Command);
    // The key is opened again: the server forbids to delete a list with the key handle that has read its elements.
    let key = Key::open(ctx, name.lend(), Mode::Write);
    if key.native_kind() != Some(kind) {
        return false;
    }
    let expire_at = key.expire_at();
    // The record is encoded once, for the log and for replicas: for a large value that is most of the work.
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
            .and_then(|()| key.set_number(kind, id.to_word()))
            .and_then(|()| key.set_expire_at(expire_at))
    };
    if let Err(refused) = followed {
        log::warning(&format!(
            "an adopted key of the keyspace does not follow the log: {refused}"
        ));
    }
    // WATCH can't tell an adoption from a change. No keyspace event is sent, since the value is still the same.
    ctx.signal_modified(name.lend());
    let origin = lost_adoptions::origin(seq);
    ctx.replicate(c"MYLOG.APPLY", &[name.lend().bytes(), &record, &origin]);
    true
}

//! The moment at which a durable key becomes a native one. First the server creates the native value in the place of the
//! durable one, then the log deletes the key, both in one unit. After a crash the log still contains the durable key, or the
//! native one is lost as any key of a cache. Replicas and the server's AOF get the RESTORE, with the value.

mod crc64;
mod dump;

use std::sync::atomic::{AtomicU64, Ordering};

use module_api::commands::rm_call::ReplyType;
use module_api::context::Flags;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::{Change, Db};

use super::native_effects::{self, Cause};
use crate::engine;
use crate::engine::own_change::own_op;
use crate::engine::value_handle;

static ALL_KEYS: AtomicU64 = AtomicU64::new(0);

/// Number of keys that were released since the start.
pub(crate) fn all_keys() -> u64 {
    ALL_KEYS.load(Ordering::Relaxed)
}

/// The result of the release of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// The key is native, or its expire time has passed.
    Native,
    /// The server refused the value: the key is still durable.
    Refused,
    /// The key is not a durable one.
    Gone,
}

/// Releases a key of any database.
pub(crate) fn one(ctx: Ctx<'_>, db: Db, name: &[u8]) -> Given {
    if ctx.select_db(db).is_err() {
        return Given::Gone;
    }
    let given = in_this_db(ctx, db, name);
    if given == Given::Native {
        ALL_KEYS.fetch_add(1, Ordering::Relaxed);
    }
    given
}

/// Releases a key that a command is about to use, in the command's database. False if the key is still durable.
pub(crate) fn at_once(ctx: Ctx<'_>, db: Db, name: &[u8]) -> bool {
    let given = in_this_db(ctx, db, name);
    if given == Given::Native {
        ALL_KEYS.fetch_add(1, Ordering::Relaxed);
    }
    given != Given::Refused
}

fn in_this_db(ctx: Ctx<'_>, db: Db, name: &[u8]) -> Given {
    let owned = OwnedStr::new(name);
    native_effects::settle(Cause::Command);
    let key = Key::open(ctx, owned.lend(), Mode::Write);
    let Contents::Ours(_, handle) = key.contents() else {
        return Given::Gone;
    };
    let expire_at = key.expire_at();
    drop(key);
    native_effects::settle(Cause::Command);
    let Some(dump) = value_handle::with_value(handle, dump::of) else {
        return Given::Gone;
    };
    let ttl = expire_at.max(0).to_string();
    let restored = {
        let _own = own_op();
        ctx.call(
            c"RESTORE",
            "!E",
            &[name, ttl.as_bytes(), &dump, b"REPLACE", b"ABSTTL"],
        )
    };
    let refused = match &restored {
        None => Some("the server did not run RESTORE".into()),
        Some(reply) if reply.whole().kind() == ReplyType::Error => {
            Some(String::from_utf8_lossy(reply.whole().bytes()).into_owned())
        }
        Some(_) => None,
    };
    if let Some(why) = refused {
        log::warning(&format!("a durable key could not be made native: {why}"));
        return Given::Refused;
    }
    // The log deletes the key only after the server has written its AOF. With the log first, a crash in between would leave the
    // key in neither file.
    let aof = Flags::of_server().any(Flags::AOF);
    let taken = engine::with(|engine| {
        if aof {
            engine.let_aof_go_first();
        }
        engine.commit(&Change::Del.of(db, name))
    });
    if let Some(Err(error)) = taken {
        log::warning(&format!("the log can't forget a key that is native now: {error}"));
    }
    Given::Native
}

//! The moment at which a durable key becomes a native one. The server makes the native value first, in the place of the
//! durable one, then the log forgets the key, both in one unit: a crash leaves the durable key, or a native one as any
//! that a cache forgets. Replicas and the server's AOF get the server's own command, with the value.

use module_api::commands::rm_call::ReplyType;
use module_api::context::Flags;
use module_api::keys::key::{Holds, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::{Db, Effect};

use super::dump;
use crate::engine;
use crate::engine::own_change::own_op;
use crate::engine::value_handle;
use crate::keyspace::native_effects::{self, Cause};

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// It is native, or its time was over.
    Native,
    /// The server did not take it: it is what it was.
    Refused,
    /// There was no durable key.
    Gone,
}

/// Makes a key native.
pub(super) fn one(ctx: Ctx<'_>, db: Db, name: &[u8]) -> Given {
    if ctx.select_db(db).is_err() {
        return Given::Gone;
    }
    let given = in_this_db(ctx, db, name);
    if given == Given::Native {
        super::count_one();
    }
    given
}

/// Makes a key native that a command has met, in the command's database. False if it is not so now.
pub(crate) fn at_once(ctx: Ctx<'_>, db: Db, name: &[u8]) -> bool {
    let given = in_this_db(ctx, db, name);
    if given == Given::Native {
        super::count_one();
    }
    given != Given::Refused
}

fn in_this_db(ctx: Ctx<'_>, db: Db, name: &[u8]) -> Given {
    let owned = OwnedStr::new(name);
    native_effects::settle(Cause::Command);
    let key = Key::open(ctx, owned.lend(), Mode::Write);
    let Holds::Ours(_, word) = key.holds() else {
        return Given::Gone;
    };
    let expire_at = key.expire_at();
    drop(key);
    native_effects::settle(Cause::Command);
    let Some(dump) = value_handle::with_value(word, dump::of) else {
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
    // A crash between the two files would leave it in neither.
    let aof = Flags::of_server().any(Flags::AOF);
    let taken = engine::with(|engine| {
        if aof {
            engine.let_aof_go_first();
        }
        engine.commit(&Effect::Del { db, key: name })
    });
    if let Some(Err(error)) = taken {
        log::warning(&format!("the log can't forget a key that is native now: {error}"));
    }
    Given::Native
}

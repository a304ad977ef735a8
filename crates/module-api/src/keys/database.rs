//! The database that a context is in.
//!
//! Valkey 9 answers with the database of the last SELECT that was queued, for a client in MULTI: for all of its EXEC, and
//! also where a notification is of another database. A key that is opened is always one of the database that the
//! context is in, and the key knows its database.

use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use crate::context::Flags;
use crate::{Ctx, OwnedStr, api};

/// Whether the server's answer does not hold inside EXEC.
static MISTAKEN_IN_EXEC: AtomicBool = AtomicBool::new(false);

/// Tells whether this server's answer does not hold inside EXEC. In OnLoad.
pub fn is_mistaken_in_exec(is: bool) {
    MISTAKEN_IN_EXEC.store(is, Ordering::Relaxed);
}

impl Ctx<'_> {
    /// The database of the client, or of the callback.
    pub fn db(self) -> u32 {
        if MISTAKEN_IN_EXEC.load(Ordering::Relaxed) && self.flags().any(Flags::MULTI) {
            if let Some(db) = self.db_by_a_key() {
                return db;
            }
        }
        // SAFETY: the context is alive. A database number is never negative.
        unsafe { api!(RedisModule_GetSelectedDb)(self.raw()) as u32 }
    }

    /// The same, told by a key; opening it has no effect, whether it exists or not.
    fn db_by_a_key(self) -> Option<u32> {
        // Opened to read, a key that is missing has no handle.
        let mode = raw::REDISMODULE_READ | raw::REDISMODULE_WRITE | raw::REDISMODULE_OPEN_KEY_NOEFFECTS;
        let name = OwnedStr::new(b"");
        // SAFETY: context and name are alive; the handle is closed before either ends, and not used after that.
        unsafe {
            let key = api!(RedisModule_OpenKey)(self.raw(), name.lend().raw(), mode as i32);
            if key.is_null() {
                return None;
            }
            let db = api!(RedisModule_GetDbIdFromModuleKey)(key);
            api!(RedisModule_CloseKey)(key);
            u32::try_from(db).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refused, mock};

    #[test]
    fn the_database_is_the_selected_one_and_inside_exec_that_of_a_key() {
        let server = mock::start();
        let context = server.context();
        context.ctx().select_db(5).unwrap();
        assert_eq!(context.ctx().db(), 5);
        is_mistaken_in_exec(true);
        context.set_flags(Flags::MULTI);
        assert_eq!(context.ctx().db(), 5);
        assert_eq!((server.open_keys(), server.strings_alive()), (0, 0));
        is_mistaken_in_exec(false);
        let call = "RedisModule_SelectDb";
        server.refuse(call);
        assert_eq!(context.ctx().select_db(1), Err(Refused { call }));
        assert_eq!(context.ctx().db(), 5);
    }
}

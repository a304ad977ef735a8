//! May the client's user do something?

use redis_module::raw;

use super::context::Flags;
use super::string::{ArgVector, OwnedStr};
use super::{Ctx, Str, api};

/// A user, for as long as it is asked about.
struct User(*mut raw::RedisModuleUser);

impl Drop for User {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, freed once; the user itself stays.
        unsafe { api!(RedisModule_FreeModuleUser)(self.0) };
    }
}

impl Ctx<'_> {
    /// Asks `f` about the current user. True where there is none: replication and the server's own calls.
    fn user_may(self, f: impl FnOnce(&User) -> bool) -> bool {
        // The client of a primary has no user, and 7.0 reads its name all the same.
        if self.flags().any(Flags::REPLICATED) {
            return true;
        }
        // SAFETY: the context is alive; the name is null or ours to free.
        let Some(name) = (unsafe { OwnedStr::from_raw(api!(RedisModule_GetCurrentUserName)(self.raw())) })
        else {
            return true;
        };
        // SAFETY: the name is alive. The handle is null for an unknown user.
        let user = unsafe { api!(RedisModule_GetModuleUserFromUserName)(name.lend().raw()) };
        !user.is_null() && f(&User(user))
    }

    /// Whether the current user may run this command with these arguments, its name first.
    pub(crate) fn may_run(self, args: &[&[u8]]) -> bool {
        self.user_may(|user| {
            let args = ArgVector::new(args);
            let mut pointers = args.pointers();
            let count = i32::try_from(pointers.len()).unwrap_or(i32::MAX);
            // SAFETY: user and strings are alive, `count` of them.
            unsafe { api!(RedisModule_ACLCheckCommandPermissions)(user.0, pointers.as_mut_ptr(), count) == 0 }
        })
    }

    /// Whether the current user may see what a key holds.
    pub(crate) fn may_read(self, key: Str<'_>) -> bool {
        let flags = raw::REDISMODULE_CMD_KEY_ACCESS as i32;
        // SAFETY: user and key are alive.
        self.user_may(|user| unsafe {
            api!(RedisModule_ACLCheckKeyPermissions)(user.0, key.raw(), flags) == 0
        })
    }
}

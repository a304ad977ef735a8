//! May the client's user do something?

use redis_module::raw;

use super::context::Flags;
use super::string::{ArgVector, Args, OwnedStr};
use super::{Ctx, Str, api};
use crate::conditions;
use crate::gil::Gil;

/// A user, for as long as it is asked about.
struct User(*mut raw::RedisModuleUser);

impl Drop for User {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, freed once; the user itself stays.
        unsafe { api!(RedisModule_FreeModuleUser)(self.0) };
    }
}

/// The user that every server has. He can't be deleted, and loading another list of users changes him in place, since
/// clients point to him: so a handle of him stays good, which must not be kept of any other.
static DEFAULT: Gil<Option<User>> = Gil::new(None);
const DEFAULT_NAME: &[u8] = b"default";

/// The name of a client's user, for what is done on his behalf later.
pub(crate) struct UserName(OwnedStr);

impl User {
    fn named(name: &OwnedStr) -> Option<Self> {
        // SAFETY: the name is alive. The handle is null for an unknown user.
        let user = unsafe { api!(RedisModule_GetModuleUserFromUserName)(name.lend().raw()) };
        // Lazily: what is made is freed, and the server ends itself over a null.
        (!user.is_null()).then(|| Self(user))
    }

    fn may_run(&self, args: &[&[u8]]) -> bool {
        let args = ArgVector::new(args);
        // SAFETY: the strings live as long as the vector.
        unsafe { self.may_run_raw(&mut args.pointers()) }
    }

    /// # Safety
    /// The strings are alive.
    unsafe fn may_run_raw(&self, args: &mut [*mut raw::RedisModuleString]) -> bool {
        let count = i32::try_from(args.len()).unwrap_or(i32::MAX);
        // SAFETY: the user is alive, and by the contract of this function the strings are, `count` of them.
        unsafe { api!(RedisModule_ACLCheckCommandPermissions)(self.0, args.as_mut_ptr(), count) == 0 }
    }
}

impl Ctx<'static> {
    /// Runs `f`, whose calls with the modifier `C` are that user's, if he may run this command, its name
    /// first. `None` if he may not, or is gone.
    pub(crate) fn as_user<R>(self, name: &UserName, args: &[&[u8]], f: impl FnOnce() -> R) -> Option<R> {
        let user = User::named(&name.0)?;
        if !user.may_run(args) {
            return None;
        }
        // SAFETY: the context is never freed, and forgets the user before the handle is freed.
        unsafe { api!(RedisModule_SetContextUser)(self.raw(), user.0) };
        let done = f();
        // SAFETY: as above; null is "none".
        unsafe { api!(RedisModule_SetContextUser)(self.raw(), std::ptr::null()) };
        Some(done)
    }
}

impl Ctx<'_> {
    /// The user of the client.
    pub(crate) fn user_name(self) -> Option<UserName> {
        // SAFETY: the context is a command's; the name is null or ours to free.
        unsafe { OwnedStr::from_raw(api!(RedisModule_GetCurrentUserName)(self.raw())) }.map(UserName)
    }

    /// Asks `f` about the current user. True where there is none: replication and the server's own calls.
    fn user_may(self, f: impl FnOnce(&User) -> bool) -> bool {
        // The client of a primary has no user, and 7.0 reads its name all the same.
        if conditions::may_be_replicated() && self.flags().any(Flags::REPLICATED) {
            return true;
        }
        // SAFETY: the context is alive; the name is null or ours to free.
        let Some(name) = (unsafe { OwnedStr::from_raw(api!(RedisModule_GetCurrentUserName)(self.raw())) })
        else {
            return true;
        };
        if name.lend().bytes() == DEFAULT_NAME {
            return DEFAULT.with(|kept| {
                if kept.is_none() {
                    *kept = User::named(&name);
                }
                kept.as_ref().is_some_and(f)
            });
        }
        User::named(&name).is_some_and(|user| f(&user))
    }

    /// Whether the current user may run this command with these arguments, its name first.
    pub(crate) fn may_run(self, args: &[&[u8]]) -> bool {
        self.user_may(|user| user.may_run(args))
    }

    /// Whether the current user may run the command of this name with these arguments, but for their first, which is
    /// a name as well.
    pub(crate) fn may_run_as(self, name: Str<'_>, args: Args<'_>) -> bool {
        self.user_may(|user| {
            // SAFETY: name and arguments are alive.
            args.with_name(name, |args| unsafe { user.may_run_raw(args) })
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

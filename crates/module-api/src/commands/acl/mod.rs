//! May the client's user do something? Valkey from 9.1 on has users who may use some databases only, so there the
//! question names one: asked without, the server denies them everything.

mod rules;
mod user;

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis_module::raw;

use super::rm_call::CallReply;
use crate::context::Flags;
use crate::gil::Gil;
use crate::server::server_state;
use crate::string::{ArgVector, Args, OwnedStr};
use crate::{Ctx, Str, api, clients};
use rules::Rules;
use user::User;

/// The user that every server has. He can't be deleted, and loading another list of users changes him in place, since
/// clients point to him: so a handle of him stays good, which must not be kept of any other.
static DEFAULT: Gil<Option<DefaultUser>> = Gil::new(None);
const DEFAULT_NAME: &[u8] = b"default";

/// The default user, and his rules as they were looked at last.
struct DefaultUser {
    user: User,
    rules: Rules,
}

/// The name of a user.
pub struct UserName(OwnedStr);

/// What the server says of a user and a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// He may run it.
    Allowed,
    /// He may not.
    Denied,
    /// There is no command of this name.
    Unknown,
}

/// Whose command it is, by the id of its client.
pub enum Owner {
    /// The user that clients are before they say who they are: this one may not have said it yet.
    Default,
    /// Another one, so he has said who he is.
    Named(UserName),
    /// A client that is in no list, of a script or a module: nobody asks it who it is.
    Unlisted,
}

/// Ids of clients in the server's list, each at the place that its lowest bits tell. Those have a user, but for a
/// replica's primary.
static LISTED: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// Set while no other module is loaded: whoever calls a command of ours inside of another one is then known.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Modules have come or gone.
pub fn are_other_modules(others: bool) {
    ALONE.store(!others, Ordering::Relaxed);
}

/// A command that no server has.
const NO_COMMAND: &CStr = c"mylog.nothing";

/// User, arguments, their count, database, and where the reason of a denial goes, which may be null.
type CheckInDatabase = unsafe extern "C" fn(
    *mut raw::RedisModuleUser,
    *mut *mut raw::RedisModuleString,
    c_int,
    c_int,
    *mut c_void,
) -> c_int;

/// Only of the servers that know databases in permissions. The bindings do not know it.
static CHECK_IN_DATABASE: OnceLock<CheckInDatabase> = OnceLock::new();

/// Users of so many databases are asked about; one who is denied in all of these may be allowed in another.
const DATABASES: u32 = 256;

/// Asks the server for what the bindings do not know. In OnLoad.
pub fn prepare() {
    rules::prepare();
    let mut function: Option<CheckInDatabase> = None;
    let place = (&raw mut function).cast::<c_void>();
    // SAFETY: the name is a C string. Under it the server has a function of this type or none; it writes the pointer
    // then, which an Option has room for, and leaves it alone otherwise.
    unsafe { api!(RedisModule_GetApi)(c"ValkeyModule_ACLCheckPermissions".as_ptr(), place) };
    if let Some(function) = function {
        let _ = CHECK_IN_DATABASE.set(function);
    }
}

impl User {
    fn named(name: &OwnedStr) -> Option<Self> {
        // SAFETY: the name is alive. The handle is null for an unknown user.
        let user = unsafe { api!(RedisModule_GetModuleUserFromUserName)(name.lend().raw()) };
        // Lazily: what is made is freed, and the server ends itself over a null.
        (!user.is_null()).then(|| Self(user))
    }

    fn verdict(&self, db: u32, args: &[&[u8]]) -> Verdict {
        let args = ArgVector::new(args);
        // SAFETY: the strings live as long as the vector.
        unsafe { self.verdict_raw(db, &mut args.pointers()) }
    }

    /// The same in whatever database is best for him.
    fn best_verdict(&self, args: &[&[u8]]) -> Verdict {
        let first = self.verdict(0, args);
        if first != Verdict::Denied || CHECK_IN_DATABASE.get().is_none() {
            return first;
        }
        let others = (1..DATABASES).map(|db| self.verdict(db, args));
        match others.into_iter().find(|verdict| *verdict != Verdict::Denied) {
            // There are no more databases.
            Some(Verdict::Unknown) => Verdict::Denied,
            _ => Verdict::Allowed,
        }
    }

    /// # Safety
    /// The strings are alive.
    unsafe fn verdict_raw(&self, db: u32, args: &mut [*mut raw::RedisModuleString]) -> Verdict {
        let count = c_int::try_from(args.len()).unwrap_or(c_int::MAX);
        let db = c_int::try_from(db).unwrap_or(c_int::MAX);
        // SAFETY: the user is alive, and by the contract of this function the strings are, `count` of them.
        let status = unsafe {
            match CHECK_IN_DATABASE.get() {
                Some(check) => check(self.0, args.as_mut_ptr(), count, db, std::ptr::null_mut()),
                None => api!(RedisModule_ACLCheckCommandPermissions)(self.0, args.as_mut_ptr(), count),
            }
        };
        let error = || io::Error::last_os_error().raw_os_error();
        // With a database the server has one number for all that it does not know.
        let unknown = match CHECK_IN_DATABASE.get() {
            Some(_) => libc::EINVAL,
            None => libc::ENOENT,
        };
        match status {
            0 => Verdict::Allowed,
            _ if error() == Some(unknown) => Verdict::Unknown,
            _ => Verdict::Denied,
        }
    }
}

/// Asks `f` about the user of this name. `Denied` where there is none any more.
fn ask(name: &OwnedStr, f: impl FnOnce(&User) -> Verdict) -> Verdict {
    if name.lend().bytes() == DEFAULT_NAME {
        return ask_default(f);
    }
    User::named(name).map_or(Verdict::Denied, |user| f(&user))
}

fn ask_default(f: impl FnOnce(&User) -> Verdict) -> Verdict {
    with_default(|default| f(&default.user)).unwrap_or(Verdict::Denied)
}

fn with_default<R>(f: impl FnOnce(&mut DefaultUser) -> R) -> Option<R> {
    DEFAULT.with(|kept| {
        if kept.is_none() {
            let rules = Rules::default();
            let user = User::named(&OwnedStr::new(DEFAULT_NAME));
            *kept = user.map(|user| DefaultUser { user, rules });
        }
        kept.as_mut().map(f)
    })
}

/// True if nothing is denied to the default user, as nearly always. It costs less than a question about one command.
fn default_may_all() -> bool {
    with_default(|default| default.rules.allow_all(&default.user)) == Some(true)
}

impl UserName {
    /// True if it is known that nothing is denied to him.
    pub fn may_all(&self) -> bool {
        self.0.lend().bytes() == DEFAULT_NAME && default_may_all()
    }
}

impl Owner {
    /// True if it is known that nothing is denied to him.
    pub fn may_all(&self) -> bool {
        matches!(self, Self::Default) && default_may_all()
    }

    /// The one to whom the client of this id belongs.
    pub fn of(ctx: Ctx<'_>, id: u64) -> Self {
        match listed_user(ctx, id) {
            Ok(name) if name.lend().bytes() == DEFAULT_NAME => Self::Default,
            Ok(name) => Self::Named(UserName(name)),
            Err(_) => Self::Unlisted,
        }
    }

    /// True if the server denies him this command, its name first, in every database: of a client in MULTI nobody
    /// knows which one it will be in, and what is left to the server must be sure to be denied.
    pub fn is_denied(&self, args: &[&[u8]]) -> bool {
        let verdict = match self {
            Self::Default => ask_default(|user| user.best_verdict(args)),
            Self::Named(name) => ask(&name.0, |user| user.best_verdict(args)),
            Self::Unlisted => Verdict::Allowed,
        };
        verdict == Verdict::Denied
    }
}

/// Why there is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nameless {
    /// The client is in no list.
    Unlisted,
    /// It has no user: a replica's primary.
    Nobody,
}

/// The name of the user of a client in the server's list.
fn listed_user(ctx: Ctx<'_>, id: u64) -> Result<OwnedStr, Nameless> {
    // SAFETY: the context is alive; without automatic memory the name is null or ours to free.
    let name = unsafe { OwnedStr::from_raw(api!(RedisModule_GetClientUserNameById)(ctx.raw(), id)) };
    name.ok_or_else(|| match io::Error::last_os_error().raw_os_error() {
        Some(libc::ENOENT) => Nameless::Unlisted,
        _ => Nameless::Nobody,
    })
}

impl<'c> Ctx<'c> {
    /// False for what is no user's: replication, and calls that are nobody's.
    pub fn is_users(self) -> bool {
        self.current_user().is_some()
    }

    /// The current user. `None` where there is none: replication, and calls that are nobody's.
    pub fn user(self) -> Option<UserName> {
        self.current_user().map(UserName)
    }

    fn current_user(self) -> Option<OwnedStr> {
        // The server follows the client's user without asking whether there is one.
        if !self.has_user() {
            return None;
        }
        // SAFETY: the context is a command's, whose client has a user; the name is null or ours to free.
        unsafe { OwnedStr::from_raw(api!(RedisModule_GetCurrentUserName)(self.raw())) }
    }

    /// False for replication, and for what a module calls without saying on whose behalf.
    fn has_user(self) -> bool {
        // A client in the list may have become that of a primary.
        if server_state::may_be_replicated() && self.flags().any(Flags::REPLICATED) {
            return false;
        }
        let id = self.client_id();
        if id == 0 {
            return false;
        }
        let known = LISTED.get(usize::try_from(id % 64).unwrap_or(0));
        if known.is_some_and(|known| known.load(Ordering::Relaxed) == id) {
            return true;
        }
        match listed_user(self, id) {
            Ok(_) => {
                if let Some(known) = known {
                    known.store(id, Ordering::Relaxed);
                }
                true
            }
            Err(Nameless::Nobody) => false,
            // A script's client has the user of whoever runs the script. That it is a script's is known where nobody else
            // can have called this inside of one.
            Err(Nameless::Unlisted) if ALONE.load(Ordering::Relaxed) && self.is_in_script_of_listed() => true,
            // The server looks for the user of a call before it looks for the command.
            Err(Nameless::Unlisted) => {
                let reply = self.call(NO_COMMAND, "C", &[]);
                reply.is_some() || io::Error::last_os_error().raw_os_error() != Some(libc::ENOTSUP)
            }
        }
    }

    /// True inside of a script that a client in the list runs.
    fn is_in_script_of_listed(self) -> bool {
        clients::of_running_script().is_some_and(|caller| listed_user(self, caller).is_ok())
    }

    /// Asks `f` about the current user. `Allowed` where there is none: replication, and calls that are nobody's.
    fn of_user(self, f: impl FnOnce(&User) -> Verdict) -> Verdict {
        self.current_user().map_or(Verdict::Allowed, |name| ask(&name, f))
    }

    /// What the server says of the current user and this command, its name first.
    pub fn verdict(self, args: &[&[u8]]) -> Verdict {
        self.of_user(|user| user.verdict(self.db(), args))
    }

    /// What the server says of a user and the command of this name with these arguments, but for their first, which is a
    /// name as well.
    pub fn verdict_as(self, user: &UserName, name: Str<'_>, args: Args<'_>) -> Verdict {
        ask(&user.0, |user| {
            let db = self.db();
            // SAFETY: name and arguments are alive.
            args.with_name(name, |args| unsafe { user.verdict_raw(db, args) })
        })
    }

    /// What the server answers a user who may not run this command: it notes that in ACL LOG, too. For a command that
    /// was denied only: 7.0 runs any other one.
    pub fn denial(self, name: &CStr, args: &[&[u8]]) -> Option<CallReply<'c>> {
        // What later servers call a dry run.
        let modifiers = if Ctx::hears_unit_ends() { "CED" } else { "CE" };
        self.call(name, modifiers, args)
    }

    /// Notes in ACL LOG that the current user was denied a command.
    pub fn note_denial(self, command: &[u8]) {
        let Some(name) = self.current_user() else { return };
        let (Some(user), object) = (User::named(&name), OwnedStr::new(command)) else {
            return;
        };
        let reason = raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_CMD;
        // SAFETY: context, user and object are alive; the server copies what it keeps. The status says that it knows
        // the reason.
        unsafe { api!(RedisModule_ACLAddLogEntry)(self.raw(), user.0, object.lend().raw(), reason) };
    }
}

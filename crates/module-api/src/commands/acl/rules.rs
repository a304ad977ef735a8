//! Whether a user's rules deny him nothing: without a question about each command, which looks the command up.
//!
//! The server makes the text of a user's rules once, and anew behind each change of them. While we have a share of the text
//! no other has its address: the same string says that nothing has changed since it was read (`ACLDescribeUser` and `ACLSetUser`
//! of acl.c, Redis 7.0.15, Valkey 8.0.1; a server that made it anew each time would only be slower).

use std::ffi::c_void;
use std::sync::OnceLock;

use redis_module::raw;

use super::user::User;
use crate::{OwnedStr, api};

/// Returns a share of the text of a user's rules. The bindings do not know it.
type RulesOf = unsafe extern "C" fn(*mut raw::RedisModuleUser) -> *mut raw::RedisModuleString;

static RULES_OF: OnceLock<RulesOf> = OnceLock::new();

/// Asks the server for it. In OnLoad.
pub(crate) fn prepare() {
    let mut function: Option<RulesOf> = None;
    let place = (&raw mut function).cast::<c_void>();
    // SAFETY: the name is a C string. Under it the server has a function of this type, since 7.0.6, or none; it writes the
    // pointer then, which an Option has room for, and leaves it alone otherwise.
    unsafe { api!(RedisModule_GetApi)(c"RedisModule_GetModuleUserACLString".as_ptr(), place) };
    if let Some(function) = function {
        let _ = RULES_OF.set(function);
    }
}

/// A user's rules as they were read last.
#[derive(Default)]
pub(crate) struct Rules {
    text: Option<OwnedStr>,
    allow_all: bool,
}

impl Rules {
    /// True if they deny this user nothing, whose rules these are.
    pub(crate) fn allow_all(&mut self, user: &User) -> bool {
        let Some(text) = text_of(user) else {
            return false;
        };
        if !self
            .text
            .as_ref()
            .is_some_and(|known| known.lend().is(text.lend()))
        {
            self.allow_all = deny_nothing(text.lend().bytes());
            self.text = Some(text);
        }
        self.allow_all
    }
}

fn text_of(user: &User) -> Option<OwnedStr> {
    let rules_of = RULES_OF.get()?;
    // SAFETY: the user is alive; the share of the string is ours to give back.
    unsafe { OwnedStr::from_raw(rules_of(user.0)) }
}

/// True for rules that give every command on every key, of which no word takes anything away. Words that are not known may.
fn deny_nothing(rules: &[u8]) -> bool {
    const NEEDED: [&[u8]; 3] = [b"~*", b"&*", b"+@all"];
    // How he says who he is.
    const BESIDE: [&[u8]; 5] = [
        b"on",
        b"off",
        b"nopass",
        b"sanitize-payload",
        b"skip-sanitize-payload",
    ];
    let words = || rules.split(|byte| *byte == b' ');
    let is_harmless =
        |word: &[u8]| NEEDED.contains(&word) || BESIDE.contains(&word) || word.first() == Some(&b'#');
    words().all(is_harmless) && NEEDED.iter().all(|needed| words().any(|word| word == *needed))
}

#[cfg(test)]
mod tests {
    use super::deny_nothing;

    #[test]
    fn only_rules_without_any_limit_deny_nothing() {
        for rules in [
            "on nopass ~* &* +@all",
            "on nopass sanitize-payload ~* &* +@all",
            "off #a1b2 skip-sanitize-payload ~* &* +@all",
        ] {
            assert!(deny_nothing(rules.as_bytes()), "{rules}");
        }
        for rules in [
            "",
            "on nopass ~* &* +@all -incr",
            "on nopass ~* &* -@all",
            "on nopass ~* resetchannels +@all",
            "on nopass ~a* &* +@all",
            "on nopass %R~* &* +@all",
            "on nopass ~* ~a* &* +@all",
            "on nopass ~* &* -@all (~* &* +@all)",
            "on nopass db=1 ~* &* +@all",
        ] {
            assert!(!deny_nothing(rules.as_bytes()), "{rules}");
        }
    }
}

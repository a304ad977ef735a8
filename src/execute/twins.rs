//! The server's strings for the names of routed commands, made once: code that runs for every captured command makes none.
//!
//! So one string is an argument of many commands at a time, each of which has a share of it. The server keeps arguments in
//! the same way: code that would reuse, change or trim an argument first checks that it has the only share. The count of
//! shares is not atomic, but the server's other threads free only arguments that have no other share.

use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};

use module_api::commands::spelling;
use module_api::gil::Gil;
use module_api::string::Args;
use module_api::{OwnedStr, Str};
use redis_grammar::key_places::{key_places, pattern_places};
use redis_grammar::routes::{self, Keys};

use crate::settings::server_commands;

/// With a native name in lower case after it: the name of a routed command's twin. The server finds the twin in any case. By
/// this spelling the handler knows that the command was routed, and that the user may lack the permission for the native
/// command.
pub(crate) const ROUTED: &[u8] = b"MYLOG.";

/// The names of one route.
struct Names {
    twin: OwnedStr,
    native: OwnedStr,
}

/// The names, by the place of their route.
static NAMES: Gil<Vec<Names>> = Gil::new(Vec::new());

/// The name of the command that runs COPY for every client that has authenticated. No client can send it: it is known by
/// this very string, not by its text.
static COPY_FOR_ALL: Gil<Option<OwnedStr>> = Gil::new(None);

/// The same for the command that checks a native one.
static CHECK_FOR_ALL: Gil<Option<OwnedStr>> = Gil::new(None);

/// The place of the last twin that the filter put in: its command runs next, unless it was queued.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Makes the names. In OnLoad, before the filter runs.
pub(crate) fn prepare() {
    note_later_keys();
    let names = routes::names().map(|native| Names {
        twin: made_twin(native.as_bytes()),
        native: OwnedStr::new(native.as_bytes()),
    });
    let names = names.collect();
    NAMES.with(|slot| *slot = names);
    COPY_FOR_ALL.with(|slot| *slot = Some(OwnedStr::new(b"MYLOG.COPYFORALL")));
    CHECK_FOR_ALL.with(|slot| *slot = Some(OwnedStr::new(b"MYLOG.CHECKEDFORALL")));
}

fn note_later_keys() {
    routes::with_later_keys().for_each(|name| server_commands::note_later_keys(name.as_bytes()));
}

/// The name of the command that runs COPY for every authenticated client.
pub(crate) fn copy_for_all() -> Option<OwnedStr> {
    COPY_FOR_ALL.with(|name| name.as_ref().map(OwnedStr::share))
}

/// True for that name, where it is the filter that has put it there.
pub(crate) fn is_copy_for_all(name: Str<'_>) -> bool {
    COPY_FOR_ALL.with(|own| own.as_ref().is_some_and(|own| own.lend().is(name)))
}

/// The name of the command that checks a native one for every authenticated client.
pub(crate) fn check_for_all() -> Option<OwnedStr> {
    CHECK_FOR_ALL.with(|name| name.as_ref().map(OwnedStr::share))
}

/// True for that name, where it is the filter that has put it there.
pub(crate) fn is_check_for_all(name: Str<'_>) -> bool {
    CHECK_FOR_ALL.with(|own| own.as_ref().is_some_and(|own| own.lend().is(name)))
}

/// A new string with the name of a native command's twin.
pub(crate) fn made_twin(native: &[u8]) -> OwnedStr {
    OwnedStr::new(&[ROUTED, &native.to_ascii_lowercase()].concat())
}

/// The name of the twin of the route at a place.
pub(crate) fn twin(place: usize) -> Option<OwnedStr> {
    LAST.store(place, Ordering::Relaxed);
    NAMES.with(|names| names.get(place).map(|names| names.twin.share()))
}

/// The native name for which a command of the module stands, by the command's name in any case.
pub(crate) fn native_string(name: Str<'_>) -> Option<OwnedStr> {
    if server_commands::are_renamed() {
        return spelt(stands_for(behind_prefix(name.bytes())?));
    }
    let is_last = |names: &&Names| names.twin.lend().is(name);
    let last = NAMES.with(|names| {
        let names = names.get(LAST.load(Ordering::Relaxed)).filter(is_last);
        names.map(|names| names.native.share())
    });
    last.or_else(|| found(behind_prefix(name.bytes())?))
}

/// The native name in the name of a command of the module, which may be in any case.
fn behind_prefix(name: &[u8]) -> Option<&[u8]> {
    let (prefix, native) = name.split_at_checked(ROUTED.len())?;
    prefix.eq_ignore_ascii_case(ROUTED).then_some(native)
}

/// The native name of a command that the filter has routed here. A command that a client has sent by the twin's name has
/// another string as its name.
pub(crate) fn routed_from(name: Str<'_>) -> Option<&'static str> {
    let place = routes::place(native_name(name.bytes())?)?;
    let routed = NAMES.with(|names| names.get(place).is_some_and(|names| names.twin.lend().is(name)));
    routes::at_place(place).filter(|_| routed).map(|route| route.name)
}

/// The native name for which a command of the module stands, by the command's own name without the prefix.
fn stands_for(own: &[u8]) -> &[u8] {
    // Forms of COPY with names of their own.
    let copies: [&[u8]; 2] = [b"copydb", b"copyforall"];
    match copies.iter().any(|copy| own.eq_ignore_ascii_case(copy)) {
        true => b"copy",
        false => own,
    }
}

/// The spelling of a native name where `rename-command` may have changed it. A changed spelling is unknown until a client
/// has used it: then the result is a name for which no rule can be checked.
fn spelt(native: &[u8]) -> Option<OwnedStr> {
    let name = CString::new(native.to_ascii_lowercase()).ok()?;
    let spelling = spelling::of(&name).map(|spelling| spelling.to_bytes().to_vec());
    Some(OwnedStr::new(
        &spelling.unwrap_or_else(|| [native, b" (renamed)"].concat()),
    ))
}

fn found(own: &[u8]) -> Option<OwnedStr> {
    let native = stands_for(own);
    let place = routes::place(native);
    let kept = place.and_then(|place| NAMES.with(|names| names.get(place).map(|names| names.native.share())));
    kept.or_else(|| Some(OwnedStr::new(&native.to_ascii_lowercase())))
}

/// The native name in the name of a routed command: `MYLOG.` and the native name in lower case. A client that sends such a
/// name itself needs the permission for the native command as well.
pub(crate) fn native_name(name: &[u8]) -> Option<&[u8]> {
    let native = name.strip_prefix(ROUTED)?;
    let is_lower = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    native.iter().all(is_lower).then_some(native)
}

/// The places of a command's keys, and what it does with them, by its native name.
pub(crate) struct KeysOf {
    pub(crate) places: Vec<usize>,
    /// It only takes from the first of its keys that contains something.
    pub(crate) takes_only: bool,
    /// It reads keys that are not among its arguments.
    pub(crate) looks_elsewhere: bool,
}

/// The keys of a command; `None` for one that the filter does not know.
pub(crate) fn keys_of(native: &[u8], args: Args<'_>) -> Option<KeysOf> {
    let route = routes::find(native)?;
    let arg = |place| (place < args.len()).then(|| args.get(place));
    Some(KeysOf {
        places: key_places(arg, args.len(), route.keys).collect(),
        looks_elsewhere: route.keys == Keys::Sort
            && pattern_places(|place| arg(place).unwrap_or_default(), args.len())
                .next()
                .is_some(),
        takes_only: matches!(route.keys, Keys::Counted | Keys::CountedLater | Keys::AllButLast),
    })
}

#[cfg(test)]
mod tests {
    use redis_grammar::routes::ROUTES;

    use super::*;
    use crate::settings::server_commands::may_have_later_keys;

    #[test]
    fn commands_of_several_keys_are_told_by_their_names_and_the_common_ones_of_one_key_are_not() {
        note_later_keys();
        for route in ROUTES {
            let several = route.keys != Keys::At(1);
            for name in [route.name.to_owned(), route.name.to_uppercase()] {
                assert!(!several || may_have_later_keys(name.as_bytes()), "{name}");
            }
        }
        let common = [
            "set",
            "hset",
            "hget",
            "hincrby",
            "sadd",
            "zadd",
            "lpush",
            "rpush",
            "expire",
            "incrby",
            "setex",
            "zrange",
            "lrange",
            "zincrby",
            "sismember",
            "zrangebyscore",
            "getrange",
            "publish",
            "eval",
        ];
        for name in common {
            assert!(!may_have_later_keys(name.as_bytes()), "{name}");
        }
        // No command of the server has a name that long: it counts as one that may have later keys.
        assert!(!may_have_later_keys(b"") && may_have_later_keys(&[b'x'; 40]));
    }
}

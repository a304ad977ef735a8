//! The server's strings for the names of routed commands, made once: what runs for every captured command makes
//! none.
//!
//! So a string is an argument of many commands at a time, each of which has a share of it. That is the server's own
//! way with arguments that it keeps: whatever would reuse, change or trim one asks first whether it has the only
//! share. The count is not atomic, but what other threads free of a command is what nobody else has a share of.

use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};

use module_api::commands::spelling;
use module_api::gil::Gil;
use module_api::string::Args;
use module_api::{OwnedStr, Str};
use redis_grammar::key_places::{key_places, pattern_places};
use redis_grammar::routes::{self, Keys};

use crate::settings::server_commands;

/// Before a native name: the twin of a command that was routed. The server finds it in any case; the
/// handler tells by it that the user may lack the native command.
pub(crate) const ROUTED: &[u8] = b"MYLOG.";

/// The names of one route.
struct Names {
    twin: OwnedStr,
    native: OwnedStr,
}

/// By the places of the routes.
static NAMES: Gil<Vec<Names>> = Gil::new(Vec::new());

/// What runs COPY for everybody who has said who he is, by a name that nobody else can send: this very string.
static COPY_FOR_ALL: Gil<Option<OwnedStr>> = Gil::new(None);

/// The same for the check of a native command.
static CHECK_FOR_ALL: Gil<Option<OwnedStr>> = Gil::new(None);

/// The place of the last twin: its command comes next, if it was not queued.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// Makes them. In OnLoad, before the filter runs.
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

/// The name of the command that runs COPY for everybody.
pub(crate) fn copy_for_all() -> Option<OwnedStr> {
    COPY_FOR_ALL.with(|name| name.as_ref().map(OwnedStr::share))
}

/// True for that name, where it is the filter that has put it there.
pub(crate) fn is_copy_for_all(name: Str<'_>) -> bool {
    COPY_FOR_ALL.with(|own| own.as_ref().is_some_and(|own| own.lend().is(name)))
}

/// The name of the command that checks a native one for everybody.
pub(crate) fn check_for_all() -> Option<OwnedStr> {
    CHECK_FOR_ALL.with(|name| name.as_ref().map(OwnedStr::share))
}

/// True for that name, where it is the filter that has put it there.
pub(crate) fn is_check_for_all(name: Str<'_>) -> bool {
    CHECK_FOR_ALL.with(|own| own.as_ref().is_some_and(|own| own.lend().is(name)))
}

/// A string of the name of a native command's twin.
pub(crate) fn made_twin(native: &[u8]) -> OwnedStr {
    OwnedStr::new(&[ROUTED, &native.to_ascii_lowercase()].concat())
}

/// The name of the twin of the route at a place.
pub(crate) fn twin(place: usize) -> Option<OwnedStr> {
    LAST.store(place, Ordering::Relaxed);
    NAMES.with(|names| names.get(place).map(|names| names.twin.share()))
}

/// The native name that a command of ours stands for, by its name in any case.
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

/// The native name in a name of ours, whoever has spelt it.
fn behind_prefix(name: &[u8]) -> Option<&[u8]> {
    let (prefix, native) = name.split_at_checked(ROUTED.len())?;
    prefix.eq_ignore_ascii_case(ROUTED).then_some(native)
}

/// The native name of a command that the filter has led here. What a client has called by a name of ours is told apart
/// by the string, which is not one of these.
pub(crate) fn routed_from(name: Str<'_>) -> Option<&'static str> {
    let place = routes::place(native_name(name.bytes())?)?;
    let routed = NAMES.with(|names| names.get(place).is_some_and(|names| names.twin.lend().is(name)));
    routes::at_place(place).filter(|_| routed).map(|route| route.name)
}

/// The native name that a command of ours stands for, by its own behind the prefix.
fn stands_for(own: &[u8]) -> &[u8] {
    // The forms that have other names.
    let copies: [&[u8]; 2] = [b"copydb", b"copyforall"];
    match copies.iter().any(|copy| own.eq_ignore_ascii_case(copy)) {
        true => b"copy",
        false => own,
    }
}

/// Where commands may have other spellings than their names. While nobody has used that of this one, it is none that
/// a rule can be asked about.
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

/// True for the name of a command that was routed here: `MYLOG.` and the native name in lower case. Who
/// types that himself is asked for the native command's permission, too.
pub(crate) fn native_name(name: &[u8]) -> Option<&[u8]> {
    let native = name.strip_prefix(ROUTED)?;
    let is_lower = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    native.iter().all(is_lower).then_some(native)
}

/// Where the keys of a command are, and whether it may make one that is not there: by its native name.
pub(crate) struct KeysOf {
    pub(crate) places: Vec<usize>,
    /// It only takes from the first of its keys that has something.
    pub(crate) takes_only: bool,
    /// It looks at keys that are not among its arguments.
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
        // None of the server's has a name that long: it is looked at.
        assert!(!may_have_later_keys(b"") && may_have_later_keys(&[b'x'; 40]));
    }
}

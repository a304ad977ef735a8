//! TYPE, OBJECT and SCAN for captured keys: they show the types that clients know from native keys.

mod by_key;
mod copy_db;
mod encoding;
mod forward;
pub(super) mod forward_table;
mod lifetime;
mod new_name;
mod rename;
pub(super) mod table;

use std::ffi::CStr;

use module_api::OwnedStr;
use module_api::commands::rm_call::CallReply;
use module_api::keys::key::{Contents, Key, Mode};
use mylog_core::value::Kind;
use redis_grammar::c_text::option;
use redis_grammar::prefixes::Standing;

use crate::acks::errors::NOT_RUN;
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;
use crate::execute::{native_fallback, twins};
use crate::settings::captured_keys;

/// The name that TYPE has for a kind.
const fn type_name(kind: Kind) -> &'static CStr {
    match kind {
        Kind::Str => c"string",
        Kind::Hash => c"hash",
        Kind::List => c"list",
        Kind::Set => c"set",
        Kind::ZSet => c"zset",
    }
}

/// TYPE key
pub(super) fn type_of(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    Ok(match call.peek(1) {
        Contents::Ours(kind, _) => Reply::Simple(type_name(kind).into()),
        Contents::Nothing => Reply::Simple(c"none".into()),
        Contents::Foreign => native_fallback::run(call, b"type"),
    })
}

/// OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key, OBJECT HELP
pub(super) fn object(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if call.args.len() == 3 {
        let contents = call.peek_unheard(2);
        if let (Contents::Ours(_, handle), true) =
            (contents, call.args.get(1).eq_ignore_ascii_case(b"encoding"))
        {
            let name = encoding::of_handle(handle, call.args.get(2));
            return Ok(name.map_or(Reply::Null, |name| Reply::Bulk(name.to_bytes().to_vec())));
        }
    }
    Ok(native_fallback::run(call, b"object"))
}

/// SCAN cursor [MATCH pattern] [COUNT count] TYPE type
pub(super) fn scan(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let Some((kind, args)) = asked(call) else {
        // Another type, or a faulty command: the native command handles both.
        return Ok(native_fallback::run(call, b"scan"));
    };
    // TYPE filters the result of the walk. So the native SCAN walks without TYPE, and the filter is applied here.
    let found = call.ctx.call(c"SCAN", "E", &args).ok_or(NOT_RUN)?;
    let Some(cursor) = found.element(0) else {
        return Ok(Reply::from(&found));
    };
    let names: Vec<&[u8]> = names(&found).filter(|name| is_of(call, name, kind)).collect();
    let head = [
        Reply::Array(2),
        Reply::Bulk(cursor.bytes().to_vec()),
        Reply::Array(names.len()),
    ];
    let names = names.into_iter().map(|name| Reply::Bulk(name.to_vec()));
    Ok(Reply::Parts(head.into_iter().chain(names).collect()))
}

/// The kind that a SCAN asks for, if that kind has a durable form, and the arguments without it.
fn asked<'c>(call: &Call<'c>) -> Option<(Kind, Vec<&'c [u8]>)> {
    let mut kind = None;
    let mut args = vec![call.args.get(1)];
    for place in (2..call.args.len()).step_by(2) {
        let (word, value) = (call.args.get(place), call.args.get(place + 1));
        if option(word).eq_ignore_ascii_case(b"type") {
            let is_it = |kind: &&Kind| option(value).eq_ignore_ascii_case(type_name(**kind).to_bytes());
            kind = Some(*Kind::ALL.iter().find(is_it)?);
        } else {
            args.extend([word, value]);
        }
    }
    // If a word lacks its value, the native command has the best error.
    (call.args.len() % 2 == 0).then_some((kind?, args))
}

fn names<'r>(found: &'r CallReply<'_>) -> impl Iterator<Item = &'r [u8]> {
    let names = found.element(1);
    let count = names.map_or(0, |names| names.len());
    (0..count).filter_map(move |index| Some(names?.element(index)?.bytes()))
}

/// True for a key of this kind, as the client sees the key. To a routed SCAN, a durable value outside of the captured prefixes
/// has the module's own type, as for the native command.
fn is_of(call: &Call<'_>, name: &[u8], kind: Kind) -> bool {
    let owned = OwnedStr::new(name);
    let key = Key::open(call.ctx, owned.lend(), Mode::ReadNoTouch);
    match key.contents() {
        Contents::Ours(held, _) => {
            let routed = twins::native_name(call.args.get(0)).is_some();
            held == kind && (!routed || captured_keys::standing(name) != Standing::Outside)
        }
        _ => key.native_kind() == Some(kind),
    }
}

//! RENAME and COPY give a value another key. A native value must not get a captured key, since it would be taken for
//! durable there. But a native value whose key is captured already may be renamed to another captured key: nothing is lost by
//! that.

use module_api::context::Flags;
use module_api::keys::key::{Contents, Key, Mode};
use mylog_core::value::integer;

use crate::acks::reply::Reply;
use crate::execute::invocation::Call;
use crate::settings::captured_keys;

/// The refusal of a command with this native name, if the command would make a native key under a captured prefix.
pub(super) fn refusal(call: &Call<'_>, native: &[u8]) -> Option<Reply> {
    let is = |name: &[u8]| native.eq_ignore_ascii_case(name);
    let copies = is(b"copy");
    if !(copies || is(b"rename") || is(b"renamenx"))
        || call.ctx.flags().any(Flags::REPLICATED | Flags::LOADING)
    {
        return None;
    }
    let (from, to) = (call.args.string(1), call.args.string(2));
    if !captured_keys::is_captured(to.bytes())
        || Key::open(call.ctx, from, Mode::Write).contents() != Contents::Foreign
    {
        return None;
    }
    let replaces = is(b"rename") || has_word(call, b"replace").is_some();
    let there = match db_of_copy(call) {
        // If this is not a database, the native command has the error.
        Some(db) if copies => call.ctx.select_db(db).ok().map(|()| contents(call)),
        _ => Some(contents(call)),
    };
    let _ = call.ctx.select_db(call.db);
    match there? {
        Contents::Foreign => None,
        Contents::Ours(..) if !replaces => None,
        Contents::Nothing if !copies && captured_keys::is_captured(from.bytes()) => None,
        Contents::Nothing | Contents::Ours(..) => {
            let (name, prefix) = (
                String::from_utf8_lossy(native),
                captured_keys::captured_by(to.bytes()),
            );
            Some(Reply::error_text(&format!(
                "ERR '{}' would make a native key of a name that mylog.capture holds by '{prefix}'; nothing was done",
                name.to_ascii_lowercase()
            )))
        }
    }
}

fn contents(call: &Call<'_>) -> Contents {
    Key::open(call.ctx, call.args.string(2), Mode::Write).contents()
}

/// The place of an option after the two keys.
fn has_word(call: &Call<'_>, word: &[u8]) -> Option<usize> {
    (3..call.args.len()).find(|&place| call.args.get(place).eq_ignore_ascii_case(word))
}

fn db_of_copy(call: &Call<'_>) -> Option<u32> {
    let place = has_word(call, b"db")?;
    u32::try_from(integer(call.args.get(place + 1))?).ok()
}

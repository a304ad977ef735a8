//! DEL, the EXPIRE family and PERSIST without the native command, for a server on which `rename-command` has given the native
//! command another spelling that no client has used yet. The callbacks of the types turn these changes into effects, as they
//! do for the native command.

use std::ffi::CStr;

use module_api::Str;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::keys::notify::Class;
use module_api::server::now_ms;
use mylog_core::effect::NEVER;
use mylog_core::value::integer;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;

/// Does the same as the native command with this name, in lower case. `None` for a command that only the server can run.
pub(super) fn run(call: &Call<'_>, native: &[u8]) -> Option<Result<Reply, Unchanged>> {
    Some(match native {
        b"del" => Ok(take_away(call, |key| key.delete().is_ok())),
        b"unlink" => Ok(take_away(call, |key| key.unlink().is_ok())),
        b"persist" => Ok(persist(call)),
        b"expire" => expire(call, "expire", 1000, true),
        b"pexpire" => expire(call, "pexpire", 1, true),
        b"expireat" => expire(call, "expireat", 1000, false),
        b"pexpireat" => expire(call, "pexpireat", 1, false),
        _ => return None,
    })
}

fn take_away(call: &Call<'_>, delete: impl Fn(&Key<'_>) -> bool) -> Reply {
    let mut count = 0;
    for place in 1..call.args.len() {
        let name = call.args.string(place);
        let key = Key::open(call.ctx, name, Mode::Write);
        if key.contents() != Contents::Nothing && delete(&key) {
            drop(key);
            notify(call, name, c"del");
            count += 1;
        }
    }
    Reply::Int(count)
}

fn notify(call: &Call<'_>, name: Str<'_>, event: &CStr) {
    call.ctx.signal_modified(name);
    call.ctx.notify(Class::Generic, event, name);
    call.ctx.replicate_verbatim();
}

fn persist(call: &Call<'_>) -> Reply {
    let name = call.args.string(1);
    let key = Key::open(call.ctx, name, Mode::Write);
    if key.expire_at() == NEVER || key.set_expire_at(NEVER).is_err() {
        return Reply::Int(0);
    }
    drop(key);
    notify(call, name, c"persist");
    Reply::Int(1)
}

/// The conditions under which an expire time is set.
#[derive(Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn read(call: &Call<'_>) -> Result<Self, Unchanged> {
        let mut conditions = Self::default();
        for word in call.args.from(3) {
            match &*word.to_ascii_lowercase() {
                b"nx" => conditions.nx = true,
                b"xx" => conditions.xx = true,
                b"gt" => conditions.gt = true,
                b"lt" => conditions.lt = true,
                _ => {
                    let word = String::from_utf8_lossy(word);
                    return Err(Unchanged(Reply::error_text(&format!(
                        "ERR Unsupported option {word}"
                    ))));
                }
            }
        }
        match conditions {
            Self { nx: true, xx, gt, lt } if xx || gt || lt => Err(Unchanged(Reply::error(
                c"ERR NX and XX, GT or LT options at the same time are not compatible",
            ))),
            Self {
                gt: true, lt: true, ..
            } => Err(Unchanged(Reply::error(
                c"ERR GT and LT options at the same time are not compatible",
            ))),
            conditions => Ok(conditions),
        }
    }

    /// True if the conditions allow the change of a key's expire time. A key without an expire time counts as living longest.
    fn hold(&self, old: i64, new: i64) -> bool {
        let has = old != NEVER;
        !(self.nx && has
            || self.xx && !has
            || self.gt && (!has || new <= old)
            || self.lt && has && new >= old)
    }
}

fn expire(call: &Call<'_>, native: &str, unit: i64, is_relative: bool) -> Result<Reply, Unchanged> {
    if call.args.len() < 3 {
        return Err(SYNTAX);
    }
    let conditions = Conditions::read(call)?;
    let time = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let now = now_ms();
    let base = if is_relative { now } else { 0 };
    let end = time.checked_mul(unit).and_then(|time| time.checked_add(base));
    let end =
        end.ok_or_else(|| Reply::error_text(&format!("ERR invalid expire time in '{native}' command")))?;
    let name = call.args.string(1);
    let key = Key::open(call.ctx, name, Mode::Write);
    if key.contents() == Contents::Nothing || !conditions.hold(key.expire_at(), end) {
        return Ok(Reply::Int(0));
    }
    let (done, event) = match end <= now {
        true => (key.delete(), c"del"),
        false => (key.set_expire_at(end), c"expire"),
    };
    drop(key);
    if done.is_err() {
        return Ok(Reply::Int(0));
    }
    call.ctx.signal_modified(name);
    call.ctx.notify(Class::Generic, event, name);
    // On a replica a relative time would be another expire time, so the absolute one is replicated.
    call.ctx
        .replicate(c"MYLOG.PEXPIREAT", &[name.bytes(), end.to_string().as_bytes()]);
    Ok(Reply::Int(1))
}

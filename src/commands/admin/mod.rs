//! Commands of our own: the rewrite, the switches for tests, and what the filter and replication use.

mod adopt;
mod checked;
mod release;
pub(super) mod table;
mod wait;

use module_api::context::Flags;
use module_api::server::config::c_text;
use mylog_core::effect::Effect;
use mylog_core::store::Store;
use mylog_core::value::ValueRef;

use crate::acks::errors::{NOT_RUN, SYNTAX};
use crate::acks::reply::Reply;
use crate::engine;
use crate::execute::invocation::Call;
use crate::execute::permission;
use crate::lifecycle::startup;
use crate::rewrite::{self, Aborted, Requested, progress_page};
use crate::settings::server_commands;

/// Inside a unit a fork would see half of it; inside the call of another module it may be that module's
/// thread that forks, with which the child would die.
const IN_UNIT: u32 = Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING;

/// `MYLOG.REWRITE [ABORT]`.
pub(super) fn rewrite(call: &mut Call<'_>) -> Result<Reply, Reply> {
    match call.args.len() {
        1 => Ok(begin(call.ctx.flags().any(IN_UNIT))),
        2 if call.args.get(1).eq_ignore_ascii_case(b"abort") => Ok(abort()),
        _ => Err(SYNTAX),
    }
}

fn begin(in_unit: bool) -> Reply {
    match rewrite::request(in_unit) {
        Requested::Started => Reply::Simple(c"Background log rewrite started".into()),
        Requested::Scheduled => Reply::Simple(c"Background log rewrite scheduled".into()),
        Requested::InProgress => Reply::error(c"ERR Background log rewrite already in progress"),
        Requested::NoRoom(shortage) => {
            Reply::error_text(&format!("ERR Can't execute a log background rewriting: {shortage}"))
        }
        Requested::Failed => {
            Reply::error(c"ERR Can't execute a log background rewriting. Please check the server logs for more information.")
        }
    }
}

fn abort() -> Reply {
    match rewrite::abort() {
        Aborted::Done => Reply::OK,
        Aborted::None => Reply::error(c"ERR No background log rewrite in progress"),
        Aborted::TooLate => Reply::error(c"ERR Background log rewrite is being finalized"),
    }
}

/// `MYLOG.DEBUG DIGEST | COMMANDS | REWRITE-PAUSE [stage | off]`: for tests.
pub(super) fn debug(call: &mut Call<'_>) -> Result<Reply, Reply> {
    if !debug_allowed(call) {
        return Err(Reply::error(c"ERR MYLOG.DEBUG command not allowed. If the enable-debug-command option is set to \"yes\", you can run it."));
    }
    let word = call.args.get(1);
    match call.args.len() {
        2 if word.eq_ignore_ascii_case(b"digest") => Ok(digest()),
        2 if word.eq_ignore_ascii_case(b"commands") => {
            let lines = server_commands::treatments();
            let head = Reply::Array(lines.len());
            let lines = lines.into_iter().map(|line| Reply::Bulk(line.into_bytes()));
            Ok(Reply::Parts(std::iter::once(head).chain(lines).collect()))
        }
        2 if word.eq_ignore_ascii_case(b"rewrite-pause") => {
            Ok(Reply::Bulk(progress_page::held().unwrap_or("none").into()))
        }
        3 if word.eq_ignore_ascii_case(b"rewrite-pause") => {
            if progress_page::set(call.args.get(2)) {
                Ok(Reply::OK)
            } else {
                Err(SYNTAX)
            }
        }
        _ => Err(SYNTAX),
    }
}

fn debug_allowed(call: &Call<'_>) -> bool {
    let reply = call.ctx.call(c"CONFIG", "", &[b"GET", b"enable-debug-command"]);
    reply
        .as_ref()
        .and_then(|reply| reply.element(1))
        .is_some_and(|value| value.bytes() == b"yes")
}

/// A checksum of the store's contents, whatever their order.
fn digest() -> Reply {
    let sum = engine::with(|engine| contents_digest(&engine.store)).unwrap_or(0);
    Reply::Bulk(format!("{sum:016x}").into_bytes())
}

fn contents_digest(store: &Store) -> u64 {
    store.entries().fold(0, |sum, entry| {
        let (db, len) = (store.db_of(entry), entry.key().len() as u64);
        let name = [&db.to_le_bytes()[..], &len.to_le_bytes(), entry.key()];
        let head = fnv(fnv_all(BASIS, &name), &entry.expire_at().to_le_bytes());
        let value = match entry.value() {
            ValueRef::Str(bytes) => fnv(BASIS, bytes),
            // The order of the fields means nothing.
            ValueRef::Hash(hash) => hash.iter().fold(1, |sum: u64, (field, value)| {
                let len = field.len() as u64;
                sum.wrapping_add(fnv_all(BASIS, &[&len.to_le_bytes(), field, value]))
            }),
            ValueRef::List(list) => list.iter().fold(BASIS, |hash, element| {
                let len = element.len() as u64;
                fnv_all(hash, &[&len.to_le_bytes(), element])
            }),
            ValueRef::Set(set) => set
                .iter()
                .fold(2, |sum: u64, member| sum.wrapping_add(fnv(BASIS, &member))),
            // The sign of zero does not count.
            ValueRef::ZSet(zset) => zset.iter().fold(3, |sum: u64, (member, score)| {
                sum.wrapping_add(fnv_all(BASIS, &[&(score + 0.0).to_le_bytes(), member]))
            }),
        };
        // Summed: the same for any order of the entries.
        sum.wrapping_add(fnv(head, &value.to_le_bytes()))
    })
}

/// Where FNV-1a begins.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn fnv_all(basis: u64, parts: &[&[u8]]) -> u64 {
    parts.iter().fold(basis, |hash, bytes| fnv(hash, bytes))
}

/// `MYLOG.REJECT text [command ...]`: what the filter makes of a command that it refuses.
pub(super) fn reject(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let command: Vec<&[u8]> = call.args.from(2).collect();
    // A slot that comes from another node: there the key is gone whatever is answered here.
    if let (true, Some((name, args))) = (call.ctx.flags().any(Flags::REPLICATED), command.split_first()) {
        let reply = call.ctx.call(&c_text(&String::from_utf8_lossy(name)), "!E", args);
        return Ok(reply.as_ref().map_or(NOT_RUN, Reply::from));
    }
    let denied = permission::refusal_of(call.ctx, &command);
    Err(denied.unwrap_or_else(|| Reply::error_text(&String::from_utf8_lossy(call.args.get(1)))))
}

/// `MYLOG.APPLY key record [origin]`: a value as the primary has it, sent to replicas. Of an adoption it is told which
/// log has it, for a server that finds it in its own AOF.
pub(super) fn apply(call: &mut Call<'_>) -> Result<Reply, Reply> {
    const BAD: Reply = Reply::error(c"ERR not a record of this key");
    if !call.ctx.flags().any(Flags::REPLICATED | Flags::LOADING) || startup::rebase_pending() {
        return Err(Reply::error(c"ERR MYLOG.APPLY is for replication"));
    }
    let mut record = call.args.get(2);
    let effect = Effect::decode(&mut record).ok_or(BAD)?;
    let Effect::Put {
        key,
        expire_at,
        kind,
        body,
        ..
    } = effect
    else {
        return Err(BAD);
    };
    let mut target = call.open(1);
    if key != target.name() || !record.is_empty() {
        return Err(BAD);
    }
    let db = call.db;
    call.commit(
        &mut target,
        &Effect::Put {
            db,
            key,
            expire_at,
            kind,
            body,
        },
    )?;
    // Who watches or caches the key here has not heard of it.
    call.ctx.signal_modified(target.name_string());
    Ok(Reply::OK)
}

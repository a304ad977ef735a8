//! The module's own commands: the rewrite, the switches for tests, and the commands that the filter and replication use.

mod adopt;
mod checked;
mod release;
pub(super) mod table;
mod wait;

use module_api::context::Flags;
use module_api::server::config::c_text;
use mylog_core::effect::{Change, Effect};
use mylog_core::store::Store;
use mylog_core::value::ValueRef;

use crate::acks::errors::{NOT_RUN, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::engine;
use crate::execute::invocation::Call;
use crate::execute::permission;
use crate::keyspace::load_state;
use crate::rewrite::{self, Aborted, Requested, progress_page};
use crate::settings::server_commands;

/// Inside a unit a fork would copy half of the unit. Inside the call of another module a thread of that module may be the one
/// that forks, and the child would die with that thread.
const IN_UNIT: u32 = Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING;

/// `MYLOG.REWRITE [ABORT]`.
pub(super) fn rewrite(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
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
pub(super) fn debug(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if !debug_allowed(call) {
        return Err(Unchanged(Reply::error(c"ERR MYLOG.DEBUG command not allowed. If the enable-debug-command option is set to \"yes\", you can run it.")));
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

/// A checksum of the store's contents, which does not depend on their order.
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
            // The order of fields has no meaning, so their sums are added.
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
            // Minus zero counts as zero.
            ValueRef::ZSet(zset) => zset.iter().fold(3, |sum: u64, (member, score)| {
                sum.wrapping_add(fnv_all(BASIS, &[&(score + 0.0).to_le_bytes(), member]))
            }),
        };
        // The entries' sums are added, so that their order does not count.
        sum.wrapping_add(fnv(head, &value.to_le_bytes()))
    })
}

/// The start value of FNV-1a.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn fnv_all(basis: u64, parts: &[&[u8]]) -> u64 {
    parts.iter().fold(basis, |hash, bytes| fnv(hash, bytes))
}

/// `MYLOG.REJECT text [command ...]`: the filter replaces a refused command with this one.
pub(super) fn reject(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let command: Vec<&[u8]> = call.args.from(2).collect();
    // The command comes from another node, with a slot that it migrates to this one. The other node deletes the key whatever the
    // reply is, so a refusal would lose the value: the native command runs.
    if let (true, Some((name, args))) = (call.ctx.flags().any(Flags::REPLICATED), command.split_first()) {
        let reply = call.ctx.call(&c_text(&String::from_utf8_lossy(name)), "!E", args);
        return Ok(reply.as_ref().map_or(NOT_RUN, Reply::from));
    }
    let denied = permission::refusal_of(call.ctx, &command);
    Err(Unchanged(denied.unwrap_or_else(|| {
        Reply::error_text(&String::from_utf8_lossy(call.args.get(1)))
    })))
}

/// `MYLOG.APPLY key record [origin]`: sets a key to the value that it has on the primary. The command is sent to replicas, and
/// written to the AOF. For an adoption `origin` names the log that has the record, for the server that reads its own AOF.
pub(super) fn apply(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    const BAD: Unchanged = Unchanged(Reply::error(c"ERR not a record of this key"));
    if !call.ctx.flags().any(Flags::REPLICATED | Flags::LOADING) || load_state::rebase_pending() {
        return Err(Unchanged(Reply::error(c"ERR MYLOG.APPLY is for replication")));
    }
    let mut record = call.args.get(2);
    let effect = Effect::decode(&mut record).ok_or(BAD)?;
    let Effect::Key { key, change, .. } = effect else {
        return Err(BAD);
    };
    if !matches!(change, Change::Put { .. }) {
        return Err(BAD);
    }
    let mut target = call.open(1);
    if key != target.name() || !record.is_empty() {
        return Err(BAD);
    }
    call.commit(&mut target, change)?;
    // Clients of this server that watch or cache the key have not been notified yet.
    call.ctx.signal_modified(target.name_string());
    Ok(Reply::OK)
}

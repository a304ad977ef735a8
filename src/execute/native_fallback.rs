//! Native keys under a captured prefix, which existed before the prefix was captured. Until they are adopted, a native
//! command that was routed to its twin runs natively on them. Nothing of that is durable: INFO counts it.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use module_api::commands::rm_call::{CallReply, LastingReply};
use module_api::context::Flags;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::server_state;
use module_api::string::Args;
use module_api::{Ctx, own_context, server};
use redis_grammar::prefixes::Standing;

use crate::acks::errors::{NOT_RUN, WRONG_TYPE};
use crate::acks::reply::Reply;
use crate::engine;
use crate::engine::backpressure;
use crate::engine::own_change::own_op;
use crate::execute::invocation::{Access, Call};
use crate::execute::twins;
use crate::keyspace::{hand_back, lost_adoptions, selected_db};
use crate::settings::captured_keys;

static COMMANDS: AtomicU64 = AtomicU64::new(0);

/// Commands that were run natively on captured keys since the start.
pub(crate) fn commands() -> u64 {
    COMMANDS.load(Ordering::Relaxed)
}

/// Counts a native command that was run on captured keys.
pub(crate) fn count() {
    COMMANDS.fetch_add(1, Ordering::Relaxed);
}

/// How many keys of a command contain nothing, a durable value, a native value.
#[derive(Default)]
struct Held {
    nothing: usize,
    ours: usize,
    native: usize,
}

impl Held {
    fn count(ctx: Ctx<'_>, args: Args<'_>, places: &[usize]) -> Self {
        let mut held = Self::default();
        for &place in places {
            let count = match Key::open(ctx, args.string(place), Mode::ReadNoTouch).contents() {
                // Under an excluded key a native value may be made.
                Contents::Nothing if captured_keys::standing(args.get(place)) == Standing::Excluded => {
                    continue;
                }
                Contents::Nothing => &mut held.nothing,
                Contents::Ours(..) => &mut held.ours,
                Contents::Foreign => &mut held.native,
            };
            *count += 1;
        }
        held
    }
}

/// A command has found a value of another type, and has changed nothing. If that value was native and the filter has routed
/// the command here, the native command answers. `None`: the error stands.
pub(crate) fn answer_instead(call: &Call<'_>, access: Access) -> Option<Reply> {
    let native = twins::native_name(call.args.get(0))?;
    let keys = twins::keys_of(native, call.args)?;
    let mut held = Held::count(call.ctx, call.args, &keys.places);
    if held.native == 0 {
        return None;
    }
    if held.ours > 0 && release_all(call, &keys.places) {
        held.ours = 0;
    }
    // A key that the native command would make under a captured prefix would not be durable.
    let makes = access == Access::Write && !keys.takes_only && held.nothing > 0;
    // And the native SORT would take the durable keys to which its patterns lead for missing ones.
    if held.ours > 0 || makes || keys.looks_elsewhere {
        let name = String::from_utf8_lossy(native);
        return Some(Reply::error_text(&format!(
            "ERR '{name}' can't mix native keys that mylog.capture holds with durable ones: MYLOG.ADOPT makes them durable; nothing was done"
        )));
    }
    count();
    Some(run(call, native))
}

/// Makes the durable keys of a command native, if all of them are about to be released anyway: some of its keys are native
/// already. False if that can't be done.
fn release_all(call: &Call<'_>, places: &[usize]) -> bool {
    let is_ours = |&&place: &&usize| {
        let key = Key::open(call.ctx, call.args.string(place), Mode::ReadNoTouch);
        matches!(key.contents(), Contents::Ours(..))
    };
    let ours: Vec<_> = places
        .iter()
        .filter(is_ours)
        .map(|&place| call.args.get(place))
        .collect();
    let may_be = |name: &&[u8]| {
        captured_keys::is_released(name) && captured_keys::standing(name) == Standing::Excluded
    };
    let allowed = ours.iter().all(may_be) && backpressure::takes_writes() && !server::writes_are_paused();
    allowed
        && !server_state::is_replica()
        && ours
            .iter()
            .all(|name| hand_back::at_once(call.ctx, call.db, name))
}

/// The filter has routed a command here for an excluded key that was durable, in this database or in another one. If none of
/// its keys is durable in this database now, the native command runs: the twin would make a durable key under an exclusion.
pub(crate) fn goes_on_natively(call: &Call<'_>) -> Option<Reply> {
    if !captured_keys::exclude_some() || call.ctx.flags().any(Flags::REPLICATED) {
        return None;
    }
    let native = twins::routed_from(call.args.string(0))?.as_bytes();
    // Nearly always the key is captured.
    if captured_keys::is_captured(call.args.get(1)) {
        return None;
    }
    let places = twins::keys_of(native, call.args)?.places;
    let is_native = |&place: &usize| {
        let name = call.args.get(place);
        let durable = engine::with(|engine| engine.store.find(call.db, name).is_some()) == Some(true);
        !durable && captured_keys::standing(name) == Standing::Excluded
    };
    (!places.is_empty() && places.iter().all(is_native)).then(|| run(call, native))
}

/// The native string at a place of a routed command, for a command that treats a key of another type as missing.
pub(crate) fn string(call: &Call<'_>, place: usize) -> Option<Vec<u8>> {
    twins::native_name(call.args.get(0))?;
    let string = Key::open(call.ctx, call.args.string(place), Mode::Read).native_string()?;
    count();
    Some(string)
}

/// Runs the native command of this name with the arguments of a routed one, whose permission was checked.
pub(crate) fn run(call: &Call<'_>, native: &[u8]) -> Reply {
    let Ok(name) = CString::new(native) else {
        return NOT_RUN;
    };
    let args: Vec<&[u8]> = call.args.from(1).collect();
    if call.is_served() || call.sight.seen().is_some() {
        return run_aside(call, |ctx, modifiers| ctx.call_to_keep(&name, modifiers, &args))
            .unwrap_or(NOT_RUN);
    }
    let Some(reply) = call.ctx.call(&name, "!E0", &args) else {
        return NOT_RUN;
    };
    if is_kept_back(&reply) {
        return WRONG_TYPE.0;
    }
    call.ctx.reply_with(&reply);
    Reply::Sent
}

/// Valkey from 8.1 on keeps some replies back until the command's events were raised. If a command that a module calls gives
/// up before that, as GETDEL does for a key of another type, its reply is lost. With it the client's reply would be lost,
/// and the client would wait for ever.
fn is_kept_back(reply: &CallReply<'_>) -> bool {
    reply.proto().is_empty()
}

/// Runs a native command that was received as the arguments of a command of the module. The server checks its memory as if
/// it had been received alone, and commands that it calls pass the filter.
pub(crate) fn run_inner(call: &Call<'_>, inner: Args<'_>) -> Reply {
    let Ok(name) = CString::new(inner.get(0)) else {
        return NOT_RUN;
    };
    let args: Vec<&[u8]> = inner.from(1).collect();
    if call.sight.seen().is_some() {
        return run_aside(call, |ctx, modifiers| {
            ctx.call_spelt_to_keep(&name, modifiers, &args)
        })
        .unwrap_or(NOT_RUN);
    }
    let home = selected_db::stay_in(call.db);
    let reply = call.ctx.call_spelt(&name, "!EM0", &args);
    drop(home);
    let Some(reply) = reply else { return NOT_RUN };
    if is_kept_back(&reply) {
        return WRONG_TYPE.0;
    }
    call.ctx.reply_with(&reply);
    Reply::Sent
}

/// As `run`, for a client whose reply has to wait: the deletion of a durable value that was under this key may not be on
/// disk yet. And for a client that has waited for a key, whose reply is sent later.
fn run_aside(call: &Call<'_>, run: impl FnOnce(Ctx<'static>, &str) -> Option<LastingReply>) -> Option<Reply> {
    let ctx = own_context()?;
    let was = ctx.db();
    ctx.select_db(call.db).ok()?;
    let modifiers = if call.is_resp3() { "!E3" } else { "!E" };
    let reply = run(ctx, modifiers);
    let _ = ctx.select_db(was);
    let reply = reply?;
    if is_kept_back(reply.get()) {
        return Some(WRONG_TYPE.0);
    }
    Some(Reply::Native(Arc::new(reply)))
}

/// Runs the native command for a command of the module that is in the server's AOF.
fn run_for_the_log(call: &Call<'_>, native: &[u8]) {
    let args: Vec<&[u8]> = call.args.from(1).collect();
    if let Ok(name) = CString::new(native) {
        let _ = call.ctx.call(&name, "E", &args);
    }
}

/// The AOF replays a command of the module that the log already contains. A native value that an earlier AOF command left
/// under its keys is stale and is deleted. The exception is a key whose adoption the log has lost: its native value is the
/// only copy and stays.
pub(crate) fn leave_to_the_log(call: &Call<'_>) {
    let name = call.args.get(0).to_ascii_lowercase();
    let places = match name.strip_prefix(b"mylog.") {
        Some(b"apply") => {
            lost_adoptions::adopted(call.db, call.args.get(1), call.args.get(3));
            vec![1]
        }
        Some(native @ (b"rename" | b"renamenx")) if lost_adoptions::keeps(call.db, call.args.get(1)) => {
            // The native value stands for the durable one, so it is renamed with its key.
            run_for_the_log(call, native);
            Vec::new()
        }
        Some(native) => twins::keys_of(native, call.args).map_or_else(Vec::new, |keys| keys.places),
        None => Vec::new(),
    };
    for place in places {
        let key = Key::open(call.ctx, call.args.string(place), Mode::Write);
        if key.native_kind().is_some() && !lost_adoptions::keeps(call.db, call.args.get(place)) {
            let _own = own_op();
            let _ = key.delete();
        }
    }
}

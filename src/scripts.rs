//! Scripts and their clients. A script at top level that changes durable keys gets its held form: the client
//! is blocked, the native command runs on its behalf once the commands of this turn have run, and the client is
//! answered when the last change is durable. The event loop waits for nothing.
//!
//! It does not run inside its own command: a script that runs for long lets the event loop turn, which protects
//! the client of the *native* command from being read and freed meanwhile. In a call from a module that is a
//! client of nobody's, and the real one would be freed under the server's hands. A blocked one may leave.
//!
//! Blocking costs a script that changes nothing durable its speed. So only those get the held form that were
//! seen to change durable keys, by their code, digest or function name. The first time, the end of the unit
//! waits, as for EXEC.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::ack::{self, Answer};
use crate::api::acl::UserName;
use crate::api::block::Held;
use crate::api::context::Flags;
use crate::api::{Ctx, event_loop, server};
use crate::capture::{self, Cause};
use crate::gil::Gil;
use crate::reply::Reply;
use crate::{conditions, permission, unit};

/// Scripts remembered. Two that share a place push each other out, and cost a wait each.
const PLACES: usize = 1024;
/// Runs without a change after which a script is forgotten.
const CLEAN_RUNS: u8 = 16;
/// While writes are paused, a script that waits is looked at so often.
const PAUSED_MS: i64 = 10;

const NOT_RUN: Reply = Reply::error(c"ERR the server did not run the native command");

/// A script that was seen to change durable keys.
#[derive(Clone, Copy)]
struct Writer {
    /// Of its command and code. Two with the same are taken for one, which costs time only.
    hash: u64,
    /// Runs since the last change.
    clean: u8,
}

/// A script whose client is held.
struct Queued {
    client: Held<Answer>,
    command: &'static CStr,
    args: Vec<Vec<u8>>,
    db: u32,
    resp3: bool,
    user: UserName,
    hash: u64,
}

struct State {
    writers: [Writer; PLACES],
    /// The script that the filter saw last.
    last: u64,
    queue: VecDeque<Queued>,
    /// Where replies live that outlive their command.
    context: Option<Ctx<'static>>,
}

static STATE: Gil<State> = Gil::new(State {
    writers: [Writer { hash: 0, clean: 0 }; PLACES],
    last: 0,
    queue: VecDeque::new(),
    context: None,
});

impl State {
    fn place(&mut self, hash: u64) -> Option<&mut Writer> {
        self.writers.get_mut(hash as usize % PLACES)
    }
}

/// Gives scripts a context of their own. Called once, in OnLoad.
pub(crate) fn attach(ctx: Ctx<'static>) {
    STATE.with(|state| state.context = Some(ctx));
}

/// A script comes. True if it was seen to change durable keys.
pub(crate) fn comes(command: &[u8], code: &[u8]) -> bool {
    let hash = hash_of(command, code);
    STATE.with(|state| {
        state.last = hash;
        state.place(hash).is_some_and(|writer| writer.hash == hash)
    })
}

/// The running script has changed durable keys. Of those in one EXEC the last is taken for the one: a mistake
/// costs time only.
pub(crate) fn wrote() {
    STATE.with(|state| {
        let hash = state.last;
        if let Some(writer) = state.place(hash) {
            *writer = Writer { hash, clean: 0 };
        }
    });
}

fn hash_of(command: &[u8], code: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    // EVAL in another case is the same command.
    command.len().hash(&mut hasher);
    code.hash(&mut hasher);
    // 0 is an empty place.
    hasher.finish() | 1
}

/// Holds the client of this command, and runs `command` for it with the arguments behind the name once the
/// commands of this turn have run. False where it can't be held.
pub(crate) fn run_held(ctx: Ctx<'_>, command: &'static CStr, args: Vec<Vec<u8>>) -> bool {
    let (db, resp3) = (ctx.db(), ctx.flags().any(Flags::RESP3));
    let Some((client, user)) = ack::hold(ctx) else {
        return false;
    };
    let code = args.first().map_or(&[][..], Vec::as_slice);
    let hash = hash_of(command.to_bytes(), code);
    let queued = Queued {
        client,
        command,
        args,
        db,
        resp3,
        user,
        hash,
    };
    STATE.with(|state| state.queue.push_back(queued));
    // One job for each: each is a unit of its own for replicas and the AOF.
    ctx.after_commands(run_next);
    if ack::past_sleep_hook() {
        event_loop::wake();
    }
    true
}

fn run_next() {
    // A CLIENT PAUSE or a failover may have come behind it in the same turn: it waits, as all that write do.
    if server::writes_are_paused() {
        if let Some(ctx) = STATE.with(|state| state.context) {
            ctx.after_ms(PAUSED_MS, run_next);
        }
        return;
    }
    let next = STATE.with(|state| Some((state.queue.pop_front()?, state.context?)));
    let Some((queued, ctx)) = next else { return };
    // No primary any more: the server has told its blocked clients so.
    if conditions::is_replica() {
        return ack::answer_now(queued.client, NOT_RUN);
    }
    let held = unit::held_command();
    let reply = run(ctx, &queued);
    capture::settle(Cause::Command);
    drop(held);
    let owed = unit::owed_by_held();
    STATE.with(|state| match state.place(queued.hash) {
        Some(writer) if owed.is_some() => {
            *writer = Writer {
                hash: queued.hash,
                clean: 0,
            }
        }
        Some(writer) if writer.hash == queued.hash => {
            writer.clean += 1;
            if writer.clean >= CLEAN_RUNS {
                writer.hash = 0;
            }
        }
        _ => {}
    });
    match owed {
        Some(seq) => ack::answer_when_durable(queued.client, reply, seq),
        None => ack::answer_now(queued.client, reply),
    }
}

fn run(ctx: Ctx<'static>, queued: &Queued) -> Reply {
    let args: Vec<&[u8]> = queued.args.iter().map(Vec::as_slice).collect();
    let whole: Vec<&[u8]> = std::iter::once(queued.command.to_bytes())
        .chain(args.iter().copied())
        .collect();
    if ctx.select_db(queued.db).is_err() {
        return NOT_RUN;
    }
    let modifiers = if queued.resp3 { "!CEM3" } else { "!CEM" };
    let reply = ctx.as_user(&queued.user, &whole, || {
        ctx.call_script_to_keep(queued.command, modifiers, &args)
    });
    match reply {
        Some(Some(reply)) => Reply::Native(Arc::new(reply)),
        Some(None) => NOT_RUN,
        None => permission::not_permitted(queued.command.to_bytes()),
    }
}

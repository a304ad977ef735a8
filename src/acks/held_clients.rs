//! When the reply of a command of the module may be sent. Under `always` no client gets the reply about a change before the
//! change is on disk (`acks`). Where there is no gate, the client whose command made or saw the change is held: until then
//! its reply is kept here, and the server does not have it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Instant;

use module_api::Ctx;
use module_api::blocked::held::{Held, Waiter};
use module_api::context::Flags;
use module_api::server::server_state;
use module_api::server::{latency, log};
use mylog_core::log::commit::Listener;
use mylog_core::log::failure::Failure;
use parking_lot::Mutex;

use crate::acks::reply::Reply;
use crate::acks::{self, Standing, Way, execution_unit, mylog_wait};
use crate::engine;
use crate::lifecycle::save_barrier;

/// The reply of a held client, and what it waits for.
pub(crate) struct Answer {
    reply: Reply,
    /// Last seq that the reply acknowledges.
    seq: u64,
    since: Instant,
    /// Why `seq` is not known to be on disk.
    failure: Option<Arc<str>>,
}

impl Answer {
    /// An answer that acknowledges changes up to `seq`.
    pub(crate) fn new(reply: Reply, seq: u64) -> Self {
        Self {
            reply,
            seq,
            since: Instant::now(),
            failure: None,
        }
    }
}

impl Waiter for Answer {
    fn reply(&mut self, ctx: Ctx<'_>) {
        let ms = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        latency::sample(c"mylog-ack-wait", ms);
        match &self.failure {
            None => self.reply.emit(ctx),
            Some(reason) => not_durable(self.seq, reason).emit(ctx),
        }
    }
}

/// The answer to a change that is made in memory but not known to be on disk.
fn not_durable(seq: u64, reason: &str) -> Reply {
    Reply::error_text(&format!(
        "NOTDURABLE seq {seq} is not known to be on disk: {reason}"
    ))
}

struct Waiting {
    client: Held<Answer>,
    answer: Box<Answer>,
}

/// Held clients, in order of their seqs. Shared with the writer thread; locked for a few instructions only.
static WAITING: Mutex<VecDeque<Waiting>> = Mutex::new(VecDeque::new());

/// True from BEFORE_SLEEP until the event loop has slept. Redis 7.0 runs the next command of a released client in that time:
/// what the command writes would stay unsealed until something else wakes the event loop.
static PAST_SLEEP_HOOK: AtomicBool = AtomicBool::new(false);

/// Flags of a command whose client can't be held: the server would answer it with an error, or end itself.
const CANT_HOLD: u32 = Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING | Flags::LOADING;

/// Sends the reply at once, or has it wait until what it acknowledges is durable. `changed` and `seen`: the last change that
/// the command made, and the last one that it saw, of those that a reply has to wait for.
pub(crate) fn finish(ctx: Ctx<'_>, reply: Reply, changed: Option<u64>, seen: Option<u64>) {
    let Some(seq) = changed.max(seen) else {
        return reply.emit(ctx);
    };
    let flags = ctx.flags();
    let way = acks::way(Standing {
        replicated: flags.any(Flags::REPLICATED),
        loading: server_state::is_loading(),
        in_unit: flags.any(CANT_HOLD),
        gate: acks::is_on(),
    });
    if let (None, true) = (changed, way != Way::Now) {
        if let Some(reason) = engine::with(|engine| engine.doubt()).flatten() {
            return not_durable(seq, &reason).emit(ctx);
        }
    }
    match way {
        Way::Now => reply.emit(ctx),
        Way::Gate => {
            reply.emit(ctx);
            acks::gate_command(ctx, flags, seq);
        }
        Way::Hold => match Held::new(ctx) {
            Some(client) => answer_when_durable(client, reply, seq),
            None => wait_at_the_end(ctx, &reply, seq),
        },
        Way::UnitEnd => wait_at_the_end(ctx, &reply, seq),
    }
}

fn wait_at_the_end(ctx: Ctx<'_>, reply: &Reply, seq: u64) {
    execution_unit::must_wait(seq);
    reply.emit(ctx);
}

/// Answers a held client once `seq` is durable.
fn answer_when_durable(client: Held<Answer>, reply: Reply, seq: u64) {
    let answer = Box::new(Answer::new(reply, seq));
    let mut waiting = WAITING.lock();
    // `seq` may have become durable meanwhile. The writer publishes the durable seq before it takes this lock: so it has
    // either passed already, which this test finds, or finds this client.
    if engine::with(|engine| engine.marks().durable() >= seq) == Some(true) {
        drop(waiting);
        return client.unblock(answer);
    }
    // A reader may wait for a lower seq than the clients before it, and must not wait for theirs.
    let place = waiting.iter().rposition(|earlier| earlier.answer.seq <= seq);
    waiting.insert(place.map_or(0, |place| place + 1), Waiting { client, answer });
    drop(waiting);
    engine::with(|engine| {
        engine.client_waits(seq);
        engine.ask_sync(seq);
        if past_sleep_hook() {
            engine.seal();
        }
    });
}

/// True between BEFORE_SLEEP and the sleep: what a command writes then is not in the group that this turn has sealed.
pub(crate) fn past_sleep_hook() -> bool {
    PAST_SLEEP_HOOK.load(Ordering::Relaxed)
}

/// Number of clients that are held now.
pub(crate) fn waiting() -> usize {
    WAITING.lock().len()
}

/// BEFORE_SLEEP has ended (true), or the event loop has slept (false).
pub(crate) fn set_past_sleep_hook(past: bool) {
    PAST_SLEEP_HOOK.store(past, Ordering::Relaxed);
}

/// Answers every held client with an error: what it waits for is not known to be on disk.
pub(crate) fn give_up_all(reason: &str) {
    let reason: Arc<str> = reason.into();
    let waiting = std::mem::take(&mut *WAITING.lock());
    for Waiting { client, mut answer } in waiting {
        answer.failure = Some(Arc::clone(&reason));
        client.unblock(answer);
    }
}

/// Releases held and gated clients when the writer thread reports a durable seq or a failure.
pub(crate) struct Releaser {
    /// Errno of the failure that was logged last; -1 for none, since 0 is a failure without an errno.
    told: AtomicI32,
}

impl Releaser {
    pub(crate) const fn new() -> Self {
        Self {
            told: AtomicI32::new(-1),
        }
    }
}

impl Listener for Releaser {
    fn on_durable(&self, seq: u64) {
        save_barrier::on_durable(seq);
        mylog_wait::on_durable(seq);
        acks::on_durable(seq);
        let due: VecDeque<Waiting> = {
            let mut waiting = WAITING.lock();
            let still = waiting.partition_point(|waiting| waiting.answer.seq <= seq);
            waiting.drain(..still).collect()
        };
        for Waiting { client, answer } in due {
            client.unblock(answer);
        }
    }

    fn on_failure(&self, failure: &Failure) {
        if self.told.swap(failure.errno, Ordering::Relaxed) != failure.errno {
            log::warning(&format!("durable writes are refused: {failure}"));
        }
        save_barrier::on_health(true);
        give_up_all(&failure.text);
    }

    fn on_recovered(&self) {
        self.told.store(-1, Ordering::Relaxed);
        save_barrier::on_health(false);
        log::notice("the log works again, durable writes are taken");
    }
}

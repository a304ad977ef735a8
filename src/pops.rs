//! Blocking pops: clients that wait for a list or a sorted set, and are served in the order in which they came,
//! right behind the unit that made one of their keys. The order, and who is to be asked, is the server's doing.
//!
//! A pop for such a client is an effect of its own, as if the client had come just then. Where its
//! acknowledgement waits for the disk, the client goes on being blocked, with its answer kept here; there is no
//! other way to hold it. So it is with one that waits for nothing, up to the end of its turn (`due`). It has no
//! timeout of the server's, which would end that: an alarm of our own is its timeout, and is stopped by the pop.
//!
//! While nothing may be written, for want of a disk or in a pause, a client that could be served waits on, and is
//! asked again afterwards: nobody gets an error for having waited, and nothing leaves the list.

mod again;
mod due;

pub(crate) use due::{are_due, let_go};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use mylog_core::value::Kind;

use crate::ack::Answer;
use crate::api::block::Waiter as _;
use crate::api::context::Flags;
use crate::api::key::{Holds, Key, Mode};
use crate::api::on_keys::{OnKeys, Wish};
use crate::api::string::Args;
use crate::api::timer::{Alarm, Sleeper};
use crate::api::{Ctx, Str, event_loop};
use crate::call::{self, Access, Call, Done, Occasion};
use crate::gil::Gil;
use crate::reply::Reply;
use crate::sight::Sight;
use crate::{ack, acks, engine, filter, grouped, unit};

/// Does what a blocking command asks for with one of the keys at these places. `None`: none of them is there.
pub(crate) type Attempt = fn(&mut Call<'_>, Range<usize>) -> Result<Option<Reply>, Reply>;

/// What a blocking command asks for.
pub(crate) struct Pop {
    pub(crate) attempt: Attempt,
    /// Places of the keys that it may be served with.
    pub(crate) keys: Range<usize>,
    /// The type of these.
    pub(crate) kind: Kind,
    /// 0: for ever.
    pub(crate) timeout_ms: i64,
    /// What it is answered where it can't wait.
    pub(crate) at_once: Reply,
}

/// A client that waits.
struct Waiter {
    id: u64,
    /// The client's id, as CLIENT LIST has it.
    client_id: u64,
    attempt: Attempt,
    places: Range<usize>,
    kind: Kind,
    db: u32,
    names: Vec<Vec<u8>>,
    client: Cell<Option<OnKeys>>,
    alarm: Cell<Option<Alarm>>,
    /// Set once it was served, or its time is over.
    answer: RefCell<Option<Answer>>,
    /// It is among those who are held, or due.
    held: Cell<bool>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: BTreeMap<u64, Rc<Waiter>>,
    /// Those with an answer, in order of its seq.
    held: VecDeque<Rc<Waiter>>,
}

static STATE: Gil<State> = Gil::new(State {
    last_id: 0,
    waiting: BTreeMap::new(),
    held: VecDeque::new(),
});
/// Lowest seq that any held one waits for: the writer wakes the event loop for it.
static LOWEST: AtomicU64 = AtomicU64::new(NOBODY);
const NOBODY: u64 = u64::MAX;

/// Serves the client of a blocking command, or lets it wait.
pub(crate) fn pop(call: &mut Call<'_>, pop: Pop) -> Result<Reply, Reply> {
    const CANT_WAIT: u32 =
        Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING | Flags::LOADING | Flags::REPLICATED;
    if let Some(reply) = (pop.attempt)(call, pop.keys.clone())? {
        return Ok(reply);
    }
    if call.ctx.flags().any(CANT_WAIT) {
        return Err(pop.at_once);
    }
    let names = pop.keys.clone().map(|place| call.args.get(place).to_vec());
    let waiter = Rc::new(Waiter {
        id: STATE.with(|state| {
            state.last_id += 1;
            state.last_id
        }),
        client_id: call.ctx.client_id(),
        attempt: pop.attempt,
        places: pop.keys.clone(),
        kind: pop.kind,
        db: call.db,
        names: names.collect(),
        client: Cell::new(None),
        alarm: Cell::new(None),
        answer: RefCell::new(None),
        held: Cell::new(false),
    });
    let Some(client) = OnKeys::block(call.ctx, call.args, pop.keys, Rc::clone(&waiter)) else {
        return Err(pop.at_once);
    };
    waiter.client.set(Some(client));
    if let (true, Some(ctx)) = (pop.timeout_ms > 0, unit::context()) {
        waiter
            .alarm
            .set(Some(Alarm::set::<TimeOver>(ctx, pop.timeout_ms, waiter.id)));
    }
    STATE.with(|state| state.waiting.insert(waiter.id, waiter));
    Ok(Reply::Later)
}

impl Wish for Rc<Waiter> {
    fn ready(&self, ctx: Ctx<'_>, args: Args<'_>, key: Str<'_>) {
        // With an answer it is past waiting for a key.
        if self.answer.borrow().is_some() {
            return;
        }
        let opened = Key::open(ctx, key, Mode::ReadNoTouch);
        match opened.holds() {
            Holds::Ours(kind, _) if kind == self.kind => {
                if again::is_too_early() {
                    return again::ask_later(ctx.db(), key.bytes());
                }
            }
            // Who waits was led here while the name was captured, and natively he would get it.
            Holds::Foreign
                if opened.native_kind() == Some(self.kind)
                    && !filter::is_captured(key.bytes())
                    && filter::native_name(args.get(0)).is_some() => {}
            _ => return,
        }
        drop(opened);
        let keys = self.places_to_try(args, key.bytes());
        let done = call::perform(ctx, args, Access::Write, Occasion::Served, |call| {
            (self.attempt)(call, keys).map(|reply| reply.unwrap_or(Reply::Later))
        });
        if done.reply != Reply::Later {
            self.answer(ctx, done);
        }
        ctx.send_replicated();
    }

    fn ended(&self, ctx: Ctx<'_>) {
        self.leave();
        let Some(mut answer) = self.answer.take() else {
            return Reply::NullArray.emit(ctx);
        };
        // CLIENT UNBLOCK came before the disk, out of an EXEC: where the filter did not see it run.
        if !answer.is_due() {
            if let Some(reason) = unit::wait_in_place(answer.seq()) {
                answer.fail(&reason);
            }
        }
        answer.reply(ctx);
    }

    fn gone(&self) {
        self.leave();
    }
}

impl Waiter {
    /// From 7.2 on the server runs a native command that waits as a whole once one of its keys is ready; before
    /// that it pops from that key.
    fn places_to_try(&self, args: Args<'_>, ready: &[u8]) -> Range<usize> {
        let mut places = self.places.clone();
        if Ctx::hears_unit_ends() {
            return places;
        }
        match places.find(|place| args.get(*place) == ready) {
            Some(place) => place..place + 1,
            None => 0..0,
        }
    }

    /// It was served: it is answered at the turn's end, or once the answer is durable.
    fn answer(self: &Rc<Self>, ctx: Ctx<'_>, done: Done) {
        self.stop_alarm();
        let durable = durable();
        if acks::is_on() {
            if let Some(seq) = done.changed.max(done.seen).filter(|seq| *seq > durable) {
                acks::gate_client(self.client_id, seq);
            }
            return due::answer(self, done.reply, 0);
        }
        match done.changed.max(done.seen).filter(|seq| *seq > durable) {
            Some(seq) if !grouped::takes(ctx) => self.hold(done.reply, seq),
            Some(seq) => {
                unit::waits_with_the_turn(seq);
                due::answer(self, done.reply, seq);
            }
            None => due::answer(self, done.reply, 0),
        }
    }

    fn hold(self: &Rc<Self>, reply: Reply, seq: u64) {
        *self.answer.borrow_mut() = Some(Answer::new(reply, seq));
        self.held.set(true);
        STATE.with(|state| {
            let place = state.held.iter().rposition(|earlier| earlier.waits_for() <= seq);
            state
                .held
                .insert(place.map_or(0, |place| place + 1), Rc::clone(self));
        });
        LOWEST.fetch_min(seq, Ordering::Relaxed);
        // The writer publishes how far it is, then looks who waits; here it is the other way round. So one of
        // the two sees the other.
        fence(Ordering::SeqCst);
        if durable() >= seq {
            return due::release_soon();
        }
        engine::with(|engine| {
            engine.ask_sync(seq);
            if ack::past_sleep_hook() {
                engine.seal();
            }
        });
    }

    fn waits_for(&self) -> u64 {
        self.answer.borrow().as_ref().map_or(0, Answer::seq)
    }

    /// It waits no more.
    fn leave(&self) {
        self.stop_alarm();
        STATE.with(|state| state.waiting.remove(&self.id));
        if self.held.take() {
            STATE.with(|state| state.held.retain(|held| held.id != self.id));
            refresh_lowest();
            due::forget(self.id);
        }
    }

    fn stop_alarm(&self) {
        if let (Some(alarm), Some(ctx)) = (self.alarm.take(), unit::context()) {
            alarm.stop(ctx);
        }
    }

    /// Has it answered.
    fn end(&self) {
        self.leave();
        if let Some(client) = self.client.take() {
            client.end();
        }
    }
}

struct TimeOver;

impl Sleeper for TimeOver {
    fn rings(word: u64) {
        let Some(waiter) = STATE.with(|state| state.waiting.get(&word).cloned()) else {
            return;
        };
        waiter.alarm.set(None);
        // That there is nothing may be the doing of somebody who waits for the disk himself.
        let sight = engine::with(|engine| Sight::begin(engine)).unwrap_or_else(Sight::none);
        for name in &waiter.names {
            sight.note_name(waiter.db, name);
        }
        match sight.seen() {
            Some(seq) if acks::is_on() => {
                acks::gate_client(waiter.client_id, seq);
                waiter.end();
            }
            Some(seq) => waiter.hold(Reply::NullArray, seq),
            None => waiter.end(),
        }
    }
}

/// On the writer's thread: `seq` is durable.
pub(crate) fn on_durable(seq: u64) {
    fence(Ordering::SeqCst);
    if seq >= LOWEST.load(Ordering::Relaxed) {
        event_loop::run_soon(due::release_soon);
    }
}

/// On the writer's thread: what waits will not become durable soon.
pub(crate) fn on_failure() {
    fence(Ordering::SeqCst);
    if LOWEST.load(Ordering::Relaxed) != NOBODY {
        event_loop::run_soon(due::release_soon);
    }
}

/// Before the event loop sleeps: what the writer's call has missed.
pub(crate) fn turn() {
    if LOWEST.load(Ordering::Relaxed) != NOBODY && engine::with(|engine| engine.trouble()).flatten().is_some()
    {
        due::release_soon();
    }
}

/// Answers all whose answer waits that what it acknowledges is not known to be on disk, at the turn's end.
pub(crate) fn give_up_all(reason: &str) {
    due::fail_all(reason);
    if are_due() {
        due::release_soon();
    }
}

/// Takes those out who are held for no more than `seq`.
fn take_held(seq: u64) -> Vec<Rc<Waiter>> {
    let taken = STATE.with(|state| {
        let count = state.held.partition_point(|waiter| waiter.waits_for() <= seq);
        state.held.drain(..count).collect()
    });
    refresh_lowest();
    taken
}

/// Those whose answer waits for the disk.
pub(crate) fn held() -> usize {
    STATE.with(|state| state.held.len())
}

/// True while there are any of these: the filter asks before every command.
pub(crate) fn are_held() -> bool {
    LOWEST.load(Ordering::Relaxed) != NOBODY
}

/// True if this client's answer waits for the disk.
pub(crate) fn is_held(client_id: u64) -> bool {
    STATE.with(|state| state.held.iter().any(|waiter| waiter.client_id == client_id))
}

fn durable() -> u64 {
    engine::with(|engine| engine.marks().durable()).unwrap_or(0)
}

fn refresh_lowest() {
    let lowest = STATE.with(|state| state.held.front().map(|held| held.waits_for()));
    LOWEST.store(lowest.unwrap_or(NOBODY), Ordering::Relaxed);
}

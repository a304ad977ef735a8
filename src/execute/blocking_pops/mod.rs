//! Blocking pops: clients that wait for a list or a sorted set, and are served in the order in which they came,
//! right behind the unit that made one of their keys. The order, and who is to be asked, is the server's doing.
//!
//! A pop for such a client is an effect of its own, as if the client had come just then. Its answer is given at the
//! end of the turn (`ready_to_answer`), and waits for the disk as any other (`acks`). The client has no timeout of the server's, which
//! would end that: an alarm of our own is its timeout, and is stopped by the pop.
//!
//! While nothing may be written, for want of a disk or in a pause, a client that could be served waits on, and is
//! asked again afterwards: nobody gets an error for having waited, and nothing leaves the list.

pub(crate) mod ready_to_answer;
pub(crate) mod retry;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use module_api::blocked::on_keys::{OnKeys, Wish};
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::keys::key::{Holds, Key, Mode};
use module_api::server::timer::{Alarm, Sleeper};
use module_api::string::Args;
use module_api::{Ctx, Str, own_context};
use mylog_core::value::Kind;

use crate::acks::execution_unit;
use crate::acks::read_barrier::Sight;
use crate::acks::reply::Reply;
use crate::execute::invocation::{Access, Call, Done, Occasion};
use crate::execute::{invocation, twins};
use crate::settings::captured_keys;
use crate::{acks, engine};
pub(crate) use ready_to_answer::{are_due, let_go};

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
    /// Set once it was served: what it is told at the end of the turn.
    answer: RefCell<Option<Reply>>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: BTreeMap<u64, Rc<Waiter>>,
}

static STATE: Gil<State> = Gil::new(State {
    last_id: 0,
    waiting: BTreeMap::new(),
});

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
    });
    let Some(client) = OnKeys::block(call.ctx, call.args, pop.keys, Share(Rc::clone(&waiter))) else {
        return Err(pop.at_once);
    };
    waiter.client.set(Some(client));
    if let (true, Some(ctx)) = (pop.timeout_ms > 0, own_context()) {
        waiter
            .alarm
            .set(Some(Alarm::set::<TimeOver>(ctx, pop.timeout_ms, waiter.id)));
    }
    STATE.with(|state| state.waiting.insert(waiter.id, waiter));
    Ok(Reply::Later)
}

/// What the server keeps of a client that waits.
struct Share(Rc<Waiter>);

impl Wish for Share {
    fn ready(&self, ctx: Ctx<'_>, args: Args<'_>, key: Str<'_>) {
        // With an answer it is past waiting for a key.
        if self.0.answer.borrow().is_some() {
            return;
        }
        let opened = Key::open(ctx, key, Mode::ReadNoTouch);
        match opened.holds() {
            Holds::Ours(kind, _) if kind == self.0.kind => {
                if retry::is_too_early() {
                    return retry::ask_later(ctx.db(), key.bytes());
                }
            }
            // Who waits was led here while the name was captured, and natively he would get it.
            Holds::Foreign
                if opened.native_kind() == Some(self.0.kind)
                    && !captured_keys::is_captured(key.bytes())
                    && twins::native_name(args.get(0)).is_some() => {}
            _ => return,
        }
        drop(opened);
        let keys = self.0.places_to_try(args, key.bytes());
        let done = invocation::perform(ctx, args, Access::Write, Occasion::Served, |call| {
            (self.0.attempt)(call, keys).map(|reply| reply.unwrap_or(Reply::Later))
        });
        if done.reply != Reply::Later {
            self.0.answer(done);
        }
        ctx.send_replicated();
    }

    fn ended(&self, ctx: Ctx<'_>) {
        self.0.leave();
        self.0.answer.take().unwrap_or(Reply::NullArray).emit(ctx);
    }

    fn gone(&self) {
        self.0.leave();
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

    /// It was served: it is answered at the turn's end.
    fn answer(self: &Rc<Self>, done: Done) {
        self.stop_alarm();
        if let Some(seq) = done.changed.max(done.seen) {
            self.waits_for(seq);
        }
        ready_to_answer::answer(self, done.reply);
    }

    /// What it is told waits until `seq` is durable.
    fn waits_for(&self, seq: u64) {
        match acks::is_on() {
            true => acks::gate_client(self.client_id, seq),
            false => execution_unit::must_wait(seq),
        }
    }

    /// It waits no more.
    fn leave(&self) {
        self.stop_alarm();
        STATE.with(|state| state.waiting.remove(&self.id));
        if self.answer.borrow().is_some() {
            ready_to_answer::forget(self.id);
        }
    }

    fn stop_alarm(&self) {
        if let (Some(alarm), Some(ctx)) = (self.alarm.take(), own_context()) {
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
        if let Some(seq) = sight.seen() {
            waiter.waits_for(seq);
        }
        waiter.end();
    }
}

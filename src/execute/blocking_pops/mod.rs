//! Blocking pops: clients that wait for a list or a sorted set. They are served in the order in which they were blocked,
//! right after the unit that made one of their keys. The server keeps that order, and decides which client is tried.
//!
//! A pop for such a client is an effect of its own, as if the client had sent its command just then. The client is answered
//! at the end of the turn (`ready_to_answer`), and its reply waits for the disk as any other (`acks`). The server has no
//! timeout for the client, since that would end the wait for the disk: an alarm of the module is its timeout, and the pop
//! stops the alarm.
//!
//! While no write is taken, because of the disk or in a pause, a client that could be served waits on, and is tried again
//! afterwards (`retry`): no client gets an error for having waited, and no element leaves the list.

mod queue;
pub(crate) mod ready_to_answer;
pub(crate) mod retry;

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use module_api::blocked::on_keys::{OnKeys, Wish};
use module_api::context::Flags;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::timer::{Alarm, Sleeper};
use module_api::string::Args;
use module_api::{Ctx, Str, own_context};
use mylog_core::value::Kind;

use crate::acks::read_barrier::Sight;
use crate::acks::reply::{Reply, Unchanged};
use crate::acks::unheld;
use crate::execute::invocation::{Access, Call, Occasion};
use crate::execute::run::{Done, perform};
use crate::execute::twins;
use crate::settings::captured_keys;
use crate::{acks, engine};
pub(crate) use queue::{Attempt, are_due};
use queue::{STATE, Waiter};
pub(crate) use ready_to_answer::unblock_served;

/// What a blocking command asks for.
pub(crate) struct Pop {
    pub(crate) attempt: Attempt,
    /// Places of the keys that it may be served with.
    pub(crate) keys: Range<usize>,
    /// The type of their values.
    pub(crate) kind: Kind,
    /// 0: no timeout.
    pub(crate) timeout_ms: i64,
    /// The reply to a client that can't wait.
    pub(crate) at_once: Reply,
}

/// Serves the client of a blocking command, or blocks it.
pub(crate) fn pop(call: &mut Call<'_>, pop: Pop) -> Result<Reply, Unchanged> {
    const CANT_WAIT: u32 =
        Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING | Flags::LOADING | Flags::REPLICATED;
    if let Some(reply) = (pop.attempt)(call, pop.keys.clone())? {
        return Ok(reply);
    }
    if call.ctx.flags().any(CANT_WAIT) {
        return Err(pop.at_once.into());
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
        return Err(pop.at_once.into());
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

/// What the server keeps for a client that waits.
struct Share(Rc<Waiter>);

impl Wish for Share {
    fn ready(&self, ctx: Ctx<'_>, args: Args<'_>, key: Str<'_>) {
        // A client with an answer was served, and waits for no key any more.
        if self.0.answer.borrow().is_some() {
            return;
        }
        let opened = Key::open(ctx, key, Mode::ReadNoTouch);
        match opened.contents() {
            Contents::Ours(kind, _) if kind == self.0.kind => {
                if retry::is_too_early() {
                    return retry::ask_later(ctx.db(), key.bytes());
                }
            }
            // The filter routed this command to the module while its key was captured. The native command would serve it
            // with this value.
            Contents::Foreign
                if opened.native_kind() == Some(self.0.kind)
                    && !captured_keys::is_captured(key.bytes())
                    && twins::native_name(args.get(0)).is_some() => {}
            _ => return,
        }
        drop(opened);
        let keys = self.0.places_to_try(args, key.bytes());
        let done = perform(ctx, args, Access::Write, Occasion::Served, |call| {
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
    /// As the server does for a native command that waits: from 7.2 on it runs the whole command once one of its keys is
    /// ready; before that it pops from that key.
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

    /// The client was served: it is answered at the end of the turn.
    fn answer(self: &Rc<Self>, done: Done) {
        self.stop_alarm();
        if let Some(seq) = done.changed.max(done.seen) {
            self.waits_for(seq);
        }
        ready_to_answer::answer(self, done.reply);
    }

    /// Its reply waits until `seq` is durable.
    fn waits_for(&self, seq: u64) {
        match acks::is_on() {
            true => acks::gate_id(self.client_id, seq),
            false => unheld::must_wait(seq),
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
        // That no key exists may be due to a change that is not durable yet: then the null reply waits for that change.
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

//! `MYLOG.WAIT`: a client asks to wait until its changes are durable, under every policy. While the log is down the client
//! waits on, as in WAIT for a replica that is away: the log may heal.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use module_api::Ctx;
use module_api::blocked::with_timeout::{Host, Parked};
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::server::event_loop;

use crate::acks::reply::Reply;
use crate::engine;

struct Wait {
    client: Parked,
    /// The seq that it waits for.
    wanted: u64,
}

/// The waiting clients. They are released on the event loop (`module_api::blocked::with_timeout` says why).
static WAITS: Gil<Vec<Wait>> = Gil::new(Vec::new());
/// The lowest seq that any of them waits for: the writer thread wakes the event loop once it is durable.
static LOWEST: AtomicU64 = AtomicU64::new(NO_SEQ);
const NO_SEQ: u64 = u64::MAX;

/// Waits for all changes that were made before. `None`: the client is parked and answered later.
pub(crate) fn wait(ctx: Ctx<'_>, timeout_ms: i64) -> Option<Reply> {
    let wanted = engine::with(|engine| engine.last_seq()).unwrap_or(0);
    // Inside a unit the group can't be sealed and no client can be parked. The reply is the present state, and the sync
    // follows at the unit's end.
    if ctx
        .flags()
        .any(Flags::MULTI | Flags::LUA | Flags::DENY_BLOCKING | Flags::LOADING | Flags::REPLICATED)
    {
        engine::with(|engine| engine.ask_sync(wanted));
        return Some(standing(wanted));
    }
    lower_to(wanted);
    engine::with(|engine| {
        engine.seal();
        engine.ask_sync(wanted);
    });
    // The writer publishes the durable seq and then reads `LOWEST`. Here `LOWEST` is published and then the durable seq is
    // read. So one of the two sees the other's value.
    fence(Ordering::SeqCst);
    let client = match durable() < wanted {
        true => Parked::new::<Waits>(ctx, timeout_ms),
        false => None,
    };
    match client {
        Some(client) => {
            WAITS.with(|waits| waits.push(Wait { client, wanted }));
            None
        }
        None => {
            refresh_lowest();
            Some(standing(wanted))
        }
    }
}

/// On the writer thread, when `seq` is durable.
pub(crate) fn on_durable(seq: u64) {
    fence(Ordering::SeqCst);
    if seq >= LOWEST.load(Ordering::Relaxed) {
        event_loop::wake();
    }
}

/// Before the event loop sleeps: releases the clients whose seq is durable.
pub(crate) fn release() {
    let lowest = LOWEST.load(Ordering::Relaxed);
    if lowest == NO_SEQ || durable() < lowest {
        return;
    }
    let durable = durable();
    let done: Vec<Wait> = WAITS.with(|waits| {
        let (done, still) = std::mem::take(waits)
            .into_iter()
            .partition(|wait| wait.wanted <= durable);
        *waits = still;
        done
    });
    refresh_lowest();
    for Wait { client, wanted } in done {
        client.release(wanted);
    }
}

fn durable() -> u64 {
    engine::with(|engine| engine.marks().durable()).unwrap_or(0)
}

fn standing(wanted: u64) -> Reply {
    let number = |seq| Reply::Int(i64::try_from(seq).unwrap_or(i64::MAX));
    Reply::Parts(vec![Reply::Array(2), number(durable()), number(wanted)])
}

fn lower_to(wanted: u64) {
    LOWEST.fetch_min(wanted, Ordering::Relaxed);
}

fn refresh_lowest() {
    let lowest = WAITS.with(|waits| waits.iter().map(|wait| wait.wanted).min());
    LOWEST.store(lowest.unwrap_or(NO_SEQ), Ordering::Relaxed);
}

/// Removes a client from the list. Returns the seq that it waited for, if it was there.
fn take(client: Parked) -> Option<u64> {
    let wanted = WAITS.with(|waits| {
        let place = waits.iter().position(|wait| wait.client == client)?;
        Some(waits.swap_remove(place).wanted)
    });
    refresh_lowest();
    wanted
}

struct Waits;

impl Host for Waits {
    fn answer(ctx: Ctx<'_>, word: u64) {
        standing(word).emit(ctx);
    }

    fn timed_out(ctx: Ctx<'_>, client: Parked) {
        // The server does not time out a client that was released, so this one is in the list.
        let wanted = take(client).unwrap_or(0);
        standing(wanted).emit(ctx);
        client.release(wanted);
    }

    fn gone(client: Parked) {
        if let Some(wanted) = take(client) {
            client.release(wanted);
        }
    }
}

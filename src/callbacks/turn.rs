//! The steps at the end of a unit, and at the end of a turn of the event loop, in their order.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::server::latency;
use module_api::{Ctx, clients, own_context};

use crate::acks::{execution_unit, held_clients, mylog_wait, sleep_hook};
use crate::engine::backpressure;
use crate::keyspace::{eviction, native_effects};
use crate::lifecycle::startup;
use crate::{acks, engine, rewrite};

static WAS_DOWN: AtomicBool = AtomicBool::new(false);

/// Called when a unit has ended and its replies were not sent yet.
pub(super) fn unit_ended(ctx: Ctx<'_>) {
    // 1. Provisional changes are final now, since no event has followed that would make them a part of another change.
    native_effects::settle(native_effects::Cause::Command);
    // 2. The unit waits for its changes, if it has to.
    execution_unit::end(ctx);
    // 3. Gated clients are protected again, since the server may have ended their protection.
    acks::unit_ended();
}

/// Called at AFTER_SLEEP, the beginning of a turn.
pub(super) fn begins() {
    acks::woke_up();
    sleep_hook::set_past(false);
}

/// Called at BEFORE_SLEEP, the end of a turn.
pub(super) fn ends(ctx: Ctx<'_>) {
    startup::enter(ctx);
    acks::reads_end();
    acks::turn_ends();
    // 1. Commands that would run after BEFORE_SLEEP, and be answered before the sleep, run now. So their changes are in this
    //    turn's group, and their clients are gated before anything is sent.
    mylog_wait::release();
    clients::run_unblocked();
    unit_ended(ctx);
    if let Some(own) = own_context() {
        eviction::tell_replicas(own);
        own.catch_up();
    }
    engine::with(engine::Engine::end_turn);
    rewrite::turn();
    sample_fsyncs();
    release_if_down();
    backpressure::sample();
    // 2. After everything that gates: clients that are released now, or were never gated, are sent their replies.
    acks::before_sleep();
    sleep_hook::set_past(true);
}

/// Takes the samples for the latency monitor, which takes them on this thread only. The writer keeps the longest sync for it.
fn sample_fsyncs() {
    let slowest = engine::with(|engine| engine.marks().fsync_times().take_slowest_usec()).unwrap_or(0);
    if slowest > 0 {
        latency::sample(c"mylog-fsync", i64::try_from(slowest / 1000).unwrap_or(i64::MAX));
    }
}

/// Answers the held clients of a log that is down. The writer answers them when it fails; clients that are held just after that
/// are answered here.
fn release_if_down() {
    let down = engine::with(|engine| engine.marks().is_down()).unwrap_or(false);
    if down && (held_clients::waiting() > 0 || !WAS_DOWN.load(Ordering::Relaxed)) {
        let refusal = engine::with(|engine| engine.refusal()).flatten();
        let reason = refusal.map_or_else(String::new, |refusal| refusal.to_string());
        held_clients::give_up_all(&reason);
        engine::refresh_attention();
    } else if !down && WAS_DOWN.load(Ordering::Relaxed) {
        engine::refresh_attention();
    }
    WAS_DOWN.store(down, Ordering::Relaxed);
}

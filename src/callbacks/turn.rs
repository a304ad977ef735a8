//! The end of a unit, and the end of a turn of the event loop: what happens there, in order.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::server::latency;
use module_api::{Ctx, clients, own_context};

use crate::acks::{execution_unit, held_clients, mylog_wait, sleep_hook};
use crate::engine::backpressure;
use crate::keyspace::{eviction, native_effects};
use crate::lifecycle::startup;
use crate::{acks, engine, rewrite};

static WAS_DOWN: AtomicBool = AtomicBool::new(false);

/// A unit has ended, and its replies have not left.
pub(super) fn unit_ended(ctx: Ctx<'_>) {
    // 1. What is still open is final now: nothing has followed that would make it something else.
    native_effects::settle(native_effects::Cause::Command);
    // 2. What the unit owes is waited for.
    execution_unit::end(ctx);
    // 3. Who is gated stays so, whatever the server has done to his protection.
    acks::unit_ended();
}

/// AFTER_SLEEP.
pub(super) fn begins() {
    acks::woke_up();
    sleep_hook::set_past(false);
}

/// BEFORE_SLEEP.
pub(super) fn ends(ctx: Ctx<'_>) {
    startup::enter(ctx);
    acks::reads_end();
    acks::turn_ends();
    // 1. What would run behind this look, and be answered before the sleep, runs now: what it changes is in this turn's
    //    group, and its clients are gated before anything is sent.
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
    // 2. Behind all that gates: whoever is let go now, or was never gated, is sent what he was told.
    acks::before_sleep();
    sleep_hook::set_past(true);
}

/// The latency monitor takes samples on this thread only; the writer keeps the longest for it.
fn sample_fsyncs() {
    let slowest = engine::with(|engine| engine.marks().fsync_times().take_slowest_usec()).unwrap_or(0);
    if slowest > 0 {
        latency::sample(c"mylog-fsync", i64::try_from(slowest / 1000).unwrap_or(i64::MAX));
    }
}

/// The writer answers those who are held when it fails; those who came just behind are answered here.
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

//! Timers beside a server of the unit tests.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::mock;

#[test]
fn a_job_runs_once_and_when_its_time_is_over() {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let server = mock::start();
    let context = server.context();
    context.ctx().after_ms(10, || {
        RAN.fetch_add(1, Ordering::Relaxed);
    });
    server.pass_ms(&context, 9);
    assert_eq!(RAN.load(Ordering::Relaxed), 0);
    server.pass_ms(&context, 1);
    server.pass_ms(&context, 100);
    assert_eq!(RAN.load(Ordering::Relaxed), 1);
    assert_eq!(server.timers(), 0);
}

#[test]
fn jobs_run_in_the_order_of_their_times() {
    static ORDER: Gil<Vec<u8>> = Gil::new(Vec::new());
    let server = mock::start();
    let context = server.context();
    context.ctx().after_ms(5, || ORDER.with(|order| order.push(5)));
    context.ctx().after_ms(1, || ORDER.with(|order| order.push(1)));
    context.ctx().after_commands(|| ORDER.with(|order| order.push(0)));
    server.pass_ms(&context, 0);
    assert_eq!(ORDER.with(|order| order.clone()), [0]);
    server.pass_ms(&context, 5);
    assert_eq!(ORDER.with(|order| order.clone()), [0, 1, 5]);
}

#[test]
fn a_job_is_not_late_for_a_clock_that_was_set_back() {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let server = mock::start();
    let context = server.context();
    context.ctx().after_ms(0, || {
        RAN.fetch_add(1, Ordering::Relaxed);
    });
    // The server's clock goes back: its timer would ring in an hour.
    server.pass_ms(&context, -3_600_000);
    assert_eq!(RAN.load(Ordering::Relaxed), 0);
    let began = Instant::now();
    while !server.wake() {
        assert!(began.elapsed() < Duration::from_secs(60));
        context.ctx().catch_up();
    }
    assert!(began.elapsed() >= LATE / 2);
    assert_eq!(server.timers(), 1);
    server.pass_ms(&context, 0);
    assert_eq!(RAN.load(Ordering::Relaxed), 1);
    // Nothing is left to catch up with.
    context.ctx().catch_up();
    assert!(!server.wake());
}

/// Keeps the word of the last alarm.
struct Keeps;

static RANG: AtomicU64 = AtomicU64::new(0);

impl Sleeper for Keeps {
    fn rings(word: u64) {
        RANG.store(word, Ordering::Relaxed);
    }
}

#[test]
fn an_alarm_rings_unless_it_was_stopped() {
    let server = mock::start();
    let context = server.context();
    let stopped = Alarm::set::<Keeps>(context.ctx(), 1, 8);
    let rings = Alarm::set::<Keeps>(context.ctx(), 2, u64::MAX);
    // So late that the server's own counting would overflow.
    Alarm::set::<Keeps>(context.ctx(), i64::MAX, 9);
    assert_ne!(stopped, rings);
    stopped.stop(context.ctx());
    server.pass_ms(&context, 1);
    assert_eq!(RANG.load(Ordering::Relaxed), 0);
    server.pass_ms(&context, 1);
    assert_eq!(RANG.load(Ordering::Relaxed), u64::MAX);
    // One that has rung is left alone.
    rings.stop(context.ctx());
    assert_eq!(server.timers(), 1);
}

#[test]
fn a_sleeping_event_loop_is_woken_for_a_job() {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let server = mock::start();
    event_loop::run_soon(|| {
        RAN.fetch_add(1, Ordering::Relaxed);
    });
    event_loop::wake();
    assert!(server.wake());
    assert!(!server.wake());
    assert_eq!(RAN.load(Ordering::Relaxed), 1);
}

//! Clients that are gated: the server keeps what they were told until it is durable.
//!
//! Each is protected (`api::clients`) when it is gated, and let go in BEFORE_SLEEP, where the server runs no command, so
//! that no client is let go whom the server itself protects. The server ends its own protection at the end of a slow script,
//! of another module's yield, of a DEBUG RELOAD: all are protected again before anything can be sent, before the next command
//! and in BEFORE_SLEEP.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::server::{event_loop, latency, log, server_settings};
use module_api::{Ctx, clients};

use super::io_threads::{self, Place};
use super::queue::Queue;
use super::release_pace::Spread;
use super::{Author, author, busy_loop, client_eviction, everybody, idle_timeout, leavers, settings_aside};
use crate::acks::{execution_unit, held_clients};
use crate::engine;
use crate::keyspace::native_effects::{self, Cause};
use crate::settings::config;

/// In a shorter turn the server protects nobody by itself: it lets a script or another module run for
/// `busy-reply-threshold`, or a part of a second, before.
const LONG_TURN: Duration = Duration::from_millis(1);
const NOBODY: u64 = u64::MAX;

#[derive(Default)]
struct State {
    queue: Queue,
    /// Those who were gated in this turn.
    turn: Vec<u64>,
    spread: Spread,
    /// When the server was last known to have ended no protection: no command had run since all were protected.
    sure: Option<Instant>,
    /// Since when the log has been in trouble.
    trouble: Option<Instant>,
    /// The gate can't be used, and why.
    off: Option<&'static str>,
}

static STATE: Gil<Option<State>> = Gil::new(None);
static ON: AtomicBool = AtomicBool::new(false);
/// What it depends on is known: the server's settings are asked for when they are needed first.
static KNOWN: AtomicBool = AtomicBool::new(false);
/// Lowest seq that anybody waits for: the writer wakes the event loop for it.
static LEAST: AtomicU64 = AtomicU64::new(NOBODY);
/// The event loop was woken for it.
static WOKEN: AtomicBool = AtomicBool::new(false);
/// Somebody who is gated has lost the protection, or may have.
static AGAIN: AtomicBool = AtomicBool::new(false);
static CLOSED: AtomicU64 = AtomicU64::new(0);
static UNKNOWN: AtomicU64 = AtomicU64::new(0);

fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    STATE.with(|state| f(state.get_or_insert_with(State::default)))
}

/// Before the first command for which it matters: decides whether the gate is used.
pub(crate) fn prepare() {
    if !KNOWN.swap(true, Ordering::Relaxed) {
        server_settings::need();
        decide();
    }
}

/// The server's configuration has changed.
pub(crate) fn refresh() {
    if KNOWN.load(Ordering::Relaxed) && !settings_aside::is_own_change() {
        decide();
    }
}

fn decide() {
    let place = io_threads::place(io_threads::standing());
    let off = match place {
        Place::Fallback(why) => Some(why),
        Place::Gate | Place::Shared => None,
    };
    let was = with(|state| std::mem::replace(&mut state.off, off));
    // What keeps the replies of those who are gated holds no longer.
    let is_over = off.is_some() || (io_threads::are_shared() && place != Place::Shared);
    if is_over && !all_are_durable() {
        close_all();
    }
    ON.store(off.is_none(), Ordering::Relaxed);
    io_threads::set_shared(place == Place::Shared);
    if let (Some(why), true) = (off, was != off) {
        log::notice(&format!(
            "clients that wait for the disk are held one command at a time: {why}"
        ));
    }
}

/// Waits on the event loop, if it must, until nobody's reply has anything to wait for. False if that lasts too long.
pub(super) fn all_are_durable() -> bool {
    let last = with(|state| state.queue.last());
    last.is_none_or(|last| execution_unit::wait_in_place(last).is_none())
}

/// Why no reply can wait for the disk on this server, if it is so: there is no gate, and the end of a unit is not told.
pub(crate) fn impossible() -> Option<&'static str> {
    (!clients::can_be_protected() && !Ctx::hears_unit_ends()).then_some(
        "this server has no protectClient among its symbols: nothing would keep a reply back until it is durable",
    )
}

/// True where replies wait in their clients' own buffers.
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// For INFO.
pub(crate) fn status() -> &'static std::ffi::CStr {
    if is_on() { c"on" } else { c"fallback" }
}

/// Why it is not used; empty while it is, and before that is known.
pub(crate) fn reason() -> &'static str {
    with(|state| state.off.unwrap_or_default())
}

/// Clients that are gated now.
pub(crate) fn gated() -> usize {
    with(|state| state.queue.len())
}

/// Clients that were closed since the start because the log was in trouble for longer than `mylog.max-wait`.
pub(crate) fn closed() -> u64 {
    CLOSED.load(Ordering::Relaxed)
}

/// Commands since the start whose client was not known.
pub(crate) fn unknown() -> u64 {
    UNKNOWN.load(Ordering::Relaxed)
}

/// Gates whoever it is until `seq` is durable.
pub(super) fn hold(author: Author, seq: u64) {
    if io_threads::are_shared() {
        return io_threads::hold(author, seq, &UNKNOWN);
    }
    match author {
        Author::Nobody => return,
        Author::Client(id) if hold_client(id, seq) => {}
        // Of the client of another module's call, too, which is nobody's.
        Author::Client(_) | Author::Unknown => {
            UNKNOWN.fetch_add(1, Ordering::Relaxed);
            everybody().into_iter().for_each(|id| {
                hold_client(id, seq);
            });
        }
    }
    engine::with(|engine| engine.ask_sync(seq));
    // From 7.2 on the filter does not see the command behind this one, if that was put off as well: the unit's end is heard of.
    if author::may_be_put_off() {
        execution_unit::hear_end();
    }
    if held_clients::past_sleep_hook() {
        event_loop::wake();
    }
}

/// False if there is no such client.
pub(super) fn hold_client(id: u64, seq: u64) -> bool {
    let is_there = clients::protect(id);
    if is_there {
        let is_new = with(|state| {
            let is_new = state.gate(id, seq);
            state.publish();
            is_new
        });
        if is_new {
            engine::with(|engine| engine.client_waits(seq));
        }
    }
    is_there
}

impl State {
    /// True if the client waited for nothing before.
    fn gate(&mut self, id: u64, seq: u64) -> bool {
        let is_new = self.queue.add(id, seq);
        if !is_new {
            busy_loop::gated_again(id);
        }
        if self.turn.last() != Some(&id) {
            self.turn.push(id);
        }
        is_new
    }

    fn publish(&self) {
        LEAST.store(self.queue.least().unwrap_or(NOBODY), Ordering::Relaxed);
    }

    fn forget(&mut self, gone: &[u64]) {
        gone.iter().for_each(|id| busy_loop::let_go(*id));
        let gone: HashSet<u64> = gone.iter().copied().collect();
        self.queue.forget(&gone);
        // Protected again he would never be freed.
        self.turn.retain(|id| !gone.contains(id));
        self.publish();
    }
}

/// On the writer's thread: `seq` is durable.
pub(crate) fn on_durable(seq: u64) {
    // The writer has published how far it is, then looks who waits; the event loop does it the other way round. So one
    // of the two sees the other.
    fence(Ordering::SeqCst);
    if seq >= LEAST.load(Ordering::Relaxed) && !WOKEN.swap(true, Ordering::Relaxed) {
        event_loop::wake();
    }
}

/// Before each command that the filter sees: it may run for long, and the server sends meanwhile. `client`: whose it is, if the
/// server tells.
#[inline]
pub(crate) fn next_command(client: impl Fn() -> Option<u64>) {
    // What is known to be a script's, or another module's, the server may protect when it ends.
    settle(|| !clients::is_nested(client()));
    if io_threads::are_shared() && LEAST.load(Ordering::Relaxed) != NOBODY {
        let is_gated = |id| with(|state| state.queue.contains(id));
        // If it is a slow script: nothing may be read for the client behind it before it is protected again.
        if client().is_some_and(is_gated) {
            execution_unit::hear_end();
        }
    }
}

/// Where no command runs.
fn between_commands() {
    settle(|| true);
}

#[inline]
fn settle(is_between: impl Fn() -> bool) {
    if native_effects::is_unlinked() {
        native_effects::settle(Cause::Command);
    }
    if io_threads::is_put_back_for_a_while() && is_between() {
        io_threads::set_aside_again();
    }
    if LEAST.load(Ordering::Relaxed) != NOBODY {
        busy_loop::command_comes();
        if may_have_ended_protection() && is_between() {
            protect_all();
        }
        make_room();
    }
}

/// Before the server looks whether its clients take more memory than they may.
fn make_room() {
    let Some(missing) = client_eviction::missing() else {
        return;
    };
    let closed = client_eviction::make(missing, holds);
    with(|state| state.forget(&closed));
}

/// True once a command has had the time to be protected by the server, which then ends that for a client of ours as well.
fn may_have_ended_protection() -> bool {
    let is_sure = |state: &mut State| state.sure.is_some_and(|at| at.elapsed() < LONG_TURN);
    AGAIN.load(Ordering::Relaxed) || !with(is_sure)
}

fn protect_all() {
    with(|state| {
        for id in state.queue.ids() {
            clients::protect(id);
        }
        state.sure = Some(Instant::now());
    });
    AGAIN.store(false, Ordering::Relaxed);
}

/// A command that was put off has ended.
pub(crate) fn unit_ended() {
    if io_threads::is_put_back_for_a_while() {
        io_threads::set_aside_again();
    }
    if author::may_be_put_off() || io_threads::are_shared() {
        between_commands();
    }
}

/// A load may come, or has ended: the server protects whoever asked for it meanwhile. Of one that can't begin nothing but the flush
/// before it is heard, and all of it may take no time.
pub(crate) fn load_protects() {
    AGAIN.store(true, Ordering::Relaxed);
}

/// AFTER_SLEEP.
pub(crate) fn woke_up() {
    if is_on() {
        let now = Instant::now();
        with(|state| state.sure = Some(now));
        busy_loop::woke_up(now);
    }
}

/// BEFORE_SLEEP, once the turn's group is on its way: lets go who is due, and sees to it that all others stay.
pub(crate) fn before_sleep() {
    // What comes behind this without the filter is nobody's who was seen. Beside threads that counts: one may read for him by then.
    if io_threads::are_shared() {
        author::forget();
    }
    io_threads::settle();
    client_eviction::look_again();
    let all = may_have_ended_protection();
    // Whether anybody is gated or not: a trouble that is over is no part of the next one.
    let trouble = in_trouble_for();
    if LEAST.load(Ordering::Relaxed) == NOBODY {
        return;
    }
    WOKEN.store(false, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    let mut longest = Duration::ZERO;
    with(|state| {
        let (durable, sync) = reached();
        // Where replies are kept no longer, or their clients may be closed soon, nobody is kept who need not be.
        state.spread.turn_ends(state.turn.len());
        let portion = match (state.off, trouble) {
            (None, None) => state
                .spread
                .portion(state.queue.due(durable), sync, Instant::now()),
            _ => usize::MAX,
        };
        for _ in 0..portion {
            let Some((id, gated)) = state.queue.next_due(durable) else {
                break;
            };
            clients::unprotect(id);
            busy_loop::let_go(id);
            longest = longest.max(gated.since.elapsed());
        }
        state.publish();
        if state.queue.due(durable) > 0 && !WOKEN.swap(true, Ordering::Relaxed) {
            event_loop::wake();
        }
        let again = std::mem::take(&mut state.turn);
        for id in again.iter().filter(|id| state.queue.contains(**id)) {
            clients::protect(*id);
        }
        state.turn = again;
        state.turn.clear();
    });
    if all {
        protect_all();
    }
    if server_settings::io_threads() > 1 {
        clients::send_from_this_thread();
    }
    if longest > Duration::ZERO {
        latency::sample(
            c"mylog-ack-wait",
            i64::try_from(longest.as_millis()).unwrap_or(i64::MAX),
        );
    }
    make_room();
    if leavers::were_asked_for() {
        let_leave(&all_gated());
    }
    if trouble.is_some_and(|since| since >= Duration::from_millis(config::max_wait_ms())) {
        close_all();
    }
    // Beside threads nobody who is gated may be read for an instant: what a thread reads meanwhile would be lost.
    if !io_threads::are_shared() {
        busy_loop::turn_ends();
    }
}

/// The server's cron.
pub(crate) fn cron() {
    look_at_idle();
    if LEAST.load(Ordering::Relaxed) == NOBODY {
        return;
    }
    let_leave(&leavers::part());
}

/// Whether somebody who waits would count as idle.
pub(super) fn look_at_idle() {
    if idle_timeout::matters() {
        idle_timeout::look(longest_wait());
    }
}

/// All who are gated.
pub(super) fn all_gated() -> Vec<u64> {
    with(|state| state.queue.ids().collect())
}

/// True for one who is gated.
pub(super) fn holds(id: u64) -> bool {
    with(|state| state.queue.contains(id))
}

/// For how long anybody has waited who is still gated.
fn longest_wait() -> Duration {
    let oldest = with(|state| state.queue.oldest());
    oldest.map_or(Duration::ZERO, |since| since.elapsed())
}

/// Lets those of these clients go that the server is to close.
fn let_leave(gated: &[u64]) {
    let leavers: Vec<u64> = leavers::among(gated);
    if leavers.is_empty() {
        return;
    }
    with(|state| state.forget(&leavers));
    leavers.into_iter().for_each(clients::unprotect);
}

/// How far the log is, and how long its last sync took.
fn reached() -> (u64, Duration) {
    let look = |engine: &mut engine::Engine| (engine.marks().durable(), engine.marks().fsync_times().last());
    engine::with(look).unwrap_or_default()
}

/// For how long the log has been in trouble; `None` while it is not.
fn in_trouble_for() -> Option<Duration> {
    let in_trouble = engine::with(|engine| engine.is_in_trouble()) == Some(true);
    with(|state| match in_trouble {
        true => Some(state.trouble.get_or_insert_with(Instant::now).elapsed()),
        false => {
            state.trouble = None;
            None
        }
    })
}

/// A log in trouble has `mylog.max-wait` to heal, which makes durable what is waited for. Then it is not known what will
/// become of that, and a closed connection says so.
fn close_all() {
    let clients: Vec<u64> = with(|state| {
        let clients = state.queue.drain();
        state.publish();
        clients
    });
    if clients.is_empty() {
        return;
    }
    let sockets = leavers::sockets(&clients).into_values();
    clients.iter().for_each(|id| busy_loop::let_go(*id));
    clients.iter().for_each(|id| clients::close(*id));
    // The server closes its own end at the end of this turn. A child that was forked meanwhile, the one that makes a tainted log
    // anew among them, has the sockets as well: without this the clients would hear of nothing before that child ends.
    sockets.for_each(clients::hang_up);
    CLOSED.fetch_add(clients.len() as u64, Ordering::Relaxed);
    log::warning(&format!(
        "{} clients were closed: what they wrote, or saw, is not known to be on disk after mylog.max-wait ({} ms)",
        clients.len(),
        config::max_wait_ms()
    ));
}

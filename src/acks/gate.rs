//! Gated clients: the server keeps their replies in their output buffers until the changes that these acknowledge are
//! durable.
//!
//! A gated client is protected (`module_api::clients`): the server reads nothing from it and sends nothing to it. The
//! protection ends in BEFORE_SLEEP, where the server runs no command and so protects no client for a reason of its own. At
//! the end of a slow script, of another module's yield and of a DEBUG RELOAD the server ends its own protection of a client,
//! and with it that of the gate. So all gated clients are protected again before the server can send anything: before the
//! next command and in BEFORE_SLEEP.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use module_api::context::Flags;
use module_api::server::{event_loop, latency, log, server_settings};
use module_api::{Ctx, clients};

use super::author::Author;
use super::gate_client::gate_client;
use super::gated::{self, is_on, with};
use super::io_threads::{self, Place};
use super::{
    author, busy_loop, client_eviction, execution_unit, idle_timeout, leavers, set_aside, sleep_hook,
};
use crate::engine;
use crate::settings::config;

/// In a shorter turn the server has protected no client by itself: it does so only after a script or another module has run
/// for `busy-reply-threshold`, or for a part of a second.
const LONG_TURN: Duration = Duration::from_millis(1);

/// `decide` has run once. It reads the server's settings, which happens when they are first needed.
static KNOWN: AtomicBool = AtomicBool::new(false);
/// The event loop was woken for a client that can be released, and has not come to BEFORE_SLEEP since.
static WOKEN: AtomicBool = AtomicBool::new(false);
/// The server has ended, or may have ended, the protection of a gated client.
static AGAIN: AtomicBool = AtomicBool::new(false);
static CLOSED: AtomicU64 = AtomicU64::new(0);
static UNKNOWN: AtomicU64 = AtomicU64::new(0);

/// Decides whether the gate is used, before the first command for which that matters.
pub(crate) fn prepare() {
    if !KNOWN.swap(true, Ordering::Relaxed) {
        server_settings::need();
        decide();
    }
}

/// Decides again after a change of the server's configuration, unless the module itself made the change.
pub(crate) fn refresh() {
    if KNOWN.load(Ordering::Relaxed) && !set_aside::is_own_change() {
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
    // The new decision ends what has kept the replies of gated clients back. These replies must be durable by then, or their
    // clients are closed.
    let is_over = off.is_some() || (io_threads::are_shared() && place != Place::Shared);
    if is_over && !gated::all_are_durable() {
        close_all();
    }
    gated::set_on(off.is_none());
    io_threads::set_shared(place == Place::Shared);
    if let (Some(why), true) = (off, was != off) {
        log::notice(&format!(
            "clients that wait for the disk are held one command at a time: {why}"
        ));
    }
}

/// For INFO: the gate, or the fallback with clients that are held.
pub(crate) fn status() -> &'static std::ffi::CStr {
    if is_on() { c"on" } else { c"fallback" }
}

/// Why the gate is not used; empty while it is used, and before that is decided.
pub(crate) fn reason() -> &'static str {
    with(|state| state.off.unwrap_or_default())
}

/// Gated clients that were closed since the start, because their changes were not durable after `mylog.max-wait`.
pub(crate) fn closed() -> u64 {
    CLOSED.load(Ordering::Relaxed)
}

/// Commands since the start whose client could not be known.
pub(crate) fn unknown() -> u64 {
    UNKNOWN.load(Ordering::Relaxed)
}

/// Gates the client of a command of the module until `seq`, the last change that the command made or saw, is durable.
pub(super) fn gate_command(ctx: Ctx<'_>, flags: Flags, seq: u64) {
    gate(author::of_command(ctx, flags), seq);
}

/// Gates the client whose native command caused the running callback.
pub(super) fn gate_callback(seq: u64) {
    gate(author::of_callback(), seq);
}

/// Gates the client with this id.
pub(crate) fn gate_id(id: u64, seq: u64) {
    gate(Author::Client(id), seq);
}

/// Gates the client of a command until `seq` is durable; if the client is not known, gates all clients.
pub(crate) fn gate(author: Author, seq: u64) {
    if io_threads::are_shared() {
        return io_threads::gate(author, seq, &UNKNOWN);
    }
    match author {
        Author::None => return,
        Author::Client(id) if gate_client(id, seq) => {}
        // The id of `Client` is not found for a command that another module calls: such a command has a temporary client.
        Author::Client(_) | Author::Unknown => {
            UNKNOWN.fetch_add(1, Ordering::Relaxed);
            author::all_clients().into_iter().for_each(|id| {
                gate_client(id, seq);
            });
        }
    }
    engine::with(|engine| engine.ask_sync(seq));
    // From 7.2 on a postponed command does not pass the filter when it runs. If the next command is one, `next_command` is
    // not called before it, so the clients are protected again at the end of this unit.
    if author::may_be_put_off() {
        execution_unit::hear_end();
    }
    if sleep_hook::is_past() {
        event_loop::wake();
    }
}

/// On the writer thread, when `seq` is durable: wakes the event loop if that releases a client.
pub(crate) fn on_durable(seq: u64) {
    // The writer has published the durable seq and then reads `LEAST`. The event loop publishes `LEAST` and then reads the
    // durable seq. With a fence in between on both sides, one of the two sees the other's value, and no client is forgotten.
    fence(Ordering::SeqCst);
    if gated::waits_for(seq) && !WOKEN.swap(true, Ordering::Relaxed) {
        event_loop::wake();
    }
}

/// Before each command that the filter sees. The command may run for long, and the server may send replies meanwhile.
/// `client` returns the id of the command's client, where the server tells the filter.
#[inline]
pub(crate) fn next_command(client: impl Fn() -> Option<u64>) {
    // Not before a command that a script or another module calls: the server ends its own protection only after the outer
    // command.
    settle(|| !clients::is_nested(client()));
    if io_threads::are_shared() && gated::are_any() {
        // If this command is a slow script, the server ends the client's protection after it. The client must be protected
        // again before a thread reads from it, which is at the end of the unit.
        if client().is_some_and(gated::contains) {
            execution_unit::hear_end();
        }
    }
}

/// At a place where no command runs: does what [`next_command`] does before a command.
fn between_commands() {
    settle(|| true);
}

#[inline]
fn settle(is_between: impl Fn() -> bool) {
    if io_threads::is_put_back_for_a_while() && is_between() {
        io_threads::set_aside_again();
    }
    if gated::are_any() {
        busy_loop::command_comes();
        if may_have_ended_protection() && is_between() {
            protect_all();
        }
        make_room();
    }
}

/// These clients are gated no longer.
fn forget(gone: &[u64]) {
    gone.iter().for_each(|id| busy_loop::released(*id));
    with(|state| state.forget(gone));
}

/// Closes gated clients before the server compares the memory of all clients with `maxmemory-clients` (`client_eviction`).
fn make_room() {
    let Some(missing) = client_eviction::missing() else {
        return;
    };
    forget(&client_eviction::make(missing, gated::contains));
}

/// True once a command may have run for so long that the server has protected its client: at the end of that the server ends
/// the protection, also if the client is gated.
fn may_have_ended_protection() -> bool {
    let is_sure = |state: &mut gated::State| state.sure.is_some_and(|at| at.elapsed() < LONG_TURN);
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

/// At the end of a unit. Where the next command may not pass the filter (a postponed one), or a thread may read before it,
/// does what [`next_command`] would do.
pub(crate) fn unit_ended() {
    if io_threads::is_put_back_for_a_while() {
        io_threads::set_aside_again();
    }
    if author::may_be_put_off() || io_threads::are_shared() {
        between_commands();
    }
}

/// A load may begin, or has ended: meanwhile the server protects the client that asked for it. A load that can't begin
/// raises no event but that of the flush before it, and may take less than [`LONG_TURN`].
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

/// BEFORE_SLEEP, after the turn's group was sealed: releases the clients whose changes are durable, and makes sure that all
/// others stay protected.
pub(crate) fn before_sleep() {
    // A command that runs after this without passing the filter may be of another client than the filter saw last. Beside
    // I/O threads that client must not be gated for it: a thread may be reading from it by then.
    if io_threads::are_shared() {
        author::forget();
    }
    io_threads::settle();
    client_eviction::check_again();
    let all = may_have_ended_protection();
    // Also while no client is gated: the time of a trouble that is over does not count for the next one.
    let trouble = in_trouble_for();
    if !gated::are_any() {
        return;
    }
    WOKEN.store(false, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    let mut longest = Duration::ZERO;
    with(|state| {
        let (durable, sync) = reached();
        // All due clients are released at once if the gate is off, or if a log in trouble may soon have them closed.
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
            busy_loop::released(id);
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
        let_leave(&gated::all());
    }
    if trouble.is_some_and(|since| since >= Duration::from_millis(config::max_wait_ms())) {
        close_all();
    }
    // Not beside I/O threads: `busy_loop` opens gated clients for an instant, and what a thread reads then would be lost.
    if !io_threads::are_shared() {
        busy_loop::turn_ends();
    }
}

/// From the server's cron.
pub(crate) fn cron() {
    idle_timeout::check();
    if !gated::are_any() {
        return;
    }
    let_leave(&leavers::part());
}

/// Releases those of these gated clients that the server is about to close.
fn let_leave(gated: &[u64]) {
    let leavers: Vec<u64> = leavers::among(gated);
    if leavers.is_empty() {
        return;
    }
    forget(&leavers);
    leavers.into_iter().for_each(clients::unprotect);
}

/// The durable seq, and the duration of the log's last sync.
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

/// Closes all gated clients. A log in trouble has `mylog.max-wait` to heal, which makes their changes durable. After that it
/// is not known whether the changes will survive, and a closed connection says so.
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
    clients.iter().for_each(|id| busy_loop::released(*id));
    clients.iter().for_each(|id| clients::close(*id));
    // The server closes its descriptors at the end of this turn. A child that was forked meanwhile, for instance the one
    // that rewrites a tainted log, has copies of them: without this the clients would notice nothing before that child ends.
    sockets.for_each(clients::hang_up);
    CLOSED.fetch_add(clients.len() as u64, Ordering::Relaxed);
    log::warning(&format!(
        "{} clients were closed: what they wrote, or saw, is not known to be on disk after mylog.max-wait ({} ms)",
        clients.len(),
        config::max_wait_ms()
    ));
}

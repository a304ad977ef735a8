//! The end of a unit: where the event loop waits for the disk on behalf of clients that can't be held (EXEC,
//! scripts, native commands on durable keys), once for all that the unit changed.
//!
//! Only where there is no gate (`acks`). A post-notification job marks the end, which Redis before 7.2 lacks: there is a gate
//! there. What it misses is caught before the event loop sleeps.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use module_api::clients::list;
use module_api::gil::Gil;
use module_api::server::log;
use module_api::server::server_state;
use module_api::{Ctx, own_context};
use mylog_core::log::writer::WaitOutcome;

use crate::acks::Author;
use crate::keyspace::native_effects::{self, Cause};
use crate::settings::{always_keys, config};
use crate::{acks, engine};

#[derive(Debug, Default)]
struct Unit {
    /// Last effect that is not known to be on disk and of which somebody who can't be held was, or will be,
    /// told; 0 for none.
    wait: u64,
    /// The end of the unit will be heard of.
    armed: bool,
    /// Depth of own commands that wait for what callbacks inside them report meanwhile.
    held: u32,
}

static UNIT: Gil<Unit> = Gil::new(Unit {
    wait: 0,
    armed: false,
    held: 0,
});

static WAITED_USEC: AtomicU64 = AtomicU64::new(0);

/// While it lives, the running command is held for all that callbacks report: nobody else need wait.
pub(crate) struct HeldCommand(());

/// Begins a native command that is run on behalf of a held one.
pub(crate) fn held_command() -> HeldCommand {
    UNIT.with(|unit| unit.held += 1);
    HeldCommand(())
}

impl Drop for HeldCommand {
    fn drop(&mut self) {
        UNIT.with(|unit| unit.held -= 1);
    }
}

/// A callback has, or may have, something for the log about this name, or about all: it will be known at the unit's end at the
/// latest. Where there is a gate: who is to be gated then. Not at once: what is evicted may be put back, and whoever's command needs
/// the room is a neighbour.
pub(crate) fn watch(name: Option<&[u8]>) -> Option<Author> {
    let strict = match name {
        Some(name) => always_keys::is_name(name),
        None => always_keys::anything(),
    };
    if !strict || is_held() {
        return None;
    }
    arm();
    acks::is_on().then(acks::of_callback)
}

/// The running unit can't be held, and changed or saw `seq`: the event loop waits for it at the unit's end.
/// Inside of an own command that is held, that one waits for all that has changed meanwhile.
pub(crate) fn must_wait(seq: u64) {
    if !waits_for_anybody() || is_held() {
        return;
    }
    if acks::is_on() {
        return acks::gate_callback(seq);
    }
    wait_at_end(seq);
}

/// The same where nobody is, or can be, gated for it.
pub(crate) fn wait_at_end(seq: u64) {
    UNIT.with(|unit| unit.wait = seq.max(unit.wait));
    arm();
}

/// True inside of an own command that is held for what callbacks report.
fn is_held() -> bool {
    UNIT.with(|unit| unit.held > 0)
}

/// A replica's primary waits for nobody, and while a data set is loaded nobody is answered.
fn waits_for_anybody() -> bool {
    !server_state::is_replica() && !server_state::is_loading()
}

/// The end of the running unit is to be heard of.
pub(crate) fn hear_end() {
    if Ctx::hears_unit_ends() {
        arm();
    }
}

fn arm() {
    if UNIT.with(|unit| std::mem::replace(&mut unit.armed, true)) {
        return;
    }
    let Some(ctx) = own_context() else { return };
    // Refused on a read-only replica, where nobody waits. Redis before 7.2 tells of no end: there what is left open is settled before
    // the next command and before the sleep.
    let _ = ctx.after_unit(end);
}

/// The unit has ended and its replies have not left.
pub(crate) fn end(ctx: Ctx<'_>) {
    native_effects::settle(Cause::Command);
    let wait = UNIT.with(|unit| {
        unit.armed = false;
        std::mem::take(&mut unit.wait)
    });
    if wait > 0 {
        wait_for_disk(ctx, wait);
    }
    acks::unit_ended();
}

/// Time since the start, in microseconds, for which the event loop has waited for the disk.
pub(crate) fn waited_usec() -> u64 {
    WAITED_USEC.load(Ordering::Relaxed)
}

/// Waits on the event loop until `seq` is on disk. Why it is not known to be, if it is not.
pub(crate) fn wait_in_place(seq: u64) -> Option<String> {
    let began = Instant::now();
    let outcome = engine::with(|engine| engine.wait_durable(seq, config::max_wait_ms()))?;
    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    WAITED_USEC.fetch_add(took, Ordering::Relaxed);
    match outcome {
        WaitOutcome::Durable => None,
        WaitOutcome::Failed(failure) => Some(failure.text),
        WaitOutcome::TimedOut => Some(format!(
            "the disk took longer than mylog.max-wait ({} ms)",
            config::max_wait_ms()
        )),
        WaitOutcome::Stopped => Some("the writer has stopped".to_owned()),
    }
}

fn wait_for_disk(ctx: Ctx<'_>, seq: u64) {
    let Some(reason) = wait_in_place(seq) else { return };
    // Clients that are held are spared: they were told nothing, and hear from the writer if the log has failed.
    let cut = cut_off_unsent(ctx);
    log::warning(&format!(
        "{cut} clients were cut off, since their replies would acknowledge what is not known to be on disk: {reason}"
    ));
}

/// Shuts down the sockets of all clients that may have an early reply in their buffer. The server tells no
/// module whose command it runs, but nothing was sent since: these are the clients with something unsent.
fn cut_off_unsent(ctx: Ctx<'_>) -> usize {
    let text = list::of_all(ctx);
    let sockets = text.lines().filter_map(unsent_socket);
    // SAFETY: shutdown takes numbers only; the descriptors are the server's open client sockets, since
    // nothing ran since it listed them.
    sockets
        .filter(|&fd| unsafe { libc::shutdown(fd, libc::SHUT_RDWR) } == 0)
        .count()
}

/// The socket of a line of CLIENT LIST, if its client has something unsent, or was active just now, and is
/// neither held nor a replica nor the primary.
fn unsent_socket(line: &str) -> Option<RawFd> {
    let field = |name: &str| list::field(line, name);
    let number = |name: &str| field(name)?.parse::<u64>().ok();
    let unsent = number("obl") > Some(0) || number("oll") > Some(0) || number("idle") <= Some(1);
    let spared = field("flags")?.contains(['b', 'M', 'S']);
    let fd = field("fd")?.parse().ok()?;
    (unsent && !spared && fd >= 0).then_some(fd)
}

#[cfg(test)]
mod tests {
    use super::unsent_socket;

    #[test]
    fn whoever_may_have_an_early_reply_is_cut_off_and_nobody_else() {
        let line = |flags, idle, obl, oll| {
            format!("id=3 fd=8 name= age=9 idle={idle} flags={flags} db=0 obl={obl} oll={oll} omem=0")
        };
        assert_eq!(unsent_socket(&line("N", 0, 0, 0)), Some(8));
        assert_eq!(unsent_socket(&line("x", 9, 5, 0)), Some(8));
        assert_eq!(unsent_socket(&line("P", 9, 0, 1)), Some(8));
        assert_eq!(unsent_socket(&line("N", 2, 0, 0)), None);
        for spared in ["b", "M", "S"] {
            assert_eq!(unsent_socket(&line(spared, 0, 5, 1)), None);
        }
        assert_eq!(unsent_socket(""), None);
    }
}

//! The end of a unit: where the event loop waits for the disk on behalf of clients that can't be held (in EXEC, in a script,
//! for a native command on a durable key), once for all that the unit changed.
//!
//! Used where there is no gate (`acks`), and for commands whose client the gate can't take (`io_threads`). The server calls
//! a post-notification job at the end of the unit. Redis before 7.2 has no such jobs, but a gate. What the job misses is
//! done before the event loop sleeps.

use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use module_api::clients::{list, sockets};
use module_api::gil::Gil;
use module_api::server::log;
use module_api::{Ctx, own_context};
use mylog_core::log::writer::WaitOutcome;

use crate::engine;
use crate::settings::config;

#[derive(Debug, Default)]
struct Unit {
    /// Last effect that is not known to be on disk and about which a client that can't be held was, or will be, sent a
    /// reply; 0 for none.
    wait: u64,
    /// The server will call [`end`] at the end of this unit.
    armed: bool,
    /// Nesting depth of the module's commands whose replies wait for all changes that callbacks report meanwhile.
    held: u32,
}

static UNIT: Gil<Unit> = Gil::new(Unit {
    wait: 0,
    armed: false,
    held: 0,
});

static AT_END: OnceLock<fn(Ctx<'_>)> = OnceLock::new();
static WAITED_USEC: AtomicU64 = AtomicU64::new(0);

/// While it lives, the reply of the running command waits for all changes that callbacks report: no other client needs to.
pub(crate) struct HeldCommand(());

/// Begins a native command that a command of the module runs, and for whose changes the reply of that command waits.
pub(crate) fn held_command() -> HeldCommand {
    UNIT.with(|unit| unit.held += 1);
    HeldCommand(())
}

impl Drop for HeldCommand {
    fn drop(&mut self) {
        UNIT.with(|unit| unit.held -= 1);
    }
}

/// Has the event loop wait for `seq` at the unit's end: no client is, or can be, gated for it.
pub(crate) fn wait_at_end(seq: u64) {
    UNIT.with(|unit| unit.wait = seq.max(unit.wait));
    expect_end();
}

/// True inside a command whose reply waits for all changes that callbacks report.
pub(super) fn is_held() -> bool {
    UNIT.with(|unit| unit.held > 0)
}

/// Has [`end`] called at the end of the running unit, where the server can do that.
pub(crate) fn hear_end() {
    if Ctx::hears_unit_ends() {
        expect_end();
    }
}

/// As [`hear_end`], on every server.
pub(super) fn expect_end() {
    if UNIT.with(|unit| std::mem::replace(&mut unit.armed, true)) {
        return;
    }
    let Some(ctx) = own_context() else { return };
    // Refused on a read-only replica, where no client waits. Redis before 7.2 reports no end of a unit: what is left open
    // there is settled before the next command and before the sleep.
    if let Some(hook) = AT_END.get() {
        let _ = ctx.after_unit(*hook);
    }
}

/// What runs at the end of a unit (`callbacks::turn`). In OnLoad only.
pub(crate) fn attach(hook: fn(Ctx<'_>)) {
    let _ = AT_END.set(hook);
}

/// At the end of a unit, before its replies are sent: waits for what the unit has left to wait for.
pub(crate) fn end(ctx: Ctx<'_>) {
    let wait = UNIT.with(|unit| {
        unit.armed = false;
        std::mem::take(&mut unit.wait)
    });
    if wait > 0 {
        wait_for_disk(ctx, wait);
    }
}

/// Time since the start, in microseconds, for which the event loop has waited for the disk.
pub(crate) fn waited_usec() -> u64 {
    WAITED_USEC.load(Ordering::Relaxed)
}

/// Waits on the event loop until `seq` is on disk. `None` if it is; otherwise the reason why it is not known to be.
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
    // Held clients are spared: no reply was sent to them, and the writer thread answers them if the log has failed.
    let cut = cut_off_unsent(ctx);
    log::warning(&format!(
        "{cut} clients were cut off, since their replies would acknowledge what is not known to be on disk: {reason}"
    ));
}

/// Shuts down the sockets of all clients that may have an early reply in their output buffer. The server does not tell a
/// module whose command runs, but it has sent nothing since: these are the clients with unsent bytes.
fn cut_off_unsent(ctx: Ctx<'_>) -> usize {
    let text = list::of_all(ctx);
    let unsent = text.lines().filter_map(unsent_socket);
    // The descriptors are the server's open client sockets: nothing has run since the server listed them.
    unsent.filter(|&fd| sockets::shut_down(fd)).count()
}

/// The socket in a line of CLIENT LIST of a client that has unsent bytes, or was active in the last second, and is neither
/// held nor a replica nor the primary.
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

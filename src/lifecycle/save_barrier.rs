//! What the server saves by itself, an RDB or a rewritten AOF, is never ahead of the log: cut short by a crash, the
//! log would know nothing of keys that the file has, and win. Where these were native ones for long, adopted in the
//! last turn, their only copy would be gone with the older file.
//!
//! The child that saves waits until what was changed before its fork is on the disk; the parent asks for a sync at
//! the fork. A log that is down, or too slow, does not keep the cache from being saved: only keys that were adopted do.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use module_api::context::Flags;
use module_api::server::{log, process as child, shared_memory};

use crate::acks::execution_unit;
use crate::engine;
use crate::keyspace::native_effects::Cause;
use crate::keyspace::{native_effects, unsynced_adoptions};

/// Longest that a child waits for the log.
const LONGEST: Duration = Duration::from_secs(10);
/// The same while the log is down and the child has to give up. Longer, two replicas by turns would leave no moment for
/// the child of the rewrite that mends the log; shorter, the server would fork all the time.
const LONGEST_WHILE_DOWN: Duration = Duration::from_secs(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// What the writer of the log tells the children.
struct Told {
    /// The server's process.
    server: u32,
    /// The last seq on disk, as far as it was told since the start; and whether the log is down.
    numbers: Option<&'static [AtomicU64; 2]>,
}

static TOLD: OnceLock<Told> = OnceLock::new();

/// Before the writer starts.
pub(crate) fn prepare() {
    let _ = TOLD.set(Told {
        server: process::id(),
        numbers: shared_memory::numbers(),
    });
}

/// The writer has all up to `seq` on disk.
pub(crate) fn on_durable(seq: u64) {
    tell(|[durable, _]| durable.fetch_max(seq, Ordering::Release));
}

/// The log is down, or works again.
pub(crate) fn on_health(down: bool) {
    tell(|[_, is_down]| is_down.swap(u64::from(down), Ordering::Release));
}

fn tell(number: impl FnOnce(&[AtomicU64; 2]) -> u64) {
    if let Some(numbers) = TOLD.get().and_then(|told| told.numbers) {
        number(numbers);
    }
}

/// The server has forked: a child that saves waits for what was changed before.
pub(crate) fn forked() {
    engine::with(|engine| {
        let last = engine.last_seq();
        if engine.marks().durable() < last {
            engine.ask_sync(last);
        }
    });
}

/// A save begins, of an RDB or of the server's AOF, in a child or in the server itself.
pub(crate) fn begins(is_aof: bool) {
    let Some(told) = TOLD.get() else { return };
    if process::id() == told.server {
        in_place();
    } else if let (Some(wanted), Some(numbers)) = (wanted(), told.numbers) {
        in_child(is_aof, wanted, told.server, numbers);
    }
}

/// The last seq, unless it is on disk.
fn wanted() -> Option<u64> {
    engine::with(|engine| Some(engine.last_seq()).filter(|&last| engine.marks().durable() < last))?
}

fn in_child(is_aof: bool, wanted: u64, server: u32, [durable, down]: &[AtomicU64; 2]) {
    let began = Instant::now();
    while durable.load(Ordering::Acquire) < wanted {
        if std::os::unix::process::parent_id() != server {
            // Nobody will write the rest.
            child::give_up_saving(is_aof);
        }
        let only_copy = unsynced_adoptions::last_seq() > durable.load(Ordering::Acquire);
        let longest = match (down.load(Ordering::Acquire) != 0, only_copy) {
            (false, _) => LONGEST,
            (true, true) => LONGEST_WHILE_DOWN,
            (true, false) => Duration::ZERO,
        };
        if began.elapsed() >= longest {
            if only_copy {
                log::warning(
                    "not saved: keys that were adopted are not on disk in the log yet, and the file that there is may be their only copy",
                );
                child::give_up_saving(is_aof);
            }
            return;
        }
        thread::sleep(PAUSE);
    }
}

/// SAVE, the save of a shutdown, and the like: the event loop stands still for them in any case.
fn in_place() {
    // Half of a unit must not go to disk, nor a flush that may be none.
    if native_effects::is_flushed() || Flags::of_server().any(Flags::MULTI | Flags::LUA) {
        return;
    }
    native_effects::settle(Cause::Command);
    let Some(wanted) = wanted() else { return };
    loop {
        let Some(reason) = execution_unit::wait_in_place(wanted) else {
            return;
        };
        let goes_on = engine::with(|engine| {
            !engine.marks().is_down() && unsynced_adoptions::last_seq() > engine.marks().durable()
        });
        if goes_on != Some(true) {
            return log::warning(&format!(
                "an RDB or AOF is saved that is ahead of the log: {reason}"
            ));
        }
    }
}

//! The server's saves, an RDB or a rewritten AOF, are never ahead of the log. After a crash the log would lack keys that are
//! in the saved file, and the log wins at the start. For keys that were native for long and were adopted in the last turn, the
//! older file had the only copy, and the save has replaced it: they would be lost.
//!
//! The child that saves waits until all changes before its fork are on disk; the parent asks for a sync at the fork. A log that
//! is down or too slow does not prevent a save of the cache. Only adopted keys that are not on disk prevent it.

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

/// The longest time for which a child waits for the log.
const LONGEST: Duration = Duration::from_secs(10);
/// The same, if the log is down and the child has to give up. With a longer time, two replicas in turn would leave no gap for
/// the rewrite child that mends the log; with a shorter time, the server would fork all the time.
const LONGEST_WHILE_DOWN: Duration = Duration::from_secs(1);
/// Time between two checks.
const PAUSE: Duration = Duration::from_millis(1);

/// The numbers that the log's writer publishes for the children.
struct Told {
    /// Pid of the server.
    server: u32,
    /// The last seq on disk that was published since the start, and whether the log is down. `None` if there is no shared memory.
    numbers: Option<&'static [AtomicU64; 2]>,
}

static TOLD: OnceLock<Told> = OnceLock::new();

/// Makes the shared memory. Called before the writer starts.
pub(crate) fn prepare() {
    let _ = TOLD.set(Told {
        server: process::id(),
        numbers: shared_memory::numbers(),
    });
}

/// Publishes that everything up to `seq` is on disk.
pub(crate) fn on_durable(seq: u64) {
    tell(|[durable, _]| durable.fetch_max(seq, Ordering::Release));
}

/// Publishes whether the log is down.
pub(crate) fn on_health(down: bool) {
    tell(|[_, is_down]| is_down.swap(u64::from(down), Ordering::Release));
}

fn tell(number: impl FnOnce(&[AtomicU64; 2]) -> u64) {
    if let Some(numbers) = TOLD.get().and_then(|told| told.numbers) {
        number(numbers);
    }
}

/// Called after a fork of the server: a child that saves waits for the sync that is asked for here.
pub(crate) fn forked() {
    engine::with(|engine| {
        let last = engine.last_seq();
        if engine.marks().durable() < last {
            engine.ask_sync(last);
        }
    });
}

/// Called when a save of an RDB or an AOF begins, in a child or in the server itself. `is_aof`: the server rewrites its AOF.
pub(crate) fn begins(is_aof: bool) {
    let Some(told) = TOLD.get() else { return };
    if process::id() == told.server {
        in_place();
    } else if let (Some(wanted), Some(numbers)) = (wanted(), told.numbers) {
        in_child(is_aof, wanted, told.server, numbers);
    }
}

/// The last seq, if it is not on disk yet.
fn wanted() -> Option<u64> {
    engine::with(|engine| Some(engine.last_seq()).filter(|&last| engine.marks().durable() < last))?
}

fn in_child(is_aof: bool, wanted: u64, server: u32, [durable, down]: &[AtomicU64; 2]) {
    let began = Instant::now();
    while durable.load(Ordering::Acquire) < wanted {
        if std::os::unix::process::parent_id() != server {
            // The server has ended, so the rest will never be written.
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

/// For SAVE, the save at shutdown, and the like: the event loop is blocked by them in any case, so it waits for the log.
fn in_place() {
    // A sync here would put half a unit on disk, or a flush that may be a part of a load.
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

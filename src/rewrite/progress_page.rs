//! A memory page shared with the rewrite child: its progress, and a stage at which tests make the child wait.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use module_api::server::shared_memory;
use mylog_core::rewrite::child::Stage;

/// The stages and their names, in the order of the protocol.
const STAGES: [(&str, Stage); 5] = [
    ("start", Stage::Start),
    ("walked", Stage::Walked),
    ("asking", Stage::Asking),
    ("answered", Stage::Answered),
    ("reporting", Stage::Reporting),
];

/// The number that stands for "no stage".
const NONE: u64 = 0;

#[derive(Clone, Copy)]
struct Shared {
    /// The stage at which a child has to wait, the next child as well as the running one: index in `STAGES` + 1.
    at: &'static AtomicU64,
    /// The stage at which the child waits now, numbered in the same way.
    held: &'static AtomicU64,
    /// Progress of the child, in thousandths.
    progress: &'static AtomicU64,
}

static SHARED: OnceLock<Option<Shared>> = OnceLock::new();

fn shared() -> Option<Shared> {
    *SHARED.get_or_init(|| {
        let [at, held, progress] = shared_memory::numbers::<3>()?;
        Some(Shared { at, held, progress })
    })
}

fn place(stage: Stage) -> u64 {
    STAGES
        .iter()
        .position(|(_, of)| *of == stage)
        .map_or(NONE, |place| place as u64 + 1)
}

/// Makes children wait at the stage with this name from now on; `off` lets them go on. False for an unknown name.
pub(crate) fn set(name: &[u8]) -> bool {
    let known = STAGES
        .iter()
        .find(|(of, _)| of.as_bytes().eq_ignore_ascii_case(name));
    let at = match known {
        Some((_, stage)) => place(*stage),
        None if name.eq_ignore_ascii_case(b"off") => NONE,
        None => return false,
    };
    if let Some(shared) = shared() {
        shared.at.store(at, Ordering::SeqCst);
    }
    true
}

/// The stage at which the child waits now.
pub(crate) fn held() -> Option<&'static str> {
    let held = shared()?.held.load(Ordering::SeqCst).checked_sub(1)?;
    STAGES.get(held as usize).map(|(name, _)| *name)
}

/// Resets the page: no child runs.
pub(super) fn clear() {
    if let Some(shared) = shared() {
        shared.held.store(NONE, Ordering::SeqCst);
        shared.progress.store(0, Ordering::Relaxed);
    }
}

/// Called in the child: publishes its progress, 0 to 1.
pub(super) fn tell_progress(done: f64) {
    if let Some(shared) = shared() {
        // The maximum: each added key is more work for the child, but the published progress never decreases.
        shared
            .progress
            .fetch_max((done * 1000.0) as u64, Ordering::Relaxed);
    }
}

/// Progress of the child, 0 to 1.
pub(crate) fn progress() -> f64 {
    shared().map_or(0.0, |shared| {
        shared.progress.load(Ordering::Relaxed) as f64 / 1000.0
    })
}

/// Called in the child: waits as long as `set` names this stage.
pub(super) fn pass(stage: Stage) {
    let Some(shared) = shared() else { return };
    let here = place(stage);
    while shared.at.load(Ordering::SeqCst) == here {
        shared.held.store(here, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    shared.held.store(NONE, Ordering::SeqCst);
}

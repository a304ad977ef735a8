//! A page shared with the rewrite child: how far it is, and a switch by which tests hold it at a stage.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mylog_core::rewrite::child::Stage;

/// Stages by their names, in the order of the protocol.
const STAGES: [(&str, Stage); 5] = [
    ("start", Stage::Start),
    ("walked", Stage::Walked),
    ("asking", Stage::Asking),
    ("answered", Stage::Answered),
    ("reporting", Stage::Reporting),
];

/// No stage.
const NONE: u32 = 0;

struct Shared {
    /// Where the next child, or the running one, is to be held: place in `STAGES` + 1.
    at: AtomicU32,
    /// Where the child is held now.
    held: AtomicU32,
    /// How far the child is, in thousandths.
    progress: AtomicU32,
}

static SHARED: OnceLock<Option<&'static Shared>> = OnceLock::new();

fn shared() -> Option<&'static Shared> {
    *SHARED.get_or_init(|| {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping, aligned to a page, zeroed, larger than `Shared`, never unmapped; zero is a
        // valid value of its atomics.
        unsafe {
            let page = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Shared>(),
                protection,
                flags,
                -1,
                0,
            );
            (page != libc::MAP_FAILED).then(|| &*page.cast::<Shared>())
        }
    })
}

fn place(stage: Stage) -> u32 {
    STAGES
        .iter()
        .position(|(_, of)| *of == stage)
        .map_or(NONE, |place| place as u32 + 1)
}

/// Holds children at the stage of this name from now on; `off` lets them go. False for an unknown name.
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

/// The stage at which the child is held now.
pub(crate) fn held() -> Option<&'static str> {
    let held = shared()?.held.load(Ordering::SeqCst).checked_sub(1)?;
    STAGES.get(held as usize).map(|(name, _)| *name)
}

/// No child works: none is held.
pub(super) fn clear() {
    if let Some(shared) = shared() {
        shared.held.store(NONE, Ordering::SeqCst);
        shared.progress.store(0, Ordering::Relaxed);
    }
}

/// In the child: how far it is, 0 to 1.
pub(super) fn tell_progress(done: f64) {
    if let Some(shared) = shared() {
        // It never goes back, though the child has more to do with every key that is added.
        shared
            .progress
            .fetch_max((done * 1000.0) as u32, Ordering::Relaxed);
    }
}

/// How far the child is, 0 to 1.
pub(crate) fn progress() -> f64 {
    shared().map_or(0.0, |shared| {
        f64::from(shared.progress.load(Ordering::Relaxed)) / 1000.0
    })
}

/// In the child: waits here while it is to be held here.
pub(super) fn pass(stage: Stage) {
    let Some(shared) = shared() else { return };
    let here = place(stage);
    while shared.at.load(Ordering::SeqCst) == here {
        shared.held.store(here, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    shared.held.store(NONE, Ordering::SeqCst);
}

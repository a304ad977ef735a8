//! Durable keys with a prefix become native: the way back from an adoption, in steps of about a millisecond, so that
//! the server goes on. The prefix captures nothing more from the first moment. A key that is durable still has its
//! commands led to the durable type, as one that an exclusion has taken out: so clients see no difference.
//!
//! A walk meets every durable key that was there when it began. One walk that finds none is the end.

#![forbid(unsafe_code)]

mod crc64;
mod dump;
mod give;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::keys::scan::Found;
use module_api::server::log;
use module_api::server::server_state;
use module_api::{Ctx, own_context};
use mylog_core::effect::Db;
use redis_grammar::prefixes::Words;

use crate::adopt::{Outcome, must_wait, save, walk::Walk};
use crate::engine;
use crate::settings::config;
pub(crate) use give::at_once;

/// One step, and the time before the next.
const STEP: Duration = Duration::from_millis(1);
const PAUSE_MS: i64 = 2;
/// The time before the next look while nothing can be released.
const WAIT_MS: i64 = 50;
/// Most walks: somebody may make durable keys with the prefix all the time.
const MOST_WALKS: u32 = 16;

/// The databases were swapped, flushed or loaded: a walk has to begin again.
static DISTURBED: AtomicBool = AtomicBool::new(false);

/// A release under way.
struct Release {
    prefix: Vec<u8>,
    walk: Walk,
    /// Walks behind this one.
    walks: u32,
    /// Names that they visited.
    scanned: u64,
    /// Durable keys that the walk has found and that are to be released.
    found: VecDeque<(Db, Vec<u8>)>,
    /// Keys released.
    keys: u64,
    /// As many when the walk began.
    keys_before: u64,
    /// Keys that the server does not take as native ones.
    skipped: u64,
    /// Seq of the last effect when the walks had ended: no deletion of theirs is after it. `None` before.
    walked: Option<u64>,
}

/// What is known of releases, for INFO.
pub(crate) struct Progress {
    pub(crate) in_progress: bool,
    /// Names visited by the one under way, or the last.
    pub(crate) scanned: u64,
    /// Keys released by it.
    pub(crate) keys: u64,
    /// Keys that it left durable: the server did not take them.
    pub(crate) skipped: u64,
    /// Keys released since the start.
    pub(crate) all_keys: u64,
    /// How the last ended.
    pub(crate) last: Outcome,
}

struct State {
    running: Option<Box<Release>>,
    /// A timer is set.
    waits: bool,
    /// Prefixes that were released, or begun to be, since `mylog.capture` was last set: a durable key of theirs, left
    /// or made by a command that was queued before, still has its commands led to it.
    released: Vec<Vec<u8>>,
    scanned: u64,
    keys: u64,
    skipped: u64,
    all_keys: u64,
    last: Outcome,
}

static STATE: Gil<State> = Gil::new(State {
    running: None,
    waits: false,
    released: Vec::new(),
    scanned: 0,
    keys: 0,
    skipped: 0,
    all_keys: 0,
    last: Outcome::None,
});

/// Why a release did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// Another one runs.
    InProgress,
    /// `mylog.capture` can't say that the prefix is no longer captured.
    NoWord,
}

/// Begins to release the keys with a prefix, which captures nothing from now on.
pub(crate) fn begin(prefix: &[u8]) -> Result<(), NotBegun> {
    if STATE.with(|state| state.running.is_some()) {
        return Err(NotBegun::InProgress);
    }
    let words = config::capture().excluding(prefix).ok_or(NotBegun::NoWord)?;
    let waits = STATE.with(|state| {
        state.running = Some(Box::new(Release::new(prefix)));
        state.released.push(prefix.to_vec());
        (state.scanned, state.keys, state.skipped) = (0, 0, 0);
        std::mem::replace(&mut state.waits, true)
    });
    config::put_capture(&words);
    if let (false, Some(ctx)) = (waits, own_context()) {
        ctx.after_ms(0, step);
    }
    Ok(())
}

/// Ends the release under way: what is native stays so, and what is durable. False if there is none.
pub(crate) fn abort() -> bool {
    let aborted = STATE.with(|state| state.running.take()).is_some();
    if aborted {
        ended(Outcome::Aborted("ABORT"));
    }
    aborted
}

/// The databases were swapped, flushed or loaded.
pub(crate) fn disturbed() {
    DISTURBED.store(true, Ordering::Relaxed);
}

/// Somebody has set `mylog.capture`: it counts, and not what was released before.
pub(crate) fn capture_was_set(words: &Words) {
    let again = STATE.with(|state| {
        let running = state.running.as_ref().map(|release| release.prefix.clone());
        let again = running
            .as_ref()
            .is_some_and(|prefix| words.capture_some_of(prefix));
        if again {
            state.running = None;
        }
        state.released = running.filter(|_| !again).into_iter().collect();
        again
    });
    if again {
        ended(Outcome::Aborted("mylog.capture holds the prefix again"));
    }
}

/// The words of `mylog.capture`, and those by which durable keys of prefixes that were released are found.
pub(crate) fn with_released(words: &Words) -> Words {
    let released = STATE.with(|state| state.released.clone());
    released
        .iter()
        .fold(words.clone(), |words, prefix| words.and_released(prefix))
}

/// True for a name that is on its way to be native, or may be.
pub(crate) fn is_released(name: &[u8]) -> bool {
    STATE.with(|state| state.released.iter().any(|prefix| name.starts_with(prefix)))
}

/// What is known now.
pub(crate) fn progress() -> Progress {
    STATE.with(|state| Progress {
        in_progress: state.running.is_some(),
        scanned: state.scanned,
        keys: state.keys,
        skipped: state.skipped,
        all_keys: state.all_keys,
        last: state.last.clone(),
    })
}

fn step() {
    let Some(ctx) = own_context() else { return };
    let running = STATE.with(|state| {
        state.waits = false;
        state.running.take()
    });
    let Some(mut release) = running else { return };
    let was = ctx.db();
    let outcome = release.step(ctx);
    let _ = ctx.select_db(was);
    STATE.with(|state| {
        state.scanned = release.scanned + release.walk.scanned;
        (state.keys, state.skipped) = (release.keys, release.skipped);
    });
    match outcome {
        Step::Again(ms) => {
            STATE.with(|state| {
                state.running = Some(release);
                state.waits = true;
            });
            ctx.after_ms(ms, step);
        }
        Step::Over(outcome) => {
            if outcome == Outcome::Done {
                config::put_capture(&config::capture().without(&release.prefix));
            }
            ended(outcome);
        }
    }
}

fn ended(outcome: Outcome) {
    let (keys, skipped) = STATE.with(|state| {
        state.last = outcome.clone();
        (state.keys, state.skipped)
    });
    let how = match outcome {
        Outcome::Aborted(why) => format!("was ended ({why})"),
        _ => "is complete".to_owned(),
    };
    log::notice(&format!(
        "release {how}: {keys} keys are native now, {skipped} could not be made so"
    ));
    if keys > 0 {
        // The RDB of the time before has them as durable keys, which the log knows to be gone.
        save::behind(engine::with(|engine| engine.last_seq()).unwrap_or(0), "release");
    }
}

/// What comes behind a step.
enum Step {
    /// Another one, so many ms later.
    Again(i64),
    /// Nothing.
    Over(Outcome),
}

impl Release {
    fn new(prefix: &[u8]) -> Self {
        Self {
            prefix: prefix.to_vec(),
            walk: Walk::new(),
            walks: 0,
            scanned: 0,
            found: VecDeque::new(),
            keys: 0,
            keys_before: 0,
            skipped: 0,
            walked: None,
        }
    }

    fn step(&mut self, ctx: Ctx<'_>) -> Step {
        if server_state::is_replica() {
            return Step::Over(Outcome::Aborted("this server became a replica"));
        }
        if must_wait() {
            return Step::Again(WAIT_MS);
        }
        if DISTURBED.swap(false, Ordering::Relaxed) {
            self.walk_again();
            self.walks = 0;
            self.walked = None;
        }
        let deadline = Instant::now() + STEP;
        while self.walked.is_none() && Instant::now() < deadline {
            if !self.advance(ctx) {
                self.walked = engine::with(|engine| engine.last_seq());
            }
        }
        match self.walked {
            Some(seq) if is_on_disk(seq) => Step::Over(Outcome::Done),
            _ => Step::Again(PAUSE_MS),
        }
    }

    fn walk_again(&mut self) {
        self.found.clear();
        self.scanned += self.walk.scanned;
        self.walk = Walk::new();
        self.keys_before = self.keys;
        self.skipped = 0;
    }

    /// Does the next thing; false if nothing is left to do.
    fn advance(&mut self, ctx: Ctx<'_>) -> bool {
        if let Some((db, name)) = self.found.pop_front() {
            match give::one(ctx, db, &name) {
                give::Given::Native => self.keys += 1,
                give::Given::Refused => self.skipped += 1,
                give::Given::Gone => {}
            }
            return true;
        }
        let (prefix, found) = (&self.prefix, &mut self.found);
        let more = self.walk.step(ctx, |db, name, holds| {
            if matches!(holds, Found::Durable) && name.starts_with(prefix) {
                found.push_back((db, name.to_vec()));
            }
        });
        if more || self.keys == self.keys_before || self.walks >= MOST_WALKS {
            return more;
        }
        self.walks += 1;
        self.walk_again();
        true
    }
}

/// True once the log has everything up to `seq` on disk, for which it is asked. A release that was told to be complete
/// before that could lose native writes behind it: after a kill -9 the log would still have the durable key, which wins.
fn is_on_disk(seq: u64) -> bool {
    let done = engine::with(|engine| {
        engine.ask_sync(seq);
        engine.marks().durable() >= seq
    });
    done != Some(false)
}

/// Counts a key that was released outside of the steps.
fn count_one() {
    STATE.with(|state| state.all_keys += 1);
}

//! Durable keys with a prefix become native: the reverse of an adoption, in steps of about a millisecond, between which the
//! server serves its clients. From the first moment no new key with the prefix is captured. The commands of a key that is
//! still durable are routed to the durable type, as with an excluded prefix. So clients see no difference.
//!
//! A walk visits every durable key that existed when it began. The release ends with a walk that releases no key.

#![forbid(unsafe_code)]

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

use crate::adopt::background::{Outcome, must_wait};
use crate::adopt::walk::Walk;
use crate::adopt::{census, save};
use crate::engine;
use crate::keyspace::hand_back::{self, Given};
use crate::settings::{captured_keys, config};

/// Length of one step, and the pause before the next.
const STEP: Duration = Duration::from_millis(1);
const PAUSE_MS: i64 = 2;
/// Pause before the next step while nothing can be released.
const WAIT_MS: i64 = 50;
/// The largest number of walks: clients may go on making durable keys with the prefix.
const MOST_WALKS: u32 = 16;

/// The databases were swapped, flushed or loaded: the walk has to begin again.
static DISTURBED: AtomicBool = AtomicBool::new(false);

/// A running release.
struct Release {
    prefix: Vec<u8>,
    walk: Walk,
    /// Number of complete walks before the present one.
    walks: u32,
    /// Number of keys that those walks have visited.
    scanned: u64,
    /// Durable keys that the walk has found and that are still to be released.
    found: VecDeque<(Db, Vec<u8>)>,
    /// Number of keys released.
    keys: u64,
    /// The number of keys released before the present walk began.
    keys_before: u64,
    /// Number of keys that the server has refused as native ones.
    skipped: u64,
    /// Seq of the last effect when the walks had ended, so that every deletion of the release is up to it. `None` before.
    walked: Option<u64>,
}

/// The progress of releases, for INFO.
pub(crate) struct Progress {
    pub(crate) in_progress: bool,
    /// Keys visited by the running release, or by the last one.
    pub(crate) scanned: u64,
    /// Keys that this release has made native.
    pub(crate) keys: u64,
    /// Keys that this release has left durable, because the server refused them.
    pub(crate) skipped: u64,
    /// Keys released since the start of the server.
    pub(crate) all_keys: u64,
    /// How the last release ended.
    pub(crate) last: Outcome,
}

struct State {
    running: Option<Box<Release>>,
    /// A timer for the next step is set.
    waits: bool,
    scanned: u64,
    keys: u64,
    skipped: u64,
    last: Outcome,
}

static STATE: Gil<State> = Gil::new(State {
    running: None,
    waits: false,
    scanned: 0,
    keys: 0,
    skipped: 0,
    last: Outcome::None,
});

/// Why a release could not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// Another release runs.
    InProgress,
    /// No word of `mylog.capture` can exclude this prefix.
    NoWord,
}

/// Begins to release the keys with a prefix. No key with that prefix is captured from now on.
pub(crate) fn begin(prefix: &[u8]) -> Result<(), NotBegun> {
    if STATE.with(|state| state.running.is_some()) {
        return Err(NotBegun::InProgress);
    }
    let words = config::capture().excluding(prefix).ok_or(NotBegun::NoWord)?;
    let waits = STATE.with(|state| {
        state.running = Some(Box::new(Release::new(prefix)));
        (state.scanned, state.keys, state.skipped) = (0, 0, 0);
        std::mem::replace(&mut state.waits, true)
    });
    captured_keys::release(prefix);
    capture(&words);
    if let (false, Some(ctx)) = (waits, own_context()) {
        ctx.after_ms(0, step);
    }
    Ok(())
}

/// Sets the words of `mylog.capture`.
fn capture(words: &Words) {
    config::put_capture(words);
    captured_keys::set_words(words);
    census::begin();
}

/// Ends the running release: native keys stay native, durable keys stay durable. False if no release runs.
pub(crate) fn abort() -> bool {
    let aborted = STATE.with(|state| state.running.take()).is_some();
    if aborted {
        ended(Outcome::Aborted("ABORT"));
    }
    aborted
}

/// The databases were swapped, flushed or loaded: the walk begins again.
pub(crate) fn disturbed() {
    DISTURBED.store(true, Ordering::Relaxed);
}

/// A client has set `mylog.capture`: its new words replace the list of released prefixes. A running release is ended if the
/// new words capture its prefix again.
pub(crate) fn capture_was_set(words: &Words) {
    let again = STATE.with(|state| {
        let running = state.running.as_ref().map(|release| release.prefix.clone());
        let again = running
            .as_ref()
            .is_some_and(|prefix| words.capture_some_of(prefix));
        if again {
            state.running = None;
        }
        captured_keys::keep_released(running.filter(|_| !again));
        again
    });
    if again {
        ended(Outcome::Aborted("mylog.capture holds the prefix again"));
    }
}

/// The present progress.
pub(crate) fn progress() -> Progress {
    STATE.with(|state| Progress {
        in_progress: state.running.is_some(),
        scanned: state.scanned,
        keys: state.keys,
        skipped: state.skipped,
        all_keys: hand_back::all_keys(),
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
                capture(&config::capture().without(&release.prefix));
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
        // An RDB from before the release contains these keys as durable ones, and the log has deleted them.
        save::after(engine::with(|engine| engine.last_seq()).unwrap_or(0), "release");
    }
}

/// How a running release goes on after a step.
enum Step {
    /// With another step, after this number of ms.
    Again(i64),
    /// Not at all: the release has ended.
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

    /// Releases a found key, or walks on. False if nothing is left to do.
    fn advance(&mut self, ctx: Ctx<'_>) -> bool {
        if let Some((db, name)) = self.found.pop_front() {
            match hand_back::one(ctx, db, &name) {
                Given::Native => self.keys += 1,
                Given::Refused => self.skipped += 1,
                Given::Gone => {}
            }
            return true;
        }
        let (prefix, found) = (&self.prefix, &mut self.found);
        let more = self.walk.step(ctx, |db, name, contents| {
            if matches!(contents, Found::Durable) && name.starts_with(prefix) {
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

/// True once everything up to `seq` is on disk; asks for the sync. A release that was reported as complete before that could
/// lose later native writes: after a kill -9 the log would still have the durable key, which replaces the native one.
fn is_on_disk(seq: u64) -> bool {
    let done = engine::with(|engine| {
        engine.ask_sync(seq);
        engine.marks().durable() >= seq
    });
    done != Some(false)
}

//! Native keys under a captured prefix become durable, in steps of about a millisecond, between which the server serves its
//! clients. Each key is one effect. A value that does not fit into one step is read in parts, and read again if it changed.

#![forbid(unsafe_code)]

pub(crate) mod background;
mod build;
pub(crate) mod census;
mod guard;
mod name;
pub(crate) mod save;
mod take;
pub(crate) mod walk;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::keys::scan::Found;
use module_api::server::log;
use module_api::server::server_state;
use module_api::{Ctx, own_context};
use mylog_core::effect::Db;

use crate::keyspace::unsynced_adoptions;
use crate::settings::captured_keys;
use background::{Outcome, must_wait};
use build::{Building, Read};
use name::{MOST_CHANGES, Name};
use walk::Walk;

/// Length of one step, and the pause before the next.
const STEP: Duration = Duration::from_millis(1);
const PAUSE_MS: i64 = 2;
/// Pause before the next step while nothing can be adopted.
const WAIT_MS: i64 = 50;
/// The databases were swapped, flushed or loaded: the walk has to begin again.
static DISTURBED: AtomicBool = AtomicBool::new(false);

/// A running adoption.
struct Adoption {
    prefix: Vec<u8>,
    walk: Walk,
    /// Native keys that the walk has found and that are still to be adopted.
    found: VecDeque<Name>,
    building: Option<Building>,
    /// Number of keys adopted.
    keys: u64,
    /// Number of keys that have no durable form.
    skipped: u64,
}

/// The progress of adoptions, for INFO.
pub(crate) struct Progress {
    pub(crate) in_progress: bool,
    /// Keys visited by the running adoption, or by the last one.
    pub(crate) scanned: u64,
    /// Keys that this adoption has made durable.
    pub(crate) keys: u64,
    /// Keys that this adoption has left native, because they have no durable form.
    pub(crate) skipped: u64,
    /// Keys adopted since the start of the server.
    pub(crate) all_keys: u64,
    /// How the last adoption ended.
    pub(crate) last: Outcome,
}

struct State {
    running: Option<Box<Adoption>>,
    /// A timer for the next step is set.
    waits: bool,
    scanned: u64,
    keys: u64,
    skipped: u64,
    all_keys: u64,
    last: Outcome,
}

static STATE: Gil<State> = Gil::new(State {
    running: None,
    waits: false,
    scanned: 0,
    keys: 0,
    skipped: 0,
    all_keys: 0,
    last: Outcome::None,
});

/// Begins to adopt the keys with a prefix. False if another adoption runs.
pub(crate) fn begin(prefix: &[u8]) -> bool {
    let Some(ctx) = own_context() else { return false };
    let (free, waits) = STATE.with(|state| {
        if state.running.is_some() {
            return (false, true);
        }
        state.running = Some(Box::new(Adoption::new(prefix)));
        (state.scanned, state.keys, state.skipped) = (0, 0, 0);
        (true, std::mem::replace(&mut state.waits, true))
    });
    if free && !waits {
        ctx.after_ms(0, step);
    }
    free
}

/// Ends the running adoption: adopted keys stay durable. False if no adoption runs.
pub(crate) fn abort() -> bool {
    let aborted = STATE.with(|state| state.running.take());
    let (Some(_), Some(ctx)) = (&aborted, own_context()) else {
        return false;
    };
    ended(ctx, Outcome::Aborted("ABORT"));
    true
}

/// The databases were swapped, flushed or loaded: walks begin again.
pub(crate) fn disturbed() {
    DISTURBED.store(true, Ordering::Relaxed);
    census::disturbed();
}

/// Adopts a key in one step, if it contains a native value.
pub(crate) fn at_once(ctx: Ctx<'_>, db: Db, name: &[u8]) {
    if ctx.select_db(db).is_err() {
        return;
    }
    if let Some(mut building) = Building::new(ctx, Name::found(db, name)) {
        if building.read(ctx, None) == Read::All {
            take::take(ctx, building);
        }
    }
}

/// The present progress.
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
    let Some(mut adoption) = running else { return };
    let was = ctx.db();
    let before = adoption.keys;
    let outcome = adoption.step(ctx);
    let _ = ctx.select_db(was);
    STATE.with(|state| {
        (state.scanned, state.keys, state.skipped) = (adoption.walk.scanned, adoption.keys, adoption.skipped);
        state.all_keys += adoption.keys - before;
    });
    match outcome {
        Step::Again(ms) => {
            STATE.with(|state| {
                state.running = Some(adoption);
                state.waits = true;
            });
            ctx.after_ms(ms, step);
        }
        Step::Over(outcome) => ended(ctx, outcome),
    }
}

fn ended(ctx: Ctx<'_>, outcome: Outcome) {
    guard::end(ctx);
    let (keys, skipped) = STATE.with(|state| {
        state.last = outcome.clone();
        (state.keys, state.skipped)
    });
    let how = match outcome {
        Outcome::Aborted(why) => format!("was ended ({why})"),
        _ => "is complete".to_owned(),
    };
    log::notice(&format!(
        "adoption {how}: {keys} keys are durable now, {skipped} have no durable form"
    ));
    if keys > 0 {
        save::after(unsynced_adoptions::last_seq(), "adoption");
    }
    census::begin();
}

/// How a running adoption goes on after a step.
enum Step {
    /// With another step, after this number of ms.
    Again(i64),
    /// Not at all: the adoption has ended.
    Over(Outcome),
}

impl Adoption {
    fn new(prefix: &[u8]) -> Self {
        Self {
            prefix: prefix.to_vec(),
            walk: Walk::new(),
            found: VecDeque::new(),
            building: None,
            keys: 0,
            skipped: 0,
        }
    }

    fn step(&mut self, ctx: Ctx<'_>) -> Step {
        if server_state::is_replica() {
            return Step::Over(Outcome::Aborted("this server became a replica"));
        }
        if !captured_keys::is_captured(&self.prefix) {
            return Step::Over(Outcome::Aborted("mylog.capture holds the prefix no longer"));
        }
        if must_wait() {
            return Step::Again(WAIT_MS);
        }
        if DISTURBED.swap(false, Ordering::Relaxed) {
            self.begin_again();
        }
        let deadline = Instant::now() + STEP;
        while Instant::now() < deadline {
            if !self.advance(ctx, deadline) {
                return Step::Over(Outcome::Done);
            }
        }
        Step::Again(PAUSE_MS)
    }

    /// Begins the walk again: its cursor is not valid any more, and the value that is being read may be under another key.
    fn begin_again(&mut self) {
        guard::rest();
        self.building = None;
        self.found.clear();
        self.skipped = 0;
        self.walk = Walk::new();
    }

    /// Reads a value, opens a found key, or walks on. False if nothing is left to do.
    fn advance(&mut self, ctx: Ctx<'_>, deadline: Instant) -> bool {
        if let Some(building) = self.building.take() {
            self.go_on(ctx, building, deadline);
        } else if let Some(name) = self.found.pop_front() {
            // An exclusion or a release may have taken the key out of the captured ones since the walk found it.
            if captured_keys::is_captured(&name.bytes) {
                self.open(ctx, name, deadline);
            }
        } else {
            let (prefix, found, skipped) = (&self.prefix, &mut self.found, &mut self.skipped);
            return self.walk.step(ctx, |db, name, contents| match contents {
                _ if !name.starts_with(prefix) || !captured_keys::is_captured(name) => {}
                Found::Native(_) => found.push_back(Name::found(db, name)),
                Found::Other => *skipped += 1,
                Found::Durable => {}
            });
        }
        true
    }

    /// Begins to read a key, if the key still contains a native value.
    fn open(&mut self, ctx: Ctx<'_>, name: Name, deadline: Instant) {
        if ctx.select_db(name.db).is_ok() {
            if let Some(building) = Building::new(ctx, name) {
                self.read(ctx, building, deadline);
            }
        }
    }

    /// Reads on in a value of which an earlier step has read a part.
    fn go_on(&mut self, ctx: Ctx<'_>, building: Building, deadline: Instant) {
        let changed = guard::changed();
        guard::rest();
        if changed || !captured_keys::is_captured(&building.name.bytes) {
            return self.found.push_front(building.name.changed());
        }
        if ctx.select_db(building.name.db).is_ok() {
            self.read(ctx, building, deadline);
        }
    }

    fn read(&mut self, ctx: Ctx<'_>, mut building: Building, deadline: Instant) {
        let deadline = (building.name.changes < MOST_CHANGES).then_some(deadline);
        match building.read(ctx, deadline) {
            Read::All => match take::take(ctx, building) {
                true => self.keys += 1,
                false => self.skipped += 1,
            },
            Read::More if guard::watch(ctx, building.name.db, &building.name.bytes) => {
                self.building = Some(building);
            }
            Read::More => self.found.push_front(building.name.in_one_step()),
            Read::Changed if deadline.is_some() => self.found.push_front(building.name.changed()),
            Read::NoForm | Read::Changed => self.skipped += 1,
        }
    }
}

//! How many native keys there are under captured prefixes: counted by a slow walk in the background when that may
//! have changed for many at once, not kept in step with every command, for which the cache would pay.

use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::keys::scan::Found;
use module_api::own_context;
use module_api::server::server_state;

use super::walk::Walk;
use crate::settings::captured_keys;

/// One part of the walk, and the time before the next: a twentieth of the event loop's time at most.
const PART: Duration = Duration::from_micros(500);
const PAUSE_MS: i64 = 10;

struct Census {
    /// The walk under way, and what it has counted.
    walk: Option<(Walk, u64)>,
    /// A timer is set.
    waits: bool,
    /// What the last one that came to its end has counted, and when.
    last: Option<(u64, Instant)>,
}

static CENSUS: Gil<Census> = Gil::new(Census {
    walk: None,
    waits: false,
    last: None,
});

/// What is known of native keys under captured prefixes.
pub(crate) struct Count {
    /// Native keys found by the last walk; `None` before the first has ended.
    pub(crate) keys: Option<u64>,
    /// How long ago that was.
    pub(crate) age: Duration,
    /// Another walk is under way.
    pub(crate) in_progress: bool,
}

/// What is known now.
pub(crate) fn count() -> Count {
    CENSUS.with(|census| Count {
        keys: census.last.map(|(keys, _)| keys),
        age: census.last.map_or(Duration::ZERO, |(_, at)| at.elapsed()),
        in_progress: census.walk.is_some(),
    })
}

/// The prefixes have changed, or the key space as a whole has: counts anew.
pub(crate) fn begin() {
    // Before the start is over there is nothing to count, and no context for it.
    let Some(ctx) = own_context() else { return };
    let captures = captured_keys::captures();
    let waits = CENSUS.with(|census| {
        if captures {
            census.walk = Some((Walk::new(), 0));
        } else {
            census.walk = None;
            census.last = Some((0, Instant::now()));
        }
        let waits = census.waits;
        census.waits |= captures;
        waits
    });
    if captures && !waits {
        ctx.after_ms(PAUSE_MS, part);
    }
}

/// The databases were swapped: a walk under way begins again.
pub(super) fn disturbed() {
    CENSUS.with(|census| {
        if let Some(under_way) = &mut census.walk {
            *under_way = (Walk::new(), 0);
        }
    });
}

fn part() {
    let Some(ctx) = own_context() else { return };
    let under_way = CENSUS.with(|census| {
        census.waits = false;
        census.walk.take()
    });
    let Some((mut walk, mut keys)) = under_way else {
        return;
    };
    let was = ctx.db();
    let deadline = Instant::now() + PART;
    let mut more = true;
    while more && !server_state::is_loading() && Instant::now() < deadline {
        more = walk.step(ctx, |_, name, found| {
            keys += u64::from(matches!(found, Found::Native(_)) && captured_keys::is_captured(name));
        });
    }
    let _ = ctx.select_db(was);
    CENSUS.with(|census| {
        census.waits = more;
        if more {
            census.walk = Some((walk, keys));
        } else {
            census.last = Some((keys, Instant::now()));
        }
    });
    if more {
        ctx.after_ms(PAUSE_MS, part);
    }
}

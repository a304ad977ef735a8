//! The number of native keys under captured prefixes. A slow walk in the background counts them whenever many of them may
//! have changed at once. The number is not kept up to date at each command, since the cache would pay for that.

use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::keys::scan::Found;
use module_api::own_context;
use module_api::server::server_state;

use super::walk::Walk;
use crate::settings::captured_keys;

/// Length of one part of the walk, and the pause before the next: at most a twentieth of the event loop's time.
const PART: Duration = Duration::from_micros(500);
const PAUSE_MS: i64 = 10;

struct Census {
    /// The running walk, and the number of keys that it has counted.
    walk: Option<(Walk, u64)>,
    /// A timer for the next part is set.
    waits: bool,
    /// The number of keys that the last complete walk has counted, and the time of its end.
    last: Option<(u64, Instant)>,
}

static CENSUS: Gil<Census> = Gil::new(Census {
    walk: None,
    waits: false,
    last: None,
});

/// The result of the census.
pub(crate) struct Count {
    /// Native keys that the last complete walk has counted; `None` before the first one has ended.
    pub(crate) keys: Option<u64>,
    /// Time since the end of that walk.
    pub(crate) age: Duration,
    /// A walk runs now.
    pub(crate) in_progress: bool,
}

/// The present result.
pub(crate) fn count() -> Count {
    CENSUS.with(|census| Count {
        keys: census.last.map(|(keys, _)| keys),
        age: census.last.map_or(Duration::ZERO, |(_, at)| at.elapsed()),
        in_progress: census.walk.is_some(),
    })
}

/// Begins a walk: the captured prefixes have changed, or the whole keyspace has.
pub(crate) fn begin() {
    // During the start there is nothing to count yet, and no context to count with.
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

/// The databases were swapped: a running walk begins again.
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

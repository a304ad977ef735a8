//! The server's `timeout` closes clients from which it has read nothing for so many seconds, gated ones among them: they wait for
//! the disk, and a slow disk closes nobody. The server tells of nothing before it does so, and looks at clients one by one, so
//! `timeout` is 0 while a client has waited for long. Those who are really idle are closed behind that.
//!
//! It is as it was before CONFIG SET and CONFIG REWRITE run.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::gate;
use crate::api::settings;
use crate::unit;

/// The server counts whole seconds: a client that has waited for less than one is not closed, whatever `timeout` is.
const LONG: Duration = Duration::from_millis(500);
const NAME: &[u8] = b"timeout";

/// What `timeout` was before it was set aside; 0 while it is not.
static ASIDE: AtomicI64 = AtomicI64::new(0);

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Nothing,
    SetAside(i64),
    PutBack(i64),
}

fn deed(longest: Duration, timeout: i64, aside: i64) -> Deed {
    match (longest >= LONG, aside) {
        (true, 0) if timeout > 0 => Deed::SetAside(timeout),
        (false, aside) if aside > 0 => Deed::PutBack(aside),
        _ => Deed::Nothing,
    }
}

/// True while there is a reason to ask how long anybody has waited.
pub(super) fn matters() -> bool {
    settings::idle_timeout_s() > 0 || ASIDE.load(Ordering::Relaxed) > 0
}

/// The server's cron, behind its look at the clients. `longest`: for how long anybody has waited who is still gated.
pub(super) fn look(longest: Duration) {
    let aside = ASIDE.load(Ordering::Relaxed);
    match deed(longest, settings::idle_timeout_s(), aside) {
        Deed::Nothing => {}
        Deed::SetAside(timeout) => {
            ASIDE.store(timeout, Ordering::Relaxed);
            set(0);
        }
        Deed::PutBack(timeout) => put_back(timeout),
    }
}

/// The filter has seen a CONFIG that may set it, or write it down. Behind that, and before the server's next look at its clients,
/// it is set aside again.
pub(crate) fn config_comes() {
    let aside = ASIDE.load(Ordering::Relaxed);
    if aside > 0 {
        put_back(aside);
        if let Some(ctx) = unit::context() {
            ctx.after_commands(gate::look_at_idle);
        }
    }
}

fn put_back(timeout: i64) {
    ASIDE.store(0, Ordering::Relaxed);
    set(timeout);
}

fn set(timeout: i64) {
    if let Some(ctx) = unit::context() {
        ctx.call(c"CONFIG", "", &[b"SET", NAME, timeout.to_string().as_bytes()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_set_aside_while_somebody_waits_for_long_and_put_back_once() {
        let (short, long) = (Duration::from_millis(499), LONG);
        assert_eq!(deed(short, 5, 0), Deed::Nothing);
        assert_eq!(deed(long, 5, 0), Deed::SetAside(5));
        assert_eq!(deed(long, 0, 0), Deed::Nothing);
        assert_eq!(deed(long, 0, 5), Deed::Nothing);
        assert_eq!(deed(short, 0, 5), Deed::PutBack(5));
        assert_eq!(deed(short, 0, 0), Deed::Nothing);
    }
}

//! The server's `timeout` closes clients from which it has read nothing for so many seconds. Gated clients are not read, and
//! a slow disk must close no client. The server raises no event before it closes one, and checks clients one by one. So the
//! module sets `timeout` to 0 while a gated client has waited for long. Clients that are really idle are closed after that.

use std::time::Duration;

use module_api::server::server_settings;

use super::gated;
use super::set_aside::SetAside;

/// The server counts whole seconds: a client that has waited for less than one is not closed, whatever `timeout` is.
const LONG: Duration = Duration::from_millis(500);

pub(super) static TIMEOUT: SetAside = SetAside::new(c"timeout");

/// What is to be done with `timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Nothing,
    SetAside,
    PutBack,
}

fn deed(longest: Duration, timeout: i64, is_aside: bool) -> Deed {
    match longest >= LONG {
        true if timeout > 0 => Deed::SetAside,
        false if is_aside => Deed::PutBack,
        _ => Deed::Nothing,
    }
}

/// From the server's cron, after the server has checked its clients: sets `timeout` aside while a gated client would count as
/// idle, and puts it back after that.
pub(super) fn check() {
    let timeout = server_settings::idle_timeout_s();
    // As nearly always: the longest wait of a gated client does not matter.
    if timeout <= 0 && !TIMEOUT.is_aside() {
        return;
    }
    match deed(gated::longest_wait(), timeout, TIMEOUT.is_aside()) {
        Deed::Nothing => {}
        Deed::SetAside => TIMEOUT.set_aside(b"0"),
        Deed::PutBack => TIMEOUT.put_back(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_set_aside_while_somebody_waits_for_long_and_put_back_once() {
        let (short, long) = (Duration::from_millis(499), LONG);
        assert_eq!(deed(short, 5, false), Deed::Nothing);
        assert_eq!(deed(long, 5, false), Deed::SetAside);
        assert_eq!(deed(long, 0, false), Deed::Nothing);
        assert_eq!(deed(long, 0, true), Deed::Nothing);
        assert_eq!(deed(short, 0, true), Deed::PutBack);
        assert_eq!(deed(short, 0, false), Deed::Nothing);
    }
}

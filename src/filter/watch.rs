//! What the filter looks at while replies may have to wait for the disk: scripts, which get their held form.

use super::replace_name;
use crate::api::filter::Filtered;
use crate::api::settings;
use crate::{acks, conditions, scripts};

/// True for a script that may write. Settled for nearly every command by its first byte.
fn is_script(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'e' | b'E' | b'f' | b'F'))
        && [&b"eval"[..], b"evalsha", b"fcall"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

/// True if the command was given its held form.
pub(super) fn look(command: Filtered<'_>, len: usize) -> bool {
    acks::prepare();
    if acks::is_on() {
        acks::next_command();
        acks::note(command.client_id());
        if super::name_of(command).is_some_and(|name| name.eq_ignore_ascii_case(b"client")) {
            acks::leavers_may_have_come();
        }
        return false;
    }
    let Some(name) = super::name_of(command) else {
        return false;
    };
    // Less is an error that the native command words best.
    is_script(name) && len >= 3 && hold(command, name)
}

fn hold(command: Filtered<'_>, name: &[u8]) -> bool {
    let writes = command.arg(1).is_some_and(|code| scripts::comes(name, code));
    // In EXEC a held form must be kept from letting the event loop turn (see `commands::script`).
    if !writes || conditions::is_replica() || !settings::scripts_can_be_undisturbed() {
        return false;
    }
    replace_name(command, name);
    true
}

//! What the filter looks at while replies may have to wait for the disk: scripts, which get their held form,
//! and what may let replies of this turn leave before its end.

use super::replace_name;
use crate::api::filter::Filtered;
use crate::api::settings;
use crate::{acks, conditions, grouped, scripts, unit};

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// A script that may write.
    Script,
    /// A script that may not.
    ReadingScript,
    Exec,
    /// DEBUG, which may load a data set.
    Debug,
    Other,
}

/// Settled for nearly every command by its first byte.
fn name_of(name: &[u8]) -> Name {
    if !matches!(name.first(), Some(b'e' | b'E' | b'f' | b'F' | b'd' | b'D')) {
        return Name::Other;
    }
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    match name.len() {
        4 if is(b"exec") => Name::Exec,
        4 if is(b"eval") => Name::Script,
        5 if is(b"fcall") => Name::Script,
        5 if is(b"debug") => Name::Debug,
        7 if is(b"evalsha") => Name::Script,
        7 if is(b"eval_ro") => Name::ReadingScript,
        8 if is(b"fcall_ro") => Name::ReadingScript,
        10 if is(b"evalsha_ro") => Name::ReadingScript,
        _ => Name::Other,
    }
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
    match name_of(name) {
        Name::Other => false,
        Name::Exec => {
            if grouped::exec_may_yield() {
                unit::before_yield();
            }
            false
        }
        Name::ReadingScript => {
            script_comes();
            false
        }
        Name::Debug => {
            if command.arg(1).is_some_and(loads) {
                script_comes();
            }
            false
        }
        Name::Script => {
            script_comes();
            // Less is an error that the native command words best.
            len >= 3 && hold(command, name)
        }
    }
}

/// True for what DEBUG is to do if that loads a data set.
fn loads(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"reload") || word.eq_ignore_ascii_case(b"loadaof")
}

/// A script or a load comes, or is queued: while it runs for long, the server sends what other clients have in their
/// buffers.
fn script_comes() {
    if grouped::is_on() {
        grouped::saw_script();
        unit::before_yield();
    }
}

fn hold(command: Filtered<'_>, name: &[u8]) -> bool {
    let writes = command.arg(1).is_some_and(|code| scripts::comes(name, code));
    // In EXEC a held form must be kept from letting the event loop turn (see `commands::script`).
    if !writes || grouped::is_on() || conditions::is_replica() || !settings::scripts_can_be_undisturbed() {
        return false;
    }
    replace_name(command, name);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_in_any_case_and_nothing_else_is() {
        for (name, kind) in [
            (&b"eVaL"[..], Name::Script),
            (b"EVALSHA", Name::Script),
            (b"fcall", Name::Script),
            (b"EVAL_RO", Name::ReadingScript),
            (b"EVALSHA_RO", Name::ReadingScript),
            (b"FCALL_RO", Name::ReadingScript),
            (b"Exec", Name::Exec),
            (b"debug", Name::Debug),
            (b"DEL", Name::Other),
            (b"", Name::Other),
            (b"EXISTS", Name::Other),
            (b"FAIL", Name::Other),
            (b"GET", Name::Other),
        ] {
            assert_eq!(name_of(name), kind, "{}", name.escape_ascii());
        }
    }
}

//! Commands of ours that come in the place of a native one without being its form: the one that answers with an error,
//! and the one that runs COPY.
//!
//! The server asks whether the user may run that command of ours. A user with a list of what he may run would be told
//! of a name that he has never sent. So for whoever has said who he is it is a command that needs no permission. That
//! one does not ask for a password either, so clients that may not have given theirs get another one.

use module_api::commands::acl::Owner;
use module_api::commands::filter::Filtered;
use module_api::context::Flags;
use module_api::{OwnedStr, own_context};

use crate::execute::twins;

/// The command that answers with its first argument as an error, unless the user may not run what follows that.
const REJECT: &[u8] = b"MYLOG.REJECT";
/// The same, for everybody.
const REFUSE: &[u8] = b"MYLOG.REFUSE";

/// COPY to another database, run inside a command of ours.
const COPY_DB: &[u8] = b"MYLOG.COPYDB";

/// A native command behind a look at its keys.
const CHECKED: &[u8] = b"MYLOG.CHECKED";

/// True for a client of which it is known that it has said who it is, or need not.
fn is_known(owner: Option<&Owner>) -> bool {
    match owner {
        Some(Owner::Default) => false,
        Some(Owner::Named(_) | Owner::Unlisted) => true,
        // 7.0 does not tell whose command it is. Scripts are run by those who have said who they are.
        None => Flags::of_server().any(Flags::LUA),
    }
}

fn owner(command: Filtered<'_>) -> Option<Owner> {
    Some(Owner::of(own_context()?, command.client_id()?))
}

/// The name of what COPY to another database becomes.
pub(super) fn copy_name(command: Filtered<'_>) -> OwnedStr {
    let for_all = is_known(owner(command).as_ref()).then(twins::copy_for_all);
    for_all.flatten().unwrap_or_else(|| OwnedStr::new(COPY_DB))
}

/// The name of the command that looks at the keys of a native one before it runs it.
pub(super) fn check_name(command: Filtered<'_>) -> OwnedStr {
    let for_all = is_known(owner(command).as_ref()).then(twins::check_for_all);
    for_all.flatten().unwrap_or_else(|| OwnedStr::new(CHECKED))
}

/// Refuses a command with this error. One that its user may not run is left to the server, which has its own words.
pub(super) fn reject(command: Filtered<'_>, text: &str) {
    let owner = owner(command);
    if owner
        .as_ref()
        .is_some_and(|owner| owner.is_denied(&command.args()))
    {
        return;
    }
    let name = if is_known(owner.as_ref()) { REFUSE } else { REJECT };
    let Some(native) = command.arg(0).map(<[u8]>::to_vec) else {
        return;
    };
    // The text first: with the name replaced and no text, the arguments would be taken for it.
    if command.insert(1, text.as_bytes()).is_ok() && command.insert(2, &native).is_ok() {
        let _ = command.replace(0, OwnedStr::new(name));
    }
}

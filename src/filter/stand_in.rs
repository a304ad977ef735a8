//! Commands of the module that replace a native command without being its twin: the command that answers with an error,
//! the one that runs COPY, and the one that checks a native command.
//!
//! The server checks whether the user may run that command. A user with a list of allowed commands would get an error about a
//! command name that the client has never sent. So for authenticated clients the replacement is a command that needs no
//! permission. Such a command does not require a password either, so clients that may not be authenticated get another one.

use module_api::commands::acl::Owner;
use module_api::commands::filter::Filtered;
use module_api::context::Flags;
use module_api::{OwnedStr, own_context};

use crate::execute::twins;

/// Answers with its first argument as an error, unless the user may not run the command that follows that argument.
const REJECT: &[u8] = b"MYLOG.REJECT";
/// Answers with its first argument as an error, without a permission.
const REFUSE: &[u8] = b"MYLOG.REFUSE";

/// Runs COPY to another database inside a command of the module.
const COPY_DB: &[u8] = b"MYLOG.COPYDB";

/// Checks the keys of a native command, then runs it.
const CHECKED: &[u8] = b"MYLOG.CHECKED";

/// True for a client that is known to be authenticated, or to need no authentication.
fn is_known(owner: Option<&Owner>) -> bool {
    match owner {
        Some(Owner::Default) => false,
        Some(Owner::Named(_) | Owner::Unlisted) => true,
        // Redis 7.0 does not tell the client of a command. A script is run by an authenticated client.
        None => Flags::of_server().any(Flags::LUA),
    }
}

fn owner(command: Filtered<'_>) -> Option<Owner> {
    Some(Owner::of(own_context()?, command.client_id()?))
}

/// The name of the command that runs COPY to another database.
pub(super) fn copy_name(command: Filtered<'_>) -> OwnedStr {
    let for_all = is_known(owner(command).as_ref()).then(twins::copy_for_all);
    for_all.flatten().unwrap_or_else(|| OwnedStr::new(COPY_DB))
}

/// The name of the command that checks the keys of a native command before it runs it.
pub(super) fn check_name(command: Filtered<'_>) -> OwnedStr {
    let for_all = is_known(owner(command).as_ref()).then(twins::check_for_all);
    for_all.flatten().unwrap_or_else(|| OwnedStr::new(CHECKED))
}

/// Refuses a command with this error. A command that the user may not run is left to the server, which has its own error.
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
    // The text comes first: if the name were replaced and the insertion failed, the first argument would be taken for the text.
    if command.insert(1, text.as_bytes()).is_ok() && command.insert(2, &native).is_ok() {
        let _ = command.replace(0, OwnedStr::new(name));
    }
}

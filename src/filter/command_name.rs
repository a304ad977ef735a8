//! The name of a command, independent of `rename-command`.

use module_api::commands::filter::Filtered;

use crate::settings::server_commands;

/// The name of a command in the server's table, also if `rename-command` has given the command another spelling.
pub(super) fn name_of<'c>(command: Filtered<'c>) -> Option<&'c [u8]> {
    let spelling = command.arg(0)?;
    if server_commands::are_renamed() {
        return server_commands::name_of(spelling).map(str::as_bytes);
    }
    Some(spelling)
}

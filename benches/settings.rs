//! Settings of the module that a build of it may not know.

use crate::support::Client;

/// Sets it at run time; the error says what the server answered.
pub fn set(client: &mut Client, name: &str, value: &str) -> Result<(), String> {
    let reply = client.cmd(["CONFIG", "SET", name, value]);
    if reply.is_ok() {
        return Ok(());
    }
    Err(format!(
        "This build does not take `{name} {value}`: {}",
        reply.text()
    ))
}

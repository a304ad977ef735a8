//! Refused writes: while the log is down, and commands without a durable form.

use crate::engine;
use crate::settings::attention::{self, DOWN};

/// The log went down, or works again. While it is down, the filter checks for commands that would change durable keys.
pub(crate) fn refresh() {
    let down = engine::with(|engine| engine.down_reason().is_some());
    attention::set(DOWN, down == Some(true));
}

/// The error for a command that would change or make a captured key and has no form for durable keys.
pub(crate) fn no_durable_form(name: &str, prefix: &str) -> String {
    format!(
        "ERR '{name}' has no durable form for a key that mylog.capture holds by '{prefix}'; nothing was done"
    )
}

//! While the log is down, writes are refused.

use crate::engine;
use crate::settings::attention::{self, DOWN};

/// The log went down, or works again: the filter looks for what would change durable keys.
pub(crate) fn refresh() {
    let down = engine::with(|engine| engine.down_reason().is_some());
    attention::set(DOWN, down == Some(true));
}

/// The error for a command that would change a captured key, or make one, and has no form for durable ones.
pub(crate) fn no_durable_form(name: &str, prefix: &str) -> String {
    format!(
        "ERR '{name}' has no durable form for a key that mylog.capture holds by '{prefix}'; nothing was done"
    )
}

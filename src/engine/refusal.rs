//! While the log is down, writes are refused.

use crate::engine;
use crate::settings::attention::{self, DOWN};

/// The log went down, or works again: the filter looks for what would change durable keys.
pub(crate) fn refresh() {
    let down = engine::with(|engine| engine.down_reason().is_some());
    attention::set(DOWN, down == Some(true));
}

//! Commands that are refused while the log is down.

use module_api::commands::filter::Filtered;

use super::stand_in::reject;
use crate::engine;
use crate::settings::attention::{self, DOWN};

/// Refuses a command while the log is down, if there is any durable key.
pub(super) fn refuse_if_any_is_durable(command: Filtered<'_>) {
    if attention::is_on(DOWN) && engine::with(|engine| !engine.store.is_empty()) == Some(true) {
        refuse(command);
    }
}

/// Refuses a command, if the log is still down.
pub(super) fn refuse(command: Filtered<'_>) {
    // `DOWN` is updated at the end of each turn only, and the log may work again by now.
    if let Some(refusal) = engine::with(|engine| engine.refusal()).flatten() {
        reject(command, &refusal.counted());
    }
}

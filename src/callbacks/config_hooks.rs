//! What CONFIG SET does beside storing the value, in order. At load the hook is called for each of these configs as well.

use redis_grammar::prefixes::Prefixes;

use crate::adopt::census;
use crate::lifecycle::missing_log;
use crate::settings::attention::{self, WATCHED};
use crate::settings::config::{self, Change};
use crate::settings::{always_keys, captured_keys};
use crate::{acks, engine, release};

/// Called when a config has a new value.
pub(super) fn changed(change: Change) {
    match change {
        Change::Capture => {
            let words = config::capture();
            // Before the prefixes: earlier releases do not count any more.
            release::capture_was_set(&words);
            captured_keys::set_words(&words);
            census::begin();
        }
        Change::AlwaysPrefixes => {
            always_keys::set_prefixes(Prefixes::of(&config::always_prefixes()));
            watch();
        }
        Change::FsyncPolicy => {
            engine::with(|engine| engine.set_fsync_policy(config::fsync_policy()));
            watch();
        }
        Change::LoadMissing => missing_log::load_missing_changed(),
    }
}

/// Switches the watching on or off: whether replies may have to wait for the disk.
fn watch() {
    if !attention::set(WATCHED, always_keys::anything()) {
        acks::forget_author();
    }
}

//! Which changes are acknowledged as under `always`: all changes under that policy, and changes of keys with one of
//! `mylog.always-prefixes` under every policy.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use mylog_core::effect::Effect;
use mylog_core::log::policy::FsyncPolicy;
use redis_grammar::prefixes::Prefixes;

use crate::settings::config;

static PREFIXES: Gil<Prefixes> = Gil::new(Prefixes::NONE);
/// Set while there is a prefix: without one no key is checked.
static ANY_PREFIX: AtomicBool = AtomicBool::new(false);

/// Replaces the prefixes.
pub(crate) fn set_prefixes(prefixes: Prefixes) {
    ANY_PREFIX.store(!prefixes.is_empty(), Ordering::Relaxed);
    PREFIXES.with(|old| *old = prefixes);
}

/// True if every change is acknowledged as under `always`.
pub(crate) fn everything() -> bool {
    config::fsync_policy() == FsyncPolicy::Always
}

/// True if any client may have to wait for the disk.
pub(crate) fn anything() -> bool {
    everything() || ANY_PREFIX.load(Ordering::Relaxed)
}

/// True for a key whose changes are acknowledged as under `always`.
pub(crate) fn is_name(name: &[u8]) -> bool {
    everything() || (ANY_PREFIX.load(Ordering::Relaxed) && PREFIXES.with(|prefixes| prefixes.matches(name)))
}

/// True for an effect that is acknowledged as under `always`: it changes at least one such key. An effect on whole databases
/// counts, since it may have changed such keys.
pub(crate) fn is_effect(effect: &Effect<'_>) -> bool {
    everything()
        || (ANY_PREFIX.load(Ordering::Relaxed)
            && (effect.spans_databases()
                || PREFIXES.with(|prefixes| {
                    let mut names = effect.keys().into_iter().flatten();
                    names.any(|(_, name)| prefixes.matches(name))
                })))
}

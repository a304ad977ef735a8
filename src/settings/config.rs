//! The configuration, `mylog.NAME`: one row for each config. Values are read where they are used. What else a change has to do
//! is done by one hook, which OnLoad attaches.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};

use module_api::gil::Gil;
use module_api::server::config::{IMMUTABLE, MEMORY, Number, PLAIN, Switch, Text, Word};
use module_api::{Ctx, clients};
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::rewrite::schedule::Growth;
use redis_grammar::prefixes::{Prefixes, Words};

use super::config_rows::{choices, numbers, switches, texts};
use super::server_commands;

texts! {
    /// Folder of the log, as configured.
    dir: c"dir", default c"mylogdir", IMMUTABLE, check is_a_folder;
    /// The text of `mylog.capture`.
    capture_text: c"capture", default c"", PLAIN, check can_be_captured, then Capture;
    /// The text of `mylog.always-prefixes`.
    always_prefixes_text: c"always-prefixes", default c"", PLAIN, check can_be_always_prefixes, then AlwaysPrefixes;
}

choices! {
    /// When the log is synced.
    fsync_policy: c"appendfsync", FsyncPolicy
        [c"always" => FsyncPolicy::Always, c"everysec" => FsyncPolicy::EverySec, c"no" => FsyncPolicy::No],
        default 1, check can_be_the_policy, then FsyncPolicy;
    /// True if reads of durable data return only what is on disk.
    reads_committed: c"read-mode", bool [c"committed" => true, c"latest" => false], default 0;
    /// What a flush does to durable keys.
    flush_policy: c"flush-policy", FlushPolicy
        [c"refuse" => FlushPolicy::Refuse, c"flush" => FlushPolicy::Flush], default 0;
    /// True if loaded durable keys without a log of their lineage are taken into the log.
    adopts_missing: c"load-missing", bool [c"refuse" => false, c"adopt" => true], default 0, then LoadMissing;
}

switches! {
    /// True if a torn tail of the log is cut off; false if the start is refused because of it.
    load_truncated: c"load-truncated", default true;
    /// True if a rewrite gives way to a child of the server that waits for the rewrite's child.
    rewrite_yields: c"rewrite-yield", default false;
}

numbers! {
    /// Growth in percent over the size after the last rewrite at which a rewrite is due; 0: never.
    auto_rewrite_percentage: c"auto-rewrite-percentage", default 100, bounds (0, i64::MAX), PLAIN;
    /// Size in bytes of the smallest log that is rewritten because of its growth.
    auto_rewrite_min_size: c"auto-rewrite-min-size", default 64 << 20, bounds (0, i64::MAX), MEMORY;
    /// Size in bytes at which a log is rewritten whatever its growth; 0: never.
    auto_rewrite_max_size: c"auto-rewrite-max-size", default 0, bounds (0, i64::MAX), MEMORY;
    /// Largest number of bytes in groups that the child has not taken.
    backlog_limit: c"rewrite-backlog-limit", default 64 << 20, bounds (1 << 20, i64::MAX), MEMORY;
    /// Longest life of a rewrite child, in seconds.
    rewrite_timeout_s: c"rewrite-timeout", default 600, bounds (1, 1 << 32), PLAIN;
    /// Longest time for which the event loop waits for the disk, in ms.
    max_wait_ms: c"max-wait", default 1000, bounds (1, 1 << 32), PLAIN;
    /// Durable writes are refused if the oldest write that is not on disk is older than this, in seconds; 0: never.
    max_unsynced_age_s: c"max-unsynced-age", default 10, bounds (0, 1 << 32), PLAIN;
    /// Durable writes are refused if more bytes than this wait to be written; 0: never.
    max_unwritten: c"max-unwritten", default 256 << 20, bounds (0, i64::MAX), MEMORY;
}

/// What FLUSHALL and FLUSHDB do if there are durable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlushPolicy {
    /// They are refused.
    Refuse,
    /// They flush the durable keys, too.
    Flush,
}

/// The configs whose change does more than to store the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// `mylog.capture`.
    Capture,
    /// `mylog.always-prefixes`.
    AlwaysPrefixes,
    /// `mylog.appendfsync`.
    FsyncPolicy,
    /// `mylog.load-missing`.
    LoadMissing,
}

static HOOK: OnceLock<fn(Change)> = OnceLock::new();

/// Sets the hook that is called after each change, also after the first one. To be called before the configs are registered.
pub(crate) fn attach(hook: fn(Change)) {
    let _ = HOOK.set(hook);
}

fn changed(change: Change) {
    if let Some(hook) = HOOK.get() {
        hook(change);
    }
}

/// The growth at which a rewrite is due.
pub(crate) fn growth() -> Growth {
    Growth {
        percentage: auto_rewrite_percentage(),
        min_size: auto_rewrite_min_size(),
        max_size: auto_rewrite_max_size(),
    }
}

/// The words of `mylog.capture`.
pub(crate) fn capture() -> Words {
    Words::parse(&capture_text()).unwrap_or_default()
}

/// Sets the words of `mylog.capture`: CONFIG GET and CONFIG REWRITE show them from now on.
pub(crate) fn put_capture(words: &Words) {
    TEXT_VALUES.capture_text.with(|capture| *capture = words.text());
}

/// The words of `mylog.always-prefixes`.
pub(crate) fn always_prefixes() -> Words {
    Words::parse(&always_prefixes_text()).unwrap_or_default()
}

/// The error if no key can be captured.
pub(crate) const HIDDEN: &str =
    "mylog.capture needs COMMAND, which was renamed or removed: nothing else tells which commands write";

fn is_a_folder(value: &[u8]) -> Result<(), String> {
    match value {
        [] => Err("mylog.dir can't be empty".into()),
        _ => Ok(()),
    }
}

fn words(name: &str, value: &[u8]) -> Result<Words, String> {
    Words::parse(value).map_err(|bad| format!("mylog.{name}: {bad}"))
}

fn can_be_captured(value: &[u8]) -> Result<(), String> {
    let words = words("capture", value)?;
    if server_commands::are_hidden() && !Prefixes::of(&words).is_empty() {
        return Err(HIDDEN.to_owned());
    }
    Ok(())
}

fn can_be_always_prefixes(value: &[u8]) -> Result<(), String> {
    words("always-prefixes", value)?;
    match no_reply_can_wait() {
        Some(why) if !value.is_empty() => Err(format!("mylog.always-prefixes can't be used: {why}")),
        _ => Ok(()),
    }
}

/// `place`: index of the word; `always` is the first word.
fn can_be_the_policy(place: i32) -> Result<(), String> {
    match no_reply_can_wait() {
        Some(why) if place == 0 => Err(format!("mylog.appendfsync can't be always: {why}")),
        _ => Ok(()),
    }
}

/// Why no reply can wait for the disk on this server; `None` if replies can. Without `protectClient` there is no gate, and the
/// fallback needs a notification at the end of each unit.
fn no_reply_can_wait() -> Option<&'static str> {
    (!clients::can_be_protected() && !Ctx::hears_unit_ends()).then_some(
        "this server has no protectClient among its symbols: nothing would keep a reply back until it is durable",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_configuration_has_each_config() {
        let page = include_str!("../../docs/configuration.md");
        let texts = TEXTS.iter().map(|config| config.name);
        let choices = CHOICES.iter().map(|config| config.name);
        let switches = SWITCHES.iter().map(|config| config.name);
        let numbers = NUMBERS.iter().map(|config| config.name);
        let names: Vec<_> = texts.chain(choices).chain(switches).chain(numbers).collect();
        for name in &names {
            let row = format!("| `mylog.{}` | ", name.to_str().unwrap());
            assert!(page.contains(&row), "{row}");
        }
        assert_eq!(page.matches("\n| `mylog.").count(), names.len());
    }
}

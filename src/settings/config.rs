//! The configuration, `mylog.NAME`. Values live in atomics and are read where they are used; what a change
//! has to set off at once is done by the setter.

use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};

use module_api::gil::Gil;
use module_api::server::config::{IMMUTABLE, MEMORY, Number, Switch, Text, Word};
use module_api::{Ctx, Refused};
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::rewrite::schedule::Growth;
use redis_grammar::prefixes::{Prefixes, Words};

use crate::adopt::census;
use crate::lifecycle::startup;
use crate::settings::{always_keys, captured_keys, server_commands};
use crate::{acks, engine, filter, release};

static DIR: Gil<Vec<u8>> = Gil::new(Vec::new());
static CAPTURE: Gil<Vec<u8>> = Gil::new(Vec::new());
static ALWAYS_PREFIXES: Gil<Vec<u8>> = Gil::new(Vec::new());
static READ_MODE: AtomicI32 = AtomicI32::new(0);
static FSYNC: AtomicI32 = AtomicI32::new(1);
static FLUSH: AtomicI32 = AtomicI32::new(0);
static LOAD_MISSING: AtomicI32 = AtomicI32::new(0);
static LOAD_TRUNCATED: AtomicBool = AtomicBool::new(true);
static PERCENTAGE: AtomicI64 = AtomicI64::new(0);
static MIN_SIZE: AtomicI64 = AtomicI64::new(0);
static MAX_SIZE: AtomicI64 = AtomicI64::new(0);
static BACKLOG_LIMIT: AtomicI64 = AtomicI64::new(0);
static REWRITE_YIELD: AtomicBool = AtomicBool::new(false);
static REWRITE_TIMEOUT: AtomicI64 = AtomicI64::new(0);
static MAX_WAIT: AtomicI64 = AtomicI64::new(0);
static MAX_UNSYNCED_AGE: AtomicI64 = AtomicI64::new(0);
static MAX_UNWRITTEN: AtomicI64 = AtomicI64::new(0);

/// What FLUSHALL and FLUSHDB do where there are durable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlushPolicy {
    /// They are refused.
    Refuse,
    /// They flush the durable keys, too.
    Flush,
}

/// Folder of the log, as it was configured.
pub(crate) fn dir() -> Vec<u8> {
    DIR.with(|dir| dir.clone())
}

/// When the log is synced.
pub(crate) fn fsync_policy() -> FsyncPolicy {
    match FSYNC.load(Ordering::Relaxed) {
        0 => FsyncPolicy::Always,
        1 => FsyncPolicy::EverySec,
        _ => FsyncPolicy::No,
    }
}

/// True where a read of durable data sees durable data only.
pub(crate) fn reads_committed() -> bool {
    READ_MODE.load(Ordering::Relaxed) == 0
}

/// What a flush does to durable keys.
pub(crate) fn flush_policy() -> FlushPolicy {
    if FLUSH.load(Ordering::Relaxed) == 0 {
        FlushPolicy::Refuse
    } else {
        FlushPolicy::Flush
    }
}

/// True where durable keys that came without a log of their lineage are taken into the log.
pub(crate) fn adopts_missing() -> bool {
    LOAD_MISSING.load(Ordering::Relaxed) != 0
}

/// True where a torn tail is cut off, false where it refuses the start.
pub(crate) fn load_truncated() -> bool {
    LOAD_TRUNCATED.load(Ordering::Relaxed)
}

/// Growth that makes a rewrite due.
pub(crate) fn growth() -> Growth {
    let read = |config: &AtomicI64| config.load(Ordering::Relaxed).unsigned_abs();
    Growth {
        percentage: read(&PERCENTAGE),
        min_size: read(&MIN_SIZE),
        max_size: read(&MAX_SIZE),
    }
}

/// Most bytes of diffs that the child has not taken.
pub(crate) fn backlog_limit() -> u64 {
    BACKLOG_LIMIT.load(Ordering::Relaxed).unsigned_abs()
}

/// Longest life of a rewrite child, in ms.
pub(crate) fn rewrite_timeout_ms() -> u64 {
    REWRITE_TIMEOUT.load(Ordering::Relaxed).unsigned_abs() * 1000
}

/// True where a rewrite gives way to a child of the server's that waits for its own.
pub(crate) fn rewrite_yields() -> bool {
    REWRITE_YIELD.load(Ordering::Relaxed)
}

/// Longest that the event loop waits for the disk, in ms.
pub(crate) fn max_wait_ms() -> u64 {
    MAX_WAIT.load(Ordering::Relaxed).unsigned_abs()
}

/// Age in ms of the oldest write not on disk past which durable writes are refused; 0 none.
pub(crate) fn max_unsynced_age_ms() -> u64 {
    MAX_UNSYNCED_AGE.load(Ordering::Relaxed).unsigned_abs() * 1000
}

/// Bytes waiting to be written past which durable writes are refused; 0 none.
pub(crate) fn max_unwritten() -> u64 {
    MAX_UNWRITTEN.load(Ordering::Relaxed).unsigned_abs()
}

/// Why nothing can be captured.
pub(crate) const HIDDEN: &str =
    "mylog.capture needs COMMAND, which was renamed or removed: nothing else tells which commands write";

/// The words of `mylog.capture`.
pub(crate) fn capture() -> Words {
    CAPTURE.with(|capture| Words::parse(capture)).unwrap_or_default()
}

/// Gives `mylog.capture` other words: CONFIG GET and CONFIG REWRITE show them from now on.
pub(crate) fn put_capture(words: &Words) {
    CAPTURE.with(|capture| *capture = words.text());
    capture_changed(words);
}

fn capture_changed(words: &Words) {
    captured_keys::set_prefixes(Prefixes::of(&release::with_released(words)));
    census::begin();
}

fn words(name: &str, value: &[u8]) -> Result<Words, String> {
    Words::parse(value).map_err(|bad| format!("mylog.{name}: {bad}"))
}

/// The longest prefix that captures a key, for messages. One that is being released does, too.
pub(crate) fn captured_by(key: &[u8]) -> String {
    let words = release::with_released(&capture()).text();
    let prefixes = words
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| key.starts_with(word));
    let longest = prefixes.max_by_key(|word| word.len());
    String::from_utf8_lossy(longest.unwrap_or_default()).into_owned()
}

static TEXTS: [Text; 3] = [
    Text {
        name: c"dir",
        default: c"mylogdir",
        flags: IMMUTABLE,
        get: dir,
        set: |value| {
            if value.is_empty() {
                return Err("mylog.dir can't be empty".into());
            }
            DIR.with(|dir| *dir = value.to_vec());
            Ok(())
        },
    },
    Text {
        name: c"capture",
        default: c"",
        flags: 0,
        get: || CAPTURE.with(|capture| capture.clone()),
        set: |value| {
            let words = words("capture", value)?;
            if server_commands::are_hidden() && !Prefixes::of(&words).is_empty() {
                return Err(HIDDEN.to_owned());
            }
            CAPTURE.with(|capture| *capture = value.to_vec());
            release::capture_was_set(&words);
            capture_changed(&words);
            Ok(())
        },
    },
    Text {
        name: c"always-prefixes",
        default: c"",
        flags: 0,
        get: || ALWAYS_PREFIXES.with(|prefixes| prefixes.clone()),
        set: |value| {
            let words = words("always-prefixes", value)?;
            if let (false, Some(why)) = (value.is_empty(), acks::impossible()) {
                return Err(format!("mylog.always-prefixes can't be used: {why}"));
            }
            ALWAYS_PREFIXES.with(|prefixes| *prefixes = value.to_vec());
            always_keys::set_prefixes(Prefixes::of(&words));
            filter::watch(always_keys::anything());
            Ok(())
        },
    },
];

static WORDS: [Word; 4] = [
    Word {
        name: c"appendfsync",
        words: &[c"always", c"everysec", c"no"],
        default: 1,
        flags: 0,
        get: || FSYNC.load(Ordering::Relaxed),
        set: |value| {
            if let (0, Some(why)) = (value, acks::impossible()) {
                return Err(format!("mylog.appendfsync can't be always: {why}"));
            }
            FSYNC.store(value, Ordering::Relaxed);
            engine::with(|engine| engine.set_fsync_policy(fsync_policy()));
            filter::watch(always_keys::anything());
            Ok(())
        },
    },
    Word {
        name: c"read-mode",
        words: &[c"committed", c"latest"],
        default: 0,
        flags: 0,
        get: || READ_MODE.load(Ordering::Relaxed),
        set: |value| {
            READ_MODE.store(value, Ordering::Relaxed);
            Ok(())
        },
    },
    Word {
        name: c"flush-policy",
        words: &[c"refuse", c"flush"],
        default: 0,
        flags: 0,
        get: || FLUSH.load(Ordering::Relaxed),
        set: |value| {
            FLUSH.store(value, Ordering::Relaxed);
            Ok(())
        },
    },
    Word {
        name: c"load-missing",
        words: &[c"refuse", c"adopt"],
        default: 0,
        flags: 0,
        get: || LOAD_MISSING.load(Ordering::Relaxed),
        set: |value| {
            LOAD_MISSING.store(value, Ordering::Relaxed);
            startup::load_missing_changed();
            Ok(())
        },
    },
];

static SWITCHES: [Switch; 2] = [
    Switch {
        name: c"load-truncated",
        default: true,
        flags: 0,
        get: load_truncated,
        set: |value| {
            LOAD_TRUNCATED.store(value, Ordering::Relaxed);
            Ok(())
        },
    },
    Switch {
        name: c"rewrite-yield",
        default: false,
        flags: 0,
        get: rewrite_yields,
        set: |value| {
            REWRITE_YIELD.store(value, Ordering::Relaxed);
            Ok(())
        },
    },
];

macro_rules! number {
    ($name:literal, $default:expr, $min:expr, $max:expr, $flags:expr, $in:ident) => {
        Number {
            name: $name,
            default: $default,
            min: $min,
            max: $max,
            flags: $flags,
            get: || $in.load(Ordering::Relaxed),
            set: |value| {
                $in.store(value, Ordering::Relaxed);
                Ok(())
            },
        }
    };
}

static NUMBERS: [Number; 8] = [
    number!(c"auto-rewrite-percentage", 100, 0, i64::MAX, 0, PERCENTAGE),
    number!(c"auto-rewrite-min-size", 64 << 20, 0, i64::MAX, MEMORY, MIN_SIZE),
    number!(c"auto-rewrite-max-size", 0, 0, i64::MAX, MEMORY, MAX_SIZE),
    number!(
        c"rewrite-backlog-limit",
        64 << 20,
        1 << 20,
        i64::MAX,
        MEMORY,
        BACKLOG_LIMIT
    ),
    number!(c"rewrite-timeout", 600, 1, 1 << 32, 0, REWRITE_TIMEOUT),
    number!(c"max-wait", 1000, 1, 1 << 32, 0, MAX_WAIT),
    number!(c"max-unsynced-age", 10, 0, 1 << 32, 0, MAX_UNSYNCED_AGE),
    number!(c"max-unwritten", 256 << 20, 0, i64::MAX, MEMORY, MAX_UNWRITTEN),
];

/// Why the arguments of MODULE LOAD can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// An argument without a value.
    #[error("load argument '{name}' has no value; they are pairs: mylog.so dir mylogdir appendfsync always")]
    NoValue {
        /// The argument.
        name: String,
    },
    /// No such config, or no such value.
    #[error("load argument '{name}' can't be '{value}'")]
    Argument {
        /// The argument.
        name: String,
        /// Its value.
        value: String,
    },
    /// The server refused a config; it has said why.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Registers every config and gives it its value: that of the configuration file or MODULE LOADEX, else of
/// the load arguments `NAME value`, else the default. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), ConfigError> {
    let given = given(args)?;
    let find = |name: &CStr| {
        let is_it = |(given, _): &&Given<'_>| {
            given
                .strip_prefix(b"mylog.")
                .unwrap_or(given)
                .eq_ignore_ascii_case(name.to_bytes())
        };
        given.iter().rev().find(is_it).map(|(_, value)| *value)
    };
    // A load argument becomes the default, so that CONFIG REWRITE does not write it down a second time.
    for config in &TEXTS {
        let default = match find(config.name) {
            Some(value) => leak(CString::new(value).map_err(|_| bad(config.name, value))?).as_c_str(),
            None => config.default,
        };
        ctx.register_text(leak(Text { default, ..*config }))?;
    }
    for config in &WORDS {
        let default = match find(config.name) {
            Some(value) => config
                .words
                .iter()
                .position(|word| word.to_bytes().eq_ignore_ascii_case(value))
                .and_then(|place| i32::try_from(place).ok())
                .ok_or_else(|| bad(config.name, value))?,
            None => config.default,
        };
        ctx.register_word(leak(Word { default, ..*config }))?;
    }
    for config in &SWITCHES {
        let default = match find(config.name) {
            Some(b"yes") => true,
            Some(b"no") => false,
            Some(value) => return Err(bad(config.name, value)),
            None => config.default,
        };
        ctx.register_switch(leak(Switch { default, ..*config }))?;
    }
    for config in &NUMBERS {
        let default = match find(config.name) {
            Some(value) => number_of(value)
                .filter(|number| (config.min..=config.max).contains(number))
                .ok_or_else(|| bad(config.name, value))?,
            None => config.default,
        };
        ctx.register_number(leak(Number { default, ..*config }))?;
    }
    let known = |name: &[u8]| {
        let name = name.strip_prefix(b"mylog.").unwrap_or(name);
        let mut names = TEXTS.iter().map(|c| c.name).chain(WORDS.iter().map(|c| c.name));
        names.any(|known| known.to_bytes().eq_ignore_ascii_case(name))
            || SWITCHES
                .iter()
                .map(|c| c.name)
                .chain(NUMBERS.iter().map(|c| c.name))
                .any(|known| known.to_bytes().eq_ignore_ascii_case(name))
    };
    if let Some((name, value)) = given.iter().find(|(name, _)| !known(name)) {
        return Err(ConfigError::Argument {
            name: lossy(name),
            value: lossy(value),
        });
    }
    Ok(ctx.load_configs()?)
}

/// A load argument: its name and its value.
type Given<'a> = (&'a [u8], &'a [u8]);

fn given<'a>(args: &[&'a [u8]]) -> Result<Vec<Given<'a>>, ConfigError> {
    args.chunks(2)
        .map(|pair| match *pair {
            [name, value] => Ok((name, value)),
            [name, ..] => Err(ConfigError::NoValue { name: lossy(name) }),
            [] => Err(ConfigError::NoValue { name: String::new() }),
        })
        .collect()
}

fn bad(name: &CStr, value: &[u8]) -> ConfigError {
    ConfigError::Argument {
        name: lossy(name.to_bytes()),
        value: lossy(value),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The server keeps what it is given for as long as it runs.
fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A number with the units of redis.conf: `64mb`, `1g`.
fn number_of(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_redis_conf() {
        for (text, value) in [("5", 5), ("64mb", 64 << 20), ("1K", 1000), ("2Gb", 2 << 30)] {
            assert_eq!(number_of(text.as_bytes()), Some(value));
        }
        for text in ["", "mb", "5x", "99999999999g", "-"] {
            assert_eq!(number_of(text.as_bytes()), None, "{text}");
        }
    }
}

//! Registers the configs in OnLoad. The load arguments `NAME value` become their defaults.

use std::ffi::{CStr, CString};

use module_api::server::config::{Number, Switch, Text, Word};
use module_api::{Ctx, Refused};

use super::config::{CHOICES, NUMBERS, SWITCHES, TEXTS};

/// Why the arguments of MODULE LOAD can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// A load argument has no value.
    #[error("load argument '{name}' has no value; they are pairs: mylog.so dir mylogdir appendfsync always")]
    NoValue {
        /// The argument.
        name: String,
    },
    /// There is no such config, or the config has no such value.
    #[error("load argument '{name}' can't be '{value}'")]
    Argument {
        /// The argument.
        name: String,
        /// Its value.
        value: String,
    },
    /// The server has refused a config, and has logged the reason.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Registers every config, and sets its value: from the configuration file or MODULE LOADEX, else from the load arguments
/// `NAME value`, else the default. In OnLoad only.
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
    // A load argument becomes the default of the config, so that CONFIG REWRITE does not write the value a second time.
    for config in TEXTS {
        let default = match find(config.name) {
            Some(value) => leak(CString::new(value).map_err(|_| bad(config.name, value))?).as_c_str(),
            None => config.default,
        };
        ctx.register_text(leak(Text { default, ..*config }))?;
    }
    for config in CHOICES {
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
    for config in SWITCHES {
        let default = match find(config.name) {
            Some(b"yes") => true,
            Some(b"no") => false,
            Some(value) => return Err(bad(config.name, value)),
            None => config.default,
        };
        ctx.register_switch(leak(Switch { default, ..*config }))?;
    }
    for config in NUMBERS {
        let default = match find(config.name) {
            Some(value) => number_of(value)
                .filter(|number| (config.min..=config.max).contains(number))
                .ok_or_else(|| bad(config.name, value))?,
            None => config.default,
        };
        ctx.register_number(leak(Number { default, ..*config }))?;
    }
    if let Some((name, value)) = given.iter().find(|(name, _)| !is_known(name)) {
        return Err(ConfigError::Argument {
            name: lossy(name),
            value: lossy(value),
        });
    }
    Ok(ctx.load_configs()?)
}

/// True for the name of a config, with or without the module's name.
fn is_known(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"mylog.").unwrap_or(name);
    let is_it = |known: &CStr| known.to_bytes().eq_ignore_ascii_case(name);
    TEXTS.iter().any(|config| is_it(config.name))
        || CHOICES.iter().any(|config| is_it(config.name))
        || SWITCHES.iter().any(|config| is_it(config.name))
        || NUMBERS.iter().any(|config| is_it(config.name))
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

/// Leaks a value, because the server keeps it for as long as it runs.
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

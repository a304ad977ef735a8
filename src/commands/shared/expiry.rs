//! The options that SET and GETEX share, and their expire times.

use module_api::server::command_ms;
use module_api::string::Args;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::Unchanged;

/// The unit of a time argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Unit {
    /// `EX`: seconds from now.
    Seconds,
    /// `PX`: milliseconds from now.
    Millis,
    /// `EXAT`: Unix time in seconds.
    AtSeconds,
    /// `PXAT`: Unix time in milliseconds.
    AtMillis,
}

impl Unit {
    /// True if the time is relative to now.
    pub(in crate::commands) fn is_relative(self) -> bool {
        matches!(self, Self::Seconds | Self::Millis)
    }
}

/// The command whose options are parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Grammar {
    /// SET.
    Set,
    /// GETEX.
    GetEx,
}

/// The options as the client gave them.
#[derive(Debug, Default)]
pub(in crate::commands) struct Options<'c> {
    pub(in crate::commands) nx: bool,
    pub(in crate::commands) xx: bool,
    pub(in crate::commands) get: bool,
    pub(in crate::commands) keep_ttl: bool,
    pub(in crate::commands) persist: bool,
    /// The last time argument, and its unit.
    pub(in crate::commands) expire: Option<(Unit, &'c [u8])>,
}

impl<'c> Options<'c> {
    /// Parses the options from a place on.
    pub(in crate::commands) fn read(
        args: Args<'c>,
        from: usize,
        grammar: Grammar,
    ) -> Result<Self, Unchanged> {
        let set = grammar == Grammar::Set;
        let mut options = Self::default();
        let mut place = from;
        while place < args.len() {
            let word = option(args.get(place)).to_ascii_uppercase();
            let time = (place + 1 < args.len()).then(|| args.get(place + 1));
            match (&*word, time) {
                (b"NX", _) if set && !options.xx => options.nx = true,
                (b"XX", _) if set && !options.nx => options.xx = true,
                (b"GET", _) if set => options.get = true,
                (b"KEEPTTL", _) if set && options.expire.is_none() => options.keep_ttl = true,
                (b"PERSIST", _) if !set && options.expire.is_none() => options.persist = true,
                (b"EX", Some(time)) => options.expire(Unit::Seconds, time)?,
                (b"PX", Some(time)) => options.expire(Unit::Millis, time)?,
                (b"EXAT", Some(time)) => options.expire(Unit::AtSeconds, time)?,
                (b"PXAT", Some(time)) => options.expire(Unit::AtMillis, time)?,
                _ => return Err(SYNTAX),
            }
            place += if matches!(&*word, b"EX" | b"PX" | b"EXAT" | b"PXAT") {
                2
            } else {
                1
            };
        }
        Ok(options)
    }

    /// Sets the time. As in the native command, the same unit may be given twice, and the last time counts.
    fn expire(&mut self, unit: Unit, time: &'c [u8]) -> Result<(), Unchanged> {
        let other = self.expire.is_some_and(|(given, _)| given != unit);
        if other || self.keep_ttl || self.persist {
            return Err(SYNTAX);
        }
        self.expire = Some((unit, time));
        Ok(())
    }

    /// The expire time that the options ask for, in Unix ms; `None` without a time.
    pub(in crate::commands) fn expire_at(&self, invalid: &Unchanged) -> Result<Option<i64>, Unchanged> {
        let Some((unit, time)) = self.expire else {
            return Ok(None);
        };
        let time = integer(time).ok_or(NOT_AN_INTEGER)?;
        let millis = match unit {
            Unit::Seconds | Unit::AtSeconds => time.checked_mul(1000),
            Unit::Millis | Unit::AtMillis => Some(time),
        };
        let base = if unit.is_relative() { command_ms() } else { 0 };
        let end = millis
            .filter(|&millis| millis > 0)
            .and_then(|millis| millis.checked_add(base));
        end.map(Some).ok_or_else(|| invalid.clone())
    }
}

//! Numbers in arguments and values, parsed as the native commands do.

use std::ffi::CStr;

use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::NOT_AN_INTEGER;
use crate::acks::reply::{Reply, Unchanged};

const BEYOND_RANGE: Unchanged = Unchanged(Reply::error(
    c"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
));

/// An integer for a command that counts from either end. The smallest integer is refused, since no integer is its negative.
pub(in crate::commands) fn either_way(text: &[u8]) -> Result<i64, Unchanged> {
    match integer(text).ok_or(NOT_AN_INTEGER)? {
        i64::MIN => Err(BEYOND_RANGE),
        value => Ok(value),
    }
}

/// An integer that is not below `least`; for any other text `error` is returned.
pub(in crate::commands) fn at_least(
    least: usize,
    text: &[u8],
    error: &'static CStr,
) -> Result<usize, Unchanged> {
    let value = integer(text).and_then(|value| usize::try_from(value).ok());
    value
        .filter(|&value| value >= least)
        .ok_or(Unchanged(Reply::error(error)))
}

/// A cursor, parsed as the server does, with C's `strtoul`. Since 7.4 (`strict`) the server refuses an empty cursor and a
/// negative integer, and accepts leading space.
pub(crate) fn cursor(text: &[u8], strict: bool) -> Option<u64> {
    // The server passes the text to C, where it ends at the first NUL.
    let text = option(text);
    if strict && integer(text).is_some_and(|value| value < 0) {
        return None;
    }
    let text = if strict { text.trim_ascii_start() } else { text };
    if text.is_empty() {
        return (!strict).then_some(0);
    }
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_c_does() {
        for (text, loose, strict) in [
            ("", Some(0), None),
            ("12", Some(12), Some(12)),
            ("+1", Some(1), Some(1)),
            (" 1", None, Some(1)),
            ("-1", Some(u64::MAX), None),
            ("-", None, None),
            ("1x", None, None),
            ("18446744073709551615", Some(u64::MAX), Some(u64::MAX)),
            ("18446744073709551616", None, None),
        ] {
            assert_eq!(cursor(text.as_bytes(), false), loose, "{text}");
            assert_eq!(cursor(text.as_bytes(), true), strict, "{text}");
        }
    }
}

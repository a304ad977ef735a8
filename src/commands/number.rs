//! Numbers in arguments and values, as the native commands read them.

use std::ffi::CStr;

use super::NOT_AN_INTEGER;
use crate::reply::Reply;

const BEYOND_RANGE: Reply = Reply::error(
    c"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

/// An integer as the server writes one: no plus, no leading zero or space, nothing behind it.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        b"0" if !negative => return Some(0),
        // Nineteen digits fit into 64 bits, whatever they are.
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 => {}
        _ => return None,
    }
    let value = digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(value * 10 + u64::from(digit))
    })?;
    match negative {
        true => 0i64.checked_sub_unsigned(value),
        false => i64::try_from(value).ok(),
    }
}

/// The text of an integer, without a block of memory for it.
pub(crate) struct Decimal {
    /// Filled from its end.
    bytes: [u8; Self::LONGEST],
    start: usize,
}

impl Decimal {
    /// Nineteen digits and a sign.
    const LONGEST: usize = 20;

    pub(crate) fn of(value: i64) -> Self {
        let (mut bytes, mut start) = ([b'-'; Self::LONGEST], Self::LONGEST);
        let mut left = value.unsigned_abs();
        for place in bytes.iter_mut().rev() {
            *place = b'0' + (left % 10) as u8;
            start -= 1;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        // The place before the digits still holds a sign.
        Self {
            bytes,
            start: start - usize::from(value < 0),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// An integer whose negative is one, too, for a command that counts from either end.
pub(super) fn either_way(text: &[u8]) -> Result<i64, Reply> {
    match integer(text).ok_or(NOT_AN_INTEGER)? {
        i64::MIN => Err(BEYOND_RANGE),
        value => Ok(value),
    }
}

/// An integer from `least` on; any other text gets this error.
pub(super) fn at_least(least: usize, text: &[u8], error: &'static CStr) -> Result<usize, Reply> {
    let value = integer(text).and_then(|value| usize::try_from(value).ok());
    value.filter(|&value| value >= least).ok_or(Reply::error(error))
}

/// A cursor as the server reads one: by C's `strtoul`, and since 7.4 (`strict`) not an empty one, nor a
/// negative integer; a leading space is taken since then.
pub(crate) fn cursor(text: &[u8], strict: bool) -> Option<u64> {
    // The server hands it to C, for which a text ends at its first NUL.
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

/// What the server compares of an option: it ends at a NUL, as any text of C.
pub(crate) fn option(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("-", None),
            ("1a", None),
            ("12:", None),
            ("-9223372036854775809", None),
            ("9999999999999999999", None),
            ("10000000000000000000", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn integers_are_written_as_they_are_read() {
        let mut value = i64::MIN;
        for step in [1, -1, 9, 10, 99, 1000, i64::MAX, i64::MIN, 0, 5, -10, -12_345] {
            for value in [step, value] {
                let text = Decimal::of(value);
                assert_eq!(text.bytes(), value.to_string().as_bytes());
                assert_eq!(integer(text.bytes()), Some(value));
            }
            value = value.wrapping_mul(7).wrapping_add(step);
        }
    }

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

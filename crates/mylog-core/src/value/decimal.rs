//! Integers as text, as the server reads and writes them.

use std::ops::Deref;

/// An integer as the server writes one: no plus, no leading zero or space, nothing behind it.
pub fn integer(text: &[u8]) -> Option<i64> {
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
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    /// Filled from its end.
    bytes: [u8; Self::LONGEST],
    start: u8,
}

impl Decimal {
    /// Nineteen digits and a sign.
    const LONGEST: usize = 20;

    /// The text of this value.
    pub fn of(value: i64) -> Self {
        let (mut bytes, mut start) = ([b'-'; Self::LONGEST], Self::LONGEST as u8);
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
            start: start - u8::from(value < 0),
        }
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// How long the text of a value is.
    pub(super) fn len_of(value: i64) -> usize {
        let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
        digits as usize + usize::from(value < 0)
    }
}

impl Deref for Decimal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
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
                assert_eq!(text.bytes().len(), Decimal::len_of(value));
                assert_eq!(integer(text.bytes()), Some(value));
            }
            value = value.wrapping_mul(7).wrapping_add(step);
        }
    }
}

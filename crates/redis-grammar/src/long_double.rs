//! The arithmetic of INCRBYFLOAT: C's `long double`, which Rust does not have. Numbers are read, added and printed as the
//! native command does, to the last digit.
//!
//! A number is an integer times a power of two. Each step is exact until the result is rounded to nearest, with ties to
//! even, as the hardware does.

use num_bigint::{BigInt, BigUint, Sign};

/// Bits of the significand: the x87 format, or IEEE quadruple on targets where `long double` is that.
const PRECISION: i64 = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
    64
} else {
    113
};
/// One more than the exponent of the largest number: every number is below two to this power.
const EXPONENT_END: i64 = 16384;
/// Exponent of the last bit of the smallest number.
const EXPONENT_MIN: i64 = 3 - EXPONENT_END - PRECISION;
/// Digits that the native command prints after the decimal point, before it cuts trailing zeros.
const DECIMALS: u32 = 17;
/// One more than the length of the longest text that the native command accepts as a number.
const TEXT_END: usize = 5 * 1024;
/// Decimal exponents are limited to this one, which overflows or underflows with any digits.
const HUGE_EXPONENT: i64 = 1 << 20;

/// A `long double` other than a NaN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LongDouble {
    /// `significand * 2^exponent`. Minus zero is the same as zero: no reply shows the difference.
    Finite {
        /// The significand with its sign.
        significand: BigInt,
        /// The power of two.
        exponent: i64,
    },
    /// An infinity.
    Infinite {
        /// True for minus infinity.
        negative: bool,
    },
}

/// The error for a number that is too far from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// True for a number that is too far below zero.
    pub negative: bool,
}

impl LongDouble {
    /// Zero.
    pub fn zero() -> Self {
        Self::Finite {
            significand: BigInt::ZERO,
            exponent: 0,
        }
    }

    /// Reads a text as the native command does: `strtold` over the whole text. A NaN, leading space, and a number that overflows
    /// or underflows are refused.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() >= TEXT_END {
            return None;
        }
        let (negative, rest) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::Infinite { negative });
        }
        let hex = match rest {
            [b'0', b'x' | b'X', hex @ ..] => Some(hex),
            _ => None,
        };
        let rounded = match hex {
            Some(hex) => Written::read(hex, 16)?.round_hex()?,
            None => Written::read(rest, 10)?.round_decimal()?,
        };
        let (significand, exponent) = rounded;
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Some(Self::Finite {
            significand: BigInt::from_biguint(sign, significand),
            exponent,
        })
    }

    /// The sum; `None` if it is not a finite number.
    pub fn add(&self, other: &Self) -> Option<Self> {
        let (
            Self::Finite {
                significand: a,
                exponent: ea,
            },
            Self::Finite {
                significand: b,
                exponent: eb,
            },
        ) = (self, other)
        else {
            return None;
        };
        let low = *ea.min(eb);
        let (a, b) = (
            a << u64::try_from(ea - low).ok()?,
            b << u64::try_from(eb - low).ok()?,
        );
        let (sign, sum) = (a + b).into_parts();
        let (significand, exponent) = round(sum, low, false)?;
        Some(Self::Finite {
            significand: BigInt::from_biguint(sign, significand),
            exponent,
        })
    }

    /// True for an infinity.
    pub fn is_infinite(&self) -> bool {
        matches!(self, Self::Infinite { .. })
    }

    /// The number times 1000, rounded up as `ceill` rounds the product. An infinity, or a product that does not fit into 64
    /// bits, is an error that says whether it is negative.
    pub fn ceil_thousandths(&self) -> Result<i64, TooLarge> {
        let Self::Finite {
            significand,
            exponent,
        } = self
        else {
            let negative = matches!(self, Self::Infinite { negative: true });
            return Err(TooLarge { negative });
        };
        let (sign, magnitude) = significand.clone().into_parts();
        let negative = sign == Sign::Minus;
        let too_large = TooLarge { negative };
        let (product, exponent) = round(magnitude * 1000u32, *exponent, false).ok_or(too_large)?;
        let bits = i64::try_from(product.bits()).unwrap_or(i64::MAX);
        if exponent > 64 - bits {
            return Err(too_large);
        }
        let whole = match u64::try_from(exponent) {
            Ok(up) => product << up,
            Err(_) => {
                let down = exponent.unsigned_abs();
                let rest = product.trailing_zeros().is_some_and(|zeros| zeros < down);
                (product >> down) + u8::from(rest && !negative)
            }
        };
        i64::try_from(BigInt::from_biguint(sign, whole)).map_err(|_| too_large)
    }

    /// The text that the native command prints: at most 17 decimals, no exponent, no trailing zeros.
    pub fn human(&self) -> String {
        let (significand, exponent) = match self {
            Self::Finite {
                significand,
                exponent,
            } => (significand, *exponent),
            Self::Infinite { negative: true } => return "-inf".into(),
            Self::Infinite { negative: false } => return "inf".into(),
        };
        let scaled = significand.magnitude() * BigUint::from(10u8).pow(DECIMALS);
        let scaled = match u64::try_from(exponent) {
            Ok(up) => scaled << up,
            Err(_) => shift_right(scaled, exponent.unsigned_abs(), false),
        };
        let digits = format!("{:0>1$}", scaled.to_string(), DECIMALS as usize + 1);
        let (whole, decimals) = digits.split_at(digits.len() - DECIMALS as usize);
        let decimals = decimals.trim_end_matches('0');
        let minus = if significand.sign() == Sign::Minus {
            "-"
        } else {
            ""
        };
        match decimals {
            // A tiny negative number, of which no digit is left, is printed without its sign.
            "" if whole == "0" => "0".into(),
            "" => format!("{minus}{whole}"),
            _ => format!("{minus}{whole}.{decimals}"),
        }
    }
}

/// A number as it was written: `digits * base^-decimals`, times 10 or 2 to the `exponent`.
struct Written {
    digits: BigUint,
    decimals: i64,
    exponent: i64,
}

impl Written {
    /// Reads digits with a decimal point and an exponent. `None` for any other byte, or without a digit.
    fn read(text: &[u8], base: u32) -> Option<Self> {
        let mark: &[u8] = if base == 16 { b"pP" } else { b"eE" };
        let end = text
            .iter()
            .position(|byte| mark.contains(byte))
            .unwrap_or(text.len());
        let (number, exponent) = text.split_at(end);
        let point = number.iter().position(|&byte| byte == b'.');
        let (whole, fraction) = match point {
            Some(point) => (number.get(..point)?, number.get(point + 1..)?),
            None => (number, &b""[..]),
        };
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.iter().all(|&byte| char::from(byte).is_digit(base)) {
            return None;
        }
        let exponent = match exponent.split_first() {
            Some((_, exponent)) => read_exponent(exponent)?,
            None => 0,
        };
        let decimals = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            digits: BigUint::parse_bytes(&digits, base)?,
            decimals,
            exponent,
        })
    }

    fn round_hex(self) -> Option<(BigUint, i64)> {
        let vanishes = self.digits != BigUint::ZERO;
        let rounded = round(self.digits, self.exponent - 4 * self.decimals, false)?;
        (rounded.0 != BigUint::ZERO || !vanishes).then_some(rounded)
    }

    fn round_decimal(self) -> Option<(BigUint, i64)> {
        let Self {
            digits,
            decimals,
            exponent,
        } = self;
        let power = exponent - decimals;
        if digits == BigUint::ZERO {
            return Some((digits, 0));
        }
        // Bounds of the number's size in bits, far outside of the format: the power of ten is not computed for such numbers.
        let bits = i64::try_from(digits.bits()).ok()?;
        if power * 4 + bits < EXPONENT_MIN - 8 && power < 0 && power * 3 + bits < EXPONENT_MIN - 8 {
            return None;
        }
        if power * 3 > EXPONENT_END {
            return None;
        }
        let ten = BigUint::from(10u8).pow(u32::try_from(power.abs()).ok()?);
        let rounded = if power >= 0 {
            round(digits * ten, 0, false)?
        } else {
            // The quotient gets enough bits to round from; `more` says whether the division left a remainder.
            let up = (PRECISION + 2 + i64::try_from(ten.bits()).ok()? - bits).max(0);
            let dividend = digits << u64::try_from(up).ok()?;
            let quotient = &dividend / &ten;
            let more = &quotient * &ten != dividend;
            round(quotient, -up, more)?
        };
        (rounded.0 != BigUint::ZERO).then_some(rounded)
    }
}

/// Reads an exponent: an optional sign and digits, limited to `HUGE_EXPONENT`.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(10)?;
        value = (value * 10 + i64::from(digit)).min(HUGE_EXPONENT);
    }
    Some(if negative { -value } else { value })
}

/// Rounds `value * 2^exponent`, or a little more than that if `more`, to the nearest number of the format. `None` if the result
/// is past the largest number.
fn round(value: BigUint, exponent: i64, more: bool) -> Option<(BigUint, i64)> {
    let bits = i64::try_from(value.bits()).ok()?;
    let last = (exponent + bits - PRECISION).max(EXPONENT_MIN);
    let (value, exponent) = match u64::try_from(last - exponent) {
        Ok(down) if down > 0 => (shift_right(value, down, more), last),
        _ => (value, exponent),
    };
    let bits = i64::try_from(value.bits()).ok()?;
    (value == BigUint::ZERO || exponent + bits <= EXPONENT_END).then_some((value, exponent))
}

/// `value / 2^down`, to nearest, ties to even; `more` says that the exact value is a little above `value`.
fn shift_right(value: BigUint, down: u64, more: bool) -> BigUint {
    let half = down.checked_sub(1).is_some_and(|half| value.bit(half));
    let below = more || value.trailing_zeros().is_some_and(|zeros| zeros + 1 < down);
    let kept = value >> down;
    if half && (below || kept.bit(0)) {
        kept + 1u8
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        Some(
            LongDouble::parse(a.as_bytes())?
                .add(&LongDouble::parse(b.as_bytes())?)?
                .human(),
        )
    }

    #[test]
    fn sums_are_those_of_the_native_command() {
        // Taken from Redis 7.0.15 on x86-64.
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        for (a, b, expected) in [
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "1.1", "4.1"),
            ("-0.1", "0.1", "0"),
            ("1", "-0.00000000000000000001", "1"),
            ("0x10", "0x.8p1", "17"),
            ("17179869185.5", "0.25", "17179869185.75"),
        ] {
            assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
        }
    }

    #[test]
    fn a_text_that_is_no_number_is_refused() {
        for text in [
            "", " 1", "1 ", "abc", "1e", "0x", "nan", "-nan", ".", "1.2.3", "--1", "1e99999", "1e-99999",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn thousandths_are_rounded_up() {
        let ms = |text: &str| LongDouble::parse(text.as_bytes()).map(|value| value.ceil_thousandths());
        for (text, expected) in [
            ("0", 0),
            ("0.1", 100),
            ("0.0001", 1),
            ("1e-4000", 1),
            ("-0.0001", 0),
            ("-1.0005", -1000),
            ("-2", -2000),
            ("12.3456", 12346),
            ("0x10", 16000),
            ("9223372036854775.5", 9_223_372_036_854_775_500),
        ] {
            assert_eq!(ms(text), Some(Ok(expected)), "{text}");
        }
        for (text, negative) in [
            ("inf", false),
            ("-inf", true),
            ("9223372036854776", false),
            ("1e4000", false),
        ] {
            assert_eq!(ms(text), Some(Err(TooLarge { negative })), "{text}");
        }
    }

    #[test]
    fn what_is_not_finite_is_no_sum() {
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1.1e4932", "1.1e4932"), None);
    }
}

//! Commands on single bits of a string: SETBIT, GETBIT, BITCOUNT, BITPOS.

mod bitfield;
mod bitop;
pub(super) mod table;

use module_api::keys::notify::Class;
use module_api::server;
use module_api::server::server_settings;
use mylog_core::store::Form;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::string::range::{clamp, is_checked, write_at};
use crate::execute::invocation::Call;
use crate::settings::server_version;

pub(super) const BAD_OFFSET: Unchanged =
    Unchanged(Reply::error(c"ERR bit offset is not an integer or out of range"));
const BAD_BIT: Unchanged = Unchanged(Reply::error(c"ERR bit is not an integer or out of range"));
const NOT_A_BIT: Unchanged = Unchanged(Reply::error(c"ERR The bit argument must be 1 or 0."));

/// The first version that checks the arguments of BITCOUNT and BITPOS before the key.
const ARGUMENTS_FIRST_SINCE: i32 = 0x0007_0200;

/// Checks that a client may make a string that contains this bit.
pub(super) fn checked_offset(call: &Call<'_>, offset: i64) -> Result<u64, Unchanged> {
    match u64::try_from(offset) {
        Ok(offset) if offset >> 3 < server_settings::longest_string() as u64 || is_checked(call) => {
            Ok(offset)
        }
        _ => Err(BAD_OFFSET),
    }
}

fn offset(call: &Call<'_>) -> Result<u64, Unchanged> {
    let offset = integer(call.args.get(2)).ok_or(BAD_OFFSET)?;
    checked_offset(call, offset)
}

/// The byte that contains a bit, and the bit's mask in it: bit 0 is the highest of the first byte.
fn place(offset: u64) -> (usize, u8) {
    ((offset >> 3) as usize, 0x80 >> (offset & 7))
}

/// SETBIT key offset value
pub(super) fn setbit(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let offset = offset(call)?;
    let on = match integer(call.args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(BAD_BIT),
    };
    let mut target = call.open(1);
    let (byte, mask) = place(offset);
    let (len, old) = target.read_str(|value| {
        let value = value.unwrap_or_default();
        (value.len(), value.get(byte).copied())
    })?;
    let was = old.unwrap_or(0) & mask != 0;
    // The native SETBIT grows the string before it checks whether the bit changes.
    call.written_as(&target, Form::Grown);
    if old.is_some() && was == on {
        return Err(Unchanged(Reply::Int(i64::from(was))));
    }
    let new = if on {
        old.unwrap_or(0) | mask
    } else {
        old.unwrap_or(0) & !mask
    };
    write_at(call, &mut target, len, byte as u64, &[new])?;
    call.changed(&target, Class::String, c"setbit");
    Ok(Reply::Int(i64::from(was)))
}

/// GETBIT key offset
pub(super) fn getbit(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let (byte, mask) = place(offset(call)?);
    let held = call.read_str(1, |value| value.and_then(|value| value.get(byte).copied()))?;
    Ok(Reply::Int(i64::from(held.unwrap_or(0) & mask != 0)))
}

/// A range of bits: its first and last bit.
#[derive(Debug, Clone, Copy)]
struct Bits {
    first: u64,
    last: u64,
}

impl Bits {
    /// The bytes of the range, with the masks of its bits in the first and in the last byte.
    fn cut(self, bytes: &[u8]) -> Option<(u8, &[u8], u8)> {
        let bytes = bytes.get((self.first >> 3) as usize..=(self.last >> 3) as usize)?;
        Some((0xff >> (self.first & 7), bytes, 0xff << (7 - (self.last & 7))))
    }
}

/// The unit in which the ends of a range are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn read(word: &[u8]) -> Result<Self, Unchanged> {
        match &*option(word).to_ascii_lowercase() {
            b"bit" => Ok(Self::Bit),
            b"byte" => Ok(Self::Byte),
            _ => Err(SYNTAX),
        }
    }

    /// The bits of a range in a string of `len` bytes; `None` if the range is empty.
    fn bits(self, start: i64, end: i64, len: usize) -> Option<Bits> {
        let per_unit = if self == Self::Bit { 1 } else { 8 };
        let (start, end) = clamp(start, end, len as i64 * 8 / per_unit)?;
        Some(Bits {
            first: (start * per_unit) as u64,
            last: (end * per_unit + per_unit - 1) as u64,
        })
    }
}

/// True for a missing key, on versions before 7.2. They check whether the key exists, and its type, before the arguments.
fn is_known_missing(call: &Call<'_>) -> Result<bool, Unchanged> {
    Ok(server::version() < ARGUMENTS_FIRST_SINCE && call.read_str(1, |value| value.is_none())?)
}

/// The number of bits that are set in a range.
fn count(bytes: &[u8], bits: Bits) -> u64 {
    let Some((head, bytes, tail)) = bits.cut(bytes) else {
        return 0;
    };
    let mut words = bytes.chunks_exact(8);
    let whole: u64 = words
        .by_ref()
        .filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)))
        .map(|word| u64::from(word.count_ones()))
        .sum();
    let rest: u64 = words
        .remainder()
        .iter()
        .map(|byte| u64::from(byte.count_ones()))
        .sum();
    let outside = |byte: Option<&u8>, mask: u8| byte.map_or(0, |byte| u64::from((byte & !mask).count_ones()));
    whole + rest - outside(bytes.first(), head) - outside(bytes.last(), tail)
}

/// The range of BITCOUNT.
fn counted_range(call: &Call<'_>) -> Result<(i64, i64, Unit), Unchanged> {
    let args = call.args;
    let end_may_miss = server_version::is_valkey_since((0, 0));
    match args.len() {
        2 => return Ok((0, -1, Unit::Byte)),
        3 if end_may_miss => {}
        4 | 5 => {}
        _ => return Err(SYNTAX),
    }
    let start = integer(args.get(2)).ok_or(NOT_AN_INTEGER)?;
    let end = || match args.len() {
        3 => Ok(-1),
        _ => integer(args.get(3)).ok_or(NOT_AN_INTEGER),
    };
    let unit = || match args.len() {
        5 => Unit::read(args.get(4)),
        _ => Ok(Unit::Byte),
    };
    // The first error counts: Valkey checks the unit before the end.
    if end_may_miss {
        let unit = unit()?;
        return Ok((start, end()?, unit));
    }
    let end = end()?;
    if server::version() < ARGUMENTS_FIRST_SINCE && start < 0 && end < 0 && start > end {
        return Ok((start, end, Unit::Byte));
    }
    Ok((start, end, unit()?))
}

/// BITCOUNT key [start end [BYTE | BIT]]; on Valkey the end may be left out.
pub(super) fn bitcount(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    if is_known_missing(call)? {
        return Ok(Reply::Int(0));
    }
    let (start, end, unit) = counted_range(call)?;
    let set = call.read_str(1, |value| {
        let value = value.unwrap_or_default();
        unit.bits(start, end, value.len())
            .map_or(0, |bits| count(value, bits))
    })?;
    Ok(Reply::Int(set as i64))
}

/// The first bit of the range that is set, or that is not.
fn find(bytes: &[u8], bits: Bits, on: bool) -> Option<u64> {
    let (head, bytes, tail) = bits.cut(bytes)?;
    let wanted = |byte: u8| if on { byte } else { !byte };
    let last = bytes.len() - 1;
    let masked = |index: usize| {
        let mask = if index == 0 { head } else { 0xff } & if index == last { tail } else { 0xff };
        wanted(bytes.get(index).copied().unwrap_or_default()) & mask
    };
    let found =
        |index: usize| (index as u64 + (bits.first >> 3)) * 8 + u64::from(masked(index).leading_zeros());
    if masked(0) != 0 {
        return Some(found(0));
    }
    // Long runs without a match are skipped in blocks.
    const BLOCK: usize = 32;
    let without = [if on { 0 } else { 0xff }; BLOCK];
    let blocks = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| **block == without)
        .count();
    let from = (blocks * BLOCK).max(1);
    (from..=last).find(|&index| masked(index) != 0).map(found)
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
pub(super) fn bitpos(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let args = call.args;
    let on = match integer(args.get(2)).ok_or(NOT_AN_INTEGER)? {
        0 => false,
        1 => true,
        _ => return Err(NOT_A_BIT),
    };
    // A missing key counts as an endless string of zeros.
    let missing = Reply::Int(if on { -1 } else { 0 });
    if is_known_missing(call)? {
        return Ok(missing);
    }
    if args.len() > 6 {
        return Err(SYNTAX);
    }
    let (mut start, mut end, mut unit) = (0, -1, Unit::Byte);
    if args.len() > 3 {
        start = integer(args.get(3)).ok_or(NOT_AN_INTEGER)?;
    }
    if args.len() == 6 {
        unit = Unit::read(args.get(5))?;
    }
    if args.len() > 4 {
        end = integer(args.get(4)).ok_or(NOT_AN_INTEGER)?;
    }
    call.read_str(1, |value| {
        let Some(value) = value else { return missing };
        let Some(bits) = position_bits(unit, start, end, value.len()) else {
            return Reply::Int(-1);
        };
        Reply::Int(match find(value, bits, on) {
            Some(position) => position as i64,
            // If no end was given, zeros follow the string.
            None if !on && args.len() < 5 => value.len() as i64 * 8,
            None => -1,
        })
    })
}

/// As [`Unit::bits`], but with both ends clamped to the string first: BITPOS does not take two ends before the string for an
/// empty range.
fn position_bits(unit: Unit, start: i64, end: i64, len: usize) -> Option<Bits> {
    let total = if unit == Unit::Bit {
        len as i64 * 8
    } else {
        len as i64
    };
    let from_end = |place: i64| if place < 0 { (total + place).max(0) } else { place };
    unit.bits(from_end(start), from_end(end), len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(bytes: &[u8]) -> Vec<bool> {
        let bit = |n: usize| bytes[n / 8] & (0x80 >> (n % 8)) != 0;
        (0..bytes.len() * 8).map(bit).collect()
    }

    #[test]
    fn bits_are_counted_and_found_as_one_by_one() {
        let patterns = [0x00, 0xff, 0x01, 0x80, 0x5a];
        for len in [1, 2, 7, 8, 9, 31, 32, 33, 70] {
            for pattern in patterns {
                for odd in [None, Some(0), Some(len / 2), Some(len - 1)] {
                    let mut bytes = vec![pattern; len];
                    if let Some(odd) = odd {
                        bytes[odd] = !pattern ^ 0x10;
                    }
                    let bits = slow(&bytes);
                    for first in (0..bits.len()).step_by(5) {
                        for last in (first..bits.len()).step_by(3) {
                            let range = Bits {
                                first: first as u64,
                                last: last as u64,
                            };
                            let part = &bits[first..=last];
                            let set = part.iter().filter(|&&bit| bit).count() as u64;
                            assert_eq!(count(&bytes, range), set, "{bytes:?} {range:?}");
                            for on in [false, true] {
                                let at = part.iter().position(|&bit| bit == on);
                                let at = at.map(|at| (first + at) as u64);
                                assert_eq!(find(&bytes, range, on), at, "{bytes:?} {range:?} {on}");
                            }
                        }
                    }
                }
            }
        }
    }
}

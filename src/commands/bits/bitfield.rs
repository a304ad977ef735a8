//! BITFIELD: integers of any width inside a string.

use std::collections::BTreeMap;

use module_api::keys::notify::Class;
use mylog_core::store::Form;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::bits::{BAD_OFFSET, checked_offset};
use crate::commands::string::range::write_at;
use crate::execute::invocation::Call;
use crate::settings::server_version::{Version, is_valkey_since};

const BAD_TYPE: Unchanged = Unchanged(Reply::error(
    c"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
));
/// The first Valkey that does not cut the width at a NUL.
const WIDTH_IS_WHOLE_SINCE: Version = (9, 1);
const BAD_OVERFLOW: Unchanged = Unchanged(Reply::error(c"ERR Invalid OVERFLOW type specified"));
const ONLY_GET: Unchanged = Unchanged(Reply::error(c"ERR BITFIELD_RO only supports the GET subcommand"));

/// The rule for a number that does not fit into its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Get,
    Set(i64),
    Add(i64),
}

/// The place and format of a number.
#[derive(Debug, Clone, Copy)]
struct Field {
    signed: bool,
    /// In bits, from 1 to 64; up to 63 if unsigned.
    width: u32,
    /// The number of its first bit.
    offset: u64,
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    act: Act,
    field: Field,
    overflow: Overflow,
}

impl Field {
    fn read(call: &Call<'_>, form: &[u8], offset: &[u8]) -> Result<Self, Unchanged> {
        let (signed, width) = match form {
            [b'i', width @ ..] => (true, width),
            [b'u', width @ ..] => (false, width),
            _ => return Err(BAD_TYPE),
        };
        let widest = if signed { 64 } else { 63 };
        let width = if is_valkey_since(WIDTH_IS_WHOLE_SINCE) {
            width
        } else {
            option(width)
        };
        let width = integer(width).filter(|width| (1..=widest).contains(width));
        let width = width.ok_or(BAD_TYPE)?;
        let offset = match offset {
            // The offset counts fields of this width, not bits.
            [b'#', fields @ ..] => integer(fields).map(|fields| fields.wrapping_mul(width)),
            bits => integer(bits),
        };
        Ok(Self {
            signed,
            width: width as u32,
            offset: checked_offset(call, offset.ok_or(BAD_OFFSET)?)?,
        })
    }

    /// The last byte that has a bit of the field.
    fn last_byte(self) -> u64 {
        (self.offset + u64::from(self.width) - 1) >> 3
    }

    /// The bytes that have bits of the field, as the low bytes of a number, and the number of bits after the field in them.
    fn window(self, byte: impl Fn(u64) -> u8) -> (u128, u32) {
        let bytes = (self.offset >> 3)..=self.last_byte();
        let window = bytes.fold(0, |window, place| window << 8 | u128::from(byte(place)));
        let behind = (self.last_byte() + 1) * 8 - self.offset - u64::from(self.width);
        (window, behind as u32)
    }

    fn mask(self) -> u128 {
        (1 << self.width) - 1
    }

    /// The number in the lowest `width` bits.
    fn number(self, bits: u128) -> i128 {
        let bits = (bits & self.mask()) as i128;
        let negative = self.signed && bits >> (self.width - 1) != 0;
        if negative { bits - (1 << self.width) } else { bits }
    }

    /// The number to which SET sets a signed field. The native command takes a number that is 2^63 or more below the largest one
    /// that fits for a number above it, since the difference overflows: with OVERFLOW SAT it stores the largest.
    fn given(self, number: i64) -> i128 {
        let number = i128::from(number);
        let most = (1i128 << (self.width - 1)) - 1;
        let is_far = self.width < 64 && most - number > i128::from(i64::MAX);
        if is_far { number + (1 << 64) } else { number }
    }

    /// The number that is stored for `number`; `None` if it does not fit and the rule is FAIL.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i128> {
        let (least, most) = match self.signed {
            true => (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1),
            false => (0, (1 << self.width) - 1),
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        match overflow {
            Overflow::Wrap => Some(self.number(number as u128)),
            Overflow::Saturate => Some(number.clamp(least, most)),
            Overflow::Fail => None,
        }
    }
}

/// The operations in their order, each with the overflow rule that was set before it.
fn read(call: &Call<'_>) -> Result<Vec<Operation>, Unchanged> {
    let (args, mut place, mut overflow) = (call.args, 2, Overflow::Wrap);
    let mut operations = Vec::new();
    while place < args.len() {
        let word = option(args.get(place)).to_ascii_lowercase();
        let behind = args.len() - place - 1;
        let writes = match &*word {
            b"get" if behind >= 2 => false,
            b"set" | b"incrby" if behind >= 3 => true,
            b"overflow" if behind >= 1 => {
                overflow = match &*option(args.get(place + 1)).to_ascii_lowercase() {
                    b"wrap" => Overflow::Wrap,
                    b"sat" => Overflow::Saturate,
                    b"fail" => Overflow::Fail,
                    _ => return Err(BAD_OVERFLOW),
                };
                place += 2;
                continue;
            }
            _ => return Err(SYNTAX),
        };
        let field = Field::read(call, args.get(place + 1), args.get(place + 2))?;
        let number = || integer(args.get(place + 3)).ok_or(NOT_AN_INTEGER);
        let act = match writes {
            false => Act::Get,
            true if &*word == b"set" => Act::Set(number()?),
            true => Act::Add(number()?),
        };
        operations.push(Operation { act, field, overflow });
        place += if writes { 4 } else { 3 };
    }
    Ok(operations)
}

/// The effect of operations on a string.
struct Run<'v> {
    held: &'v [u8],
    /// The written bytes by their places.
    written: BTreeMap<u64, u8>,
    replies: Vec<Reply>,
    /// A number was changed to another one.
    changed: bool,
}

impl<'v> Run<'v> {
    fn new(held: &'v [u8]) -> Self {
        Self {
            held,
            written: BTreeMap::new(),
            replies: Vec::new(),
            changed: false,
        }
    }

    fn byte(&self, place: u64) -> u8 {
        let held = || self.held.get(usize::try_from(place).ok()?).copied();
        self.written.get(&place).copied().or_else(held).unwrap_or(0)
    }

    fn operate(&mut self, operation: &Operation, grown: bool) {
        let field = operation.field;
        let (window, behind) = field.window(|place| self.byte(place));
        let old = field.number(window >> behind);
        let new = match operation.act {
            Act::Get => return self.replies.push(Reply::Int(old as i64)),
            // The native command reads the number as unsigned, so a negative one is too large for every field.
            Act::Set(number) if !field.signed => i128::from(number as u64),
            Act::Set(number) => field.given(number),
            Act::Add(number) => old + i128::from(number),
        };
        let Some(new) = field.fit(new, operation.overflow) else {
            return self.replies.push(Reply::Null);
        };
        let shown = if matches!(operation.act, Act::Add(_)) {
            new
        } else {
            old
        };
        self.replies.push(Reply::Int(shown as i64));
        if old == new && !grown {
            return;
        }
        self.changed = true;
        let mut window = window & !(field.mask() << behind) | (new as u128 & field.mask()) << behind;
        for place in ((field.offset >> 3)..=field.last_byte()).rev() {
            self.written.insert(place, window as u8);
            window >>= 8;
        }
    }

    /// The written bytes; adjacent ones are one piece.
    fn pieces(&self) -> Vec<(u64, Vec<u8>)> {
        let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
        for (&place, &byte) in &self.written {
            match pieces.last_mut() {
                Some((start, bytes)) if *start + bytes.len() as u64 == place => bytes.push(byte),
                _ => pieces.push((place, vec![byte])),
            }
        }
        pieces
    }
}

fn array(replies: Vec<Reply>) -> Reply {
    let head = Reply::Array(replies.len());
    Reply::Parts(std::iter::once(head).chain(replies).collect())
}

fn read_fields(call: &Call<'_>, operations: &[Operation]) -> Result<Reply, Unchanged> {
    call.read_str(1, |value| {
        let mut run = Run::new(value.unwrap_or_default());
        operations
            .iter()
            .for_each(|operation| run.operate(operation, false));
        array(run.replies)
    })
}

/// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset
/// increment] ...
pub(super) fn bitfield(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let operations = read(call)?;
    let writers = operations.iter().filter(|operation| operation.act != Act::Get);
    let Some(last) = writers.map(|operation| operation.field.last_byte()).max() else {
        return read_fields(call, &operations);
    };
    let mut target = call.open(1);
    let (len, changed, replies, pieces) = target.read_str(|value| {
        let mut run = Run::new(value.unwrap_or_default());
        let grown = run.held.len() as u64 <= last;
        operations
            .iter()
            .for_each(|operation| run.operate(operation, grown));
        if grown {
            // The string is extended to the last field even if no byte was written there.
            let end = run.byte(last);
            run.written.insert(last, end);
        }
        let pieces = run.pieces();
        (run.held.len(), run.changed, run.replies, pieces)
    })?;
    let mut len = len;
    for (offset, bytes) in &pieces {
        write_at(call, &mut target, len, *offset, bytes)?;
        len = len.max((offset + bytes.len() as u64) as usize);
    }
    call.written_as(&target, Form::Grown);
    if changed {
        call.changed(&target, Class::String, c"setbit");
    }
    Ok(array(replies))
}

/// BITFIELD_RO key [GET type offset ...]
pub(super) fn bitfield_ro(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let operations = read(call)?;
    if operations.iter().any(|operation| operation.act != Act::Get) {
        return Err(ONLY_GET);
    }
    read_fields(call, &operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(signed: bool, width: u32, offset: u64) -> Field {
        Field {
            signed,
            width,
            offset,
        }
    }

    #[test]
    fn fields_lie_across_bytes() {
        let mut run = Run::new(b"");
        let operation = |act, field| Operation {
            act,
            field,
            overflow: Overflow::Wrap,
        };
        for (n, width) in [1, 3, 7, 8, 13, 33, 63].into_iter().enumerate() {
            let place = field(false, width, 5 + 70 * n as u64);
            let most = ((1u64 << width) - 1) as i64;
            run.operate(&operation(Act::Set(most), place), false);
            run.operate(&operation(Act::Get, place), false);
            assert_eq!(run.replies.pop(), Some(Reply::Int(most)), "u{width}");
            let signed = field(true, width, place.offset);
            run.operate(&operation(Act::Get, signed), false);
            assert_eq!(run.replies.pop(), Some(Reply::Int(-1)), "i{width}");
            run.operate(
                &operation(Act::Get, field(false, 5, place.offset + u64::from(width))),
                false,
            );
            assert_eq!(run.replies.pop(), Some(Reply::Int(0)), "behind u{width}");
        }
    }

    #[test]
    fn what_does_not_fit_goes_by_the_rule() {
        let small = field(true, 8, 0);
        assert_eq!(small.fit(127, Overflow::Fail), Some(127));
        assert_eq!(small.fit(128, Overflow::Fail), None);
        assert_eq!(small.fit(128, Overflow::Wrap), Some(-128));
        assert_eq!(small.fit(-300, Overflow::Saturate), Some(-128));
        for (number, end) in [
            (i64::MIN, 127),
            (i64::MIN + 127, 127),
            (i64::MIN + 128, -128),
            (-300, -128),
        ] {
            assert_eq!(small.fit(small.given(number), Overflow::Saturate), Some(end));
            assert_eq!(
                small.fit(small.given(number), Overflow::Wrap),
                Some(i128::from(number as i8))
            );
        }
        let unsigned = field(false, 8, 0);
        assert_eq!(unsigned.fit(-1, Overflow::Wrap), Some(255));
        assert_eq!(unsigned.fit(-1, Overflow::Saturate), Some(0));
        assert_eq!(unsigned.fit(256, Overflow::Saturate), Some(255));
        let whole = field(true, 64, 3);
        let most = i128::from(i64::MAX);
        assert_eq!(whole.fit(most + 1, Overflow::Wrap), Some(i128::from(i64::MIN)));
        assert_eq!(whole.fit(most + 1, Overflow::Saturate), Some(most));
    }
}

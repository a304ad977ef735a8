//! BITOP: bitwise operations on strings.

use module_api::keys::notify::Class;
use mylog_core::effect::{Change, NEVER, Ttl};
use mylog_core::store::Form;
use redis_grammar::c_text::option;

use crate::acks::errors::SYNTAX;
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::overwritten;
use crate::execute::invocation::{Call, Target};

const NOT_OF_MANY: Unchanged = Unchanged(Reply::error(
    c"ERR BITOP NOT must be called with a single source key.",
));

/// Place of the key that gets the result.
const INTO: usize = 2;
/// Place of the first source.
const SOURCES: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn read(word: &[u8]) -> Option<Self> {
        match &*option(word).to_ascii_lowercase() {
            b"and" => Some(Self::And),
            b"or" => Some(Self::Or),
            b"xor" => Some(Self::Xor),
            b"not" => Some(Self::Not),
            _ => None,
        }
    }

    /// Combines the result so far with one more source. A source that is shorter than another one is extended with zeros.
    fn fold(self, so_far: &mut Vec<u8>, source: &[u8]) {
        if so_far.len() < source.len() {
            so_far.resize(source.len(), 0);
        }
        let pairs = so_far.iter_mut().zip(source);
        match self {
            Self::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                so_far.iter_mut().skip(source.len()).for_each(|byte| *byte = 0);
            }
            Self::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Self::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Self::Not => pairs.for_each(|(byte, other)| *byte = !other),
        }
    }
}

/// BITOP AND | OR | XOR | NOT destkey key [key ...]
pub(super) fn bitop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let operation = Operation::read(call.args.get(1)).ok_or(SYNTAX)?;
    if operation == Operation::Not && call.args.len() != SOURCES + 1 {
        return Err(NOT_OF_MANY);
    }
    let mut result = Vec::new();
    for place in SOURCES..call.args.len() {
        call.read_str(place, |source| {
            let source = source.unwrap_or_default();
            match operation {
                // The first source is the start value of the result.
                Operation::And | Operation::Or | Operation::Xor if place == SOURCES => {
                    result.extend_from_slice(source);
                }
                _ => operation.fold(&mut result, source),
            }
        })?;
    }
    let mut target = call.open(INTO);
    if result.is_empty() {
        remove(call, &mut target)?;
        return Ok(Reply::Int(0));
    }
    let (ttl, value) = (Ttl::Set(NEVER), &*result);
    overwritten::commit(call, &mut target, Change::StrSet { ttl, value })?;
    call.written_as(&target, Form::Grown);
    call.changed(&target, Class::String, c"set");
    Ok(Reply::Int(result.len() as i64))
}

/// Deletes the destination, of whatever type, because the result is empty. `Err` if there is no such key.
fn remove(call: &mut Call<'_>, target: &mut Target<'_>) -> Result<(), Unchanged> {
    if !target.exists() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let key = target.name();
    if !target.is_ours() {
        // The log can delete only what it contains, so a native value is replaced by an empty durable string first.
        let (ttl, value) = (Ttl::Set(NEVER), &[][..]);
        call.commit(target, Change::StrSet { ttl, value })?;
    }
    call.commit(target, Change::Del)?;
    call.changed(target, Class::Generic, c"del");
    call.replicate_as(c"MYLOG.DEL", [key]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_source_goes_on_with_zeros() {
        for (operation, expected) in [
            (Operation::And, [0b1000, 0, 0]),
            (Operation::Or, [0b1110, 7, 9]),
            (Operation::Xor, [0b0110, 7, 9]),
        ] {
            for (a, b) in [(&[0b1100, 7, 9][..], &[0b1010][..]), (&[0b1010], &[0b1100, 7, 9])] {
                let mut result = a.to_vec();
                operation.fold(&mut result, b);
                assert_eq!(result, expected, "{operation:?}");
            }
        }
        let mut result = Vec::new();
        Operation::Not.fold(&mut result, &[0, 0xf0]);
        assert_eq!(result, [0xff, 0x0f]);
    }
}

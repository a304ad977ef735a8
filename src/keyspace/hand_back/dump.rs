//! A durable value in the format that RESTORE takes for a native one. Each type is written in its plainest encoding, which
//! every server reads and converts to its own.

use mylog_core::value::ValueRef;

use super::crc64;

/// The RDB version in the dump. All servers that run the module read this one.
const VERSION: [u8; 2] = 9_u16.to_le_bytes();

const STRING: u8 = 0;
const LIST: u8 = 1;
const SET: u8 = 2;
const HASH: u8 = 4;
/// The type with scores of eight bytes.
const SORTED_SET: u8 = 5;

/// Approximate size of an element without its bytes.
const ELEMENT_HEAD: usize = 8;

/// The dump of a value, for RESTORE.
pub(super) fn of(value: ValueRef<'_>) -> Vec<u8> {
    let mut dump = Dump(Vec::with_capacity(
        value.data_bytes() + value.len() * ELEMENT_HEAD,
    ));
    match value {
        ValueRef::Str(bytes) => {
            dump.0.push(STRING);
            dump.text(bytes);
        }
        ValueRef::List(list) => {
            dump.begin(LIST, list.len());
            list.iter().for_each(|element| dump.text(element));
        }
        ValueRef::Set(set) => {
            dump.begin(SET, set.len());
            set.iter().for_each(|member| dump.text(&member));
        }
        ValueRef::Hash(hash) => {
            dump.begin(HASH, hash.len());
            hash.iter().for_each(|(field, value)| {
                dump.text(field);
                dump.text(value);
            });
        }
        ValueRef::ZSet(zset) => {
            dump.begin(SORTED_SET, zset.len());
            zset.iter().for_each(|(member, score)| {
                dump.text(member);
                dump.0.extend(score.to_le_bytes());
            });
        }
    }
    dump.0.extend(VERSION);
    let sum = crc64::of(&dump.0);
    dump.0.extend(sum.to_le_bytes());
    dump.0
}

struct Dump(Vec<u8>);

impl Dump {
    fn begin(&mut self, kind: u8, elements: usize) {
        self.0.push(kind);
        self.length(elements);
    }

    /// A length takes one, two, five or nine bytes.
    #[allow(clippy::big_endian_bytes, reason = "the server's form")]
    fn length(&mut self, length: usize) {
        match (u8::try_from(length), u16::try_from(length), u32::try_from(length)) {
            (Ok(short), ..) if short < 0x40 => self.0.push(short),
            (_, Ok(middle), _) if middle < 0x4000 => self.0.extend((middle | 0x4000).to_be_bytes()),
            (_, _, Ok(long)) => {
                self.0.push(0x80);
                self.0.extend(long.to_be_bytes());
            }
            _ => {
                self.0.push(0x81);
                self.0.extend((length as u64).to_be_bytes());
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use mylog_core::value::ValueRef;

    use super::{Dump, of};

    #[test]
    fn lengths_have_the_servers_four_forms() {
        for (length, bytes) in [
            (0x3f, &[0x3f][..]),
            (0x40, &[0x40, 0x40]),
            (0x3fff, &[0x7f, 0xff]),
            (0x4000, &[0x80, 0, 0, 0x40, 0]),
            (1 << 32, &[0x81, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            let mut dump = Dump(Vec::new());
            dump.length(length);
            assert_eq!(dump.0, bytes, "{length}");
        }
    }

    #[test]
    fn a_string_is_its_type_its_bytes_the_version_and_the_sum() {
        let dump = of(ValueRef::Str(b"v"));
        assert_eq!(dump[..5], [0, 1, b'v', 9, 0]);
        assert_eq!(dump.len(), 13);
    }
}

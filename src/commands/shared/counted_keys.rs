//! Commands that give the number of their keys as an argument. They report their keys to the server themselves: the server
//! uses them to find the node of a cluster, and to notify client-side caches.

use module_api::commands::arguments::Keys;
use module_api::commands::entry::KeyPlace;
use module_api::string::Args;

/// What the server is told of a command with this handler, if the command has counted keys.
macro_rules! counted {
    ($access:ident, $name:literal, $handler:path, $keys:expr) => {
        $crate::execute::run::command!($access, $name, $handler, |_, args| {
            $crate::commands::shared::counted_keys::places(args, $keys)
        })
        .keys($keys)
    };
}
pub(in crate::commands) use counted;

/// The places of the keys, counted ones first, with their REDISMODULE_CMD_KEY_ bits. Native commands report their keys in this
/// order, and the order decides which error a client gets for keys of different slots. With a wrong number of keys no key is
/// reported: the command replies with the error on any node.
pub(in crate::commands) fn places(args: Args<'_>, keys: &[Keys]) -> Vec<KeyPlace> {
    let mut places = Vec::new();
    let (counted, single): (Vec<&Keys>, Vec<&Keys>) = keys.iter().partition(|keys| keys.counted);
    for keys in counted.into_iter().chain(single) {
        let Some(first) = usize::try_from(keys.first)
            .ok()
            .filter(|&first| first < args.len())
        else {
            return Vec::new();
        };
        if !keys.counted {
            places.push((first, keys.flags));
            continue;
        }
        let behind = args.len() - first - 1;
        match usize::try_from(as_the_server_reads(args.get(first))) {
            Ok(count @ 1..) if count <= behind => {
                places.extend((first + 1..=first + count).map(|place| (place, keys.flags)));
            }
            _ => return Vec::new(),
        }
    }
    places
}

/// A number of keys as the server parses it for a native command: bytes after the digits are ignored.
fn as_the_server_reads(bytes: &[u8]) -> i64 {
    let bytes = bytes.trim_ascii_start();
    let (sign, digits) = match bytes.split_first() {
        Some((b'-', digits)) => (-1, digits),
        Some((b'+', digits)) => (1, digits),
        _ => (1, bytes),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    sign * digits.fold(0_i64, |number, digit| {
        number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::as_the_server_reads;

    #[test]
    fn a_number_of_keys_is_read_to_the_end_of_its_digits() {
        for (text, number) in [
            ("2", 2),
            (" 12x", 12),
            ("-1", -1),
            ("+3", 3),
            ("", 0),
            ("x", 0),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(as_the_server_reads(text.as_bytes()), number, "{text}");
        }
    }
}

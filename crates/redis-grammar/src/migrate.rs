//! The keys that MIGRATE deletes on this server after the other server has stored them.

use std::ops::Range;

/// Place of the first option, after `host port key db timeout`.
const OPTIONS: usize = 6;

/// The places of these keys among the arguments; none with the option COPY.
pub fn taken_away<'a>(arg: impl Fn(usize) -> Option<&'a [u8]>, len: usize) -> Range<usize> {
    let mut keys = 3..len.min(4);
    let mut at = OPTIONS;
    while let Some(word) = arg(at) {
        let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
        at += match () {
            () if is(b"copy") => return 0..0,
            () if is(b"keys") => {
                keys = at + 1..len;
                break;
            }
            // The next arguments are a password, or a user and a password, and may look like any option.
            () if is(b"auth") => 2,
            () if is(b"auth2") => 3,
            () => 1,
        };
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::taken_away;

    #[test]
    fn the_keys_of_migrate_are_found_and_a_copy_takes_none_away() {
        for (line, places) in [
            ("migrate h 1 k 0 9", 3..4),
            ("migrate h 1 k 0 9 REPLACE AUTH copy", 3..4),
            ("migrate h 1 k 0 9 replace COPY", 0..0),
            ("migrate h 1 - 0 9 KEYS a b", 7..9),
            ("migrate h 1 - 0 9 AUTH2 keys copy REPLACE keys copy b", 11..13),
            ("migrate h 1 - 0 9 COPY KEYS a b", 0..0),
        ] {
            let words: Vec<_> = line.split(' ').map(str::as_bytes).collect();
            assert_eq!(
                taken_away(|place| words.get(place).copied(), words.len()),
                places,
                "{line}"
            );
        }
    }
}

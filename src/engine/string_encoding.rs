//! Which strings the server would keep in one block of memory, on newer servers together with their key: `OBJECT ENCODING`
//! calls them `embstr`. A string that was grown in place stays in a block of its own. So does a string that a longer key or
//! an expire time has driven out of the common block: [`drives_out`] says when that is to be noted.

use std::sync::OnceLock;

use mylog_core::effect::{Change, Effect, ExpireAt, NEVER};
use mylog_core::store::{Entry, Form, Store};
use mylog_core::value::ValueRef;
use mylog_core::value::integer;

use crate::settings::server_version::Edition;

/// The longest text of a 64-bit integer.
const DIGITS: usize = 20;

/// By what a server decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// By the length of the value.
    Value,
    /// By the lengths of value and key, and by the expire time. Redis 8.2, and Valkey 8.1, which has `keeps_place`: the
    /// place of an expire time stays in the block when its key gets another value.
    KeyAndEnd { keeps_place: bool },
    /// By the lengths of value and key. Redis from 8.6 on.
    Key,
    /// By the lengths of value and key, in a block of two cache lines, where the place of an expire time stays as well.
    /// Valkey from 9.1 on.
    KeyInTwoLines,
}

static RULE: OnceLock<Rule> = OnceLock::new();

/// Sets the rule of this server. In OnLoad.
pub(crate) fn on(edition: Edition) {
    let _ = RULE.set(Rule::of(edition));
}

fn rule() -> Rule {
    RULE.get().copied().unwrap_or(Rule::Value)
}

impl Rule {
    fn of(edition: Edition) -> Self {
        match edition {
            _ if edition.is_valkey_since((9, 1)) => Self::KeyInTwoLines,
            _ if edition.is_valkey_since((8, 1)) => Self::KeyAndEnd { keeps_place: true },
            _ if edition.is_redis_since((8, 6)) => Self::Key,
            _ if edition.is_redis_since((8, 2)) => Self::KeyAndEnd { keeps_place: false },
            _ => Self::Value,
        }
    }

    /// True if a key and a value of these lengths fit in the block.
    fn fits(self, key: usize, value: usize, has_end: bool) -> bool {
        // The length of a key of 32 bytes or more takes more bytes.
        let long = key >= 32;
        match self {
            Self::Value => value <= 44,
            Self::Key => key + value <= 41,
            Self::KeyInTwoLines => key + value <= if long { 111 } else { 113 },
            Self::KeyAndEnd { .. } if has_end => {
                // The allocator's next larger block has room for the expire time.
                let in_larger = long && (40..=41).contains(&(key + value));
                key + value <= 33 || in_larger
            }
            Self::KeyAndEnd { .. } => key + value <= 41,
        }
    }

    /// True if they fit in the block that replaces a value with an expire time: Valkey leaves room for the expire time
    /// there.
    fn fits_beside_end(self, key: usize, value: usize) -> bool {
        match self {
            Self::KeyAndEnd { keeps_place: true } | Self::KeyInTwoLines => self.fits(key, value + 8, false),
            _ => true,
        }
    }
}

/// True for a string that the server would store as an integer.
pub(crate) fn is_integer(bytes: &[u8], form: Form) -> bool {
    form == Form::Whole && bytes.len() <= DIGITS && integer(bytes).is_some()
}

/// True for a string that the server would keep in one block, unless it is an integer.
pub(crate) fn is_embedded(key: &[u8], bytes: &[u8], end: ExpireAt, form: Form) -> bool {
    form != Form::Grown && rule().fits(key.len(), bytes.len(), end != NEVER)
}

fn is_driven_out(entry: Entry<'_>) -> bool {
    match entry.value() {
        ValueRef::Str(bytes) => {
            let form = entry.form();
            !is_integer(bytes, form) && !is_embedded(entry.key(), bytes, entry.expire_at(), form)
        }
        _ => false,
    }
}

/// True if the string that this effect leaves gets a block of its own and keeps it, even if its key becomes shorter or loses
/// its expire time.
pub(crate) fn drives_out(store: &Store, effect: &Effect<'_>) -> bool {
    let Effect::Key { db, key, change } = effect else {
        return false;
    };
    let rule = rule();
    match (rule, change) {
        (Rule::Value, _) => false,
        (_, Change::Expire { .. } | Change::Rename { .. } | Change::Copy { .. }) => {
            store.get(*db, key).is_some_and(is_driven_out)
        }
        (_, Change::StrSet { value, .. }) => {
            let (key_len, len) = (key.len(), value.len());
            let had_end = || {
                store
                    .get(*db, key)
                    .is_some_and(|entry| entry.expire_at() != NEVER)
            };
            rule.fits(key_len, len, false)
                && !rule.fits_beside_end(key_len, len)
                && !is_integer(value, Form::Whole)
                && had_end()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_embedded_string_is_the_servers() {
        let longest = |rule: Rule, key, end| (0..200).rev().find(|&len| rule.fits(key, len, end));
        let both = Rule::KeyAndEnd { keeps_place: false };
        for (rule, key, end, wanted) in [
            (Rule::Value, 300, true, Some(44)),
            (Rule::Key, 1, true, Some(40)),
            (both, 1, false, Some(40)),
            (both, 1, true, Some(32)),
            (both, 33, true, Some(8)),
            (both, 60, false, None),
            (Rule::KeyInTwoLines, 31, true, Some(82)),
            (Rule::KeyInTwoLines, 32, false, Some(79)),
            (Rule::KeyInTwoLines, 127, false, None),
        ] {
            assert_eq!(longest(rule, key, end), wanted, "{rule:?} {key} {end}");
        }
    }
}

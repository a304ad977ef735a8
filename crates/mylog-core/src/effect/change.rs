//! The changes of one key, and the effects that they and whole databases make.

use std::borrow::Cow;

use super::database::Db;
use super::expire_time::{ExpireAt, Ttl};
use crate::value::{Kind, Side};

/// Field and value pairs of a hash, borrowed from a command or a record.
pub type Pairs<'a> = Cow<'a, [(&'a [u8], &'a [u8])]>;
/// Fields of a hash, elements of a list or members of a set, borrowed from a command or a record.
pub type Fields<'a> = Cow<'a, [&'a [u8]]>;
/// Members of a sorted set with their scores, borrowed from a command or a record.
pub type Scored<'a> = Cow<'a, [(f64, &'a [u8])]>;

/// Longest run of zeros that a write past the end of a string makes. It is the server's own limit of a string: what
/// a record takes in memory must not be beyond all measure of what it takes on disk.
pub const MAX_GAP: u64 = 512 << 20;

/// One deterministic change. All bytes are binary-safe.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<'a> {
    /// A key changes.
    Key {
        /// Its database.
        db: Db,
        /// The key.
        key: &'a [u8],
        /// What happens to it.
        change: Change<'a>,
    },
    /// Every key of a database is deleted.
    FlushDb {
        /// Database.
        db: Db,
    },
    /// Every key is deleted.
    FlushAll,
    /// Two databases change places.
    SwapDb {
        /// One.
        a: Db,
        /// The other.
        b: Db,
    },
    /// The contents of another log up to `seq` were taken into this one: an RDB or AOF of it is known from here on.
    Lineage {
        /// The other log.
        uuid: [u8; 16],
        /// Its last seq that was taken.
        seq: u64,
    },
}

/// A change of one key; of two if it is renamed or copied.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<'a> {
    /// The key gets this value, whatever its value was before.
    Put {
        /// The key's expire time.
        expire_at: ExpireAt,
        /// Type of the value.
        kind: Kind,
        /// The value as `Value::encode_body` writes it.
        body: &'a [u8],
    },
    /// The key is deleted.
    Del,
    /// The key's expire time changes, to [`NEVER`](super::NEVER) too.
    Expire {
        /// The new expire time.
        expire_at: ExpireAt,
    },
    /// The value and its expire time move to another key, which loses its own. MOVE is one, too.
    Rename {
        /// Database of the new key.
        to_db: Db,
        /// The new key.
        to: &'a [u8],
    },
    /// Another key gets a copy of the value and its expire time.
    Copy {
        /// Database of the copy.
        to_db: Db,
        /// The copy's key.
        to: &'a [u8],
    },
    /// The key gets this string.
    StrSet {
        /// What becomes of its expire time.
        ttl: Ttl,
        /// The whole new value.
        value: &'a [u8],
    },
    /// The string grows at its end, or begins.
    StrAppend {
        /// The bytes added.
        tail: &'a [u8],
    },
    /// Bytes of a string get others; it grows as far as they reach, with zeros where it had none.
    StrRange {
        /// Where the bytes go: at most [`MAX_GAP`] after the string's end.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Fields of a hash get these values; the hash is made if missing.
    HashSet {
        /// Fields with their whole new values. Never empty.
        pairs: Pairs<'a>,
    },
    /// Fields leave a hash; an empty hash is deleted.
    HashDel {
        /// The fields. Never empty.
        fields: Fields<'a>,
    },
    /// Elements are added at an end of a list, one after the other; the list is made if missing.
    ListPush {
        /// The end. At the head the last element gets index 0.
        side: Side,
        /// The elements. Never empty.
        elements: Fields<'a>,
    },
    /// Elements leave an end of a list; an empty list is deleted.
    ListPop {
        /// The end.
        side: Side,
        /// How many: from 1 to all.
        count: u64,
    },
    /// An element of a list becomes another one.
    ListSet {
        /// Its index, from 0.
        index: u64,
        /// What it becomes.
        element: &'a [u8],
    },
    /// An element is inserted into a list.
    ListInsert {
        /// The index that it gets: at most the length.
        index: u64,
        /// The element.
        element: &'a [u8],
    },
    /// Elements that stand together leave a list; an empty list is deleted.
    ListRemove {
        /// Index of the first.
        start: u64,
        /// How many: 1 at least.
        count: u64,
    },
    /// Elements leave a list, wherever they stand; an empty list is deleted.
    ListRemoveAt {
        /// Their indexes before any of them leaves, in rising order. Never empty.
        indexes: Cow<'a, [u64]>,
    },
    /// Members are added to a set; the set is made if missing.
    SetAdd {
        /// The members. Never empty.
        members: Fields<'a>,
    },
    /// Members leave a set; an empty set is deleted.
    SetRemove {
        /// The members. Never empty.
        members: Fields<'a>,
    },
    /// Members of a sorted set get these scores; the sorted set is made if missing.
    ZSetSet {
        /// Scores, none a NaN, with members. Never empty.
        members: Scored<'a>,
    },
    /// Members leave a sorted set; an empty one is deleted.
    ZSetRemove {
        /// The members. Never empty.
        members: Fields<'a>,
    },
}

impl<'a> Change<'a> {
    /// The change of this key.
    #[inline]
    pub fn of(self, db: Db, key: &'a [u8]) -> Effect<'a> {
        Effect::Key {
            db,
            key,
            change: self,
        }
    }
}

impl<'a> Effect<'a> {
    /// The keys whose value or expire time the effect may change: at most two. None for a lineage, and for the
    /// effects on whole databases, which a rewrite never sees: they abort it.
    pub fn keys(&self) -> [Option<(Db, &'a [u8])>; 2] {
        let Self::Key { db, key, change } = self else {
            return [None, None];
        };
        match *change {
            Change::Rename { to_db, to } => [Some((*db, key)), Some((to_db, to))],
            Change::Copy { to_db, to } => [Some((to_db, to)), None],
            _ => [Some((*db, key)), None],
        }
    }

    /// True for an effect on whole databases. It aborts a running rewrite.
    pub fn spans_databases(&self) -> bool {
        matches!(self, Self::FlushDb { .. } | Self::FlushAll | Self::SwapDb { .. })
    }
}

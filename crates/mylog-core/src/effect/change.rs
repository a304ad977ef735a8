//! The changes there are, with their names and sizes.

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

/// One deterministic change. The names are keys inside a database; all bytes are binary-safe.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<'a> {
    /// The name holds this value, whatever it held before.
    Put {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The key's end.
        expire_at: ExpireAt,
        /// Type of the value.
        kind: Kind,
        /// The value as `Value::encode_body` writes it.
        body: &'a [u8],
    },
    /// The name is gone.
    Del {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
    },
    /// The key's end changes, to [`NEVER`](super::NEVER) too.
    Expire {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The key's new end.
        expire_at: ExpireAt,
    },
    /// The value and its end go to another name, which loses what it held. MOVE is one, too.
    Rename {
        /// Database of the old name.
        db: Db,
        /// Old name.
        key: &'a [u8],
        /// Database of the new name.
        to_db: Db,
        /// New name.
        to: &'a [u8],
    },
    /// Another name gets a copy of the value and its end.
    Copy {
        /// Database of the source.
        db: Db,
        /// Source.
        key: &'a [u8],
        /// Database of the copy.
        to_db: Db,
        /// The copy's name.
        to: &'a [u8],
    },
    /// Every key of a database is gone.
    FlushDb {
        /// Database.
        db: Db,
    },
    /// Every key is gone.
    FlushAll,
    /// Two databases change places.
    SwapDb {
        /// One.
        a: Db,
        /// The other.
        b: Db,
    },
    /// What another log held up to `seq` was taken into this one: an RDB or AOF of it is known from here on.
    Lineage {
        /// The other log.
        uuid: [u8; 16],
        /// Its last seq that was taken.
        seq: u64,
    },
    /// The name holds this string.
    StrSet {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// What becomes of its end.
        ttl: Ttl,
        /// The whole new value.
        value: &'a [u8],
    },
    /// The string grows at its end, or begins.
    StrAppend {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The bytes added.
        tail: &'a [u8],
    },
    /// Fields of a hash get these values; the hash is made if missing.
    HashSet {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Fields with their whole new values. Never empty.
        pairs: Pairs<'a>,
    },
    /// Fields leave a hash; an empty hash is gone.
    HashDel {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The fields. Never empty.
        fields: Fields<'a>,
    },
    /// Bytes of a string get others; it grows as far as they reach, with zeros where it had none.
    StrRange {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Where the bytes go: at most [`MAX_GAP`] behind the string's end.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Elements come to an end of a list, one after the other; the list is made if missing.
    ListPush {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The end. At the head the last element comes to index 0.
        side: Side,
        /// The elements. Never empty.
        elements: Fields<'a>,
    },
    /// Elements leave an end of a list; an empty list is gone.
    ListPop {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The end.
        side: Side,
        /// How many: from 1 to all.
        count: u64,
    },
    /// An element of a list becomes another one.
    ListSet {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Its index, from 0.
        index: u64,
        /// What it becomes.
        element: &'a [u8],
    },
    /// An element comes into a list.
    ListInsert {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The index that it gets: at most the length.
        index: u64,
        /// The element.
        element: &'a [u8],
    },
    /// Elements that stand together leave a list; an empty list is gone.
    ListRemove {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Index of the first.
        start: u64,
        /// How many: 1 at least.
        count: u64,
    },
    /// Elements leave a list, wherever they stand; an empty list is gone.
    ListRemoveAt {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Their indexes before any of them leaves, in rising order. Never empty.
        indexes: Cow<'a, [u64]>,
    },
    /// Members come into a set; the set is made if missing.
    SetAdd {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The members. Never empty.
        members: Fields<'a>,
    },
    /// Members leave a set; an empty set is gone.
    SetRemove {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The members. Never empty.
        members: Fields<'a>,
    },
    /// Members of a sorted set get these scores; the sorted set is made if missing.
    ZSetSet {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// Scores, none a NaN, with members. Never empty.
        members: Scored<'a>,
    },
    /// Members leave a sorted set; an empty one is gone.
    ZSetRemove {
        /// Database.
        db: Db,
        /// Key.
        key: &'a [u8],
        /// The members. Never empty.
        members: Fields<'a>,
    },
}

impl<'a> Effect<'a> {
    /// The names whose value or end the effect may change: at most two. None for a lineage, and for the
    /// effects on whole databases, which a rewrite never sees: they abort it.
    pub fn names(&self) -> [Option<(Db, &'a [u8])>; 2] {
        match *self {
            Self::Put { db, key, .. }
            | Self::Del { db, key }
            | Self::Expire { db, key, .. }
            | Self::StrSet { db, key, .. }
            | Self::StrAppend { db, key, .. }
            | Self::HashSet { db, key, .. }
            | Self::HashDel { db, key, .. }
            | Self::StrRange { db, key, .. }
            | Self::ListPush { db, key, .. }
            | Self::ListPop { db, key, .. }
            | Self::ListSet { db, key, .. }
            | Self::ListInsert { db, key, .. }
            | Self::ListRemove { db, key, .. }
            | Self::ListRemoveAt { db, key, .. }
            | Self::SetAdd { db, key, .. }
            | Self::SetRemove { db, key, .. }
            | Self::ZSetSet { db, key, .. }
            | Self::ZSetRemove { db, key, .. } => [Some((db, key)), None],
            Self::Rename { db, key, to_db, to } => [Some((db, key)), Some((to_db, to))],
            Self::Copy { to_db, to, .. } => [Some((to_db, to)), None],
            Self::FlushDb { .. } | Self::FlushAll | Self::SwapDb { .. } | Self::Lineage { .. } => {
                [None, None]
            }
        }
    }

    /// True for an effect on whole databases. It aborts a running rewrite.
    pub fn spans_databases(&self) -> bool {
        matches!(self, Self::FlushDb { .. } | Self::FlushAll | Self::SwapDb { .. })
    }
}

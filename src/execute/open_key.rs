//! A key that a command has opened to write, and what a value is read as.

use module_api::keys::key::{Holds, Key};
use module_api::server::log;
use module_api::{Refused, Str};
use mylog_core::value::{Hash, Kind, List, Set, ValueRef, ZSet};

use crate::acks::errors::{NOT_STARTED, WRONG_TYPE};
use crate::acks::reply::Reply;
use crate::engine::own_change::own_op;
use crate::engine::value_handle;

/// What an effect left under its name.
pub(super) struct Left {
    pub(super) kind: Kind,
    pub(super) word: usize,
    pub(super) expire_at: i64,
}

/// A key opened to write.
pub(crate) struct Target<'c> {
    pub(super) key: Key<'c>,
    pub(super) name: Str<'c>,
    /// What the keyspace holds under `name`, kept in step by `follow`.
    pub(super) holds: Holds,
    /// The keyspace is told of its end by the command itself.
    pub(super) ends_later: bool,
}

impl<'c> Target<'c> {
    /// The key's name.
    pub(crate) fn name(&self) -> &'c [u8] {
        self.name.bytes()
    }

    /// The key's name, as a string of the server's.
    pub(crate) fn name_string(&self) -> Str<'c> {
        self.name
    }

    /// True if there is a key, of whatever type.
    pub(crate) fn exists(&self) -> bool {
        self.holds != Holds::Nothing
    }

    /// The key's end.
    pub(crate) fn expire_at(&self) -> i64 {
        self.key.expire_at()
    }

    /// The kind of its value, durable or native, if it is one that has a durable form.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.holds {
            Holds::Ours(kind, _) => Some(kind),
            _ => self.key.native_kind(),
        }
    }

    /// True for a key of the server's or of another module.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.holds, Holds::Foreign)
    }

    /// True if the store holds the key: what an effect keeps of it is really there.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.holds, Holds::Ours(..))
    }

    /// Reads a string; `f` gets `None` if there is no key.
    pub(crate) fn read_str<R>(&self, f: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Reply> {
        read_str(self.holds, f)
    }

    /// Reads a value of one type; `f` gets `None` if there is no key.
    pub(crate) fn read<T: OfKind, R>(&self, f: impl FnOnce(Option<&T>) -> R) -> Result<R, Reply> {
        read_as(self.holds, f)
    }

    /// Reads a hash; `f` gets `None` if there is no key.
    pub(crate) fn read_hash<R>(&self, f: impl FnOnce(Option<&Hash>) -> R) -> Result<R, Reply> {
        self.read(f)
    }

    /// Makes the keyspace hold what the effect left. Every value of ours gets its name here, and by that the
    /// server learns that those who wait for the key are to be asked: a command that makes one can't forget it.
    pub(super) fn follow(&mut self, left: Option<Left>) {
        let Some(left) = left else {
            if self.exists() {
                let _own = own_op();
                report(self.key.delete());
                self.holds = Holds::Nothing;
            }
            return;
        };
        let now = Holds::Ours(left.kind, left.word);
        if self.holds != now {
            let _own = own_op();
            report(self.key.set_word(left.kind, left.word));
            self.holds = now;
        }
        if !self.ends_later && self.key.expire_at() != left.expire_at {
            report(self.key.set_expire_at(left.expire_at));
        }
    }
}

/// The log has the effect already, so all that is left is to say it.
pub(super) fn report(done: Result<(), Refused>) {
    if let Err(refused) = done {
        log::warning(&format!(
            "a key of the keyspace does not follow the log: {refused}"
        ));
    }
}

pub(super) fn read_str<R>(holds: Holds, f: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Reply> {
    read_as(holds, f)
}

pub(super) fn read_as<T: OfKind + ?Sized, R>(
    holds: Holds,
    f: impl FnOnce(Option<&T>) -> R,
) -> Result<R, Reply> {
    match holds {
        Holds::Nothing => Ok(f(None)),
        Holds::Ours(kind, word) if kind == T::KIND => {
            value_handle::with_value(word, |value| f(T::of(value))).ok_or(NOT_STARTED)
        }
        _ => Err(WRONG_TYPE),
    }
}

/// What a value of one type is made of.
pub(crate) trait OfKind {
    /// The type.
    const KIND: Kind;
    /// The contents of a value of this type.
    fn of(value: ValueRef<'_>) -> Option<&Self>;
}

macro_rules! of_kind {
    ($type:ty, $kind:ident) => {
        impl OfKind for $type {
            const KIND: Kind = Kind::$kind;
            fn of(value: ValueRef<'_>) -> Option<&Self> {
                match value {
                    ValueRef::$kind(contents) => Some(contents),
                    _ => None,
                }
            }
        }
    };
}

of_kind!([u8], Str);
of_kind!(Hash, Hash);
of_kind!(List, List);
of_kind!(Set, Set);
of_kind!(ZSet, ZSet);

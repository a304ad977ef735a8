//! A key that a command has opened to write, and the types as which values are read.

use module_api::keys::key::{Contents, Key};
use module_api::keys::value_handle::ValueHandle;
use module_api::server::log;
use module_api::{Refused, Str};
use mylog_core::value::{Hash, Kind, List, Set, ValueRef, ZSet};

use crate::acks::errors::{NOT_STARTED, WRONG_TYPE};
use crate::acks::reply::Unchanged;
use crate::engine::own_change::own_op;
use crate::engine::value_handle;

/// What an effect left under its key.
pub(super) struct Left {
    pub(super) kind: Kind,
    /// Of its entry.
    pub(super) number: u64,
    pub(super) expire_at: i64,
}

/// A key opened to write.
pub(crate) struct Target<'c> {
    pub(super) key: Key<'c>,
    pub(super) name: Str<'c>,
    /// What the keyspace contains under `name`. `follow` keeps it up to date.
    pub(super) contents: Contents,
    /// The command itself sets the expire time in the keyspace, later.
    pub(super) ends_later: bool,
}

impl<'c> Target<'c> {
    /// The key's bytes.
    pub(crate) fn name(&self) -> &'c [u8] {
        self.name.bytes()
    }

    /// The key as a string of the server's.
    pub(crate) fn name_string(&self) -> Str<'c> {
        self.name
    }

    /// True if there is a key, of whatever type.
    pub(crate) fn exists(&self) -> bool {
        self.contents != Contents::Nothing
    }

    /// The key's expire time.
    pub(crate) fn expire_at(&self) -> i64 {
        self.key.expire_at()
    }

    /// The kind of its value, durable or native, if it is one that has a durable form.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.contents {
            Contents::Ours(kind, _) => Some(kind),
            _ => self.key.native_kind(),
        }
    }

    /// True for a key of the server's or of another module.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.contents, Contents::Foreign)
    }

    /// True for a durable key: the store has the value of which an effect may keep something.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.contents, Contents::Ours(..))
    }

    /// Reads a string; `f` gets `None` if there is no key.
    pub(crate) fn read_str<R>(&self, f: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Unchanged> {
        read_str(self.contents, f)
    }

    /// Reads a value of one type; `f` gets `None` if there is no key.
    pub(crate) fn read<T: OfKind, R>(&self, f: impl FnOnce(Option<&T>) -> R) -> Result<R, Unchanged> {
        read_as(self.contents, f)
    }

    /// Reads a hash; `f` gets `None` if there is no key.
    pub(crate) fn read_hash<R>(&self, f: impl FnOnce(Option<&Hash>) -> R) -> Result<R, Unchanged> {
        self.read(f)
    }

    /// Makes the keyspace contain what the effect left. Every durable value is registered under its key here, and that makes
    /// the server try the clients that wait for the key: a command that makes a value can't forget them.
    pub(super) fn follow(&mut self, left: Option<Left>) {
        let Some(left) = left else {
            if self.exists() {
                let _own = own_op();
                report(self.key.delete());
                self.contents = Contents::Nothing;
            }
            return;
        };
        let now = Contents::Ours(left.kind, ValueHandle::of_number(left.number));
        if self.contents != now {
            let _own = own_op();
            report(self.key.set_number(left.kind, left.number));
            self.contents = now;
        }
        if !self.ends_later && self.key.expire_at() != left.expire_at {
            report(self.key.set_expire_at(left.expire_at));
        }
    }
}

/// The log has the effect already, so a refusal can only be logged.
pub(super) fn report(done: Result<(), Refused>) {
    if let Err(refused) = done {
        log::warning(&format!(
            "a key of the keyspace does not follow the log: {refused}"
        ));
    }
}

pub(super) fn read_str<R>(contents: Contents, f: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Unchanged> {
    read_as(contents, f)
}

pub(super) fn read_as<T: OfKind + ?Sized, R>(
    contents: Contents,
    f: impl FnOnce(Option<&T>) -> R,
) -> Result<R, Unchanged> {
    match contents {
        Contents::Nothing => Ok(f(None)),
        Contents::Ours(kind, handle) if kind == T::KIND => {
            value_handle::with_value(handle, |value| f(T::of(value))).ok_or(NOT_STARTED)
        }
        _ => Err(WRONG_TYPE),
    }
}

/// The contents of a value of one type.
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

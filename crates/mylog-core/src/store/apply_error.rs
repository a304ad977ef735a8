//! Why an effect can't be applied.

use crate::effect::Db;
use crate::value::Kind;

/// An effect that the state it meets can't take: the log and the state have parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The name holds nothing.
    #[error("it changes a key of database {db} that does not exist")]
    Missing {
        /// Database.
        db: Db,
    },
    /// The name holds another type.
    #[error("it changes a {found:?} of database {db} as if it were another type")]
    WrongType {
        /// Database.
        db: Db,
        /// Type there.
        found: Kind,
    },
    /// The bytes of the value are not one.
    #[error("its bytes are not a {kind:?}")]
    Body {
        /// Type they should be.
        kind: Kind,
    },
    /// The value has no such place.
    #[error("it changes a {kind:?} of database {db} at a place that the value does not have")]
    Place {
        /// Database.
        db: Db,
        /// Type there.
        kind: Kind,
    },
    /// No such database is supported.
    #[error("it names database {db}, past the largest supported")]
    Db {
        /// Database.
        db: Db,
    },
}

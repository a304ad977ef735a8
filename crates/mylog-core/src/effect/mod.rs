//! Effects: the deterministic changes, the only way state changes: live, in replay, and in the child.
//!
//! An effect holds absolute values and absolute times. A random outcome, a relative time or a float is
//! settled before it becomes one. It never fails when applied to the state that it was made for.

mod change;
mod change_codec;
mod codec;
mod database;
mod expire_time;
mod tag;

pub use change::{Change, Effect, Fields, MAX_GAP, Pairs, Scored};
pub use codec::{BadRecord, decode_records, encode_put};
pub use database::{Db, swapped};
pub use expire_time::{ExpireAt, NEVER, Ttl};

//! The store: every durable value, by database and key. It changes only through `Store::apply`.
//!
//! It knows nothing of Redis, of clocks, or of the log. Whoever holds it guards it: the server's global
//! lock in the module, nothing at all in the child, which has its own copy.

mod apply;
mod apply_error;
mod bounds;
mod collections;
mod discarded;
mod entries;
mod entry;
mod form;
mod key;
mod keyspace;
mod loader;
mod moved;
mod names;
mod slab;
mod slot;
mod space;
mod strings;

pub use apply::Applied;
pub use apply_error::ApplyError;
pub use bounds::{Bounds, OutOfBounds};
pub use discarded::Discarded;
pub use entry::Entry;
pub use form::Form;
pub use keyspace::{MAX_DBS, Store};
pub use loader::LoadError;
pub use moved::TablesPlace;
pub use slab::SlotId;

//! The engine of mylog, without Redis: effects and the store they change, the log that keeps them, and the
//! rewrite that compacts it.
//!
//! Layers, each using only those above it:
//!
//! 1. [`io`]: the one door to the disk.
//! 2. [`mod@format`]: the bytes of a log file.
//! 3. [`relocate`]: moving memory. [`value`], [`effect`], [`store`]: durable values, the changes to them, and the one `apply`.
//! 4. [`group`]: the unit of group commit. [`log`]: the live file, its writer thread, and recovery.
//! 5. [`rewrite`]: both ends of the rewrite as state machines, and the switch to the new file.

#![forbid(unsafe_code)]

pub mod changes;
pub mod effect;
pub mod format;
pub mod group;
pub mod io;
pub mod log;
pub mod relocate;
pub mod rewrite;
mod split;
pub mod store;
pub mod value;
mod varint;

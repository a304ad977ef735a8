//! The live log: writing it, and loading it again.

mod body;
pub mod clock;
pub mod commit;
pub mod create;
pub mod damage;
pub mod failure;
pub mod file;
pub(crate) mod frame_batch;
pub mod fsync_times;
pub mod harden;
pub mod home;
pub mod ids;
mod linger;
pub mod lock;
pub mod names;
pub mod policy;
pub mod queue;
pub mod recover;
pub mod resync;
pub mod scan;
pub mod syncer;
mod walk;
pub mod watermarks;
mod window;
pub(crate) mod witness;
mod write_all;
pub mod writer;

//! The rewrite: the child that writes the state, the parent that feeds it, and the switch to its file.

pub mod ack_up;
pub mod backlog;
pub mod cancel_flag;
pub mod child;
pub mod courtesy;
mod delta;
mod dirty;
pub mod entry_records;
pub mod healing;
mod list_image;
mod named;
pub mod pauses;
pub mod residual;
pub mod rounds;
pub mod schedule;
pub mod snapshot_file;
mod successor;
pub mod switch;
pub mod switch_outcome;
pub mod switch_plan;
pub mod wire;

//! Writing the log and going over to a rewritten file: on a simulated disk, at every power cut and with every
//! call failing. What a log holds is read by a scanner of the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod append;
mod commits;
mod crash;
mod faults;
mod healing;
mod rig;
mod scan;
mod strangers;
mod switch;
mod thread;

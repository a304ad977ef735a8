//! The whole engine against the plain model: writer, child, pipe, switch and recovery together, on a disk that
//! loses power, fails, or both.

#[cfg(test)]
mod crash_table;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod lives;
#[cfg(test)]
#[path = "../model/mod.rs"]
mod model;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod rewrite;
#[cfg(test)]
mod server;
#[cfg(test)]
mod threads;

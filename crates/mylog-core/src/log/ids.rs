//! Random ids: of a server start, and of the file that a rewrite makes.

use std::io;

use crate::format::header::Identity;

fn failed(error: getrandom::Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// An id for a server start.
pub fn run_id() -> io::Result<u64> {
    getrandom::u64().map_err(failed)
}

/// The identity of the next file of this log: the same lineage, one epoch on, another salt.
pub fn successor(of: &Identity) -> io::Result<Identity> {
    Ok(Identity {
        uuid: of.uuid,
        epoch: of.epoch + 1,
        salt: getrandom::u32().map_err(failed)?,
    })
}

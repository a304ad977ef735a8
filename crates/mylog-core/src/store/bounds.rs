//! How much a log may make of its bytes. Most records hold what they make; a copy and a write far behind a string's
//! end make gigabytes of thirty bytes, and no checksum tells whether anybody ever meant that. What is past the
//! server's limits, and much for the log's size, is refused before the memory is taken.
//!
//! The limits alone would refuse logs that are right. A transaction or a script may pass `maxmemory`, as may a replica;
//! settings are lowered; and a set of integers takes a twentieth of its text, by which the state is counted.

use super::keyspace::Store;
use crate::effect::{Change, Db, Effect, MAX_GAP};
use crate::value::ValueRef;

/// Bytes of state that a byte of the log may be, whatever the limits. The largest set of integers that is kept in a
/// twentieth of its text is 11 KB of text, and the record that copies it has 13 bytes at least.
const PART: u64 = 1024;

/// The bounds of a load, and how much was read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    longest_string: u64,
    most: u64,
    read: u64,
}

/// What a record makes, and which bound it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// A string.
    #[error(
        "a string of {bytes} bytes, and proto-max-bulk-len allows {most}; if the log is right, start with a higher one"
    )]
    String {
        /// Its length.
        bytes: u64,
        /// Longest allowed.
        most: u64,
    },
    /// The state as a whole.
    #[error(
        "the state would be {bytes} bytes out of a log of {read}, and the server has {most} for it; if the log is \
         right, start with a higher maxmemory, or on a machine with more memory"
    )]
    State {
        /// Its size, about.
        bytes: u64,
        /// Bytes of records read so far.
        read: u64,
        /// What is allowed beyond what the records hold.
        most: u64,
    },
}

impl Bounds {
    /// What stands in no record is no string longer than `longest_string`, if that is more than the server's default, and
    /// `most` bytes together, past which one command may have gone.
    pub fn new(longest_string: u64, most: u64) -> Self {
        Self {
            longest_string,
            most,
            read: 0,
        }
    }

    /// Everything may be made of anything: for who takes no files from others.
    pub fn none() -> Self {
        Self::new(u64::MAX, u64::MAX)
    }

    /// No string is longer than this, from here on.
    pub fn set_longest_string(&mut self, bytes: u64) {
        self.longest_string = bytes;
    }

    pub(super) fn read(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes as u64);
    }

    /// What the log may make by its size alone.
    fn part(&self) -> u64 {
        self.read.saturating_mul(PART)
    }

    /// Looks at a record before it is applied.
    pub(super) fn check(&self, store: &Store, effect: &Effect<'_>) -> Result<(), OutOfBounds> {
        let Effect::Key { db, key, ref change } = *effect else {
            return Ok(());
        };
        let more = match *change {
            Change::Copy { .. } => store.get(db, key).map_or(0, |from| from.live_bytes() as u64),
            Change::StrRange { offset, bytes } => {
                let end = offset.saturating_add(bytes.len() as u64);
                let grows = end.saturating_sub(string_len(store, db, key));
                let longest = self.longest_string.max(MAX_GAP);
                if end > longest && grows > self.part() {
                    return Err(OutOfBounds::String {
                        bytes: end,
                        most: longest,
                    });
                }
                grows
            }
            _ => return Ok(()),
        };
        let bytes = store.live_bytes().saturating_add(more);
        if bytes > self.most.saturating_add(MAX_GAP).saturating_add(self.part()) {
            return Err(OutOfBounds::State {
                bytes,
                read: self.read,
                most: self.most,
            });
        }
        Ok(())
    }
}

fn string_len(store: &Store, db: Db, key: &[u8]) -> u64 {
    match store.get(db, key).map(|entry| entry.value()) {
        Some(ValueRef::Str(bytes)) => bytes.len() as u64,
        _ => 0,
    }
}

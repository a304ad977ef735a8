//! Whether a file still holds what its writer wrote: somebody else may cut it in place, or write to it. Its
//! length tells, and the last byte that is not zero: a cut takes that byte away, and a write behind a cut leaves
//! a hole of zeros there. It must never touch the file, only look.

use std::io;

use crate::io::File;

/// How far back a mark is looked for in a file that somebody else wrote.
const TAIL: u64 = 4096;

/// A byte of the file that is not zero, with nothing but zeros behind it at the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Where it stands.
    pub at: u64,
    /// Its value, not 0.
    pub byte: u8,
}

impl Mark {
    /// The mark of a file that ends at `end`, `None` if its tail is all zeros. An error if it ends before that.
    pub fn read(file: &dyn File, end: u64) -> io::Result<Option<Self>> {
        let from = end.saturating_sub(TAIL);
        let mut tail = [0; TAIL as usize];
        let tail = tail.get_mut(..(end - from) as usize).unwrap_or_default();
        let mut have = 0;
        while let Some(rest) = tail.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, from + have as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => have += n,
            }
        }
        Ok(Self::last_of(tail, from))
    }

    /// The mark of bytes that stand at `at`.
    pub fn last_of(bytes: &[u8], at: u64) -> Option<Self> {
        let place = bytes.iter().rposition(|byte| *byte != 0)?;
        Some(Self {
            at: at + place as u64,
            byte: *bytes.get(place)?,
        })
    }

    fn stands(self, file: &dyn File) -> bool {
        let mut found = [0];
        match file.read_at(&mut found, self.at) {
            Ok(n) => n == 1 && found == [self.byte],
            // What can't be read is not known to be changed. The next sync has its own word.
            Err(_) => true,
        }
    }
}

/// What somebody else has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foul {
    /// The file has this length, and should have another.
    #[error("somebody else has cut it or written to it: it has {0} bytes")]
    Length(u64),
    /// The length is right, but what was written is not there any more.
    #[error("somebody else has cut it: what was written last is gone")]
    Contents,
}

/// Looks at a file in which `mark` was written, and which should end at `end`.
pub(crate) fn look(file: &dyn File, end: u64, mark: Option<Mark>) -> Result<(), Foul> {
    match file.len() {
        Ok(len) if len != end => return Err(Foul::Length(len)),
        // A length that can't be had proves nothing either.
        Ok(_) | Err(_) => {}
    }
    look_at_mark(file, mark)
}

/// Looks at the mark alone: for a file whose end is not known.
pub(crate) fn look_at_mark(file: &dyn File, mark: Option<Mark>) -> Result<(), Foul> {
    match mark {
        Some(mark) if !mark.stands(file) => Err(Foul::Contents),
        Some(_) | None => Ok(()),
    }
}

//! Writing all of some bytes where one call may take fewer.

use std::io::{self, IoSlice};

use crate::io::File;

/// Writes `bytes` at `offset`. After an error any part of them may be there.
pub(super) fn write_all(file: &mut dyn File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = file.write_at(&[IoSlice::new(bytes)], offset)?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(n..).unwrap_or_default();
        offset += n as u64;
    }
    Ok(())
}

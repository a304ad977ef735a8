//! The bytes of a log file. `docs/FORMAT.md` is the normative text; this is its code.
//!
//! ```text
//! File = Header  Snapshot*  SnapshotEnd  (Run | Data)*  [Seal]
//! ```
//! Everything is little-endian and 8-byte aligned: a frame is its header, its payload, and zeros up to the
//! next multiple of 8.

pub mod frame;
pub mod header;
pub mod snapshot_end;

/// Bytes of zero padding after a payload of `len` bytes.
pub const fn padding(len: u64) -> u64 {
    len.wrapping_neg() & 7
}

/// Reads a little-endian integer out of `bytes` at `at`; `None` past the end.
macro_rules! le_reader {
    ($name:ident, $int:ty) => {
        pub(crate) fn $name(bytes: &[u8], at: usize) -> Option<$int> {
            let end = at.checked_add(size_of::<$int>())?;
            Some(<$int>::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
        }
    };
}
le_reader!(u16_at, u16);
le_reader!(u32_at, u32);
le_reader!(u64_at, u64);

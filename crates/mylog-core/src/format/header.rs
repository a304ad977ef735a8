//! The file header: which log this is, and which rewrite of it made the file.

use super::{u16_at, u32_at, u64_at};

/// Bytes of the file header.
pub const HEADER_BYTES: usize = 64;
/// First bytes of every log. The high bit and the line ends show a text-mode copy at once, as PNG's do.
pub const MAGIC: [u8; 8] = *b"\x89MYLOG\r\n";
/// Format version written; a larger major is refused.
pub const MAJOR: u16 = 1;
/// Additive changes of the format within a major.
pub const MINOR: u16 = 0;

const MAJOR_AT: usize = 8;
const MINOR_AT: usize = MAJOR_AT + 2;
const INCOMPAT_AT: usize = MINOR_AT + 2;
const COMPAT_AT: usize = INCOMPAT_AT + 4;
const HEADER_LEN_AT: usize = COMPAT_AT + 4;
const UUID_AT: usize = HEADER_LEN_AT + 4;
const EPOCH_AT: usize = UUID_AT + 16;
const RESERVED_AT: usize = EPOCH_AT + 8;
const SALT_AT: usize = RESERVED_AT + 8;
const CRC_AT: usize = SALT_AT + 4;
const _: () = assert!(CRC_AT + 4 == HEADER_BYTES);

/// What every frame of a file is bound to: a frame header's checksum is seeded with it, so that a frame of
/// another log, or of another epoch of this one, is never taken for one of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Lineage: made once, kept by every rewrite.
    pub uuid: [u8; 16],
    /// Number of the rewrite that made the file; the first file has 1.
    pub epoch: u64,
    /// Random, for two files of one epoch.
    pub salt: u32,
}

impl Identity {
    /// The seed of the frame header checksums.
    pub fn seed(&self) -> u32 {
        let mut bytes = [0u8; 28];
        let (uuid, rest) = bytes.split_at_mut(16);
        uuid.copy_from_slice(&self.uuid);
        let (epoch, salt) = rest.split_at_mut(8);
        epoch.copy_from_slice(&self.epoch.to_le_bytes());
        salt.copy_from_slice(&self.salt.to_le_bytes());
        crc32c::crc32c(&bytes)
    }
}

/// Why a file header can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Shorter than a header: a live name never has a torn header, so it was cut later.
    #[error("the file ends inside its header ({have} of 64 bytes)")]
    Short {
        /// Bytes there are.
        have: u64,
    },
    /// Not a log.
    #[error("the file does not begin as a mylog log does")]
    Magic,
    /// A log of a later version.
    #[error(
        "the file has format {major} with features {incompat:#x}; this version reads format 1 without features"
    )]
    Version {
        /// Major version found.
        major: u16,
        /// Incompatible feature bits found.
        incompat: u32,
    },
    /// Damaged.
    #[error("the header's checksum is {got:#010x}, its bytes give {want:#010x}")]
    Crc {
        /// Checksum in the file.
        got: u32,
        /// Checksum of the bytes.
        want: u32,
    },
    /// A field that must be zero is not.
    #[error("a reserved field of the header is not zero")]
    Reserved,
}

/// The 64 bytes for a file of this identity.
pub fn encode(id: &Identity) -> [u8; HEADER_BYTES] {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&MAJOR.to_le_bytes());
    out.extend_from_slice(&MINOR.to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
    out.extend_from_slice(&id.uuid);
    out.extend_from_slice(&id.epoch.to_le_bytes());
    out.extend_from_slice(&0u64.to_le_bytes());
    out.extend_from_slice(&id.salt.to_le_bytes());
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    let mut bytes = [0u8; HEADER_BYTES];
    bytes.copy_from_slice(&out);
    bytes
}

/// Reads the header at the start of `bytes`.
pub fn decode(bytes: &[u8]) -> Result<Identity, HeaderError> {
    let short = HeaderError::Short {
        have: bytes.len() as u64,
    };
    let bytes = bytes.get(..HEADER_BYTES).ok_or(short.clone())?;
    if !bytes.starts_with(&MAGIC) {
        return Err(HeaderError::Magic);
    }
    let got = u32_at(bytes, CRC_AT).ok_or(short.clone())?;
    let want = crc32c::crc32c(bytes.get(..CRC_AT).ok_or(short.clone())?);
    if got != want {
        return Err(HeaderError::Crc { got, want });
    }
    let major = u16_at(bytes, MAJOR_AT).ok_or(short.clone())?;
    let incompat = u32_at(bytes, INCOMPAT_AT).ok_or(short.clone())?;
    if major != MAJOR || incompat != 0 {
        return Err(HeaderError::Version { major, incompat });
    }
    let header_len = u32_at(bytes, HEADER_LEN_AT).ok_or(short.clone())?;
    let reserved = u64_at(bytes, RESERVED_AT).ok_or(short.clone())?;
    if header_len != HEADER_BYTES as u32 || reserved != 0 {
        return Err(HeaderError::Reserved);
    }
    let mut uuid = [0u8; 16];
    uuid.copy_from_slice(bytes.get(UUID_AT..EPOCH_AT).ok_or(short.clone())?);
    let epoch = u64_at(bytes, EPOCH_AT).ok_or(short.clone())?;
    let salt = u32_at(bytes, SALT_AT).ok_or(short)?;
    Ok(Identity { uuid, epoch, salt })
}

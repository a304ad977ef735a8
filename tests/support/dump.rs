//! What DUMP gives and RESTORE takes, made by hand: a type, a body, the version of the format, and a checksum over
//! all of that. A payload with a right checksum gets past all that the server checks before the module reads it.

/// The type byte of a module's value.
const MODULE: u8 = 7;
/// Behind it the id of the module's type, as a number of eight bytes.
const HEAD: usize = 10;
/// Two bytes of version and eight of checksum.
const FOOT: usize = 10;

/// What stands before a part of a module's value.
pub const NUMBER: u8 = 2;
/// As `NUMBER`.
pub const STRING: u8 = 5;
/// Ends a module's value.
pub const END: u8 = 0;

/// A payload, taken apart.
#[derive(Clone)]
pub struct Dump {
    /// Type and id of the module's type.
    pub head: Vec<u8>,
    /// The value.
    pub body: Vec<u8>,
    version: [u8; 2],
}

impl Dump {
    /// Takes a payload of a value of ours apart.
    pub fn of(payload: &[u8]) -> Self {
        assert_eq!(payload[0], MODULE, "a value of a module");
        let (value, foot) = payload.split_at(payload.len() - FOOT);
        let (head, body) = value.split_at(HEAD);
        Self {
            head: head.to_vec(),
            body: body.to_vec(),
            version: [foot[0], foot[1]],
        }
    }

    /// The same head and version over another body.
    pub fn with(&self, body: Vec<u8>) -> Self {
        Self { body, ..self.clone() }
    }

    /// The value, and the version behind it.
    pub fn with_version(&self) -> Vec<u8> {
        [&self.body[..], &self.version].concat()
    }

    /// The payload, its checksum made right.
    pub fn payload(&self) -> Vec<u8> {
        let mut payload = [&self.head[..], &self.body, &self.version].concat();
        payload.extend(crc64(&payload).to_le_bytes());
        payload
    }
}

/// A length, or a number, as an RDB has it.
pub fn length(value: u64) -> Vec<u8> {
    match value {
        0..64 => vec![value as u8],
        64..16384 => reversed(&(value as u16 | 0x4000).to_le_bytes()),
        16384..=0xffff_ffff => [vec![0x80], reversed(&(value as u32).to_le_bytes())].concat(),
        _ => [vec![0x81], reversed(&value.to_le_bytes())].concat(),
    }
}

/// The high byte first, as in no other place of an RDB.
fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// A number among the parts of a value.
pub fn number(value: u64) -> Vec<u8> {
    [vec![NUMBER], length(value)].concat()
}

/// Bytes among the parts of a value.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [vec![STRING], length(bytes.len() as u64), bytes.to_vec()].concat()
}

/// CRC-64 as the server reckons it: of Jones, reflected.
pub fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x95ac_9329_ac4b_c9b5 * (crc & 1))
        })
    })
}

#[test]
fn the_checksum_is_the_servers() {
    assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
}

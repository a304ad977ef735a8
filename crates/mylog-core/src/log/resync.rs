//! What stands behind the first bad frame. It is searched at every 8 bytes for headers that carry this file's
//! seed; what they say was durable decides between a torn tail and a damaged log. Payloads are not believed
//! here, only headers: a header's own checksum is enough to vouch.

use crate::format::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, Kind};
use crate::io::File;

pub use super::window::ReadError;
use super::window::{CHUNK, Window};

/// The rest of a file, from a place where the log doesn't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Every byte is zero.
    pub zeros: bool,
    /// Frame headers found.
    pub frames: u64,
    /// Records of groups that these headers count.
    pub records: u64,
    /// Highest seq that one of them knew to be durable.
    pub durable_seq: Option<u64>,
    /// Offset of the first header behind the place itself that begins a group.
    pub resync: Option<u64>,
}

/// Searches the bytes `from..len` of a file with this seed. `from` is a multiple of 8.
pub fn survey(file: &dyn File, seed: u32, from: u64, len: u64) -> Result<Tail, ReadError> {
    let mut tail = Tail {
        zeros: true,
        frames: 0,
        records: 0,
        durable_seq: None,
        resync: None,
    };
    let mut window = Window::new(file);
    let mut at = from;
    while at < len {
        let want = usize::try_from(len - at).unwrap_or(CHUNK).min(CHUNK);
        let bytes = window.get(at, want)?;
        if bytes.is_empty() {
            break;
        }
        let last = at + bytes.len() as u64 >= len;
        // A header can reach over the end of the chunk: its 8 bytes are looked at again in the next one.
        let steps = if last {
            bytes.len()
        } else {
            bytes.len().saturating_sub(FRAME_HEADER_BYTES) & !7
        };
        if steps == 0 {
            break;
        }
        tail.zeros = tail.zeros
            && bytes
                .get(..steps)
                .unwrap_or_default()
                .iter()
                .all(|byte| *byte == 0);
        for step in (0..steps).step_by(8) {
            let here = bytes.get(step..).unwrap_or_default();
            if !here.starts_with(&FRAME_MAGIC) {
                continue;
            }
            if let Ok(header) = FrameHeader::decode(here, seed) {
                tail.found(&header, at + step as u64, from);
            }
        }
        at += steps as u64;
    }
    Ok(tail)
}

impl Tail {
    fn found(&mut self, header: &FrameHeader, at: u64, from: u64) {
        self.frames += 1;
        if header.kind == Kind::Data {
            self.records = self.records.saturating_add(u64::from(header.record_count));
        }
        self.durable_seq = self.durable_seq.max(Some(header.durable_seq));
        // A later part is of no use without the first.
        if at > from && header.part == 0 {
            self.resync = self.resync.or(Some(at));
        }
    }
}

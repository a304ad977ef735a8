//! The part of a frame behind its header, checked: all of it is there, the payload has its checksum, and the
//! padding is zero.

use super::damage::Reason;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader};

/// The payload of a frame whose header was decoded from the start of `frame`. `have` is what is left of the
/// file there; `frame` may be longer than the frame.
pub(super) fn payload<'a>(header: &FrameHeader, frame: &'a [u8], have: u64) -> Result<&'a [u8], Reason> {
    let need = header.frame_len();
    let len = usize::try_from(need).ok().filter(|_| need <= have);
    let body = len.and_then(|len| frame.get(FRAME_HEADER_BYTES..len));
    let Some((payload, padding)) = body.and_then(|body| body.split_at_checked(header.payload_len as usize))
    else {
        return Err(Reason::Cut { need, have });
    };
    let want = crc32c::crc32c(payload);
    if want != header.payload_crc {
        return Err(Reason::Payload {
            got: header.payload_crc,
            want,
        });
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Reason::Padding);
    }
    Ok(payload)
}

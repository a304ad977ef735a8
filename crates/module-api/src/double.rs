//! Doubles as this server reads and writes them: its versions differ in both.

use std::ptr::null_mut;

use super::{OwnedStr, Str, api};

/// The double that a text is to the server; `None` for what is none, for a NaN, and for what overflows or vanishes.
pub fn read(text: Str<'_>) -> Option<f64> {
    let mut value = 0.0;
    // SAFETY: the string is alive; `value` is written by the call, and used only if that went well.
    let status = unsafe { api!(RedisModule_StringToDouble)(text.raw(), &mut value) };
    (status == 0).then_some(value)
}

/// The text of a double, as the server keeps one in a packed collection.
pub fn write(value: f64) -> Option<OwnedStr> {
    // SAFETY: no context is allowed and means no automatic memory: the share is ours.
    unsafe { OwnedStr::from_raw(api!(RedisModule_CreateStringFromDouble)(null_mut(), value)) }
}

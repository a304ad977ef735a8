//! Texts and numbers as the C library reads them, where the server leaves that to it.

use std::cmp::Ordering;
use std::ffi::CString;

use nix::errno::Errno;

/// A text of C: it ends before its first NUL.
#[derive(Debug)]
pub struct CText(CString);

impl CText {
    /// The text at the beginning of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        // Without a NUL nothing is refused.
        Self(CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default())
    }
}

/// The order of two texts in the locale that the server has set.
pub fn collate(one: &CText, two: &CText) -> Ordering {
    // SAFETY: both are alive and end with a NUL; nobody changes the locale while the server's lock is held.
    let order = unsafe { libc::strcoll(one.0.as_ptr(), two.0.as_ptr()) };
    order.cmp(&0)
}

/// The number that a text is as a whole; none at all is zero. `None` for what is no number, for a NaN, and for what
/// overflows or vanishes.
pub fn double(bytes: &[u8]) -> Option<f64> {
    let text = CText::new(bytes);
    let mut end = std::ptr::null_mut();
    Errno::clear();
    // SAFETY: the text is alive and ends with a NUL; `end` is set to a place in it.
    let (value, whole) = unsafe {
        let value = libc::strtod(text.0.as_ptr(), &mut end);
        (value, *end == 0)
    };
    (whole && !value.is_nan() && Errno::last() != Errno::ERANGE).then_some(value)
}

//! Text as C reads it.

/// The part of an option that the server compares: the text up to its first NUL, as for any string in C.
pub fn option(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

//! Text as C reads it.

/// What the server compares of an option: it ends at a NUL, as any text of C.
pub fn option(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

//! Where a reply ends. A measurement of errors would be none, so the first one ends it.

/// Bytes of the first reply, if it is whole. Panics at an error, and at a transaction or pop that came to nothing.
pub fn first(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|&byte| byte == b'\r')?;
    let past = end + 2;
    if bytes.len() < past {
        return None;
    }
    let line = || String::from_utf8_lossy(&bytes[..end]);
    let number = || -> Option<usize> { std::str::from_utf8(&bytes[1..end]).ok()?.parse().ok() };
    match bytes[0] {
        b'+' | b':' => Some(past),
        b'$' if &bytes[..end] == b"$-1" => Some(past),
        b'$' => {
            let whole = past + number()? + 2;
            (bytes.len() >= whole).then_some(whole)
        }
        b'*' if &bytes[..end] != b"*-1" => {
            (0..number()?).try_fold(past, |at, _| Some(at + first(&bytes[at..])?))
        }
        _ => panic!("a load was answered: {}", line()),
    }
}

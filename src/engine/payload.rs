//! Whether the payload of a RESTORE contains a value of one of the module's types, by its first bytes. Such a value would
//! become a new durable key.

/// The characters of the names of module types, six bits each, in the order of their numbers.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The common beginning of the names of the module's types.
const PREFIX: &[u8] = b"mylog-";
/// A payload of a module's value begins with this kind, and with the mark of an id of eight bytes, which follows in
/// big-endian order.
const HEAD: [u8; 2] = [7, 0x81];

/// True for a payload with a value of one of the module's types.
pub(crate) fn is_ours(payload: &[u8]) -> bool {
    let Some(id) = payload.strip_prefix(&HEAD) else {
        return false;
    };
    let bit = |at: usize| id.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    PREFIX.iter().enumerate().all(|(place, &wanted)| {
        let number = (0..6).fold(0, |number, at| number * 2 + usize::from(bit(place * 6 + at)));
        CHARACTERS.get(number) == Some(&wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn a_payload_is_known_by_the_id_of_its_type() {
        // Of the type "mylog-str", version 1, from DUMP.
        let payload = [7, 0x81, 0x9b, 0x29, 0x68, 0x83, 0xeb, 0x2d, 0xac, 0x01, 5, 1];
        assert!(is_ours(&payload));
        assert!(!is_ours(&payload[..6]) && !is_ours(b""));
        assert!(!is_ours(&[0, 5, b'v', b'a', b'l', b'u', b'e', 11, 0]));
        let mut other = payload;
        other[3] ^= 1;
        assert!(!is_ours(&other));
    }
}

//! The key of what is no short string. A short key, which most are, is beside the value: to compare it takes no other
//! line of memory than that of the value, and it costs no block.

use std::ops::Deref;

/// The longest key that needs no block of its own: with it key and value are 48 bytes.
const SHORT: usize = 22;

#[derive(Debug, Clone)]
pub(super) enum Key {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl From<&[u8]> for Key {
    fn from(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..key.len()) {
            Some(short) => {
                short.copy_from_slice(key);
                let len = key.len() as u8;
                Self::Short { len, bytes }
            }
            None => Self::Long(key.into()),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            // The length is one of `bytes`: `from` alone makes it.
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_come_back() {
        let long: Vec<u8> = (0..=255).cycle().take(600).collect();
        for len in (0..40).chain([255, 256, 257, 278, 600]) {
            let key = &long[..len];
            assert_eq!(&*Key::from(key), key, "{len}");
            assert_eq!(matches!(Key::from(key), Key::Short { .. }), len <= SHORT);
        }
    }
}

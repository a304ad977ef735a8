//! The words of a config that selects keys: prefixes, and exclusions with a leading `!`.

/// An exclusion with one of these characters is a pattern for whole keys.
const SPECIAL: [u8; 3] = *b"*?[";

/// Why a config's value can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWord {
    /// A `!` without a prefix or pattern.
    #[error("there is nothing behind a '!'")]
    ExcludesNothing,
}

/// The part of a word after its `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion(Vec<u8>);

impl Exclusion {
    /// The exclusion of all keys with a prefix.
    fn of(prefix: &[u8]) -> Self {
        let is_special = |byte: &u8| SPECIAL.contains(byte);
        if !prefix.is_empty() && !prefix.iter().any(is_special) {
            return Self(prefix.to_vec());
        }
        let escaped = prefix.iter().flat_map(|&byte| {
            let escape = (is_special(&byte) || byte == b'\\').then_some(b'\\');
            escape.into_iter().chain([byte])
        });
        Self(escaped.chain([b'*']).collect())
    }

    /// The exclusion as a prefix; `None` if it is a pattern.
    pub(super) fn prefix(&self) -> Option<&[u8]> {
        self.glob().is_none().then_some(&self.0)
    }

    /// The exclusion as a pattern for whole keys; `None` if it is a prefix.
    pub(super) fn glob(&self) -> Option<&[u8]> {
        let is_glob = self.0.iter().any(|byte| SPECIAL.contains(byte));
        is_glob.then_some(&self.0)
    }

    /// The bytes with which all excluded keys begin.
    pub(super) fn head(&self) -> Vec<u8> {
        if self.glob().is_none() {
            return self.0.clone();
        }
        let (mut head, mut rest) = (Vec::new(), self.0.iter());
        while let Some(&byte) = rest.next() {
            match byte {
                b'\\' => head.push(*rest.next().unwrap_or(&byte)),
                _ if SPECIAL.contains(&byte) => break,
                _ => head.push(byte),
            }
        }
        head
    }
}

/// One word of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Prefix(Vec<u8>),
    Exclusion(Exclusion),
}

/// The words of a config, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(Vec<Word>);

impl Words {
    /// Parses a config's value: words with blanks between them.
    pub fn parse(text: &[u8]) -> Result<Self, BadWord> {
        let words = text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let words = words.map(|word| match word {
            b"!" => Err(BadWord::ExcludesNothing),
            [b'!', excluded @ ..] => Ok(Word::Exclusion(Exclusion(excluded.to_vec()))),
            prefix => Ok(Word::Prefix(prefix.to_vec())),
        });
        words.collect::<Result<_, _>>().map(Self)
    }

    /// The config's value.
    pub fn text(&self) -> Vec<u8> {
        let words = self.0.iter().map(|word| match word {
            Word::Prefix(prefix) => prefix.clone(),
            Word::Exclusion(exclusion) => [b"!", &*exclusion.0].concat(),
        });
        words.collect::<Vec<_>>().join(&b' ')
    }

    /// The words that are prefixes.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|word| match word {
            Word::Prefix(prefix) => Some(&**prefix),
            Word::Exclusion(_) => None,
        })
    }

    /// The words that are exclusions.
    pub(super) fn exclusions(&self) -> impl Iterator<Item = &Exclusion> {
        self.0.iter().filter_map(|word| match word {
            Word::Prefix(_) => None,
            Word::Exclusion(exclusion) => Some(exclusion),
        })
    }

    /// True if some keys with this prefix may have one of the set's prefixes.
    fn touch(&self, prefix: &[u8]) -> bool {
        let mut own = self.prefixes();
        own.any(|own| own.starts_with(prefix) || prefix.starts_with(own))
    }

    /// True unless every key with this prefix is outside of the set or excluded.
    pub fn capture_some_of(&self, prefix: &[u8]) -> bool {
        let all = Exclusion::of(prefix);
        let takes_all = |exclusion: &Exclusion| {
            *exclusion == all || exclusion.prefix().is_some_and(|own| prefix.starts_with(own))
        };
        self.touch(prefix) && !self.exclusions().any(takes_all)
    }

    /// These words, with an exclusion of all keys that have this prefix. `None` if no word can say that, because the prefix
    /// contains a blank.
    pub fn excluding(&self, prefix: &[u8]) -> Option<Self> {
        let mut words = self.clone();
        if self.capture_some_of(prefix) {
            if prefix.iter().any(u8::is_ascii_whitespace) {
                return None;
            }
            words.0.push(Word::Exclusion(Exclusion::of(prefix)));
        }
        Some(words)
    }

    /// These words, with those that make the durable keys of this prefix known as excluded ones, while no key of it is captured.
    pub fn and_released(mut self, prefix: &[u8]) -> Self {
        self.0.push(Word::Prefix(prefix.to_vec()));
        self.0.push(Word::Exclusion(Exclusion::of(prefix)));
        self
    }

    /// These words, without those that begin with this prefix. If a shorter prefix captures its keys, they stay excluded.
    pub fn without(&self, prefix: &[u8]) -> Self {
        let all = Exclusion::of(prefix);
        let is_part = self
            .prefixes()
            .any(|own| prefix.starts_with(own) && own != prefix);
        let stays = |word: &Word| match word {
            Word::Prefix(own) => !own.starts_with(prefix),
            Word::Exclusion(exclusion) if *exclusion == all => is_part,
            Word::Exclusion(exclusion) => !exclusion.head().starts_with(prefix),
        };
        Self(self.0.iter().filter(|word| stays(word)).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefixes::{Prefixes, Standing};

    fn words(text: &str) -> Words {
        Words::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_released_is_taken_out_first_and_has_no_word_in_the_end() {
        for (before, prefix, during, after) in [
            ("order: cart:", "order:", "order: cart: !order:", "cart:"),
            ("order:", "order:eu:", "order: !order:eu:", "order: !order:eu:"),
            (
                "order:eu: order:us: cart:",
                "order:",
                "order:eu: order:us: cart: !order:",
                "cart:",
            ),
            ("rq: !rq:results: a", "rq:", "rq: !rq:results: a !rq:", "a"),
            (
                "order: order:eu:",
                "order:eu:",
                "order: order:eu: !order:eu:",
                "order: !order:eu:",
            ),
            ("a b", "", "a b !*", ""),
            ("a*b", "a*", "a*b !a\\**", ""),
            ("cart:", "order:", "cart:", "cart:"),
            ("order: !order:", "order:eu:", "order: !order:", "order: !order:"),
        ] {
            let taken_out = words(before).excluding(prefix.as_bytes()).unwrap();
            assert_eq!(taken_out, words(during), "{before}, {prefix}");
            assert_eq!(
                taken_out.without(prefix.as_bytes()),
                words(after),
                "{before}, {prefix}"
            );
            assert!(!taken_out.capture_some_of(prefix.as_bytes()));
            assert_eq!(taken_out.text(), during.as_bytes());
        }
        assert_eq!(words("order:").excluding(b"order: 1"), None);
        assert_eq!(words("cart:").excluding(b"order: 1"), Some(words("cart:")));
    }

    #[test]
    fn no_key_of_a_released_prefix_is_held_and_all_others_are_what_they_were() {
        let before = words("order: a*");
        for prefix in ["order:", "order:\\[", "", "a*", "or", "other"] {
            let released = before.clone().and_released(prefix.as_bytes());
            let (before, released) = (Prefixes::of(&before), Prefixes::of(&released));
            for key in [
                "order:1",
                "order:",
                "order:\\[1",
                "a*",
                "a*1",
                "a",
                "b",
                "other1",
                "",
            ] {
                let expected = match key.starts_with(prefix) {
                    true => Standing::Excluded,
                    false => before.standing(key.as_bytes()),
                };
                assert_eq!(released.standing(key.as_bytes()), expected, "{prefix}, {key}");
            }
        }
    }
}

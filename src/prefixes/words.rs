//! The words of a config that names keys: prefixes, and behind a `!` what is taken out of them.

/// What makes an exclusion a pattern for whole keys.
const SPECIAL: [u8; 3] = *b"*?[";

/// Why a config's value can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadWord {
    /// A `!` alone.
    #[error("there is nothing behind a '!'")]
    ExcludesNothing,
}

/// What is behind a `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exclusion(Vec<u8>);

impl Exclusion {
    /// A prefix, if it is one.
    pub(super) fn prefix(&self) -> Option<&[u8]> {
        self.glob().is_none().then_some(&self.0)
    }

    /// A pattern for whole keys, if it is one.
    pub(super) fn glob(&self) -> Option<&[u8]> {
        self.0
            .iter()
            .any(|byte| SPECIAL.contains(byte))
            .then_some(&self.0)
    }

    /// What all keys that it takes out begin with.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        let mut rest = self.0.iter();
        let is_glob = self.glob().is_some();
        while let Some(&byte) = rest.next() {
            match byte {
                _ if !is_glob => head.push(byte),
                b'\\' => head.push(*rest.next().unwrap_or(&byte)),
                _ if SPECIAL.contains(&byte) => break,
                _ => head.push(byte),
            }
        }
        head
    }
}

/// Words, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Prefixes.
    pub(crate) included: Vec<Vec<u8>>,
    /// What is taken out.
    pub(crate) excluded: Vec<Exclusion>,
}

impl Words {
    /// Those of a config's value, with blanks between them.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, BadWord> {
        let mut words = Self::default();
        for word in text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
        {
            match word {
                b"!" => return Err(BadWord::ExcludesNothing),
                [b'!', excluded @ ..] => words.excluded.push(Exclusion(excluded.to_vec())),
                prefix => words.included.push(prefix.to_vec()),
            }
        }
        Ok(words)
    }
}

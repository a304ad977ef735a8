//! The keys that `mylog.capture` captures.

use module_api::gil::Gil;
use redis_grammar::prefixes::{Prefixes, Standing, Words};

use super::{attention, config};

static PREFIXES: Gil<Prefixes> = Gil::new(Prefixes::NONE);
/// The prefixes of all releases that have begun since `mylog.capture` was last set. A durable key with such a prefix, left
/// over or made by a command that was queued before, still has its commands routed to the durable type.
static RELEASED: Gil<Vec<Vec<u8>>> = Gil::new(Vec::new());

/// Sets the words of `mylog.capture`.
pub(crate) fn set_words(words: &Words) {
    let prefixes = Prefixes::of(&with_released(words));
    attention::set(attention::CAPTURES, !prefixes.is_empty());
    PREFIXES.with(|slot| *slot = prefixes);
}

/// Runs `f` with the prefixes.
pub(crate) fn with<R>(f: impl FnOnce(&Prefixes) -> R) -> R {
    PREFIXES.with(|prefixes| f(prefixes))
}

/// True while there is a captured prefix.
pub(crate) fn captures() -> bool {
    attention::is_on(attention::CAPTURES)
}

/// True for a captured key.
pub(crate) fn is_captured(name: &[u8]) -> bool {
    with(|prefixes| prefixes.matches(name))
}

/// How a key relates to the prefixes.
pub(crate) fn standing(name: &[u8]) -> Standing {
    with(|prefixes| prefixes.standing(name))
}

/// True while an exclusion takes keys out of the captured ones.
pub(crate) fn exclude_some() -> bool {
    with(Prefixes::exclude_some)
}

/// The words of `mylog.capture`, and those that find the durable keys of released prefixes.
fn with_released(words: &Words) -> Words {
    RELEASED.with(|released| {
        let words = words.clone();
        released
            .iter()
            .fold(words, |words, prefix| words.and_released(prefix))
    })
}

/// Adds a released prefix.
pub(crate) fn release(prefix: &[u8]) {
    RELEASED.with(|released| released.push(prefix.to_vec()));
}

/// Replaces the released prefixes by this one, or by none.
pub(crate) fn keep_released(prefix: Option<Vec<u8>>) {
    RELEASED.with(|released| *released = prefix.into_iter().collect());
}

/// True for a key with a released prefix: it is native, or may become so.
pub(crate) fn is_released(name: &[u8]) -> bool {
    RELEASED.with(|released| released.iter().any(|prefix| name.starts_with(prefix)))
}

/// The longest prefix that captures a key, for messages. A released prefix counts, too.
pub(crate) fn captured_by(key: &[u8]) -> String {
    let words = with_released(&config::capture()).text();
    let prefixes = words
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| key.starts_with(word));
    let longest = prefixes.max_by_key(|word| word.len());
    String::from_utf8_lossy(longest.unwrap_or_default()).into_owned()
}

//! Which keys `mylog.capture` names.

use module_api::gil::Gil;
use redis_grammar::prefixes::{Prefixes, Standing};

use super::attention;

static PREFIXES: Gil<Prefixes> = Gil::new(Prefixes::NONE);

/// The prefixes have changed.
pub(crate) fn set_prefixes(prefixes: Prefixes) {
    attention::set(attention::CAPTURES, !prefixes.is_empty());
    PREFIXES.with(|slot| *slot = prefixes);
}

/// Gives `f` the prefixes.
pub(crate) fn with<R>(f: impl FnOnce(&Prefixes) -> R) -> R {
    PREFIXES.with(|prefixes| f(prefixes))
}

/// True while there is a prefix to capture.
pub(crate) fn captures() -> bool {
    attention::is_on(attention::CAPTURES)
}

/// True for a name that is captured.
pub(crate) fn is_captured(name: &[u8]) -> bool {
    with(|prefixes| prefixes.hold(name))
}

/// What a name is to the prefixes.
pub(crate) fn standing(name: &[u8]) -> Standing {
    with(|prefixes| prefixes.standing(name))
}

/// True while an exclusion takes keys out of the prefixes.
pub(crate) fn exclude_some() -> bool {
    with(Prefixes::exclude_some)
}

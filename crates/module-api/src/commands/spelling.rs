//! Under which spelling the server runs a command: `rename-command` may have given it another one than its name.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gil::Gil;

/// Commands that are not spelt by their name, in lower case, with their spelling as far as it is known.
static SPELT: Gil<Vec<(String, Option<CString>)>> = Gil::new(Vec::new());
/// Set while there is any.
static ANY: AtomicBool = AtomicBool::new(false);

/// The name of this command leads to no command any more, or to another one.
pub fn has_gone(name: &str) {
    note(name, None);
}

/// A command is spelt like this.
pub fn is(name: &str, spelling: &[u8]) {
    note(name, CString::new(spelling).ok());
}

fn note(name: &str, spelling: Option<CString>) {
    SPELT.with(|spelt| match spelt.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = spelling.or_else(|| known.take()),
        None => spelt.push((name.to_owned(), spelling)),
    });
    ANY.store(true, Ordering::Relaxed);
}

/// The spelling of the command of this name; `None` while it has one that nobody has used yet.
pub fn of(name: &CStr) -> Option<Cow<'_, CStr>> {
    if !ANY.load(Ordering::Relaxed) {
        return Some(Cow::Borrowed(name));
    }
    SPELT.with(|spelt| {
        let is_it = |(known, _): &&(String, _)| known.as_bytes().eq_ignore_ascii_case(name.to_bytes());
        match spelt.iter().find(is_it) {
            Some((_, spelling)) => spelling.clone().map(Cow::Owned),
            None => Some(Cow::Borrowed(name)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_by_its_spelling_once_that_is_known() {
        has_gone("expire-test");
        assert_eq!(of(c"EXPIRE-test"), None);
        assert_eq!(of(c"other-test").as_deref(), Some(c"other-test"));
        is("expire-test", b"late");
        has_gone("expire-test");
        assert_eq!(of(c"EXPIRE-TEST").as_deref(), Some(c"late"));
    }
}

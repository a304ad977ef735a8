//! The patterns of BY and GET: they name another key, or a field of another key, for each element.

use module_api::OwnedStr;
use module_api::commands::rm_call::ReplyType;
use module_api::keys::key::{Contents, Key, Mode};
use mylog_core::value::{Hash, Kind, ValueRef};
use redis_grammar::c_text::option;

use crate::engine::value_handle;
use crate::execute::invocation::{Call, OfKind};

/// A pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// The element itself.
    Element,
    /// No key, because the pattern has no star.
    Nothing,
    /// The key that consists of `before`, the element and `after`; or this field of that key.
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    /// Parses a pattern. The server searches for `#`, `*` and `->` only up to the first NUL, but bytes after it belong to the key
    /// or the field.
    pub(super) fn read(text: &'a [u8]) -> Self {
        let seen = option(text);
        if seen == b"#" {
            return Self::Element;
        }
        let Some(star) = seen.iter().position(|&byte| byte == b'*') else {
            return Self::Nothing;
        };
        let (before, rest) = (text.get(..star), text.get(star + 1..));
        let (before, rest) = (before.unwrap_or_default(), rest.unwrap_or_default());
        let arrow = option(rest).windows(2).position(|pair| pair == b"->");
        // An arrow at the end is a part of the key.
        let field = arrow.and_then(|arrow| Some((rest.get(..arrow)?, rest.get(arrow + 2..)?)));
        let field = field.filter(|(_, field)| !option(field).is_empty());
        Self::Key {
            before,
            after: field.map_or(rest, |(after, _)| after),
            field: field.map(|(_, field)| field),
        }
    }

    /// The value that the pattern has for an element.
    pub(super) fn look_up(&self, call: &Call<'_>, element: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Element => Some(element.to_vec()),
            Self::Nothing => None,
            Self::Key { before, after, field } => look_up(call, &[before, element, after].concat(), *field),
        }
    }
}

/// The string under a key, or a field of the hash under it, durable or native.
fn look_up(call: &Call<'_>, name: &[u8], field: Option<&[u8]>) -> Option<Vec<u8>> {
    let owned = OwnedStr::new(name);
    let contents = Key::open(call.ctx, owned.lend(), Mode::Read).contents();
    call.sight.note(call.db, name, contents);
    match (contents, field) {
        (Contents::Nothing, _) => None,
        (Contents::Ours(Kind::Str, handle), None) => {
            value_handle::with_value(handle, |value| <[u8]>::of(value).map(<[u8]>::to_vec))?
        }
        (Contents::Ours(Kind::Hash, handle), Some(field)) => {
            value_handle::with_value(handle, |value| field_of(value, field))?
        }
        (Contents::Ours(..), _) => None,
        // The module API reads a native string in place, and would change its encoding. So GET reads it.
        (Contents::Foreign, None) => native(call, c"GET", &[name]),
        (Contents::Foreign, Some(field)) => native(call, c"HGET", &[name, field]),
    }
}

fn field_of(value: ValueRef<'_>, field: &[u8]) -> Option<Vec<u8>> {
    Hash::of(value)?.get(field).map(<[u8]>::to_vec)
}

fn native(call: &Call<'_>, command: &std::ffi::CStr, args: &[&[u8]]) -> Option<Vec<u8>> {
    let reply = call.ctx.call(command, "", args)?;
    // A key of another type counts as missing.
    let held = reply.whole().kind() == ReplyType::String;
    held.then(|| reply.whole().bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(before: &'a str, after: &'a str, field: Option<&'a str>) -> Pattern<'a> {
        Pattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        }
    }

    #[test]
    fn patterns_are_read_as_in_the_server() {
        for (text, expected) in [
            ("#", Pattern::Element),
            ("#\0x", Pattern::Element),
            ("##", Pattern::Nothing),
            ("", Pattern::Nothing),
            ("nosort", Pattern::Nothing),
            ("a\0*", Pattern::Nothing),
            ("*", key("", "", None)),
            ("w_*", key("w_", "", None)),
            ("w_*_x*", key("w_", "_x*", None)),
            ("w_*->f", key("w_", "", Some("f"))),
            ("w_*x->f->g", key("w_", "x", Some("f->g"))),
            ("w_*->", key("w_", "->", None)),
            ("w->*", key("w->", "", None)),
            ("w_*\0->f", key("w_", "\0->f", None)),
            ("w_*->f\0g", key("w_", "", Some("f\0g"))),
            ("w_*->\0g", key("w_", "->\0g", None)),
        ] {
            assert_eq!(Pattern::read(text.as_bytes()), expected, "{text:?}");
        }
    }
}

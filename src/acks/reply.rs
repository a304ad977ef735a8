//! Replies as owned values: the reply of a held client is kept, and sent later.

use std::borrow::Cow;
use std::ffi::CStr;
use std::sync::Arc;

use module_api::Ctx;
use module_api::commands::rm_call::{CallReply, LastingReply, Part, ReplyType};
use module_api::context::Flags;
use module_api::server::config::c_text;
use mylog_core::value::Decimal;

use crate::acks::read_barrier::Sight;
use crate::engine::refusal::Refusal;

/// The reply of a command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// Nothing more: the reply was written to the client already.
    Sent,
    /// Nothing yet: the client is blocked, and the code that ends this answers it.
    Later,
    /// An integer.
    Int(i64),
    /// A status line.
    Simple(Cow<'static, CStr>),
    /// An error, code first.
    Error(Cow<'static, CStr>),
    /// An error: a key holds a value of another type.
    WrongType(WrongType),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Null.
    Null,
    /// Null where an array would be: as `Null` in RESP3.
    NullArray,
    /// A double: a bulk string in RESP2.
    Double(f64),
    /// The head of an array of so many elements, which follow.
    Array(usize),
    /// The head of a map of so many pairs, which follow.
    Map(usize),
    /// The reply of a native command, sent as the server encoded it.
    Native(Arc<LastingReply>),
    /// The head of a set of so many members, which follow: an array in RESP2.
    Set(usize),
    /// Parts in order: a head with what follows it.
    Parts(Vec<Reply>),
}

/// The reply of a command that has changed nothing: an error, or what a key that is not there is answered with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unchanged(pub(crate) Reply);

impl From<Reply> for Unchanged {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}

impl From<Refusal> for Unchanged {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

/// The words of the error for a key of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongType {
    /// Those of nearly all commands.
    Plain,
    /// Those of LCS.
    NotStrings,
}

impl WrongType {
    const fn text(self) -> &'static CStr {
        match self {
            Self::Plain => c"WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NotStrings => c"ERR The specified keys must contain string values",
        }
    }
}

impl Reply {
    /// The status of a command that has no other reply.
    pub(crate) const OK: Self = Self::Simple(Cow::Borrowed(c"OK"));

    /// An error with a constant text, code first.
    pub(crate) const fn error(text: &'static CStr) -> Self {
        Self::Error(Cow::Borrowed(text))
    }

    /// An error whose text is made now, code first. What follows a NUL is lost, as in native errors.
    pub(crate) fn error_text(text: &str) -> Self {
        Self::Error(Cow::Owned(c_text(text)))
    }

    /// Writes the reply to the client of the context.
    pub(crate) fn emit(&self, ctx: Ctx<'_>) {
        match self {
            Self::Sent | Self::Later => {}
            Self::Int(value) => ctx.reply_int(*value),
            Self::Simple(text) => ctx.reply_simple(text),
            Self::Error(text) => ctx.reply_error(text),
            Self::WrongType(words) => ctx.reply_error(words.text()),
            Self::Bulk(bytes) => ctx.reply_bulk(bytes),
            Self::Null => ctx.reply_null(),
            Self::NullArray => ctx.reply_null_array(),
            Self::Double(value) => emit_double(ctx, *value),
            Self::Array(len) => ctx.reply_array(*len),
            Self::Map(pairs) => ctx.reply_map(*pairs),
            Self::Native(reply) => ctx.reply_with(reply.get()),
            Self::Set(len) => ctx.reply_set(*len),
            Self::Parts(parts) => parts.iter().for_each(|part| part.emit(ctx)),
        }
    }
}

/// Whole numbers below this have the same plain digits on every server.
const PLAIN_BELOW: f64 = 1e15;

/// Writes a double. A whole number, as most scores are, is formatted here: the server takes thousands of instructions for
/// any double. RESP3 has another shape for doubles, which only the server can write.
fn emit_double(ctx: Ctx<'_>, value: f64) {
    let whole =
        value.trunc() == value && value.abs() < PLAIN_BELOW && (value != 0.0 || value.is_sign_positive());
    if whole && !ctx.flags().any(Flags::RESP3) {
        return ctx.reply_bulk(Decimal::of(value as i64).bytes());
    }
    ctx.reply_double(value);
}

/// A durable write was refused: that is counted.
impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::error_text(&refusal.counted())
    }
}

impl From<&CallReply<'_>> for Reply {
    fn from(reply: &CallReply<'_>) -> Self {
        let status = reply.proto().first() == Some(&b'+');
        match Self::from(reply.whole()) {
            Self::Bulk(text) if status => Self::Simple(Cow::Owned(c_text(&String::from_utf8_lossy(&text)))),
            other => other,
        }
    }
}

impl From<Part<'_>> for Reply {
    fn from(part: Part<'_>) -> Self {
        match part.kind() {
            ReplyType::Integer => Self::Int(part.int()),
            ReplyType::String => Self::Bulk(part.bytes().to_vec()),
            ReplyType::Error => Self::error_text(&String::from_utf8_lossy(part.bytes())),
            ReplyType::Array => {
                let elements = (0..part.len())
                    .filter_map(|index| part.element(index))
                    .map(Self::from);
                Self::Parts(std::iter::once(Self::Array(part.len())).chain(elements).collect())
            }
            ReplyType::Null | ReplyType::Other => Self::Null,
        }
    }
}

/// Where a read puts its reply: straight to the client without a copy, or aside if the reply has to wait. A read opens its
/// keys before it puts the first part: the changes that it sees there decide.
pub(crate) struct Out<'a> {
    ctx: Ctx<'a>,
    sight: &'a Sight,
    /// The parts so far, if they were put aside.
    aside: Option<Vec<Reply>>,
}

impl<'a> Out<'a> {
    /// For a read that opens all of its keys before it puts the first part.
    pub(crate) fn new(ctx: Ctx<'a>, sight: &'a Sight) -> Self {
        Self {
            ctx,
            sight,
            aside: None,
        }
    }

    /// For a read that puts parts before it has opened all of its keys.
    pub(crate) fn of_many(ctx: Ctx<'a>, sight: &'a Sight) -> Self {
        Self {
            ctx,
            sight,
            aside: (!sight.is_clear()).then(Vec::new),
        }
    }

    /// Where the next part goes if not to the client.
    fn aside(&mut self) -> Option<&mut Vec<Reply>> {
        if self.aside.is_none() && self.sight.seen().is_some() {
            self.aside = Some(Vec::new());
        }
        self.aside.as_mut()
    }

    /// Adds a part.
    pub(crate) fn put(&mut self, part: Reply) {
        match self.aside() {
            None => part.emit(self.ctx),
            Some(parts) => parts.push(part),
        }
    }

    /// Adds a bulk string.
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        match self.aside() {
            None => self.ctx.reply_bulk(bytes),
            Some(parts) => parts.push(Reply::Bulk(bytes.to_vec())),
        }
    }

    /// Adds a double.
    pub(crate) fn double(&mut self, value: f64) {
        self.put(Reply::Double(value));
    }

    /// Adds a bulk string, or null.
    pub(crate) fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.put(Reply::Null),
        }
    }

    /// The whole reply.
    pub(crate) fn finish(self) -> Reply {
        match self.aside {
            None => Reply::Sent,
            Some(parts) => Reply::Parts(parts),
        }
    }
}

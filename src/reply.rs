//! Replies that may have to wait: owned, so that a held client gets later what the command answered now.

use std::borrow::Cow;
use std::ffi::CStr;
use std::sync::Arc;

use crate::api::Ctx;
use crate::api::call::{CallReply, LastingReply, Part, ReplyType};
use crate::api::config::c_text;

/// What a client is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// Nothing more: the reply has left already.
    Sent,
    /// An integer.
    Int(i64),
    /// A status line.
    Simple(Cow<'static, CStr>),
    /// An error, code first.
    Error(Cow<'static, CStr>),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Null.
    Null,
    /// The head of an array of so many elements, which follow.
    Array(usize),
    /// The head of a map of so many pairs, which follow.
    Map(usize),
    /// What a native command answered, to be sent as the server encoded it.
    Native(Arc<LastingReply>),
    /// Parts, one behind the other: a head with what follows it.
    Parts(Vec<Reply>),
}

impl Reply {
    /// The status of a command that has nothing else to say.
    pub(crate) const OK: Self = Self::Simple(Cow::Borrowed(c"OK"));

    /// An error whose text is known when it is written.
    pub(crate) const fn error(text: &'static CStr) -> Self {
        Self::Error(Cow::Borrowed(text))
    }

    /// An error whose text is made up now, code first. What follows a NUL is lost, as in native errors.
    pub(crate) fn error_text(text: &str) -> Self {
        Self::Error(Cow::Owned(c_text(text)))
    }

    /// Writes it to the client of the context.
    pub(crate) fn emit(&self, ctx: Ctx<'_>) {
        match self {
            Self::Sent => {}
            Self::Int(value) => ctx.reply_int(*value),
            Self::Simple(text) => ctx.reply_simple(text),
            Self::Error(text) => ctx.reply_error(text),
            Self::Bulk(bytes) => ctx.reply_bulk(bytes),
            Self::Null => ctx.reply_null(),
            Self::Array(len) => ctx.reply_array(*len),
            Self::Map(pairs) => ctx.reply_map(*pairs),
            Self::Native(reply) => ctx.reply_with(reply.get()),
            Self::Parts(parts) => parts.iter().for_each(|part| part.emit(ctx)),
        }
    }
}

impl From<&CallReply> for Reply {
    fn from(reply: &CallReply) -> Self {
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

/// Where a read puts its reply: straight to the client, without a copy, or aside until it may leave.
pub(crate) enum Out<'c> {
    /// To the client.
    Client(Ctx<'c>),
    /// Aside.
    Aside(Vec<Reply>),
}

impl<'c> Out<'c> {
    /// To the client if `direct`, aside otherwise.
    pub(crate) fn new(ctx: Ctx<'c>, direct: bool) -> Self {
        if direct {
            Self::Client(ctx)
        } else {
            Self::Aside(Vec::new())
        }
    }

    /// Adds a part.
    pub(crate) fn put(&mut self, part: Reply) {
        match self {
            Self::Client(ctx) => part.emit(*ctx),
            Self::Aside(parts) => parts.push(part),
        }
    }

    /// Adds a bulk string.
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        match self {
            Self::Client(ctx) => ctx.reply_bulk(bytes),
            Self::Aside(parts) => parts.push(Reply::Bulk(bytes.to_vec())),
        }
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
        match self {
            Self::Client(_) => Reply::Sent,
            Self::Aside(parts) => Reply::Parts(parts),
        }
    }
}

//! The pieces of a reply, in the protocol of the client that gets it.
//!
//! The status is not looked at: the server refuses a reply only where there is no client to get one.

use std::ffi::{CStr, c_long};
use std::sync::OnceLock;

use super::rm_call::LastingReply;
use crate::{Ctx, api};

/// `OK` as the server encoded it once. Every status line of a module's is copied, searched for line breaks and
/// put together of three parts: that took a tenth of the time of a SET.
static OK: OnceLock<LastingReply> = OnceLock::new();

/// Has the server encode its `OK`; without it `OK` is a status line like any other.
pub(crate) fn prepare(ctx: Ctx<'static>) {
    // It watches nothing, and changes nothing.
    if let Some(reply) = ctx.call_to_keep(c"UNWATCH", "", &[]) {
        if reply.get().proto() == b"+OK\r\n" {
            // A second one would be the same.
            let _ = OK.set(reply);
        }
    }
}

/// A length the protocol functions take. Nothing of ours is near its limit.
fn long(len: usize) -> c_long {
    c_long::try_from(len).unwrap_or(c_long::MAX)
}

impl Ctx<'_> {
    /// An integer.
    pub fn reply_int(self, value: i64) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplyWithLongLong)(self.raw(), value) };
    }

    /// A status line.
    pub fn reply_simple(self, text: &CStr) {
        if let Some(reply) = OK.get().filter(|_| text == c"OK") {
            return self.reply_with(reply.get());
        }
        // SAFETY: context and text are alive; the text is copied.
        unsafe { api!(RedisModule_ReplyWithSimpleString)(self.raw(), text.as_ptr()) };
    }

    /// An error, code first.
    pub fn reply_error(self, text: &CStr) {
        // SAFETY: context and text are alive; the text is copied and is no format.
        unsafe { api!(RedisModule_ReplyWithError)(self.raw(), text.as_ptr()) };
    }

    /// A bulk string.
    pub fn reply_bulk(self, bytes: &[u8]) {
        // SAFETY: context and bytes are alive; the bytes are copied.
        unsafe { api!(RedisModule_ReplyWithStringBuffer)(self.raw(), bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Null.
    pub fn reply_null(self) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplyWithNull)(self.raw()) };
    }

    /// Null where an array would be: another null than elsewhere in RESP2.
    pub fn reply_null_array(self) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplyWithNullArray)(self.raw()) };
    }

    /// A double, in the digits that this server gives one.
    pub fn reply_double(self, value: f64) {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_ReplyWithDouble)(self.raw(), value) };
    }

    /// The head of an array; its elements follow.
    pub fn reply_array(self, len: usize) {
        // SAFETY: the context is alive. Too few elements would break the client's stream, not ours.
        unsafe { api!(RedisModule_ReplyWithArray)(self.raw(), long(len)) };
    }

    /// The head of a map of so many pairs: an array of twice as many in RESP2.
    pub fn reply_map(self, pairs: usize) {
        // SAFETY: as for an array.
        unsafe { api!(RedisModule_ReplyWithMap)(self.raw(), long(pairs)) };
    }

    /// The head of a set of so many members: an array in RESP2.
    pub fn reply_set(self, len: usize) {
        // SAFETY: as for an array.
        unsafe { api!(RedisModule_ReplyWithSet)(self.raw(), long(len)) };
    }
}

#[cfg(test)]
mod tests;

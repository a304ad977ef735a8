//! Commands of the server, called from here. Any of them can re-enter the module.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};

use redis_module::raw;

use super::spelling;
use crate::string::ArgVector;
use crate::{Ctx, api};

/// What a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyType {
    /// A bulk string or a status: the server does not tell them apart.
    String,
    /// An error.
    Error,
    /// An integer.
    Integer,
    /// An array.
    Array,
    /// Null.
    Null,
    /// What RESP3 added, and we never ask for.
    Other,
}

/// A reply that we own. It ends before the context that asked for it, which the server looks at when the reply is freed.
/// Equal to itself only.
#[derive(Debug, PartialEq)]
pub struct CallReply<'c> {
    raw: NonNull<raw::RedisModuleCallReply>,
    scope: PhantomData<&'c ()>,
}

/// A reply that may outlive the command that asked for it: it was made on a context that is never freed.
#[derive(Debug, PartialEq)]
pub struct LastingReply(CallReply<'static>);

// SAFETY: other threads only hand it on; it is made, read and freed on the main thread, under the global lock.
unsafe impl Send for LastingReply {}
// SAFETY: as for `Send`.
unsafe impl Sync for LastingReply {}

impl LastingReply {
    /// The reply, to be read on the main thread.
    pub fn get(&self) -> &CallReply<'static> {
        &self.0
    }
}

/// A part of a reply, or all of it.
#[derive(Clone, Copy)]
pub struct Part<'r> {
    raw: *mut raw::RedisModuleCallReply,
    scope: PhantomData<&'r CallReply<'r>>,
}

/// What the command filter is to leave alone. The server can leave out all that runs inside a call of ours, but
/// not the call alone: what a script runs would be left out with it. Used on the main thread only.
static UNFILTERED: AtomicU8 = AtomicU8::new(NOTHING);
const NOTHING: u8 = 0;
/// The next command: one that may run others.
const NEXT: u8 = 1;
/// All, inside of another call.
const ALL: u8 = 2;

/// Called by the filter for each command. True if that is a call of ours, or inside of one.
pub fn is_own() -> bool {
    match UNFILTERED.load(Ordering::Relaxed) {
        NOTHING => false,
        NEXT => {
            UNFILTERED.store(NOTHING, Ordering::Relaxed);
            true
        }
        _ => true,
    }
}

impl<'c> Ctx<'c> {
    /// Runs a command and returns its reply, in RESP2. `modifiers` are those of RM_Call: `!` propagates it,
    /// `E` turns a refusal into an error reply. `None` where the server would not run it at all. A command is called by
    /// its name: `rename-command` may have given it another spelling.
    pub fn call(self, command: &CStr, modifiers: &str, args: &[&[u8]]) -> Option<CallReply<'c>> {
        self.call_as_spelt(ALL, &spelling::of(command)?, modifiers, args)
    }

    /// Runs a command that a client has spelt. What it runs, as a script does, goes through the filter, as from
    /// clients; itself it does not.
    pub fn call_spelt(self, spelling: &CStr, modifiers: &str, args: &[&[u8]]) -> Option<CallReply<'c>> {
        self.call_as_spelt(NEXT, spelling, modifiers, args)
    }

    fn call_as_spelt(
        self,
        unfiltered: u8,
        command: &CStr,
        modifiers: &str,
        args: &[&[u8]],
    ) -> Option<CallReply<'c>> {
        let args = ArgVector::new(args);
        let mut pointers = args.pointers();
        let format = CString::new(format!("{modifiers}v")).ok()?;
        let (name, format) = (command.as_ptr(), format.as_ptr());
        let outside = UNFILTERED.swap(unfiltered, Ordering::Relaxed);
        // SAFETY: all are alive; `v` takes a vector and its length as size_t, modifiers take nothing.
        let reply = unsafe {
            api!(RedisModule_Call)(self.raw(), name, format, pointers.as_mut_ptr(), pointers.len())
        };
        UNFILTERED.store(outside, Ordering::Relaxed);
        NonNull::new(reply).map(|raw| CallReply {
            raw,
            scope: PhantomData,
        })
    }
}

impl Ctx<'static> {
    /// As `call_spelt`, with a reply to keep.
    pub fn call_spelt_to_keep(
        self,
        spelling: &CStr,
        modifiers: &str,
        args: &[&[u8]],
    ) -> Option<LastingReply> {
        self.call_spelt(spelling, modifiers, args).map(LastingReply)
    }

    /// As `call`, with a reply to keep.
    pub fn call_to_keep(self, command: &CStr, modifiers: &str, args: &[&[u8]]) -> Option<LastingReply> {
        self.call(command, modifiers, args).map(LastingReply)
    }
}

impl Ctx<'_> {
    /// Answers with the reply of a command, as the server encoded it for this client's protocol.
    pub fn reply_with(self, reply: &CallReply<'_>) {
        // SAFETY: context and reply are alive. It is refused only where the client's protocol is not the
        // reply's: `call` was asked for the client's.
        unsafe { api!(RedisModule_ReplyWithCallReply)(self.raw(), reply.raw.as_ptr()) };
    }
}

impl CallReply<'_> {
    /// All of it.
    pub fn whole(&self) -> Part<'_> {
        Part {
            raw: self.raw.as_ptr(),
            scope: PhantomData,
        }
    }

    /// An element of an array.
    pub fn element(&self, index: usize) -> Option<Part<'_>> {
        self.whole().element(index)
    }

    /// The reply as the server encoded it. A status differs from a bulk string only here.
    pub fn proto(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the reply is alive and owns the bytes.
        unsafe {
            let start = api!(RedisModule_CallReplyProto)(self.raw.as_ptr(), &mut len);
            if start.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(start.cast(), len)
            }
        }
    }
}

#[expect(
    clippy::len_without_is_empty,
    reason = "an empty reply has no elements, and nobody asks"
)]
impl<'r> Part<'r> {
    /// What it is.
    pub fn kind(self) -> ReplyType {
        // SAFETY: the reply is alive.
        match unsafe { api!(RedisModule_CallReplyType)(self.raw) } as isize {
            raw::REDISMODULE_REPLY_STRING => ReplyType::String,
            raw::REDISMODULE_REPLY_ERROR => ReplyType::Error,
            raw::REDISMODULE_REPLY_INTEGER => ReplyType::Integer,
            raw::REDISMODULE_REPLY_ARRAY => ReplyType::Array,
            raw::REDISMODULE_REPLY_NULL => ReplyType::Null,
            _ => ReplyType::Other,
        }
    }

    /// The value of an integer.
    pub fn int(self) -> i64 {
        // SAFETY: the reply is alive; another type gives the smallest integer.
        unsafe { api!(RedisModule_CallReplyInteger)(self.raw) }
    }

    /// The bytes of a string or an error; none for another type.
    pub fn bytes(self) -> &'r [u8] {
        let mut len = 0;
        // SAFETY: the reply is alive for 'r and owns the bytes; null for another type.
        unsafe {
            let start = api!(RedisModule_CallReplyStringPtr)(self.raw, &mut len);
            if start.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(start.cast(), len)
            }
        }
    }

    /// Number of elements of an array.
    pub fn len(self) -> usize {
        // SAFETY: the reply is alive.
        unsafe { api!(RedisModule_CallReplyLength)(self.raw) }
    }

    /// An element of an array.
    pub fn element(self, index: usize) -> Option<Part<'r>> {
        if self.kind() != ReplyType::Array {
            return None;
        }
        // SAFETY: the reply is alive; null past the end. The element belongs to the reply.
        let raw = unsafe { api!(RedisModule_CallReplyArrayElement)(self.raw, index) };
        (!raw.is_null()).then_some(Part {
            raw,
            scope: PhantomData,
        })
    }
}

impl Drop for CallReply<'_> {
    fn drop(&mut self) {
        // SAFETY: the reply is ours, freed once, with its parts.
        unsafe { api!(RedisModule_FreeCallReply)(self.raw.as_ptr()) }
    }
}

#[cfg(test)]
mod tests;

//! Commands of the server that the module calls: a test says what they answer.

use std::ffi::{CStr, c_char, c_int, c_longlong};
use std::ptr::null_mut;

use redis_module::raw;

use super::contexts::Context;
use super::replies;
use super::reply::Reply;
use super::server::{Answer, Server, state};
use super::strings;

/// A reply in the module's hands: the answer, its elements, and its bytes in RESP2.
struct Node {
    answer: Answer,
    elements: Vec<Node>,
    proto: Vec<u8>,
}

impl Node {
    fn of(answer: &Answer) -> Self {
        let mut proto = Vec::new();
        encode(answer, &mut proto);
        let elements = match answer {
            Answer::Array(elements) => elements.iter().map(Node::of).collect(),
            _ => Vec::new(),
        };
        Self {
            answer: answer.clone(),
            elements,
            proto,
        }
    }
}

fn encode(answer: &Answer, proto: &mut Vec<u8>) {
    match answer {
        Answer::Status(text) => proto.extend(format!("+{text}\r\n").bytes()),
        Answer::Error(text) => proto.extend(format!("-{text}\r\n").bytes()),
        Answer::Int(value) => proto.extend(format!(":{value}\r\n").bytes()),
        Answer::Null => proto.extend(b"$-1\r\n"),
        Answer::Bulk(bytes) => {
            proto.extend(format!("${}\r\n", bytes.len()).bytes());
            proto.extend(bytes);
            proto.extend(b"\r\n");
        }
        Answer::Array(elements) => {
            proto.extend(format!("*{}\r\n", elements.len()).bytes());
            elements.iter().for_each(|element| encode(element, proto));
        }
    }
}

impl Server {
    /// Has a command answer this from now on. One without an answer is one that the server would not run.
    pub fn answer(&self, command: &str, answer: Answer) {
        state(|state| state.answers.push((command.to_owned(), answer)));
    }

    /// The commands that were called so far: name, format and arguments.
    pub fn calls(&self) -> Vec<Vec<Vec<u8>>> {
        state(|state| state.calls.clone())
    }

    /// How many replies the module has not freed.
    pub fn replies_alive(&self) -> usize {
        state(|state| state.replies)
    }
}

impl Context<'_> {
    /// How often the command was replicated as it came.
    pub fn replicated(&self) -> usize {
        self.with(|state| state.replicated.get())
    }
}

/// # Safety
/// `reply` is a reply of this server, or a part of one, alive for the lifetime chosen.
unsafe fn node<'r>(reply: *mut raw::RedisModuleCallReply) -> &'r Node {
    // SAFETY: contract of this function.
    unsafe { &*reply.cast::<Node>() }
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants. Of the formats they use `v`
// alone: a vector and its length.
unsafe extern "C" fn call(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    format: *const c_char,
    args: *mut *mut raw::RedisModuleString,
    len: usize,
) -> *mut raw::RedisModuleCallReply {
    // SAFETY: as above.
    let (name, format, args) = unsafe {
        let args = std::slice::from_raw_parts(args, len);
        let args = args.iter().map(|&arg| strings::bytes(arg).to_vec());
        (
            CStr::from_ptr(name),
            CStr::from_ptr(format),
            args.collect::<Vec<_>>(),
        )
    };
    let answer = state(|state| {
        let words = [name.to_bytes().to_vec(), format.to_bytes().to_vec()];
        state.calls.push(words.into_iter().chain(args).collect());
        let is_it = |(of, _): &&(String, Answer)| of.as_bytes().eq_ignore_ascii_case(name.to_bytes());
        state
            .answers
            .iter()
            .rev()
            .find(is_it)
            .map(|(_, answer)| answer.clone())
    });
    let Some(answer) = answer else {
        return null_mut();
    };
    state(|state| state.replies += 1);
    Box::into_raw(Box::new(Node::of(&answer))).cast()
}

unsafe extern "C" fn free(reply: *mut raw::RedisModuleCallReply) {
    // One that a static of the module has kept from another test is not counted.
    state(|state| state.replies = state.replies.saturating_sub(1));
    // SAFETY: as above; a reply is freed once.
    drop(unsafe { Box::from_raw(reply.cast::<Node>()) });
}

unsafe extern "C" fn kind(reply: *mut raw::RedisModuleCallReply) -> c_int {
    // SAFETY: as above.
    let kind = match unsafe { &node(reply).answer } {
        Answer::Status(_) | Answer::Bulk(_) => raw::REDISMODULE_REPLY_STRING,
        Answer::Error(_) => raw::REDISMODULE_REPLY_ERROR,
        Answer::Int(_) => raw::REDISMODULE_REPLY_INTEGER,
        Answer::Array(_) => raw::REDISMODULE_REPLY_ARRAY,
        Answer::Null => raw::REDISMODULE_REPLY_NULL,
    };
    kind as c_int
}

unsafe extern "C" fn int(reply: *mut raw::RedisModuleCallReply) -> c_longlong {
    // SAFETY: as above.
    match unsafe { &node(reply).answer } {
        Answer::Int(value) => *value,
        _ => c_longlong::MIN,
    }
}

unsafe extern "C" fn bytes(reply: *mut raw::RedisModuleCallReply, len: *mut usize) -> *const c_char {
    // SAFETY: as above; the length is the caller's.
    unsafe {
        let bytes = match &node(reply).answer {
            Answer::Status(text) | Answer::Error(text) => text.as_bytes(),
            Answer::Bulk(bytes) => bytes,
            _ => return std::ptr::null(),
        };
        *len = bytes.len();
        bytes.as_ptr().cast()
    }
}

unsafe extern "C" fn proto(reply: *mut raw::RedisModuleCallReply, len: *mut usize) -> *const c_char {
    // SAFETY: as above; the length is the caller's.
    unsafe {
        let proto = &node(reply).proto;
        *len = proto.len();
        proto.as_ptr().cast()
    }
}

unsafe extern "C" fn length(reply: *mut raw::RedisModuleCallReply) -> usize {
    // SAFETY: as above.
    unsafe { node(reply).elements.len() }
}

unsafe extern "C" fn element(
    reply: *mut raw::RedisModuleCallReply,
    index: usize,
) -> *mut raw::RedisModuleCallReply {
    // SAFETY: as above.
    let element = unsafe { node(reply).elements.get(index) };
    element.map_or(null_mut(), |node| std::ptr::from_ref(node).cast_mut().cast())
}

unsafe extern "C" fn reply_with(
    ctx: *mut raw::RedisModuleCtx,
    reply: *mut raw::RedisModuleCallReply,
) -> c_int {
    // SAFETY: as above.
    unsafe { replies::note(ctx, Reply::Called(node(reply).proto.clone())) }
}

unsafe extern "C" fn replicate_verbatim(ctx: *mut raw::RedisModuleCtx) -> c_int {
    // SAFETY: as above.
    let replicated = unsafe { &super::contexts::state(ctx).replicated };
    replicated.set(replicated.get() + 1);
    0
}

/// RM_Call with a format of `v`.
type Call = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *const c_char,
    *const c_char,
    *mut *mut raw::RedisModuleString,
    usize,
) -> *mut raw::RedisModuleCallReply;

/// RM_Call.
type VariadicCall = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *const c_char,
    *const c_char,
    ...
) -> *mut raw::RedisModuleCallReply;

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock. On Linux, for x86-64 and arm64, a variadic function gets a pointer
    // and a size_t as another one does.
    unsafe {
        raw::RedisModule_Call = Some(std::mem::transmute::<Call, VariadicCall>(call));
        raw::RedisModule_FreeCallReply = Some(free);
        raw::RedisModule_CallReplyType = Some(kind);
        raw::RedisModule_CallReplyInteger = Some(int);
        raw::RedisModule_CallReplyStringPtr = Some(bytes);
        raw::RedisModule_CallReplyProto = Some(proto);
        raw::RedisModule_CallReplyLength = Some(length);
        raw::RedisModule_CallReplyArrayElement = Some(element);
        raw::RedisModule_ReplyWithCallReply = Some(reply_with);
        raw::RedisModule_ReplicateVerbatim = Some(replicate_verbatim);
    }
}

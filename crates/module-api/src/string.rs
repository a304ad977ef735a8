//! The server's strings: those it lends us, and those we make.

use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use redis_module::raw;

use super::api;

/// A string that the server lends for `'c`: an argument, the name in a notification.
#[derive(Clone, Copy)]
pub struct Str<'c> {
    raw: *mut raw::RedisModuleString,
    scope: PhantomData<&'c ()>,
}

impl<'c> Str<'c> {
    /// Wraps what the server lent.
    ///
    /// # Safety
    /// `raw` is a string that stays alive and unchanged for `'c`.
    pub unsafe fn from_raw(raw: *mut raw::RedisModuleString) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// The pointer, for the rest of this folder.
    pub fn raw(self) -> *mut raw::RedisModuleString {
        self.raw
    }

    /// A share of it.
    pub fn share(self) -> OwnedStr {
        // SAFETY: the string is alive. No context: no automatic memory, so the count goes up.
        unsafe { api!(RedisModule_RetainString)(null_mut(), self.raw) };
        OwnedStr(self.raw)
    }

    /// True if the other one is a share of the same string.
    pub fn is(self, other: Str<'_>) -> bool {
        self.raw == other.raw
    }

    /// Its bytes.
    pub fn bytes(self) -> &'c [u8] {
        let mut len = 0;
        // SAFETY: the string is alive and unchanged for 'c, so its bytes are; a string with an integer
        // encoding is turned into bytes by the call. An empty one may have no pointer.
        unsafe {
            let start = api!(RedisModule_StringPtrLen)(self.raw, &mut len);
            if start.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(start.cast(), len)
            }
        }
    }
}

/// A string of the server's that we own a share of. Main thread only: its count is not atomic.
#[repr(transparent)]
pub struct OwnedStr(*mut raw::RedisModuleString);

impl OwnedStr {
    /// A string of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        // SAFETY: the bytes are copied. No context: no automatic memory.
        Self(unsafe { api!(RedisModule_CreateString)(null_mut(), bytes.as_ptr().cast(), bytes.len()) })
    }

    /// Takes over a share that the server gave; `None` for null.
    ///
    /// # Safety
    /// `raw` is null or a string whose share is ours to give back, without automatic memory.
    pub unsafe fn from_raw(raw: *mut raw::RedisModuleString) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self(raw.as_ptr()))
    }

    /// Another share of it.
    pub fn share(&self) -> Self {
        self.lend().share()
    }

    /// Lends it.
    pub fn lend(&self) -> Str<'_> {
        Str {
            raw: self.0,
            scope: PhantomData,
        }
    }

    /// Gives the share away: to a call that takes it over.
    pub fn into_raw(self) -> *mut raw::RedisModuleString {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl Drop for OwnedStr {
    fn drop(&mut self) {
        // SAFETY: the share is ours and not given away.
        unsafe { api!(RedisModule_FreeString)(null_mut(), self.0) }
    }
}

/// An argument list for a call of the server's that takes a vector.
pub struct ArgVector(Vec<OwnedStr>);

impl ArgVector {
    /// Strings of these bytes.
    pub fn new(args: &[&[u8]]) -> Self {
        args.iter().copied().collect()
    }

    /// The pointers in order, as they lie in it.
    pub(crate) fn raw(&self) -> &[*mut raw::RedisModuleString] {
        // SAFETY: an `OwnedStr` is a pointer and nothing else, and the vector outlives the result.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len()) }
    }

    /// The pointers in order. They live as long as the vector.
    pub(crate) fn pointers(&self) -> Vec<*mut raw::RedisModuleString> {
        self.0.iter().map(|string| string.0).collect()
    }
}

impl<'a> FromIterator<&'a [u8]> for ArgVector {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(args: I) -> Self {
        args.into_iter().map(OwnedStr::new).collect()
    }
}

impl FromIterator<OwnedStr> for ArgVector {
    fn from_iter<I: IntoIterator<Item = OwnedStr>>(args: I) -> Self {
        Self(args.into_iter().collect())
    }
}

/// The arguments of a command, its name first.
#[derive(Clone, Copy)]
pub struct Args<'c>(&'c [*mut raw::RedisModuleString]);

#[expect(clippy::len_without_is_empty, reason = "a command has its name at least")]
impl<'c> Args<'c> {
    /// Wraps what the server handed to a command.
    ///
    /// # Safety
    /// `argv` has `argc` strings that stay alive and unchanged for `'c`; it may be null for none: so `MODULE LOAD` hands over
    /// a load without arguments.
    pub unsafe fn from_raw(argv: *mut *mut raw::RedisModuleString, argc: i32) -> Self {
        let len = usize::try_from(argc).unwrap_or(0);
        if argv.is_null() {
            return Self(&[]);
        }
        // SAFETY: contract of this function.
        Self(unsafe { std::slice::from_raw_parts(argv, len) })
    }

    /// How many, the name counted.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Those from a place on, as a command of their own.
    pub fn after(self, place: usize) -> Self {
        Self(self.0.get(place..).unwrap_or_default())
    }

    /// The pointers in order.
    pub(crate) fn raw(self) -> &'c [*mut raw::RedisModuleString] {
        self.0
    }

    /// The string at a place. Past the end, which the arity of the command rules out, it is its name.
    pub fn string(self, place: usize) -> Str<'c> {
        let raw = self
            .0
            .get(place)
            .or(self.0.first())
            .copied()
            .unwrap_or(null_mut());
        Str {
            raw,
            scope: PhantomData,
        }
    }

    /// The bytes at a place; none past the end.
    pub fn get(self, place: usize) -> &'c [u8] {
        if place < self.len() {
            self.string(place).bytes()
        } else {
            &[]
        }
    }

    /// A string of these bytes: a share of the argument that they are, if they are one of the first.
    pub fn share_or_new(self, bytes: &[u8]) -> OwnedStr {
        let arg = (1..self.len().min(4)).map(|place| self.string(place));
        let same = arg.into_iter().find(|arg| std::ptr::eq(arg.bytes(), bytes));
        same.map_or_else(|| OwnedStr::new(bytes), Str::share)
    }

    /// Runs `f` with the pointers of these arguments, another name in the first one's place. Few are not worth memory
    /// of their own.
    pub(crate) fn with_name<R>(
        self,
        name: Str<'_>,
        f: impl FnOnce(&mut [*mut raw::RedisModuleString]) -> R,
    ) -> R {
        let mut few = [null_mut(); 8];
        let mut many = Vec::new();
        let pointers = match few.get_mut(..self.len()) {
            Some(few) => {
                few.copy_from_slice(self.0);
                few
            }
            None => {
                many.extend_from_slice(self.0);
                &mut many
            }
        };
        if let Some(first) = pointers.first_mut() {
            *first = name.raw;
        }
        f(pointers)
    }

    /// The bytes from a place on.
    pub fn from(self, place: usize) -> impl Iterator<Item = &'c [u8]> {
        (place..self.len()).map(move |place| self.get(place))
    }
}

#[cfg(test)]
mod tests;

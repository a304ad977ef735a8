//! What a key of the server's own holds.

use std::ffi::{c_int, c_long};

use mylog_core::value::Kind;
use redis_module::raw;

use super::key::{Contents, Key};
use super::scan::Found;
use crate::string::OwnedStr;
use crate::{Refused, api, ok};

impl Key<'_> {
    /// The type of a value of the server's own that has a durable form.
    pub fn native_kind(&self) -> Option<Kind> {
        // SAFETY: the handle is null or open; the call allows both.
        match unsafe { api!(RedisModule_KeyType)(self.raw()) } as isize {
            raw::REDISMODULE_KEYTYPE_STRING => Some(Kind::Str),
            raw::REDISMODULE_KEYTYPE_HASH => Some(Kind::Hash),
            raw::REDISMODULE_KEYTYPE_LIST => Some(Kind::List),
            raw::REDISMODULE_KEYTYPE_SET => Some(Kind::Set),
            raw::REDISMODULE_KEYTYPE_ZSET => Some(Kind::ZSet),
            _ => None,
        }
    }

    /// What a walk finds in it.
    pub(crate) fn found(&self) -> Found {
        match (self.native_kind(), self.contents()) {
            (Some(kind), _) => Found::Native(kind),
            (None, Contents::Ours(..)) => Found::Durable,
            _ => Found::Other,
        }
    }

    /// Number of elements, fields or members; of a string its bytes.
    pub fn native_len(&self) -> usize {
        // SAFETY: the handle is null or open; the call allows both.
        unsafe { api!(RedisModule_ValueLength)(self.raw()) }
    }

    /// The bytes of a native string; `None` for another value.
    pub fn native_string(&self) -> Option<Vec<u8>> {
        if self.native_kind() != Some(Kind::Str) {
            return None;
        }
        let mut len = 0;
        // SAFETY: the handle is open and holds a string; its bytes are copied before anything else is done.
        unsafe {
            let start = api!(RedisModule_StringDMA)(self.raw(), &mut len, raw::REDISMODULE_READ as c_int);
            (!start.is_null()).then(|| std::slice::from_raw_parts(start.cast::<u8>(), len).to_vec())
        }
    }

    /// An element of a native list; `None` past its end and for another value. One behind the other costs the same
    /// for each.
    pub fn native_element(&self, index: usize) -> Option<OwnedStr> {
        let index = c_long::try_from(index).ok()?;
        // SAFETY: the handle is null or open; for all but a list and an index in it the call gives null. No
        // automatic memory: the string is ours.
        unsafe { OwnedStr::from_raw(api!(RedisModule_ListGet)(self.raw(), index)) }
    }

    /// Takes the key away, and lets another thread give back what is large.
    pub fn unlink(&self) -> Result<(), Refused> {
        const CALL: &str = "RedisModule_UnlinkKey";
        let key = self.to_change(CALL)?;
        // SAFETY: the handle is open, to write or it is refused, and is left empty, ready for a new value.
        ok(unsafe { api!(RedisModule_UnlinkKey)(key) }, CALL)
    }
}

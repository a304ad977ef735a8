//! A user, for as long as it is asked about.

use redis_module::raw;

use crate::api;

/// The handle of one.
pub(crate) struct User(pub(crate) *mut raw::RedisModuleUser);

impl Drop for User {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, freed once; the user itself stays.
        unsafe { api!(RedisModule_FreeModuleUser)(self.0) };
    }
}

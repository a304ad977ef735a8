//! What the server says of itself in a section of INFO: for what no call and no event tells.

use std::ffi::{CStr, CString};

use redis_module::raw;

use crate::{Ctx, api};

/// One section. Making it costs the server some 10 to 100 us.
pub struct ServerInfo<'c> {
    ctx: Ctx<'c>,
    raw: *mut raw::RedisModuleServerInfoData,
}

impl<'c> Ctx<'c> {
    /// Asks for a section. The section of a module runs its callback: never ask for ours.
    pub fn server_info(self, section: &CStr) -> ServerInfo<'c> {
        // SAFETY: the context is alive, the name ends with NUL; what comes back is freed by `drop`.
        let raw = unsafe { api!(RedisModule_GetServerInfo)(self.raw(), section.as_ptr()) };
        ServerInfo { ctx: self, raw }
    }
}

impl ServerInfo<'_> {
    /// The text of a field; `None` if the section has none of that name.
    pub fn text(&self, field: &str) -> Option<&str> {
        let field = CString::new(field).ok()?;
        // SAFETY: the section is alive, the name ends with NUL; the text lives as long as the section.
        unsafe {
            let text = api!(RedisModule_ServerInfoGetFieldC)(self.raw, field.as_ptr());
            if text.is_null() {
                return None;
            }
            CStr::from_ptr(text).to_str().ok()
        }
    }

    /// The number in a field; 0 if there is none.
    pub fn number(&self, field: &str) -> u64 {
        self.text(field).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl Drop for ServerInfo<'_> {
    fn drop(&mut self) {
        // SAFETY: given by the server to `server_info`, freed once, with the context it was asked with.
        unsafe { api!(RedisModule_FreeServerInfo)(self.ctx.raw(), self.raw) }
    }
}

//! A setting of the server that is another one for a while: what the user has set is kept, and put back.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use module_api::own_context;
use module_api::server::server_settings;

/// A setting that can be set aside.
pub(super) struct SetAside {
    name: &'static CStr,
    /// The user's value, while it is set aside.
    kept: Gil<Option<Vec<u8>>>,
    is_aside: AtomicBool,
}

/// The module is setting one: that is no change by the user.
static SETTING: AtomicBool = AtomicBool::new(false);

impl SetAside {
    pub(super) const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            kept: Gil::new(None),
            is_aside: AtomicBool::new(false),
        }
    }

    pub(super) fn is_aside(&self) -> bool {
        self.is_aside.load(Ordering::Relaxed)
    }

    /// Replaces the user's value by `instead`, unless the setting has that value already.
    pub(super) fn set_aside(&self, instead: &[u8]) {
        if let Some(own) = server_settings::text(self.name).filter(|own| own != instead) {
            self.kept.with(|kept| *kept = Some(own));
            self.is_aside.store(true, Ordering::Relaxed);
            set(self.name, instead);
        }
    }

    /// Puts the user's value back.
    pub(super) fn put_back(&self) {
        if !self.is_aside() {
            return;
        }
        if let Some(own) = self.kept.with(Option::take) {
            self.is_aside.store(false, Ordering::Relaxed);
            set(self.name, &own);
        }
    }

    /// For INFO: the setting's name and the user's value, if that is set aside.
    pub(super) fn tell(&self) -> Option<String> {
        let own = self.kept.with(|kept| kept.clone())?;
        Some(format!(
            "{}={}",
            self.name.to_string_lossy(),
            String::from_utf8_lossy(&own)
        ))
    }
}

fn set(name: &CStr, value: &[u8]) {
    SETTING.store(true, Ordering::Relaxed);
    if let Some(ctx) = own_context() {
        ctx.call(c"CONFIG", "", &[b"SET", name.to_bytes(), value]);
    }
    SETTING.store(false, Ordering::Relaxed);
}

/// True while a change of the configuration is the module's own.
pub(super) fn is_own_change() -> bool {
    SETTING.load(Ordering::Relaxed)
}

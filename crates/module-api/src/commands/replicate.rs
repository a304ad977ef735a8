//! What goes to replicas and into the server's AOF. Called twice for one change, it is sent twice.

use std::ffi::CStr;

use super::spelling;
use crate::server::config::c_text;
use crate::string::ArgVector;
use crate::{Ctx, api};

impl Ctx<'_> {
    /// Sends the command as the client sent it. The server drops it where nothing is propagated.
    pub fn replicate_verbatim(self) {
        // SAFETY: the context is alive. The status is always OK.
        unsafe { api!(RedisModule_ReplicateVerbatim)(self.raw()) };
    }

    /// Sends this command instead. A refusal means an unknown command: the name is ours, so there is none.
    pub fn replicate(self, command: &CStr, args: &[&[u8]]) {
        self.replicate_strings(command, &ArgVector::new(args));
    }

    /// As `replicate`, of strings that are made already.
    pub fn replicate_strings(self, command: &CStr, args: &ArgVector) {
        // One of the server's own may have another spelling. Those that are sent have a form of ours.
        let spelt = spelling::of(command)
            .unwrap_or_else(|| c_text(&format!("MYLOG.{}", command.to_string_lossy())).into());
        let command = spelt.as_ref();
        let (ctx, name, replicate) = (self.raw(), command.as_ptr(), api!(RedisModule_Replicate));
        // SAFETY: context, name and strings are alive, and are only read. Each `s` takes a string; `v` takes a vector
        // and its length as size_t, and costs the server one more block of memory.
        unsafe {
            match *args.raw() {
                [a] => replicate(ctx, name, c"s".as_ptr(), a),
                [a, b] => replicate(ctx, name, c"ss".as_ptr(), a, b),
                [a, b, c] => replicate(ctx, name, c"sss".as_ptr(), a, b, c),
                [a, b, c, d] => replicate(ctx, name, c"ssss".as_ptr(), a, b, c, d),
                ref many => replicate(ctx, name, c"v".as_ptr(), many.as_ptr(), many.len()),
            }
        };
    }

    /// Sends what was replicated in a callback that leaves its client waiting for a key. 7.0 does that only for
    /// one that lets the client go, and ends itself later if anything is left; any call that may replicate does it.
    pub fn send_replicated(self) {
        if !Ctx::hears_unit_ends() && self.call(c"PING", "!", &[]).is_none() {
            // PING was renamed. A command of ours can't be.
            self.call(c"MYLOG.STRLEN", "!", &[b""]);
        }
    }
}

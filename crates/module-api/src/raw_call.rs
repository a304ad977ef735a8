//! How a function of the API is called that the server may lack, and what its answer is.

/// A function pointer that every supported server fills.
macro_rules! api {
    ($name:ident) => {
        match $crate::raw_call::later!($name) {
            Some(function) => function,
            None => $crate::raw_call::missing(stringify!($name)),
        }
    };
}

/// A function pointer that only later servers fill.
macro_rules! later {
    ($name:ident) => {{
        #[allow(unused_unsafe, reason = "used inside and outside of unsafe blocks")]
        // SAFETY: the pointers are written once, by RedisModule_Init, before anything else of the API runs.
        let function = unsafe { redis_module::raw::$name };
        function
    }};
}

pub(crate) use {api, later};

/// The answer of a call that can fail for one reason only, or whose reason the server does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server refused {call}")]
pub struct Refused {
    /// The API function.
    pub call: &'static str,
}

/// Turns REDISMODULE_OK and REDISMODULE_ERR into a result.
pub(crate) fn ok(status: std::ffi::c_int, call: &'static str) -> Result<(), Refused> {
    if status == 0 {
        Ok(())
    } else {
        Err(Refused { call })
    }
}

/// The end of the process for want of an API function: only reached if `server::lacks` was not asked.
pub(crate) fn missing(name: &str) -> ! {
    // The log itself may be what is missing.
    let message = format!("mylog: this server has no {name}, Redis 7.0 or later is needed\n");
    // SAFETY: the buffer is alive and of that length. The result does not matter: the process ends.
    unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
    std::process::abort()
}

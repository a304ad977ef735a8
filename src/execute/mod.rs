//! A running command of the module: its keys, its effect, its reply.

#![forbid(unsafe_code)]

pub(crate) mod blocking_pops;
pub(crate) mod invocation;
pub(crate) mod native_fallback;
pub(crate) mod open_key;
pub(crate) mod permission;
pub(crate) mod run;
pub(crate) mod twins;

//! What is captured, refused, or left alone.

pub(crate) mod capture;
pub(crate) mod captured_keys;
pub(crate) mod captured_names;
pub(crate) mod exclusions;
pub(crate) mod merely_loaded;
pub(crate) mod migrate;
pub(crate) mod renamed_commands;
pub(crate) mod unrouted;

//! Commands: their tables, their callers and arguments, what they call, and the filter before them.

pub mod acl;
pub mod arguments;
pub mod command;
pub mod command_keys;
pub mod entry;
pub mod filter;
pub mod replicate;
pub mod reply;
pub mod rm_call;
pub mod spec;
pub mod spelling;
pub mod table_words;

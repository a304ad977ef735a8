//! Error texts that several commands have in common.

use std::ffi::CStr;

use crate::acks::reply::{Reply, Unchanged, WrongType};

pub(crate) const SYNTAX: Unchanged = Unchanged(Reply::error(c"ERR syntax error"));
pub(crate) const NOT_AN_INTEGER: Unchanged =
    Unchanged(Reply::error(c"ERR value is not an integer or out of range"));
pub(crate) const NOT_POSITIVE: &CStr = c"ERR value is out of range, must be positive";
pub(crate) const NOT_A_FLOAT: Unchanged = Unchanged(Reply::error(c"ERR value is not a valid float"));
pub(crate) const OVERFLOW: Unchanged = Unchanged(Reply::error(c"ERR increment or decrement would overflow"));
pub(crate) const TOO_LONG: Unchanged = Unchanged(Reply::error(
    c"ERR string exceeds maximum allowed size (proto-max-bulk-len)",
));
pub(crate) const NOT_FINITE: Unchanged =
    Unchanged(Reply::error(c"ERR increment would produce NaN or Infinity"));
/// For a key of another type.
pub(crate) const WRONG_TYPE: Unchanged = Unchanged(Reply::WrongType(WrongType::Plain));
/// The same, as LCS words it.
pub(crate) const NOT_STRINGS: Unchanged = Unchanged(Reply::WrongType(WrongType::NotStrings));
/// For a command that runs before the log was opened.
pub(crate) const NOT_STARTED: Unchanged = Unchanged(Reply::error(c"MYLOGDOWN the engine has not started"));
pub(crate) const NOT_RUN: Reply = Reply::error(c"ERR the server did not run the native command");

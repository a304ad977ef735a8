//! MYLOG.RELEASE.

pub(crate) mod command;
pub(crate) mod meanwhile;

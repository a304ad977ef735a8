//! MYLOG.ADOPT.

pub(crate) mod changes;
pub(crate) mod command;
pub(crate) mod crashes;
pub(crate) mod rdb;

//! MYLOG.REWRITE.

pub(crate) mod child_faults;
pub(crate) mod child_misbehaves;
pub(crate) mod child_under_load;
pub(crate) mod ends;
pub(crate) mod neighbours;
pub(crate) mod rewrites;
pub(crate) mod room;
pub(crate) mod schedule;

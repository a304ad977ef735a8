//! One command of ours.

pub(crate) mod twins;

//! RESTORE of what a client made up, and of what DUMP gave.

pub mod broken;
mod fuzz;
mod kept;

//! An end of a list.

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where index 0 is.
    Head,
    /// The other one.
    Tail,
}

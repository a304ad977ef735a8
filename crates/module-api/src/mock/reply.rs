//! A piece of a reply.

/// A piece of a reply, as it was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// An integer.
    Int(i64),
    /// A status line.
    Simple(String),
    /// An error.
    Error(String),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Null.
    Null,
    /// Null where an array would be.
    NullArray,
    /// A double.
    Double(f64),
    /// The head of an array.
    Array(i64),
    /// The head of a map.
    Map(i64),
    /// The head of a set.
    Set(i64),
    /// The reply of a command that was called, as the server encoded it.
    Called(Vec<u8>),
}

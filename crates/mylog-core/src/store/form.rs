//! How a string came to be what it is. The server tells of it by `OBJECT ENCODING`; no log has it, since whoever loads
//! a string writes it as a whole.

/// How a string was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// As a whole.
    #[default]
    Whole,
    /// As a whole, and as text even if it is an integer.
    Text,
    /// In place: the server gives such a string a block of its own, with room to grow.
    Grown,
}

impl Form {
    /// Two bits.
    pub(super) fn bits(self) -> u16 {
        match self {
            Self::Whole => 0,
            Self::Text => 1,
            Self::Grown => 2,
        }
    }

    /// Of what [`Form::bits`] gave.
    pub(super) fn of_bits(bits: u16) -> Self {
        match bits {
            1 => Self::Text,
            2 => Self::Grown,
            _ => Self::Whole,
        }
    }
}

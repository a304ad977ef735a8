//! Trouble with the log as data: what failed, with which errno, and what ends it. It must not decide anything.

use super::file::TaintStage;

/// What kind of trouble the log is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Writes fail, on a full disk for example. The groups are kept and tried again each second.
    Write,
    /// The live name no longer leads to the writer's file. Looked at again each second; ended by the file's
    /// return, or by the switch to a new file.
    Displaced,
    /// The file must not be used any more; only the switch to a new file ends it.
    Tainted(TaintStage),
}

/// Why the log does not make progress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What kind of trouble.
    pub kind: FailureKind,
    /// The errno, 0 if there was none.
    pub errno: i32,
    /// Nothing after this seq is known to be on disk.
    pub durable_seq: u64,
    /// One sentence for the log and for clients, with file, offset or seq, and what to do.
    pub text: String,
}

/// State of writing, and of syncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ok,
    /// It fails for now, with this errno; tried again each second.
    Failing(i32),
    /// Never tried again on this file, because of this errno; a switch to a new file ends it.
    Tainted(i32),
}

impl Health {
    pub(crate) fn to_bits(self) -> u64 {
        let (tag, errno) = match self {
            Self::Ok => (0, 0),
            Self::Failing(errno) => (1, errno),
            Self::Tainted(errno) => (2, errno),
        };
        (tag << 32) | u64::from(errno as u32)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        let errno = bits as u32 as i32;
        match bits >> 32 {
            0 => Self::Ok,
            1 => Self::Failing(errno),
            _ => Self::Tainted(errno),
        }
    }
}

/// Whether the log needs a new file, made from memory, and whether its folder takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healing {
    /// The file will do, now or when the disk works again.
    NotNeeded,
    /// Only a new file helps, but none can be made now. Looked at again each second.
    Waiting,
    /// Only a new file helps, and the folder takes one. Whether it has room is another question.
    Ready,
}

impl Healing {
    pub(crate) fn to_bits(self) -> u8 {
        match self {
            Self::NotNeeded => 0,
            Self::Waiting => 1,
            Self::Ready => 2,
        }
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::NotNeeded,
            1 => Self::Waiting,
            _ => Self::Ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healing_survives_as_bits() {
        for healing in [Healing::NotNeeded, Healing::Waiting, Healing::Ready] {
            assert_eq!(Healing::from_bits(healing.to_bits()), healing);
        }
    }

    #[test]
    fn health_keeps_its_errno_as_bits() {
        for health in [
            Health::Ok,
            Health::Failing(28),
            Health::Tainted(5),
            Health::Tainted(-1),
        ] {
            assert_eq!(Health::from_bits(health.to_bits()), health);
        }
    }
}

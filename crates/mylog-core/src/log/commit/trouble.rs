//! The writer's trouble with the log, by what can end it.

use super::super::file::Taint;

/// What keeps the log from making progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing does.
    None,
    /// A write failed with this errno. The writer tries again.
    Write(i32),
    /// The live path no longer leads to the file; the errno of the attempt.
    Displaced(i32),
    /// The file is never touched again: only a new file ends it.
    Tainted(Taint),
}

//! A sync under way.

/// A sync that runs beside the writer.
pub(super) struct Flight {
    /// Last seq in the file as it began: it proves nothing of what came later.
    pub(super) seq: u64,
    /// False once the log is another file: how it ends is of no interest then.
    pub(super) current: bool,
    /// When the first group that was written since it began was submitted.
    pub(super) behind: Option<u64>,
}

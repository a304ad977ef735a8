//! What the child says on its way up, held to the protocol: it asks once for the end of the stream and, after
//! the answer, reports once. Whatever else comes is not from a child in its right mind: its file must not
//! become the log, and what it sends must not be kept.

use super::wire::{REPORT_BYTES, Report, STOP};

/// What the bytes so far amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing new.
    Nothing,
    /// It asks for the end of the stream: to be answered, and [`AckUp::answered`] to be told.
    Asks,
    /// Its file is finished.
    Reports(Report),
}

/// The child broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Garbled {
    /// Something else than the question.
    #[error(
        "the child sent {len} bytes beginning with {first:#04x} where it was to ask for the end of the stream"
    )]
    Question {
        /// The first byte.
        first: u8,
        /// How many came.
        len: usize,
    },
    /// More came before the question was answered.
    #[error("the child went on before its question was answered")]
    Unanswered,
    /// Something else than a report.
    #[error("the child sent something else than a report, beginning with {first:#04x}")]
    NoReport {
        /// The first byte.
        first: u8,
    },
    /// A report of another state than the one it was told to end with.
    #[error("the child reports a file as of seq {reported}, the stream ended at {h}")]
    BaseSeq {
        /// What the report says.
        reported: u64,
        /// What the answer said.
        h: u64,
    },
    /// Something came after the report.
    #[error("the child went on after its report")]
    Beyond,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Writing,
    Asked,
    /// The answer was this `H`.
    Answered(u64),
    Reported,
}

/// The parent's end of the ack pipe, without the pipe.
#[derive(Debug)]
pub struct AckUp {
    stage: Stage,
    /// The beginning of a report; shorter than [`REPORT_BYTES`].
    report: Vec<u8>,
}

impl Default for AckUp {
    fn default() -> Self {
        Self {
            stage: Stage::Writing,
            report: Vec::new(),
        }
    }
}

impl AckUp {
    /// Takes in what was read. After an error the child is to be given up.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Said, Garbled> {
        let Some(&first) = bytes.first() else {
            return Ok(Said::Nothing);
        };
        match self.stage {
            Stage::Writing if bytes == [STOP] => {
                self.stage = Stage::Asked;
                Ok(Said::Asks)
            }
            Stage::Writing => Err(Garbled::Question {
                first,
                len: bytes.len(),
            }),
            Stage::Asked => Err(Garbled::Unanswered),
            Stage::Answered(h) => self.take_report(bytes, h),
            Stage::Reported => Err(Garbled::Beyond),
        }
    }

    fn take_report(&mut self, bytes: &[u8], h: u64) -> Result<Said, Garbled> {
        let room = REPORT_BYTES - self.report.len();
        self.report.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room {
            return Err(Garbled::Beyond);
        }
        let first = self.report.first().copied().unwrap_or_default();
        if !Report::may_begin_with(first) {
            return Err(Garbled::NoReport { first });
        }
        match Report::decode(&self.report) {
            None => Ok(Said::Nothing),
            Some(report) if report.base_seq == h => {
                self.stage = Stage::Reported;
                Ok(Said::Reports(report))
            }
            Some(report) => Err(Garbled::BaseSeq {
                reported: report.base_seq,
                h,
            }),
        }
    }

    /// The question was answered with this `H`.
    pub fn answered(&mut self, h: u64) {
        self.stage = Stage::Answered(h);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::FileId;

    fn report(base_seq: u64) -> Report {
        Report {
            base_seq,
            bytes: 100,
            file: FileId { dev: 1, ino: 2 },
            records: 3,
            entries: 4,
            absorbed: 5,
            emitted: 6,
            rounds: 7,
        }
    }

    fn answered(h: u64) -> AckUp {
        let mut up = AckUp::default();
        assert_eq!(up.push(b"!"), Ok(Said::Asks));
        up.answered(h);
        up
    }

    #[test]
    fn a_question_an_answer_and_a_report_in_any_pieces_are_the_protocol() {
        let bytes = report(9).encode();
        for cut in 0..=bytes.len() {
            let mut up = answered(9);
            let (head, tail) = bytes.split_at(cut);
            let said = [up.push(head), up.push(tail)];
            assert!(said.contains(&Ok(Said::Reports(report(9)))), "{cut}: {said:?}");
            assert_eq!(up.push(b""), Ok(Said::Nothing));
        }
    }

    #[test]
    fn whatever_else_a_child_says_is_seen_at_once() {
        let question = |bytes: &[u8]| AckUp::default().push(bytes);
        assert_eq!(question(b"x"), Err(Garbled::Question { first: b'x', len: 1 }));
        assert_eq!(question(b"!!"), Err(Garbled::Question { first: b'!', len: 2 }));
        assert!(
            question(&report(9).encode()).is_err(),
            "a report before the question"
        );
        let mut up = AckUp::default();
        up.push(b"!").unwrap();
        assert_eq!(up.push(b"!"), Err(Garbled::Unanswered));
        assert_eq!(answered(9).push(b"!"), Err(Garbled::NoReport { first: b'!' }));
        assert_eq!(
            answered(9).push(&report(8).encode()),
            Err(Garbled::BaseSeq { reported: 8, h: 9 })
        );
        let mut longer = report(9).encode();
        longer.push(0);
        assert_eq!(answered(9).push(&longer), Err(Garbled::Beyond));
        let mut up = answered(9);
        up.push(&report(9).encode()).unwrap();
        assert_eq!(up.push(b"R"), Err(Garbled::Beyond));
    }

    #[test]
    fn nothing_of_an_endless_babble_is_kept() {
        let mut up = answered(9);
        for _ in 0..1000 {
            let _ = up.push(&[b'R'; 1000]);
        }
        assert!(up.report.len() <= REPORT_BYTES);
    }
}

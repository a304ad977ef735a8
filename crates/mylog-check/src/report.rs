//! What is printed: a line a section and a verdict, or the same as JSON.

use std::fmt::Write;
use std::path::PathBuf;

use mylog_core::log::damage::Verdict;
use mylog_core::log::scan::Scan;
use mylog_core::log::summary::Summary;
use serde_json::{Value, json};

use crate::exit_status::{CLEAN, CORRUPT_OR_ERROR, TORN};

/// The outcome of a check.
pub struct Report {
    /// The log file.
    pub file: PathBuf,
    /// What it is worth, or why it could not be read, with its name.
    pub outcome: Result<Scan, String>,
}

impl Report {
    /// Exit status of the process.
    pub fn status(&self) -> u8 {
        match self.outcome.as_ref().map(|scan| &scan.verdict) {
            Ok(Verdict::Eof { .. }) => CLEAN,
            Ok(Verdict::Torn(_)) => TORN,
            Ok(Verdict::Corrupt(_)) | Err(_) => CORRUPT_OR_ERROR,
        }
    }

    /// Lines for people. Empty for a failure, which is an error message.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if let Ok(scan) = &self.outcome {
            // Writing to a String can't fail.
            let _ = write_text(&mut out, scan);
        }
        out
    }

    /// One JSON object and a line end.
    pub fn json(&self) -> String {
        let mut value = match &self.outcome {
            Ok(scan) => json_of(scan),
            Err(error) => json!({ "verdict": "error", "error": error }),
        };
        if let Value::Object(fields) = &mut value {
            fields.insert("file".to_owned(), json!(self.file.to_string_lossy()));
            fields.insert("exit".to_owned(), json!(self.status()));
        }
        format!("{value}\n")
    }
}

fn write_text(out: &mut String, scan: &Scan) -> std::fmt::Result {
    match &scan.summary {
        None => writeln!(out, "header: unusable")?,
        Some(summary) => write_sections(out, summary)?,
    }
    match &scan.verdict {
        Verdict::Eof { zeros: 0 } => writeln!(out, "ok"),
        Verdict::Eof { zeros } => writeln!(out, "ok, with {zeros} bytes of zeros after the last frame"),
        Verdict::Torn(torn) => writeln!(out, "{torn}"),
        Verdict::Corrupt(corrupt) => writeln!(out, "{corrupt}"),
    }
}

fn write_sections(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let Summary {
        identity,
        snapshot_records,
        groups,
        records,
        durable_seq,
        ..
    } = summary;
    writeln!(out, "header: uuid {}, epoch {}", uuid(summary), identity.epoch)?;
    let Some(end) = summary.snapshot_end else {
        return writeln!(
            out,
            "snapshot: {snapshot_records} records before the damage, no end record"
        );
    };
    writeln!(
        out,
        "snapshot: {snapshot_records} records, {} keys, {} bytes, base_seq {}",
        end.keys, summary.snapshot_end_offset, end.base_seq
    )?;
    let seqs =
        first_and_last(summary).map_or(String::new(), |(first, last)| format!(", seq {first}..{last}"));
    let sealed = if summary.sealed { "sealed" } else { "not sealed" };
    writeln!(
        out,
        "data: {groups} groups, {records} records{seqs}, durable_seq {durable_seq}, {sealed}"
    )
}

/// Seqs of the first and the last record after the snapshot.
fn first_and_last(summary: &Summary) -> Option<(u64, u64)> {
    let end = summary.snapshot_end.filter(|_| summary.records > 0)?;
    Some((end.base_seq + 1, summary.next_seq - 1))
}

fn uuid(summary: &Summary) -> String {
    summary
        .identity
        .uuid
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn json_of(scan: &Scan) -> Value {
    let (verdict, detail) = match &scan.verdict {
        Verdict::Eof { zeros } => ("ok", json!({ "zeros": zeros })),
        Verdict::Torn(torn) => (
            "torn",
            json!({
                "offset": torn.offset, "bytes": torn.bytes, "frames": torn.frames, "records": torn.records,
                "seq": torn.seq, "reason": torn.reason.to_string(),
            }),
        ),
        Verdict::Corrupt(corrupt) => (
            "corrupt",
            json!({
                "offset": corrupt.offset, "reason": corrupt.reason.to_string(),
                "first_lost_seq": corrupt.lost.as_ref().map(|lost| *lost.start()),
                "last_lost_seq": corrupt.lost.as_ref().map(|lost| *lost.end()),
                "resync": corrupt.resync,
            }),
        ),
    };
    let mut value = json!({ "verdict": verdict, "detail": detail });
    if let (Some(summary), Value::Object(fields)) = (&scan.summary, &mut value) {
        fields.insert(
            "header".to_owned(),
            json!({ "uuid": uuid(summary), "epoch": summary.identity.epoch, "bytes": summary.file_len }),
        );
        fields.insert(
            "snapshot".to_owned(),
            json!({
                "records": summary.snapshot_records, "bytes": summary.snapshot_end_offset,
                "keys": summary.snapshot_end.map(|end| end.keys),
                "base_seq": summary.snapshot_end.map(|end| end.base_seq),
            }),
        );
        let seqs = first_and_last(summary);
        fields.insert(
            "data".to_owned(),
            json!({
                "groups": summary.groups, "records": summary.records, "first_seq": seqs.map(|s| s.0),
                "last_seq": seqs.map(|s| s.1), "durable_seq": summary.durable_seq, "sealed": summary.sealed,
                "end": summary.end,
            }),
        );
    }
    value
}

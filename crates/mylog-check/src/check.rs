//! Checking one log: opens it for reading only, and turns what the scan says into a report.

use std::path::Path;

use mylog_core::io::Fs;
use mylog_core::io::os::OsFs;
use mylog_core::log::names::CURRENT;
use mylog_core::log::scan::{Scan, scan};

use crate::records::Records;
use crate::report::Report;

/// Checks a log file, or the live file of a folder.
pub fn check(path: &Path) -> Report {
    let file = if path.is_dir() {
        path.join(CURRENT)
    } else {
        path.to_path_buf()
    };
    let outcome = read(&file).map_err(|error| format!("{}: {error}", file.display()));
    Report { file, outcome }
}

fn read(file: &Path) -> Result<Scan, String> {
    let open = OsFs
        .open_read(file)
        .map_err(|error| format!("opening: {error}{}", hint(file)))?;
    scan(open.as_ref(), &mut Records::new()).map_err(|error| error.to_string())
}

/// A folder that lost its live file still holds what may help.
fn hint(file: &Path) -> String {
    let Some(dir) = file.parent().filter(|_| file.ends_with(CURRENT)) else {
        return String::new();
    };
    let beside: Vec<String> = OsFs
        .list(dir)
        .unwrap_or_default()
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.contains(".mylog"))
        .collect();
    if beside.is_empty() {
        String::new()
    } else {
        format!("; beside it: {}", beside.join(", "))
    }
}

//! `mylog-check`: looks at the log of a mylog folder and says what it is worth. It never writes.
//!
//! Exit status: 0 clean, 1 torn, 2 corrupt or an error. Results go to stdout, errors to stderr.

mod args;
mod check;
mod exit_status;
mod records;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;

use args::Action;
use exit_status::{CLEAN, CORRUPT_OR_ERROR};

fn main() -> ExitCode {
    let action = match args::parse() {
        Ok(action) => action,
        Err(error) => {
            complain(&format!("{error}; run: mylog-check --help"));
            return CORRUPT_OR_ERROR.into();
        }
    };
    let mut status = CLEAN;
    let text = match action {
        Action::Help => args::HELP.to_owned(),
        Action::Version => format!("mylog-check {}\n", env!("CARGO_PKG_VERSION")),
        Action::Check { path, json } => {
            let report = check::check(&path);
            status = report.status();
            if let Err(error) = &report.outcome {
                complain(error);
            }
            if json { report.json() } else { report.text() }
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => status.into(),
        // Whoever reads us has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => CLEAN.into(),
        Err(error) => {
            complain(&format!("stdout: {error}"));
            CORRUPT_OR_ERROR.into()
        }
    }
}

fn complain(message: &str) {
    // Nobody is left to tell if stderr is gone too.
    let _ = writeln!(io::stderr().lock(), "mylog-check: {message}");
}

//! The command line, from words to an action.

use std::path::PathBuf;

use lexopt::prelude::*;

/// What `--help` prints.
pub const HELP: &str = "\
mylog-check looks at a mylog log and says what it is worth. It never writes.

usage: mylog-check check [--json] FILE-OR-FOLDER

  check      verify header, snapshot, frames and records; of a folder, its current.mylog
  --json     one JSON object instead of text
  --help     this text
  --version  the version

exit status: 0 clean; 1 torn: the tail can be cut off, nothing of it is known to have been
durable; 2 corrupt: something that was durable is damaged, or the check itself failed

The last group of a log that a server is writing to at this moment can look torn.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Print the help.
    Help,
    /// Print the version.
    Version,
    /// Check a log.
    Check {
        /// A log file, or the folder of one.
        path: PathBuf,
        /// Print JSON.
        json: bool,
    },
}

/// Reads the command line of this process.
pub fn parse() -> Result<Action, lexopt::Error> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut words: lexopt::Parser) -> Result<Action, lexopt::Error> {
    let (mut check, mut path, mut json) = (false, None, false);
    while let Some(word) = words.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Action::Help),
            Short('V') | Long("version") => return Ok(Action::Version),
            Long("json") => json = true,
            Value(command) if !check => {
                if command != "check" {
                    return Err(format!("no such command: {}", command.to_string_lossy()).into());
                }
                check = true;
            }
            Value(word) if path.is_none() => path = Some(PathBuf::from(word)),
            word => return Err(word.unexpected()),
        }
    }
    match path {
        Some(path) => Ok(Action::Check { path, json }),
        None if check => Err("check needs a file or a folder".into()),
        None => Err("no command given".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<Action, String> {
        parse_from(lexopt::Parser::from_args(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_may_stand_anywhere() {
        let want = Action::Check {
            path: "x".into(),
            json: true,
        };
        assert_eq!(words(&["check", "x", "--json"]).unwrap(), want);
        assert_eq!(words(&["--json", "check", "x"]).unwrap(), want);
        assert_eq!(words(&["check", "--help"]).unwrap(), Action::Help);
        assert_eq!(words(&["--version"]).unwrap(), Action::Version);
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        for (given, named) in [
            (&["repair", "x"][..], "repair"),
            (&["check"], "file or a folder"),
            (&[], "no command"),
            (&["check", "x", "y"], "y"),
            (&["check", "x", "--fix"], "--fix"),
        ] {
            let error = words(given).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}

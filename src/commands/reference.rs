//! Builds `docs/commands.md` from the tables: a test fails if the page is stale, and `make docs` writes it anew.

use std::fmt::Write as _;

use module_api::commands::arguments::{Arg, ArgKind};
use module_api::commands::spec::Spec;

use super::FAMILIES;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");

const HEAD: &str = "# Commands

Arguments, replies and errors are those of the native command of the same name, without `MYLOG.`. A captured native command
([capture.md](capture.md)) runs as the one here. A wrong number of arguments names the command as the client called it. This page is made
of the tables in `src/commands` (`make docs`).

`MYLOGDOWN` begins the error of a write that was refused: nothing has changed. `NOTDURABLE` begins the answer to a read whose value is
not known to be on disk while the log is in trouble (the log is down, or past `mylog.max-unsynced-age`).
";

const TAIL: &str = "
## Notes

* Commands about keys of any type run the native command on native keys, which INFO, MONITOR and SLOWLOG then show beside the
  `MYLOG.` one; on durable keys only the `MYLOG.` one is shown, also for a captured command.
* `MYLOG.WAIT` asks for a sync under every policy and waits for all earlier changes. The reply is the durable and the wanted seq.
  0 waits for ever, also while the log is down. After the timeout, or a `CLIENT UNBLOCK`, the reply says how far the log is. In
  MULTI and scripts the command replies at once.
* `MYLOG.REWRITE` compacts the log in the background. Without room on the disk the reply is `ERR Can't execute a log background
  rewriting: it needs about N bytes, M are free in DIR`.
* `MYLOG.ADOPT` and `MYLOG.RELEASE`: [capture.md](capture.md).
* `MYLOG.DEBUG` (with `enable-debug-command yes`): `DIGEST` and `REWRITE-PAUSE [stage|off]` are for tests, `COMMANDS` lists what
  becomes of each native command on captured keys.
";

/// The page as it follows from the tables.
fn page() -> String {
    let mut page = String::from(HEAD);
    for (title, specs) in FAMILIES {
        let _ = write!(
            page,
            "\n## {title}\n\n| command | | complexity | ACL categories |\n|---|---|---|---|\n"
        );
        for spec in specs {
            let _ = writeln!(page, "{}", row(spec));
        }
    }
    page.push_str(TAIL);
    page
}

fn row(spec: &Spec) -> String {
    let [name, summary, complexity] =
        [spec.name, spec.summary, spec.complexity].map(|text| text.to_string_lossy());
    let categories = spec.categories().into_iter().map(|name| format!("`@{name}`"));
    let categories: Vec<String> = categories.collect();
    let syntax = format!("{} {}", name.to_uppercase(), arguments(spec.args));
    format!(
        "| `{}` | {summary} | {complexity} | {} |",
        syntax.trim_end().replace('|', "\\|"),
        categories.join(" ")
    )
}

fn arguments(args: &[Arg]) -> String {
    args.iter().map(argument).collect::<Vec<String>>().join(" ")
}

/// The syntax of an argument, as in the documentation of Redis.
fn argument(arg: &Arg) -> String {
    let name = arg.name.to_string_lossy().replace('_', "-");
    let value = match arg.kind {
        ArgKind::Token => String::new(),
        ArgKind::OneOf(choices) => {
            let choices: Vec<String> = choices.iter().map(argument).collect();
            let choices = choices.join(" | ");
            if arg.is_optional() {
                choices
            } else {
                format!("<{choices}>")
            }
        }
        ArgKind::Block(parts) => arguments(parts),
        _ => name,
    };
    let token = arg.token.map(|token| token.to_string_lossy().into_owned());
    let mut text = match token {
        Some(token) if value.is_empty() => token,
        Some(token) => format!("{token} {value}"),
        None => value,
    };
    if arg.is_multiple() {
        text = format!("{text} [{text} ...]");
    }
    if arg.is_optional() {
        text = format!("[{text}]");
    }
    text
}

#[test]
fn the_page_of_commands_is_what_the_tables_say() {
    let page = page();
    if std::env::var_os("MYLOG_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    let first = page.lines().zip(written.lines()).find(|(now, then)| now != then);
    assert!(
        page == written,
        "docs/commands.md is stale: `make docs` writes it. First line that differs: {first:?}"
    );
}

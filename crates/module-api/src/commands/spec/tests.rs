//! What follows from a row of a table.

use super::*;
use crate::Ctx;
use crate::commands::entry::KeyPlace;
use crate::commands::table_words::{block, integer, one_of, string, token};
use crate::string::Args;

struct Nothing;

impl Command for Nothing {
    fn run(_ctx: Ctx<'_>, _args: Args<'_>) {}
}

struct TellsKeys;

impl Command for TellsKeys {
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> = Some(|_, _| Vec::new());
    fn run(_ctx: Ctx<'_>, _args: Args<'_>) {}
}

const COMMAND: Spec = Spec::of::<Nothing>(c"mylog.nothing");

#[test]
fn flags_and_categories_follow_from_what_is_said() {
    for (spec, flags, categories) in [
        (COMMAND.reads(), "readonly", "read slow"),
        (
            COMMAND.writes().deny_oom().fast(),
            "write deny-oom fast",
            "write fast",
        ),
        (COMMAND.reads().writes(), "write", "write slow"),
        (COMMAND.writes().reads(), "readonly", "read slow"),
        (COMMAND.reads().no_data().blocking(), "blocking", "slow blocking"),
        (COMMAND.writes().admin(), "write admin", "admin slow dangerous"),
        (
            COMMAND.no_auth().always().fast(),
            "fast no-auth allow-stale allow-loading",
            "fast",
        ),
        (
            Spec::of::<TellsKeys>(c"mylog.keys").reads(),
            "readonly getkeys-api",
            "read slow",
        ),
    ] {
        assert_eq!(
            (spec.flags().as_str(), spec.categories().join(" ").as_str()),
            (flags, categories)
        );
    }
}

#[test]
fn categories_of_data_are_between_the_access_and_the_speed() {
    let spec = COMMAND
        .reads()
        .in_categories(&["dangerous", "list", "set", "keyspace", "connection"]);
    assert_eq!(
        spec.categories().join(" "),
        "keyspace read set list slow dangerous connection"
    );
    let [one, other] = all_in(
        &["hash"],
        [COMMAND.writes(), COMMAND.reads().in_categories(&["list"])],
    );
    assert_eq!(one.categories(), ["write", "hash", "slow"]);
    assert_eq!(other.categories(), ["read", "list", "slow"]);
}

#[test]
fn the_number_of_arguments_follows_from_them() {
    const FIELD: Arg = string(c"field");
    const WORD: Arg = token(c"nx", c"NX");
    const CASES: &[(&[Arg], i32)] = &[
        (&[], 1),
        (&[KEY], 2),
        (&[KEY, FIELD, integer(c"by")], 4),
        (&[KEY, FIELD.multiple()], -3),
        (&[KEY, FIELD.optional()], -2),
        (&[KEY, WORD], 3),
        (&[KEY, FIELD.after(c"MATCH")], 4),
        (&[block(c"pair", &[KEY, FIELD]).multiple()], -3),
        (&[block(c"limit", &[FIELD, FIELD]).after(c"LIMIT")], 4),
        (&[block(c"pair", &[KEY, FIELD.optional()])], -2),
        (&[one_of(c"word", &[WORD, WORD])], 2),
        (&[one_of(c"either", &[FIELD.after(c"EX"), WORD])], -2),
        (&[one_of(c"either", &[WORD, FIELD.multiple()])], -2),
        (&[one_of(c"none", &[])], 1),
    ];
    for (args, arity) in CASES {
        assert_eq!(COMMAND.args(args).arity, *arity, "{args:?}");
    }
    assert_eq!(COMMAND.args(&[KEY]).arity(-7).arity, -7);
}

#[test]
fn a_command_that_writes_has_no_keys_before_they_are_said() {
    assert_eq!((COMMAND.reads().keys.len(), COMMAND.writes().keys.len()), (1, 0));
    assert_eq!(COMMAND.no_data().keys.len(), 0);
}

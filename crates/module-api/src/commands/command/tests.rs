//! Commands beside a server of the unit tests.

use super::*;
use crate::Ctx;
use crate::commands::entry::{Command, KeyPlace};
use crate::commands::table_words::{
    ADD, KEY, OVERWRITE, READ, arg, key_at, keys_counted_at, keys_from, token,
};
use crate::mock::{self, ArgSpec, KeyPlaces, KeySpec, Reply};
use crate::string::Args;

/// Answers with its arguments.
struct Echo;

impl Command for Echo {
    fn run(ctx: Ctx<'_>, args: Args<'_>) {
        args.from(1).for_each(|arg| ctx.reply_bulk(arg));
    }
}

/// Says that all of its arguments are keys.
struct AllKeys;

impl Command for AllKeys {
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> =
        Some(|_, args| (1..args.len()).map(|place| (place, READ)).collect());

    fn run(ctx: Ctx<'_>, _args: Args<'_>) {
        ctx.reply_null();
    }
}

/// Says that its second and third argument are keys, whether it has them or not.
struct TwoKeys;

impl Command for TwoKeys {
    const KEYS: Option<fn(Ctx<'_>, Args<'_>) -> Vec<KeyPlace>> = Some(|_, _| vec![(2, READ), (3, OVERWRITE)]);

    fn run(_ctx: Ctx<'_>, _args: Args<'_>) {}
}

const ECHO: Spec = Spec::of::<Echo>(c"mylog.echo")
    .writes()
    .deny_oom()
    .in_categories(&["string"])
    .keys(&[key_at(1, OVERWRITE), keys_counted_at(2, READ)])
    .args(&[
        KEY,
        arg(
            c"condition",
            ArgKind::OneOf(&[token(c"nx", c"NX"), token(c"xx", c"XX")]),
        )
        .optional(),
    ])
    .about(c"Says it again")
    .tips(c"request_policy:all_shards");

#[test]
fn the_server_is_told_all_of_a_command() {
    let server = mock::start();
    server.context().ctx().register_command(&ECHO).unwrap();
    let known = server.registered("mylog.echo").unwrap();
    assert_eq!(known.flags, "write deny-oom");
    assert_eq!(known.categories, "write string slow");
    assert_eq!((known.arity, known.range), (-2, (1, 1, 1)));
    assert_eq!(known.summary, "Says it again");
    assert_eq!(known.tips.as_deref(), Some("request_policy:all_shards"));
    let keys = [
        (OVERWRITE, KeyPlaces::Range(1, 0, 1)),
        (READ, KeyPlaces::Counted(2, 1)),
    ];
    let keys = keys.map(|(flags, place)| KeySpec {
        flags: u64::from(flags),
        place,
    });
    assert_eq!(known.keys, keys);
    let word = |name: &str, token: Option<&str>| ArgSpec {
        name: name.into(),
        token: token.map(Into::into),
        key: -1,
        flags: 0,
        inside: Vec::new(),
    };
    let condition = ArgSpec {
        flags: raw::REDISMODULE_CMD_ARG_OPTIONAL as i32,
        inside: vec![word("nx", Some("NX")), word("xx", Some("XX"))],
        ..word("condition", None)
    };
    let key = ArgSpec {
        key: 0,
        ..word("key", None)
    };
    assert_eq!(known.args, [key, condition]);
}

#[test]
fn the_range_of_keys_is_that_of_the_first_keys_that_are_not_counted() {
    let server = mock::start();
    let ctx = server.context();
    let specs: [(&CStr, &[Keys], _); 4] = [
        (c"mylog.none", &[], (0, 0, 0)),
        (c"mylog.counted", &[keys_counted_at(1, READ)], (0, 0, 0)),
        (c"mylog.rest", &[keys_from(1, 2, ADD)], (1, -1, 2)),
        (c"mylog.one", &[key_at(2, ADD), key_at(1, READ)], (2, 2, 1)),
    ];
    for (name, keys, range) in specs {
        let keys: &'static [Keys] = Box::leak(keys.iter().map(copy).collect());
        let spec = Spec::of::<Echo>(name).writes().keys(keys);
        ctx.ctx().register_command(&spec).unwrap();
        let name = name.to_str().unwrap();
        assert_eq!(server.registered(name).unwrap().range, range, "{name}");
    }
}

fn copy(keys: &Keys) -> Keys {
    Keys { ..*keys }
}

#[test]
fn a_command_runs_with_its_arguments() {
    let server = mock::start();
    let context = server.context();
    context.ctx().register_command(&ECHO).unwrap();
    assert!(server.run(&context, &[b"MYLOG.ECHO", b"a", b"", b"\0\n"]));
    let replies = [b"a".to_vec(), b"".to_vec(), b"\0\n".to_vec()].map(Reply::Bulk);
    assert_eq!(context.replies(), replies);
    assert!(!server.run(&context, &[b"MYLOG.OTHER"]));
    assert_eq!(server.strings_alive(), 0);
}

#[test]
fn a_command_that_tells_its_keys_does_not_run_where_it_is_asked_for_them() {
    let server = mock::start();
    let context = server.context();
    let spec = Spec::of::<AllKeys>(c"mylog.echo").reads();
    context.ctx().register_command(&spec).unwrap();
    assert_eq!(
        server.registered("mylog.echo").unwrap().flags,
        "readonly getkeys-api"
    );
    assert_eq!(
        server.keys_of(&[b"mylog.echo", b"a", b"b"]),
        [(1, READ as i32), (2, READ as i32)]
    );
    assert_eq!(context.replies(), []);
    server.run(&context, &[b"mylog.echo", b"a"]);
    assert_eq!(context.replies(), [Reply::Null]);
}

#[test]
fn the_server_is_told_of_no_key_behind_the_last_argument() {
    let server = mock::start();
    let spec = Spec::of::<TwoKeys>(c"mylog.echo");
    server.context().ctx().register_command(&spec).unwrap();
    assert_eq!(server.keys_of(&[b"mylog.echo"]), []);
    assert_eq!(server.keys_of(&[b"mylog.echo", b"a", b"b"]), [(2, READ as i32)]);
}

#[test]
fn what_the_server_refuses_is_named() {
    for call in [
        "RedisModule_CreateCommand",
        "RedisModule_GetCommand",
        "RedisModule_SetCommandInfo",
        "RedisModule_SetCommandACLCategories",
    ] {
        let server = mock::start();
        server.refuse(call);
        let refused = server.context().ctx().register_command(&ECHO);
        assert_eq!(refused, Err(Refused { call }));
    }
}

#[test]
fn a_server_without_categories_of_modules_takes_a_command_all_the_same() {
    let server = mock::start();
    assert!(has_categories());
    server.lack("RedisModule_SetCommandACLCategories");
    assert!(!has_categories());
    server.context().ctx().register_command(&ECHO).unwrap();
    assert_eq!(server.registered("mylog.echo").unwrap().categories, "");
}

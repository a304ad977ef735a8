//! Generic commands on durable keys: what a stock server does with native ones, and nothing else after a
//! kill -9 and a restart.

use super::generic_cases::{CASES, Case, Names, Place, Way, run};
use crate::support::keyspace::{all_is_written, durable, picture};
use crate::support::{Client, Entry, KeySpace, Server, wait_for};

const DATABASES: [(u32, u32); 2] = [(0, 3), (3, 0)];
const WAYS: [(Way, Names); 6] = [
    (Way::Plain, Names::Native),
    (Way::Multi, Names::Native),
    (Way::Lua, Names::Native),
    (Way::Plain, Names::Held),
    (Way::Multi, Names::Held),
    (Way::Lua, Names::Held),
];

#[test]
fn generic_commands_survive_kill9_under_always() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let model = Server::stock().start();
    all_cases(&server, &model);
    survives_kill9(&mut server, &model);
}

#[test]
fn generic_commands_survive_kill9_under_everysec() {
    let mut server = Server::build().mylog("appendfsync", "everysec").start();
    let model = Server::stock().start();
    all_cases(&server, &model);
    all_is_written(&mut server.client());
    survives_kill9(&mut server, &model);
}

#[test]
fn generic_commands_survive_a_rewrite_and_kill9() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let model = Server::stock().start();
    all_cases(&server, &model);
    let mut client = server.client();
    client.run("MYLOG.REWRITE");
    wait_for("the rewrite", || client.info_u64("mylog", "mylog_rewrites") == 1);
    survives_kill9(&mut server, &model);
}

#[test]
fn swapdb_survives_kill9_in_every_way() {
    for way in [Way::Plain, Way::Multi, Way::Lua] {
        let case = Case {
            name: "swapdb",
            setup: &["MYLOG.SET @a D1", "MYLOG.HSET @h D 1", "SET @n n"],
            act: &[
                "SET-D @before D1",
                "SWAPDB 0 3",
                "SET-D @a D2",
                "RENAME @h @x",
                "SWAPDB 5 0",
                "DEL @a",
                "SWAPDB 7 7",
            ],
        };
        alone(way, Names::Native, &case, &[]);
    }
}

#[test]
fn flushes_survive_kill9_in_every_way_where_the_policy_is_flush() {
    let flushes: &[&[&str]] = &[
        &["SET-D @a D2", "FLUSHDB", "SET-D @b D3"],
        &["FLUSHDB ASYNC", "SET-D @b D3"],
        &["FLUSHDB SYNC"],
        &["FLUSHALL", "SET-D @a D3"],
        &["FLUSHALL ASYNC", "HSET-D @a D3 1"],
        &["DEL @a", "FLUSHALL SYNC"],
        &["FLUSHALL", "SET-D @a D3", "FLUSHDB", "SET-D @b D4"],
    ];
    for (way, names) in WAYS {
        for act in flushes {
            let setup = &[
                "MYLOG.SET @a D1",
                "MYLOG.HSET @h D 1",
                "SET @n n",
                "COPY @a @a DB @other",
            ];
            alone(
                way,
                names,
                &Case {
                    name: "flush",
                    setup,
                    act,
                },
                &[("flush-policy", "flush")],
            );
        }
    }
}

#[test]
fn flushes_are_refused_where_the_policy_is_refuse() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("FLUSHALL");
    client.ok("SET n n");
    client.ok("FLUSHDB SYNC");
    assert_eq!(client.run("DBSIZE").int(), 0);
    client.ok("MYLOG.SET a D1");
    client.ok("SET n n");
    for (way, names) in WAYS {
        for line in ["FLUSHALL", "FLUSHALL ASYNC", "FLUSHDB", "flushdb sync"] {
            let place = Place {
                label: "x".into(),
                db: 0,
                other: 3,
            };
            let words = super::generic_cases::words(&mut client, &place, names, line);
            let replies = super::generic_cases::send(&mut client, way, &[words]);
            assert!(
                replies[0].is_error("ERR FLUSH"),
                "{way:?} {names:?} {line}: {replies:?}"
            );
            assert_eq!(client.run("DBSIZE").int(), 2, "{way:?} {names:?} {line}");
        }
    }
    client.ok("SELECT 3");
    client.ok("SET n n");
    client.ok("FLUSHDB");
    client.ok("SELECT 0");
    let before = durable(&picture(&mut client));
    server.kill9();
    server.restart();
    assert_eq!(picture(&mut server.client()), before);
}

/// Runs one case on servers of its own: what it does reaches every key.
fn alone(way: Way, names: Names, case: &Case, configs: &[(&str, &str)]) {
    let build = Server::build().mylog("appendfsync", "always");
    let build = configs
        .iter()
        .fold(build, |build, (name, value)| build.mylog(name, value));
    let (mut server, model) = (build.start(), Server::stock().start());
    for (db, other) in DATABASES {
        let place = Place {
            label: format!("{way:?} {names:?} {db}").replace(' ', "-"),
            db,
            other,
        };
        compared(
            &mut server.client(),
            &mut model.client(),
            &place,
            way,
            names,
            case,
        );
    }
    survives_kill9(&mut server, &model);
}

fn all_cases(server: &Server, model: &Server) {
    let (mut client, mut model) = (server.client(), model.client());
    for case in CASES {
        for (way, names) in WAYS {
            for (db, other) in DATABASES {
                let label = format!("{}/{way:?}/{names:?}/{db}", case.name).replace(' ', "-");
                let place = Place { label, db, other };
                compared(&mut client, &mut model, &place, way, names, case);
            }
        }
    }
}

/// Runs a case on both servers: their replies are the same.
fn compared(client: &mut Client, model: &mut Client, place: &Place, way: Way, names: Names, case: &Case) {
    let wanted = run(model, place, way, Names::Stock, case);
    let replies = run(client, place, way, names, case);
    assert_eq!(replies, wanted, "the replies of {} {:?}", place.label, case.act);
}

/// The key space is the model's, and its durable part is still there after a kill -9: that and nothing else.
pub(super) fn survives_kill9(server: &mut Server, model: &Server) {
    let mut client = server.client();
    let before = picture(&mut client);
    same_as_model(&before, &picture(&mut model.client()));
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    let mut client = server.client();
    let after = picture(&mut client);
    let before = durable(&before);
    for name in before.keys().chain(after.keys()) {
        assert_eq!(
            after.get(name),
            before.get(name),
            "{name:?} after the restart, and before"
        );
    }
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.info_u64("mylog", "mylog_keys"), before.len() as u64);
}

/// Ends that were given relative to now may differ by as much as the two servers were apart.
fn same_as_model(ours: &KeySpace, model: &KeySpace) {
    const APART_MS: i64 = 60_000;
    for name in ours.keys().chain(model.keys()) {
        let (Some(our), Some(native)) = (ours.get(name), model.get(name)) else {
            panic!(
                "{name:?} is {:?} here and {:?} in a stock server",
                ours.get(name),
                model.get(name)
            );
        };
        assert_eq!(our.kind, kind_here(native), "the type of {name:?}: {our:?}");
        assert_eq!(our.value, native.value, "{name:?}");
        let apart = (our.expire_at - native.expire_at).abs();
        assert!(
            apart == 0 || (native.expire_at > 0 && apart < APART_MS),
            "{name:?} ends {our:?}, not {native:?}"
        );
    }
}

/// In the cases, a durable value begins with a D.
fn kind_here(native: &Entry) -> &str {
    let durable = native.value.first().is_some_and(|part| part.starts_with(b"D"));
    match &*native.kind {
        "string" if durable => "mylog-str",
        "hash" if durable => "mylog-hsh",
        kind => kind,
    }
}

//! Servers that the tests have not met: a warning in the log, and README's table says which those are.

use std::fs;

use crate::support::Server;

type Version = (u32, u32);

fn numbers(version: &str) -> Version {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// The newest version of this name in the table: `| Redis | 8.6.3 | all | 0.1 |`.
fn newest(name: &str) -> Version {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let row = format!("| {name} | ");
    let versions = readme.lines().filter_map(|line| line.strip_prefix(&row));
    versions
        .map(|rest| numbers(rest.split(' ').next().unwrap()))
        .max()
        .unwrap()
}

#[test]
fn the_log_warns_of_a_server_that_is_newer_than_readme_s_table_and_of_no_other() {
    let server = Server::build().start();
    let info = server.client().info("server");
    let (name, version) = match info.get("valkey_version") {
        Some(version) => ("Valkey", version),
        None => ("Redis", &info["redis_version"]),
    };
    let warned = server.log().contains(&format!("<mylog> {name} "));
    assert_eq!(warned, numbers(version) > newest(name), "{name} {version}");
}

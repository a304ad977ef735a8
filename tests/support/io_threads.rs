//! Tests of the gate that run on one thread, and on four where the server has a gate beside I/O threads.

use super::client::Client;

/// True if replies wait in their clients' own buffers. With one thread they do on every server.
pub fn is_gated(client: &mut Client) -> bool {
    let gate = &client.info("mylog")["mylog_gate"];
    let server = client.info("server");
    let is_valkey = server.contains_key("valkey_version");
    let is_redis_8 = server["redis_version"].starts_with("8.");
    let threads = client.config("io-threads");
    let expected = threads == "1" || is_valkey || !is_redis_8;
    assert_eq!(gate == "on", expected, "{gate}, {threads} threads");
    expected
}

/// The I/O threads work however little there is to do. Redis 8 knows no other way.
pub fn set_to_work(client: &mut Client) {
    let ways = ["events-per-io-thread 0", "io-threads-always-active yes"];
    let known = ways.map(|way| client.run(&format!("CONFIG SET {way}")).is_ok());
    let is_valkey = client.info("server").contains_key("valkey_version");
    assert_eq!(known.contains(&true), is_valkey, "{known:?}");
}

/// Two tests for each function that takes a number of I/O threads.
macro_rules! on_one_and_on_four {
    ($($test:ident)*) => {
        mod on_one_thread {
            $(#[test]
            fn $test() {
                super::$test("1");
            })*
        }
        mod on_four_threads {
            $(#[test]
            fn $test() {
                super::$test("4");
            })*
        }
    };
}
pub(crate) use on_one_and_on_four;

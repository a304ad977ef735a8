//! Whether a server without the module can load an RDB that was made with it.

use std::fs;

use crate::support::Server;

/// True if a server without the module starts with the RDB of this one.
fn loads_elsewhere(server: &Server) -> bool {
    let rdb = |server: &Server| server.data_dir().join("dump.rdb");
    let mut stock = Server::stock().start();
    stock.kill9();
    fs::copy(rdb(server), rdb(&stock)).unwrap();
    match stock.try_restart() {
        Ok(()) => {
            assert_eq!(stock.client().run("GET native").text(), "v");
            true
        }
        Err(refused) => {
            assert!(refused.log.contains("mylog"), "{refused}");
            false
        }
    }
}

#[test]
fn an_rdb_is_for_servers_with_the_module_once_there_has_been_a_durable_key() {
    let mut server = Server::build().start();
    let mut client = server.client();
    client.ok("SET native v");
    client.ok("SAVE");
    let of_70 = client.info("server")["redis_version"].starts_with("7.0.");
    assert_eq!(loads_elsewhere(&server), !of_70);
    client.ok("MYLOG.SET durable v");
    client.ok("SAVE");
    assert!(!loads_elsewhere(&server));
    client.run("DEL durable");
    client.ok("SAVE");
    assert!(!loads_elsewhere(&server));
    // Also when it is the log alone that knows of it.
    assert!(server.term().success());
    server.restart();
    server.client().ok("SAVE");
    assert!(!loads_elsewhere(&server));
}

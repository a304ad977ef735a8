//! Filling a server with the keys that the load generator chooses from.

use crate::generator::{VALUE_BYTES, value};
use crate::support::client::encode;
use crate::support::{Client, Server};

/// Commands sent before their replies are read: far less than the socket buffers and the server take.
const BATCH: u64 = 500;

/// Writes `prefix000000000000` and on, `keys` of them, with one command for each.
pub fn fill(server: &Server, command: &str, prefix: &str, keys: u64) {
    let mut client = server.client();
    let mut random = fastrand::Rng::with_seed(2);
    let mut next = 0;
    while next < keys {
        let end = keys.min(next + BATCH);
        let mut bytes = Vec::new();
        for number in next..end {
            let key = format!("{prefix}{number:012}");
            encode([command, &key, &value(&mut random)], &mut bytes);
        }
        client.try_send_bytes(&bytes).expect("a live connection");
        for _ in next..end {
            let reply = client.recv();
            assert!(reply.is_ok(), "{command}: {reply:?}");
        }
        next = end;
    }
}

/// Fills the cache with native keys, the server's own way.
pub fn fill_cache(client: &mut Client, keys: u64) {
    client.ok(&format!("DEBUG POPULATE {keys} cache {VALUE_BYTES}"));
}

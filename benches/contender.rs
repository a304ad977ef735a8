//! The two that are compared, ours and the stock server with its AOF: how each is set up, written to and rewritten.

use std::path::Path;

use crate::support::artifacts::server_binary;
use crate::support::{Client, Server, ServerBuilder, leftovers, wait_for};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// The module, the server's own persistence off.
    Ours,
    /// The server with its AOF.
    Stock,
}

pub use Contender::{Ours, Stock};

impl Contender {
    /// A server that rewrites its log only when asked to.
    pub fn start(self, policy: &str) -> Server {
        self.build(&server_binary(), policy).start()
    }

    /// Settings of such a server, of a program of one's choice.
    pub fn build(self, binary: &Path, policy: &str) -> ServerBuilder {
        match self {
            Ours => Server::build()
                .binary(binary)
                .mylog("appendfsync", policy)
                .mylog("auto-rewrite-percentage", "0"),
            Stock => Server::stock()
                .binary(binary)
                .config("appendonly", "yes")
                .config("appendfsync", policy)
                .config("auto-aof-rewrite-percentage", "0"),
        }
    }

    /// The command that writes a key that survives.
    pub fn set(self) -> &'static str {
        match self {
            Ours => "MYLOG.SET",
            Stock => "SET",
        }
    }

    /// So often has that command run, or HSET in its place.
    pub fn sets(self, client: &mut Client) -> u64 {
        let names = match self {
            Ours => ["cmdstat_mylog.SET", "cmdstat_mylog.HSET"],
            Stock => ["cmdstat_set", "cmdstat_hset"],
        };
        let stats = client.info("commandstats");
        let lines = stats
            .iter()
            .filter(|(field, _)| names.iter().any(|name| field.eq_ignore_ascii_case(name)));
        let calls = lines.filter_map(|(_, line)| {
            line.strip_prefix("calls=")?
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        });
        calls.sum()
    }

    /// Asks for a rewrite; panics unless it starts at once.
    pub fn rewrite(self, client: &mut Client) {
        let text = client
            .run(match self {
                Ours => "MYLOG.REWRITE",
                Stock => "BGREWRITEAOF",
            })
            .text();
        assert!(
            text.ends_with("rewriting started") || text.ends_with("rewrite started"),
            "{text}"
        );
    }

    /// True until the rewrite has ended, well or not.
    pub fn rewriting(self, client: &mut Client) -> bool {
        match self {
            Ours => client.info_u64("mylog", "mylog_rewrite_in_progress") == 1,
            Stock => client.info_u64("persistence", "aof_rewrite_in_progress") == 1,
        }
    }

    /// How the last rewrite ended.
    pub fn rewrite_status(self, client: &mut Client) -> String {
        match self {
            Ours => {
                let info = client.info("mylog");
                match info["mylog_last_rewrite_status"].as_str() {
                    "ok" => "ok".to_owned(),
                    bad => format!("{bad}: {}", info["mylog_last_rewrite_error"]),
                }
            }
            Stock => client.info("persistence")["aof_last_bgrewrite_status"].clone(),
        }
    }

    /// Rewrites and waits for a good end.
    pub fn rewrite_and_wait(self, client: &mut Client) {
        self.rewrite(client);
        wait_for("the rewrite ends", || !self.rewriting(client));
        assert_eq!(self.rewrite_status(client), "ok");
    }

    /// Bytes of the log on disk, all of its files.
    pub fn log_bytes(self, server: &Server) -> u64 {
        let folder = match self {
            Ours => server.log_dir(),
            // Before Redis 7.0 the AOF was one file in the server's own folder.
            Stock if server.data_dir().join("appendonlydir").exists() => {
                server.data_dir().join("appendonlydir")
            }
            Stock => server.data_dir(),
        };
        let sizes = leftovers::files(&folder)
            .into_iter()
            .filter(|name| !name.ends_with('/'));
        sizes
            .filter_map(|name| folder.join(name).metadata().ok())
            .map(|file| file.len())
            .sum()
    }
}

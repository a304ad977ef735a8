//! Huge values and keyspaces, durable ones and native ones, in databases of one server.

use crate::scale::Scale;
use crate::support::client::encode;
use crate::support::{Client, Server};

/// Commands of a batch: far less than the socket buffers and the server take.
const BATCH: u64 = 500;
const FIELDS_A_COMMAND: u64 = 20;
const MEGABYTE: usize = 1 << 20;

/// What is huge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One hash.
    Hash,
    /// One string.
    Text,
    /// A keyspace of small strings.
    Keys,
}

/// Durable or native: each has a database of its own, and one for copies that are flushed.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Before each command's name.
    pub prefix: &'static str,
    /// Where the value lives.
    pub home: u32,
    /// Where copies go.
    pub spare: u32,
}

/// Values of this module.
pub const DURABLE: Kind = Kind {
    prefix: "MYLOG.",
    home: 1,
    spare: 3,
};
/// Values of the server itself.
pub const NATIVE: Kind = Kind {
    prefix: "",
    home: 2,
    spare: 4,
};

impl Kind {
    /// A client in the database of these values.
    pub fn client(self, server: &Server) -> Client {
        let mut client = server.client();
        client.ok(&format!("SELECT {}", self.home));
        client
    }

    /// Runs a command, written without the prefix; an error is what the server answered.
    pub fn run(self, client: &mut Client, line: &str) -> Result<(), String> {
        good(&format!("{}{line}", self.prefix), client)
    }
}

/// Runs a command; an error is what the server answered.
pub fn good(line: &str, client: &mut Client) -> Result<(), String> {
    let reply = client.run(line);
    if reply.is_error("") {
        Err(format!("`{line}` was answered: {}", reply.text()))
    } else {
        Ok(())
    }
}

/// Makes `key`, or for a keyspace the keys, which expire at `deadline` (Unix time in ms) if one is given.
pub fn build(
    shape: Shape,
    kind: Kind,
    client: &mut Client,
    scale: &Scale,
    key: &str,
    deadline: Option<u64>,
) -> Result<(), String> {
    let name = |command: &str| format!("{}{command}", kind.prefix);
    match shape {
        Shape::Hash => in_batches(client, scale.huge / FIELDS_A_COMMAND, BATCH / 10, |n| {
            let mut words = vec![name("HSET"), key.to_owned()];
            for field in n * FIELDS_A_COMMAND..(n + 1) * FIELDS_A_COMMAND {
                words.extend([format!("field:{field:012}"), format!("{field:010}")]);
            }
            words
        }),
        Shape::Text => in_batches(client, scale.huge_megabytes, 1, |_| {
            vec![name("APPEND"), key.to_owned(), "v".repeat(MEGABYTE)]
        }),
        Shape::Keys => in_batches(client, scale.huge, BATCH, |n| {
            let mut words = vec![name("SET"), format!("key:{n:012}"), format!("{n:010}")];
            if let Some(deadline) = deadline {
                words.extend(["PXAT".to_owned(), deadline.to_string()]);
            }
            words
        }),
    }
}

fn in_batches(
    client: &mut Client,
    commands: u64,
    batch: u64,
    command: impl Fn(u64) -> Vec<String>,
) -> Result<(), String> {
    let mut next = 0;
    while next < commands {
        let end = commands.min(next + batch);
        let mut bytes = Vec::new();
        for n in next..end {
            encode(command(n), &mut bytes);
        }
        client.try_send_bytes(&bytes).map_err(|why| why.to_string())?;
        for _ in next..end {
            let reply = client.try_recv().map_err(|why| why.to_string())?;
            if reply.is_error("") {
                return Err(reply.text());
            }
        }
        next = end;
    }
    Ok(())
}

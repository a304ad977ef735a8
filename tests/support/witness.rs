//! A client that remembers which of its replies acknowledge what, so that a trace can tell whether one left early.

use super::client::{Client, encode};
use super::reply::Reply;
use super::server::Server;
use super::slow_disk::words;
use super::trace::Trace;

/// One connection and the replies that it asked for.
pub struct Witness {
    client: Client,
    first: Reply,
    /// For each reply: what it acknowledges, as bytes of the last record of that change.
    expected: Vec<Option<String>>,
    unread: usize,
}

impl Witness {
    /// Connects. `name` is nobody else's.
    pub fn new(server: &Server, name: &str) -> Self {
        let mut client = server.client();
        let first = client.cmd(["ECHO", name]);
        client.ok(&format!("CLIENT SETNAME {name}"));
        Self {
            client,
            first,
            expected: vec![None, None],
            unread: 0,
        }
    }

    /// Sends lines in one write. A line that changes something durable comes with bytes of its record.
    pub fn send(&mut self, lines: &[(Vec<String>, Option<String>)]) {
        let mut bytes = Vec::new();
        for (line, marker) in lines {
            encode(line, &mut bytes);
            self.expected.push(marker.clone());
        }
        self.unread += lines.len();
        self.client.try_send_bytes(&bytes).expect("a live connection");
    }

    /// Reads the next reply, which is to be an error.
    pub fn read_error(&mut self) -> Reply {
        self.unread -= 1;
        let reply = self.client.recv();
        assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
        reply
    }

    /// Reads the next reply. Panics at an error.
    pub fn read(&mut self) -> Reply {
        self.unread -= 1;
        let reply = self.client.recv();
        let behind = self.unread;
        assert!(
            !matches!(reply, Reply::Error(_)),
            "{reply:?}, {behind} replies before {:?}",
            self.expected.last()
        );
        reply
    }

    /// Reads every reply that is still to come, and returns the last.
    pub fn read_all(&mut self) -> Reply {
        let mut last = Reply::Nil;
        while self.unread > 0 {
            last = self.read();
        }
        last
    }

    /// Sends lines in one write and reads their replies.
    pub fn run(&mut self, lines: &[(Vec<String>, Option<String>)]) -> Reply {
        self.send(lines);
        self.read_all()
    }

    /// Replies that acknowledge something.
    pub fn acknowledgements(&self) -> usize {
        self.expected.iter().flatten().count()
    }

    /// Ends the connection. Panics at the first reply that was sent before its change was on disk; returns how
    /// many replies acknowledged one.
    pub fn testify(self, trace: &Trace, situation: &str) -> usize {
        let sent = trace.sent_to(&self.first);
        assert_eq!(sent.len(), self.expected.len(), "{situation}: replies sent");
        let acknowledging = self
            .expected
            .iter()
            .zip(&sent)
            .filter_map(|(marker, sent)| Some((marker.as_ref()?, sent)));
        let mut checked = 0;
        for (marker, sent) in acknowledging {
            let durable = trace.durable_at(marker);
            let durable = durable.unwrap_or_else(|| panic!("{situation}: {marker} was never on disk"));
            assert!(
                sent.line > durable,
                "{situation}: {:?} was sent on line {} of the trace, {marker} was on disk on line {durable}",
                sent.reply,
                sent.line
            );
            checked += 1;
        }
        checked
    }
}

/// A line that acknowledges nothing.
pub fn plain(line: &str) -> (Vec<String>, Option<String>) {
    (words(line), None)
}

/// A line that acknowledges a change with these bytes in its record.
pub fn change(line: &str, marker: &str) -> (Vec<String>, Option<String>) {
    (words(line), Some(marker.to_owned()))
}

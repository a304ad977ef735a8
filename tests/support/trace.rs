//! A trace of what a server did to its log and its sockets, in the order in which it did it.
//!
//! strace writes the line for the begin of a call before it lets the thread into the call, and the line for
//! its end before it lets it go on: what follows from the end of a call comes behind it in the file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::reply::Reply;
use super::wait::wait_for;

/// The calls to be traced, as strace wants them.
pub const CALLS: &str = "fdatasync,pwritev,pwritev2,pwrite64,write,writev,sendto";

/// The call that a turn of the event loop begins with.
pub const TURNS: &str = "/^epoll_p?wait";

/// One call that is over: the lines on which it began and ended.
struct Call {
    name: String,
    begin: usize,
    end: usize,
    /// As strace shows them, the result behind them.
    args: String,
}

/// All calls of one server.
pub struct Trace {
    calls: Vec<Call>,
}

/// A reply as it left: the line on which the call began that sent its first byte.
pub struct Sent {
    pub reply: Reply,
    pub line: usize,
}

impl Trace {
    /// Reads the trace of a server that was killed, once it is complete.
    pub fn of_killed(path: &Path, pid: u32) -> Self {
        let pid = pid.to_string();
        let is_last = |line: &str| {
            line.strip_prefix(&pid)
                .is_some_and(|rest| rest.trim_start().starts_with("+++ killed by SIGKILL"))
        };
        let mut text = String::new();
        wait_for("the trace is complete", || {
            text = fs::read_to_string(path).expect("a trace");
            text.lines().any(is_last)
        });
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut begun: HashMap<&str, (usize, &str, String)> = HashMap::new();
        let mut calls = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let rest = rest.trim_start();
            if let Some(resumed) = rest.strip_prefix("<... ") {
                let (begin, name, args) = begun.remove(thread).expect("a call that had begun");
                let more = resumed.split_once("resumed>").expect("resumed").1;
                calls.push(Call {
                    name: name.to_owned(),
                    begin,
                    end: at,
                    args: args + more,
                });
            } else if let Some((name, args)) = rest.split_once('(') {
                match args.strip_suffix(" <unfinished ...>") {
                    Some(args) => drop(begun.insert(thread, (at, name, args.to_owned()))),
                    None => calls.push(Call {
                        name: name.to_owned(),
                        begin: at,
                        end: at,
                        args: args.to_owned(),
                    }),
                }
            }
        }
        // The kill came before the end of these was seen: nothing follows from it.
        for (begin, name, args) in begun.into_values() {
            calls.push(Call {
                name: name.to_owned(),
                begin,
                end: usize::MAX,
                args: args + ") = ?",
            });
        }
        calls.sort_by_key(|call| call.begin);
        Self { calls }
    }

    fn on_log<'a>(&'a self, prefix: &'a str) -> impl DoubleEndedIterator<Item = &'a Call> {
        self.calls
            .iter()
            .filter(move |call| call.name.starts_with(prefix) && call.args.contains("current.mylog>"))
    }

    /// Number of syncs of the log that succeeded.
    pub fn syncs(&self) -> usize {
        self.on_log("fdatasync")
            .filter(|call| call.result() == Some(0))
            .count()
    }

    /// Turns of the event loop in which a reply was sent that begins so. Nobody else may use a socket.
    pub fn turns_that_sent(&self, start: &[u8]) -> usize {
        let turn = |call: &Call| call.name.starts_with("epoll");
        let sent = |call: &Call| call.socket().is_some() && call.bytes().starts_with(start);
        self.calls
            .split(turn)
            .filter(|calls| calls.iter().any(sent))
            .count()
    }

    /// The line on which the last record with these bytes in it was on disk: a sync that began behind its write
    /// has ended. `None` if that never was.
    pub fn durable_at(&self, marker: &str) -> Option<usize> {
        let write = self.on_log("pwrite").rfind(|call| call.args.contains(marker))?;
        let syncs = self.on_log("fdatasync");
        syncs
            .filter(|sync| sync.begin >= write.end && sync.result() == Some(0))
            .map(|sync| sync.end)
            .min()
    }

    /// What was sent to the client whose first reply was this one, reply by reply.
    pub fn sent_to(&self, first: &Reply) -> Vec<Sent> {
        let mut sockets: HashMap<&str, Vec<&Call>> = HashMap::new();
        for call in &self.calls {
            if let Some(socket) = call.socket() {
                sockets.entry(socket).or_default().push(call);
            }
        }
        let mut found = sockets.values().map(|calls| replies(calls));
        found
            .find(|sent| sent.first().is_some_and(|sent| sent.reply == *first))
            .expect("a client with this first reply")
    }
}

impl Call {
    /// The result; `None` if the kill came before it was seen.
    fn result(&self) -> Option<i64> {
        let result = self.args.rsplit_once(" = ").expect("a result").1;
        let number = result.split(' ').next().unwrap_or_default();
        (number != "?").then(|| number.parse().expect("a number"))
    }

    fn socket(&self) -> Option<&str> {
        let name = self.args.split_once('<')?.1;
        let name = name.split_once('>')?.0;
        (name.starts_with("socket:") && !self.name.starts_with("fdata")).then_some(name)
    }

    /// The bytes that the kernel took.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = quoted(&self.args).concat();
        // Without a result, a client may have all of them.
        if let Some(taken) = self.result() {
            bytes.truncate(usize::try_from(taken).unwrap_or(0));
        }
        bytes
    }
}

/// The replies in what was written to a socket.
fn replies(calls: &[&Call]) -> Vec<Sent> {
    let mut stream = Vec::new();
    let mut from = Vec::new();
    for call in calls {
        from.push((stream.len(), call.begin));
        stream.extend(call.bytes());
    }
    let mut rest = stream.as_slice();
    let mut sent = Vec::new();
    while !rest.is_empty() {
        let at = stream.len() - rest.len();
        // A client that left has the last one in part.
        let Ok(reply) = Reply::read(&mut rest, &mut Vec::new()) else {
            break;
        };
        let call = from.iter().rfind(|(start, _)| *start <= at).expect("its call");
        sent.push(Sent { reply, line: call.1 });
    }
    sent
}

/// The strings among the arguments, as bytes.
fn quoted(args: &str) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    let mut bytes = args.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'"' {
            continue;
        }
        let mut string = Vec::new();
        while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
            if byte != b'\\' {
                string.push(byte);
                continue;
            }
            string.push(match bytes.next().expect("an escaped byte") {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                b'f' => 12,
                digit @ b'0'..=b'7' => {
                    let mut value = u32::from(digit - b'0');
                    for _ in 0..2 {
                        if let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) {
                            value = value * 8 + u32::from(digit - b'0');
                        }
                    }
                    value as u8
                }
                other => other,
            });
        }
        strings.push(string);
    }
    strings
}

/// The check itself must be able to fail.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_tells_in_how_many_turns_replies_were_sent() {
        let text = "\
8 epoll_wait(5, [{EPOLLIN, {u32=7}}], 10128, 100) = 1
8 write(12<socket:[5]>, \":1\\r\\n\", 4) = 4
8 write(13<socket:[6]>, \":2\\r\\n\", 4) = 4
8 epoll_wait(5, [{EPOLLIN, {u32=7}}], 10128, 100) = 1
8 write(14<socket:[7]>, \"+PONG\\r\\n\", 7) = 7
8 epoll_wait(5, [{EPOLLIN, {u32=7}}], 10128, 100) = 1
8 write(12<socket:[5]>, \":3\\r\\n\", 4) = 4
";
        assert_eq!(Trace::parse(text).turns_that_sent(b":"), 2);
    }

    const TEXT: &str = "\
7 pwritev(9</d/current.mylog>, [{iov_base=\"\\1key!\\33\", iov_len=6}], 1, 64) = 6
8 write(12<socket:[5]>, \"+first\\r\\n:1\\r\\n\", 12) = 12
7 fdatasync(9</d/current.mylog> <unfinished ...>
8 writev(12<socket:[5]>, [{iov_base=\"+OK\\r\\n\", iov_len=5}, {iov_base=\"$1\\r\\n\\\"\\r\\n\", iov_len=7}], 2) = 12
7 <... fdatasync resumed>) = 0 (DELAYED)
8 write(12<socket:[5]>, \"*1\\r\\n+late\", 9) = 5
8 write(12<socket:[5]>, \"late\\r\\n\", 6) = 6
7 +++ killed by SIGKILL +++
";

    #[test]
    fn a_trace_tells_what_was_durable_when_and_what_was_sent_when() {
        let trace = Trace::parse(TEXT);
        assert_eq!(trace.syncs(), 1);
        assert_eq!(trace.durable_at("key!"), Some(4));
        assert_eq!(trace.durable_at("other!"), None);
        let sent = trace.sent_to(&Reply::Simple(b"first".to_vec()));
        let lines: Vec<usize> = sent.iter().map(|sent| sent.line).collect();
        assert_eq!(lines, [1, 1, 3, 3, 5]);
        assert_eq!(sent[3].reply, Reply::Bulk(b"\"".to_vec()));
        assert_eq!(sent[4].reply, Reply::Array(vec![Reply::Simple(b"late".to_vec())]));
    }
}

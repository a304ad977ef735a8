//! A small blocking client: binary-safe arguments, pipelines, and the raw bytes of each reply.
//!
//! Our own, because parity is a promise about bytes, and client libraries show values.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::reply::Reply;

/// Longest wait for one reply: a held client of a slow disk is far below it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// One connection. Methods panic on a broken connection, those named `try_` report it.
pub struct Client {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
    socket: RawFd,
}

impl Client {
    /// Connects to a unix socket.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            reader: BufReader::new(Box::new(stream.try_clone()?)),
            socket: stream.as_raw_fd(),
            writer: Box::new(stream),
        })
    }

    /// Connects to a port on the loopback address.
    pub fn tcp(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            reader: BufReader::new(Box::new(stream.try_clone()?)),
            socket: stream.as_raw_fd(),
            writer: Box::new(stream),
        })
    }

    /// Sends one command and returns its reply.
    pub fn cmd<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Reply {
        self.try_cmd(args).expect("a reply")
    }

    /// As `cmd`, for a server that may be gone.
    pub fn try_cmd<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> io::Result<Reply> {
        self.try_send(args)?;
        self.try_recv()
    }

    /// Sends a command written as one line of words without spaces in them, and returns its reply.
    pub fn run(&mut self, line: &str) -> Reply {
        self.cmd(line.split_ascii_whitespace())
    }

    /// As `run`, where the server may close the connection without an answer: `None` then. Panics where neither comes.
    pub fn answer(&mut self, line: &str) -> Option<Reply> {
        self.answer_to(line.split_ascii_whitespace())
    }

    /// As `answer`, with words of any bytes.
    pub fn answer_to<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Option<Reply> {
        match self.try_cmd(args) {
            Ok(reply) => Some(reply),
            Err(why) if is_the_end(&why) => None,
            Err(why) => panic!("neither an answer nor the end of the connection: {why}"),
        }
    }

    /// As `run`, but panics unless the reply is `+OK`.
    pub fn ok(&mut self, line: &str) {
        let reply = self.run(line);
        assert!(reply.is_ok(), "{line}: {reply:?}");
    }

    /// Sends one command and returns its reply with its bytes.
    pub fn raw<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> (Reply, Vec<u8>) {
        self.send(args);
        self.recv_raw()
    }

    /// Sends a command without waiting for its reply.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) {
        self.try_send(args).expect("a live connection");
    }

    /// As `send`, for a server that may be gone.
    pub fn try_send<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(args, &mut bytes);
        self.try_send_bytes(&bytes)
    }

    /// Sends many commands in one write, then reads a reply for each.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[Vec<A>]) -> Vec<Reply> {
        let mut bytes = Vec::new();
        for command in commands {
            encode(command, &mut bytes);
        }
        self.try_send_bytes(&bytes).expect("a live connection");
        commands.iter().map(|_| self.recv()).collect()
    }

    /// Sends bytes as they are: several encoded commands, or a broken one.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    /// Reads the next reply.
    pub fn recv(&mut self) -> Reply {
        self.try_recv().expect("a reply")
    }

    /// Reads the next reply and its bytes.
    pub fn recv_raw(&mut self) -> (Reply, Vec<u8>) {
        let mut raw = Vec::new();
        let reply = Reply::read(&mut self.reader, &mut raw).expect("a reply");
        (reply, raw)
    }

    /// True if there is something to read now, were it the end.
    pub fn has_come(&self) -> bool {
        let mut byte = 0_u8;
        // SAFETY: the socket lives as long as `writer`; one byte is looked at, into one.
        let seen = unsafe {
            libc::recv(
                self.socket,
                (&raw mut byte).cast(),
                1,
                libc::MSG_PEEK | libc::MSG_DONTWAIT,
            )
        };
        !self.reader.buffer().is_empty() || seen >= 0
    }

    /// As `recv`, for a server that may be gone.
    pub fn try_recv(&mut self) -> io::Result<Reply> {
        Reply::read(&mut self.reader, &mut Vec::new())
    }

    /// The fields of one section of INFO.
    pub fn info(&mut self, section: &str) -> BTreeMap<String, String> {
        let text = self.cmd(["INFO", section]).text();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields
            .map(|(name, value)| (name.to_owned(), value.trim_end().to_owned()))
            .collect()
    }

    /// One number of INFO; panics when it is absent or no number.
    pub fn info_u64(&mut self, section: &str, field: &str) -> u64 {
        let fields = self.info(section);
        let value = fields
            .get(field)
            .unwrap_or_else(|| panic!("no {field} in INFO {section}: {fields:?}"));
        value
            .parse()
            .unwrap_or_else(|_| panic!("{field} is no number: {value}"))
    }

    /// The present value of one configuration parameter.
    pub fn config(&mut self, name: &str) -> String {
        let pairs = self.cmd(["CONFIG", "GET", name]).pairs();
        let value = pairs
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no parameter {name}"))
            .1;
        String::from_utf8(value).expect("text")
    }
}

/// True where the server has closed the connection, and not where the time is over.
pub fn is_the_end(why: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(why.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}

/// Appends one command in the protocol's own form.
pub fn encode<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>, to: &mut Vec<u8>) {
    let args: Vec<A> = args.into_iter().collect();
    to.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in &args {
        let arg = arg.as_ref();
        to.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        to.extend_from_slice(arg);
        to.extend_from_slice(b"\r\n");
    }
}

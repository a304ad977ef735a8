//! A reply of the server, RESP2 or RESP3, as a value.
//!
//! Bytes stay bytes: nothing is assumed to be text. For parity tests the client keeps the raw bytes too.

use std::fmt;
use std::io::{self, BufRead, Error, ErrorKind, Read};

/// One reply.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+`
    Simple(Vec<u8>),
    /// `-` or `!`
    Error(Vec<u8>),
    /// `:`
    Int(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`
    Nil,
    /// `*`
    Array(Vec<Reply>),
    /// `%`, in the order it came
    Map(Vec<(Reply, Reply)>),
    /// `~`
    Set(Vec<Reply>),
    /// `>`
    Push(Vec<Reply>),
    /// `,` as written by the server
    Double(Vec<u8>),
    /// `#`
    Bool(bool),
    /// `(`
    BigNumber(Vec<u8>),
    /// `=`, its three-letter format included
    Verbatim(Vec<u8>),
}

impl Reply {
    /// `+OK`
    pub fn is_ok(&self) -> bool {
        *self == Self::Simple(b"OK".to_vec())
    }

    /// An error whose text begins with `prefix`.
    pub fn is_error(&self, prefix: &str) -> bool {
        matches!(self, Self::Error(text) if text.starts_with(prefix.as_bytes()))
    }

    /// The bytes of a string reply of any kind; `None` for nil. Panics on anything else.
    pub fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Nil => None,
            Self::Simple(b) | Self::Bulk(b) | Self::Double(b) | Self::BigNumber(b) => Some(b),
            Self::Verbatim(b) => Some(b.get(4..).unwrap_or_default().to_vec()),
            other => panic!("a string was expected, not {other:?}"),
        }
    }

    /// The text of a string or error reply.
    pub fn text(self) -> String {
        let bytes = match self {
            Self::Error(b) => b,
            other => other.bytes().unwrap_or_default(),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The value of an integer reply. Panics on anything else.
    pub fn int(self) -> i64 {
        match self {
            Self::Int(n) => n,
            other => panic!("an integer was expected, not {other:?}"),
        }
    }

    /// The elements of an aggregate; a map is flattened. Panics on anything else.
    pub fn items(self) -> Vec<Reply> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items,
            Self::Map(pairs) => pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(),
            other => panic!("an array was expected, not {other:?}"),
        }
    }

    /// Field and value pairs of a map, or of a flat RESP2 array.
    pub fn pairs(self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut flat = self.items().into_iter().map(|r| r.bytes().unwrap_or_default());
        let mut pairs = Vec::new();
        while let (Some(field), Some(value)) = (flat.next(), flat.next()) {
            pairs.push((field, value));
        }
        pairs
    }

    /// Reads one reply, and appends each byte that was read to `raw`.
    pub fn read(from: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Self> {
        let line = read_line(from, raw)?;
        let (kind, rest) = line.split_first().ok_or_else(|| bad("an empty line"))?;
        Ok(match kind {
            b'+' => Self::Simple(rest.to_vec()),
            b'-' => Self::Error(rest.to_vec()),
            b':' => Self::Int(number(rest)?),
            b',' => Self::Double(rest.to_vec()),
            b'(' => Self::BigNumber(rest.to_vec()),
            b'#' => Self::Bool(rest == b"t"),
            b'_' => Self::Nil,
            b'$' | b'!' | b'=' => match read_blob(from, raw, number(rest)?)? {
                None => Self::Nil,
                Some(bytes) if *kind == b'!' => Self::Error(bytes),
                Some(bytes) if *kind == b'=' => Self::Verbatim(bytes),
                Some(bytes) => Self::Bulk(bytes),
            },
            b'*' | b'~' | b'>' | b'%' | b'|' => read_aggregate(from, raw, *kind, number(rest)?)?,
            other => return Err(bad(&format!("unknown reply type {:?}", char::from(*other)))),
        })
    }
}

fn read_aggregate(from: &mut impl BufRead, raw: &mut Vec<u8>, kind: u8, count: i64) -> io::Result<Reply> {
    let Ok(count) = usize::try_from(count) else {
        return Ok(Reply::Nil);
    };
    if kind == b'%' || kind == b'|' {
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push((Reply::read(from, raw)?, Reply::read(from, raw)?));
        }
        // An attribute only announces the reply that follows.
        return if kind == b'|' {
            Reply::read(from, raw)
        } else {
            Ok(Reply::Map(pairs))
        };
    }
    let items = (0..count)
        .map(|_| Reply::read(from, raw))
        .collect::<io::Result<Vec<_>>>()?;
    Ok(match kind {
        b'~' => Reply::Set(items),
        b'>' => Reply::Push(items),
        _ => Reply::Array(items),
    })
}

fn read_line(from: &mut impl BufRead, raw: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    raw.extend_from_slice(&line);
    if !line.ends_with(b"\r\n") {
        return Err(Error::new(
            ErrorKind::UnexpectedEof,
            "the server closed the connection",
        ));
    }
    line.truncate(line.len() - 2);
    Ok(line)
}

fn read_blob(from: &mut impl BufRead, raw: &mut Vec<u8>, len: i64) -> io::Result<Option<Vec<u8>>> {
    let Ok(len) = usize::try_from(len) else {
        return Ok(None);
    };
    let mut blob = vec![0; len + 2];
    from.read_exact(&mut blob)?;
    raw.extend_from_slice(&blob);
    blob.truncate(len);
    Ok(Some(blob))
}

fn number(digits: &[u8]) -> io::Result<i64> {
    let text = String::from_utf8_lossy(digits);
    text.parse().map_err(|_| bad(&format!("not a number: {text:?}")))
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |f: &mut fmt::Formatter<'_>, kind: &str, b: &[u8]| {
            let shown = b.get(..200).unwrap_or(b);
            write!(f, "{kind}\"{}\"", shown.escape_ascii())?;
            if shown.len() < b.len() {
                write!(f, "... ({} bytes)", b.len())
            } else {
                Ok(())
            }
        };
        match self {
            Self::Simple(b) => text(f, "+", b),
            Self::Error(b) => text(f, "-", b),
            Self::Int(n) => write!(f, ":{n}"),
            Self::Bulk(b) => text(f, "", b),
            Self::Nil => f.write_str("nil"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Self::Set(items) => f.debug_set().entries(items).finish(),
            Self::Push(items) => write!(f, "push {items:?}"),
            Self::Double(b) => text(f, ",", b),
            Self::Bool(b) => write!(f, "#{b}"),
            Self::BigNumber(b) => text(f, "(", b),
            Self::Verbatim(b) => text(f, "=", b),
        }
    }
}

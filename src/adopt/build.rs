//! A durable value, made of a native one in parts: nothing of it counts before all of it was read.

use std::time::Instant;

use module_api::keys::key::{Key, Mode};
use module_api::keys::scan::Cursor;
use module_api::{Ctx, OwnedStr};
use mylog_core::value::{Hash, Kind, List, Set, Side, Value, ZSet};

use super::Name;

/// Elements of a list between two looks at the clock.
const BETWEEN_LOOKS: usize = 16;

/// What came of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// The whole value is there.
    All,
    /// The time was over.
    More,
    /// The value has no durable form: fields of it end before it does.
    NoForm,
    /// The key is not what it was when the reading began.
    Changed,
}

/// A native value of which some has been read.
pub(super) struct Building {
    pub(super) name: Name,
    kind: Kind,
    len: usize,
    value: Value,
    cursor: Option<Cursor>,
}

impl Building {
    /// Begins with a key; `None` if it holds nothing native that has a durable form.
    pub(super) fn new(ctx: Ctx<'_>, name: Name) -> Option<Self> {
        let owned = OwnedStr::new(&name.bytes);
        let key = Key::open(ctx, owned.lend(), Mode::ReadNoTouch);
        let kind = key.native_kind()?;
        let value = match kind {
            Kind::Str => Value::Str(Vec::new()),
            Kind::Hash => Value::Hash(Hash::default()),
            Kind::List => Value::List(List::default()),
            Kind::Set => Value::Set(Set::default()),
            Kind::ZSet => Value::ZSet(ZSet::default()),
        };
        Some(Self {
            name,
            kind,
            len: key.native_len(),
            value,
            cursor: Cursor::new(),
        })
    }

    /// The value, once all of it was read.
    pub(super) fn into_value(self) -> Value {
        self.value
    }

    /// Reads on until `deadline`, or to the end without one.
    pub(super) fn read(&mut self, ctx: Ctx<'_>, deadline: Option<Instant>) -> Read {
        let owned = OwnedStr::new(&self.name.bytes);
        let key = Key::open(ctx, owned.lend(), Mode::ReadNoTouch);
        if key.native_kind() != Some(self.kind) || key.native_len() != self.len {
            return Read::Changed;
        }
        let read = match &mut self.value {
            Value::Str(bytes) => match key.native_string() {
                Some(read) => {
                    *bytes = read;
                    Read::All
                }
                None => Read::Changed,
            },
            Value::List(list) => read_list(list, &key, self.len, deadline),
            collection => read_collection(
                ctx,
                &self.name.bytes,
                collection,
                &key,
                self.cursor.as_ref(),
                deadline,
            ),
        };
        // An element that a walk has not met, or a hash of which fields have ended.
        if read == Read::All && self.value.view().len() != self.len {
            return Read::Changed;
        }
        read
    }
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn read_list(list: &mut List, key: &Key<'_>, len: usize, deadline: Option<Instant>) -> Read {
    while list.len() < len {
        let Some(element) = key.native_element(list.len()) else {
            return Read::Changed;
        };
        list.push(Side::Tail, element.lend().bytes());
        if list.len() % BETWEEN_LOOKS == 0 && list.len() < len && is_over(deadline) {
            return Read::More;
        }
    }
    Read::All
}

fn read_collection(
    ctx: Ctx<'_>,
    name: &[u8],
    collection: &mut Value,
    key: &Key<'_>,
    cursor: Option<&Cursor>,
    deadline: Option<Instant>,
) -> Read {
    let Some(cursor) = cursor else {
        return Read::Changed;
    };
    loop {
        let (mut readable, mut fields) = (true, Vec::new());
        let more = key.scan(cursor, &mut |element, of_it| {
            if matches!(collection, Value::Hash(_)) {
                fields.push(element.to_vec());
            }
            readable &= add(collection, element, of_it);
        });
        if !readable || has_ends(ctx, name, &fields) {
            return Read::NoForm;
        }
        if !more {
            return Read::All;
        }
        if is_over(deadline) {
            return Read::More;
        }
    }
}

/// False for what no durable value can hold.
fn add(collection: &mut Value, element: &[u8], of_it: &[u8]) -> bool {
    match collection {
        Value::Hash(hash) => {
            hash.set(element, of_it);
        }
        Value::Set(set) => {
            set.add(element);
        }
        Value::ZSet(zset) => {
            let score = std::str::from_utf8(of_it).ok().and_then(|text| text.parse().ok());
            let Some(score) = score.filter(|score: &f64| !score.is_nan()) else {
                return false;
            };
            zset.set(element, score);
        }
        Value::Str(_) | Value::List(_) => return false,
    }
    true
}

/// True if any of these fields of a hash ends before the hash does, on a server where they can.
fn has_ends(ctx: Ctx<'_>, name: &[u8], fields: &[Vec<u8>]) -> bool {
    if fields.is_empty() {
        return false;
    }
    let count = fields.len().to_string();
    let head = [name, b"FIELDS", count.as_bytes()];
    let args: Vec<&[u8]> = head.into_iter().chain(fields.iter().map(Vec::as_slice)).collect();
    // A server without the command has no such ends.
    ctx.call(c"HPEXPIRETIME", "", &args).is_some_and(|ends| {
        (0..ends.whole().len()).any(|field| ends.element(field).is_some_and(|end| end.int() >= 0))
    })
}

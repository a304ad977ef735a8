//! Builds a durable value from a native one, in parts. The value is used only once all of it was read.

use std::time::Instant;

use module_api::keys::key::{Key, Mode};
use module_api::keys::scan::Cursor;
use module_api::{Ctx, OwnedStr};
use mylog_core::value::{Hash, Kind, List, Set, Side, Value, ZSet};

use super::name::Name;

/// Elements of a list that are read between two checks of the clock.
const BETWEEN_LOOKS: usize = 16;

/// How a part of the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// The whole value was read.
    All,
    /// The deadline passed before the end of the value.
    More,
    /// The value has no durable form: some of its fields have expire times of their own.
    NoForm,
    /// The native value is not the one with which the reading began.
    Changed,
}

/// A native value of which a part was read.
pub(super) struct Building {
    pub(super) name: Name,
    kind: Kind,
    len: usize,
    value: Value,
    cursor: Option<Cursor>,
}

impl Building {
    /// Begins to read a key; `None` if the key contains no native value that has a durable form.
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

    /// The durable value. To be called after `read` has returned `Read::All`.
    pub(super) fn into_value(self) -> Value {
        self.value
    }

    /// Reads on until `deadline`; without a deadline to the end of the value.
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
        // The lengths differ if the scan has missed an element, or if fields of a hash have expired.
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

/// Adds one element. False for an element that no durable value can contain.
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

/// True if any of these fields of a hash has an expire time of its own, on a server that has such fields.
fn has_ends(ctx: Ctx<'_>, name: &[u8], fields: &[Vec<u8>]) -> bool {
    if fields.is_empty() {
        return false;
    }
    let count = fields.len().to_string();
    let head = [name, b"FIELDS", count.as_bytes()];
    let args: Vec<&[u8]> = head.into_iter().chain(fields.iter().map(Vec::as_slice)).collect();
    // A server without HPEXPIRETIME has no expire times of fields.
    ctx.call(c"HPEXPIRETIME", "", &args).is_some_and(|ends| {
        (0..ends.whole().len()).any(|field| ends.element(field).is_some_and(|end| end.int() >= 0))
    })
}

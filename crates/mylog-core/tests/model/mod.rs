//! A plain model of the store, and random effects that fit it. Every test prints the seed it ran with.

pub mod collections;
mod rng;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mylog_core::effect::{Change, Effect, ExpireAt, NEVER, Ttl};
use mylog_core::store::Store;
use mylog_core::value::{Kind, Value, ValueRef};

pub use collections::PartChange;
pub use rng::Rng;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    Str(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Scores as `collections::score` makes them.
    ZSet(BTreeMap<Vec<u8>, u64>),
}

pub type Name = (u32, Vec<u8>);

/// What the store should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Shared by the states of a history, which differ in little: there are thousands of them.
    pub keys: BTreeMap<Name, (Arc<Plain>, ExpireAt)>,
}

/// An effect that owns its bytes.
#[derive(Debug, Clone)]
pub enum Op {
    Put(Name, Plain, ExpireAt),
    Del(Name),
    Expire(Name, ExpireAt),
    Rename(Name, Name),
    Copy(Name, Name),
    StrSet(Name, Option<ExpireAt>, Vec<u8>),
    Append(Name, Vec<u8>),
    HashSet(Name, Vec<(Vec<u8>, Vec<u8>)>),
    HashDel(Name, Vec<Vec<u8>>),
    Part(Name, PartChange),
    FlushDb(u32),
    FlushAll,
    SwapDb(u32, u32),
}

fn body(plain: &Plain) -> (Kind, Vec<u8>) {
    let mut out = Vec::new();
    match plain {
        Plain::Str(bytes) => (Kind::Str, bytes.clone()),
        Plain::Hash(fields) => {
            let mut hash = mylog_core::value::Hash::default();
            for (field, value) in fields {
                hash.set(field, value);
            }
            Value::Hash(hash).encode_body(&mut out);
            (Kind::Hash, out)
        }
        collection => {
            let value = collections::value(collection).unwrap();
            value.encode_body(&mut out);
            assert_eq!(out.len(), value.body_len());
            (value.kind(), out)
        }
    }
}

impl Op {
    /// Calls `f` with the effect.
    pub fn with_effect<R>(&self, f: impl FnOnce(&Effect<'_>) -> R) -> R {
        match self {
            Op::Put((db, key), plain, expire_at) => {
                let (kind, body) = body(plain);
                f(&Change::Put {
                    expire_at: *expire_at,
                    kind,
                    body: &body,
                }
                .of(*db, key))
            }
            Op::Del((db, key)) => f(&Change::Del.of(*db, key)),
            Op::Expire((db, key), expire_at) => f(&Change::Expire {
                expire_at: *expire_at,
            }
            .of(*db, key)),
            Op::Rename((db, key), (to_db, to)) => f(&Change::Rename { to_db: *to_db, to }.of(*db, key)),
            Op::Copy((db, key), (to_db, to)) => f(&Change::Copy { to_db: *to_db, to }.of(*db, key)),
            Op::StrSet((db, key), end, value) => {
                let ttl = end.map_or(Ttl::Keep, Ttl::Set);
                f(&Change::StrSet { ttl, value }.of(*db, key))
            }
            Op::Append((db, key), tail) => f(&Change::StrAppend { tail }.of(*db, key)),
            Op::HashSet((db, key), pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(a, b)| (&a[..], &b[..])).collect();
                f(&Change::HashSet { pairs: pairs.into() }.of(*db, key))
            }
            Op::HashDel((db, key), fields) => {
                let fields: Vec<_> = fields.iter().map(|field| &field[..]).collect();
                f(&Change::HashDel {
                    fields: fields.into(),
                }
                .of(*db, key))
            }
            Op::Part((db, key), change) => f(&change.change().of(*db, key)),
            Op::FlushDb(db) => f(&Effect::FlushDb { db: *db }),
            Op::FlushAll => f(&Effect::FlushAll),
            Op::SwapDb(a, b) => f(&Effect::SwapDb { a: *a, b: *b }),
        }
    }
}

/// How many names, and how large values get.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub names: u64,
    pub value_bytes: u64,
    /// Fields of a new hash, at most.
    pub fields: u64,
    /// Effects on whole databases too.
    pub databases: bool,
}

impl Model {
    fn name(&self, rng: &mut Rng, shape: Shape) -> Name {
        (
            rng.below(3) as u32,
            format!("k{}", rng.below(shape.names)).into_bytes(),
        )
    }

    fn existing(&self, rng: &mut Rng) -> Option<Name> {
        let at = rng.below(self.keys.len().max(1) as u64) as usize;
        self.keys.keys().nth(at).cloned()
    }

    fn field(i: u64) -> Vec<u8> {
        format!("{i:x}").into_bytes()
    }

    fn plain(rng: &mut Rng, shape: Shape) -> Plain {
        match rng.below(3) {
            0 => return Plain::Str(rng.bytes(shape.value_bytes)),
            1 => return Plain::random_collection(rng, shape),
            _ => {}
        }
        Plain::Hash(
            (0..=rng.below(shape.fields))
                .map(|i| (Self::field(i), rng.bytes(shape.value_bytes / 8)))
                .collect(),
        )
    }

    /// Many at once, or a few from anywhere.
    fn some_fields(fields: &BTreeMap<Vec<u8>, Vec<u8>>, rng: &mut Rng) -> Vec<Vec<u8>> {
        let most = fields.len() as u64;
        let (from, count) = match rng.one_in(2) {
            true => (0, 1 + rng.below(most)),
            false => (rng.below(most), 1 + rng.below(3)),
        };
        let some = fields.keys().skip(from as usize).take(count as usize);
        some.cloned().collect()
    }

    /// A random effect that fits.
    pub fn random(&self, rng: &mut Rng, shape: Shape) -> Op {
        let name = self.name(rng, shape);
        let end = if rng.one_in(3) {
            rng.below(1 << 42) as ExpireAt
        } else {
            NEVER
        };
        if shape.databases && rng.one_in(60) {
            return match rng.below(3) {
                0 => Op::FlushDb(rng.below(4) as u32),
                1 => Op::FlushAll,
                _ => Op::SwapDb(rng.below(3) as u32, rng.below(3) as u32),
            };
        }
        let Some(old) = self.existing(rng) else {
            return Op::Put(name, Self::plain(rng, shape), end);
        };
        let held = &*self.keys[&old].0;
        match rng.below(11) {
            0 | 1 => Op::Put(name, Self::plain(rng, shape), end),
            2 => Op::Del(old),
            3 => Op::Expire(old, end),
            4 => Op::Rename(old, name),
            5 => Op::Copy(old, name),
            6 => {
                let kept = rng.one_in(2).then_some(end);
                Op::StrSet(name, kept, rng.bytes(shape.value_bytes))
            }
            7.. if !matches!(held, Plain::Hash(_)) && rng.one_in(2) => {
                let made = Plain::random_collection(rng, shape);
                match self.keys.contains_key(&name) {
                    // One that makes a name, if the change is one that may.
                    false if made.len() > 0 && rng.one_in(6) => loop {
                        let change = made.random_change(rng, shape);
                        if matches!(
                            change,
                            PartChange::Push(..) | PartChange::SetAdd(_) | PartChange::ZSetSet(_)
                        ) {
                            return Op::Part(name, change);
                        }
                    },
                    _ => Op::Part(old, held.random_change(rng, shape)),
                }
            }
            7 | 8 => match held {
                Plain::Str(_) => Op::Append(old, rng.bytes(shape.value_bytes / 4)),
                Plain::Hash(_) => {
                    let field = match rng.one_in(2) {
                        true => rng.bytes(2),
                        false => Self::field(rng.below(shape.fields)),
                    };
                    Op::HashSet(old, vec![(field, rng.bytes(shape.value_bytes))])
                }
                _ => Op::Part(old, held.random_change(rng, shape)),
            },
            _ => match held {
                Plain::Str(_) => Op::StrSet(old, None, rng.bytes(8)),
                Plain::Hash(fields) => {
                    let some = Self::some_fields(fields, rng);
                    Op::HashDel(old, some)
                }
                _ => Op::Part(old, held.random_change(rng, shape)),
            },
        }
    }

    /// What the effect means, said once more in plain words.
    pub fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::Put(name, plain, end) => drop(self.keys.insert(name, (Arc::new(plain), end))),
            Op::Del(name) => drop(self.keys.remove(&name)),
            Op::Expire(name, end) => self.keys.get_mut(&name).unwrap().1 = end,
            Op::Rename(from, to) => {
                let moved = self.keys.remove(&from).unwrap();
                self.keys.insert(to, moved);
            }
            Op::Copy(from, to) => {
                let copy = self.keys[&from].clone();
                self.keys.insert(to, copy);
            }
            Op::StrSet(name, end, value) => {
                let kept = self.keys.get(&name).map_or(NEVER, |held| held.1);
                let value = Arc::new(Plain::Str(value));
                self.keys.insert(name, (value, end.unwrap_or(kept)));
            }
            Op::Append(name, tail) => match Arc::make_mut(&mut self.keys.get_mut(&name).unwrap().0) {
                Plain::Str(bytes) => bytes.extend(tail),
                _ => unreachable!(),
            },
            Op::HashSet(name, pairs) => {
                let new = || (Arc::new(Plain::Hash(BTreeMap::new())), NEVER);
                match Arc::make_mut(&mut self.keys.entry(name).or_insert_with(new).0) {
                    Plain::Hash(fields) => fields.extend(pairs),
                    _ => unreachable!(),
                }
            }
            Op::HashDel(name, gone) => {
                let Plain::Hash(fields) = Arc::make_mut(&mut self.keys.get_mut(&name).unwrap().0) else {
                    unreachable!()
                };
                fields.retain(|field, _| !gone.contains(field));
                if fields.is_empty() {
                    self.keys.remove(&name);
                }
            }
            Op::Part(name, change) => {
                let new = || (Arc::new(change.beginning()), NEVER);
                let held = Arc::make_mut(&mut self.keys.entry(name.clone()).or_insert_with(new).0);
                change.apply(held);
                // A string may be empty.
                if held.len() == 0 && !matches!(held, Plain::Str(_)) {
                    self.keys.remove(&name);
                }
            }
            Op::FlushDb(db) => self.keys.retain(|name, _| name.0 != db),
            Op::FlushAll => self.keys.clear(),
            Op::SwapDb(a, b) => {
                let swapped = |db| {
                    if db == a {
                        b
                    } else if db == b {
                        a
                    } else {
                        db
                    }
                };
                let old = std::mem::take(&mut self.keys);
                self.keys = old
                    .into_iter()
                    .map(|((db, key), held)| ((swapped(db), key), held))
                    .collect();
            }
        }
    }

    /// The model of what a store holds.
    pub fn of(store: &Store) -> Self {
        let plain = |value: ValueRef<'_>| match value {
            ValueRef::Str(bytes) => Plain::Str(bytes.to_vec()),
            ValueRef::Hash(hash) => Plain::Hash(hash.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect()),
            other => collections::plain(other).unwrap(),
        };
        let keys = store.entries().map(|entry| {
            (
                (store.db_of(entry), entry.key().to_vec()),
                (Arc::new(plain(entry.value())), entry.expire_at()),
            )
        });
        Self { keys: keys.collect() }
    }
}

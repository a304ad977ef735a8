//! A plain model of the store, and random effects that fit it. Every test prints the seed it ran with.

use std::collections::BTreeMap;

use mylog_core::effect::{Effect, ExpireAt, NEVER, Ttl};
use mylog_core::store::Store;
use mylog_core::value::{Kind, Value};

/// Small and fast, and the same everywhere for a seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    Str(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
}

pub type Name = (u32, Vec<u8>);

/// What the store should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub keys: BTreeMap<Name, (Plain, ExpireAt)>,
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
            Value::Hash(Box::new(hash)).encode_body(&mut out);
            (Kind::Hash, out)
        }
    }
}

impl Op {
    /// Calls `f` with the effect.
    pub fn with_effect<R>(&self, f: impl FnOnce(&Effect<'_>) -> R) -> R {
        match self {
            Op::Put((db, key), plain, expire_at) => {
                let (kind, body) = body(plain);
                f(&Effect::Put {
                    db: *db,
                    key,
                    expire_at: *expire_at,
                    kind,
                    body: &body,
                })
            }
            Op::Del((db, key)) => f(&Effect::Del { db: *db, key }),
            Op::Expire((db, key), expire_at) => f(&Effect::Expire {
                db: *db,
                key,
                expire_at: *expire_at,
            }),
            Op::Rename((db, key), (to_db, to)) => f(&Effect::Rename {
                db: *db,
                key,
                to_db: *to_db,
                to,
            }),
            Op::Copy((db, key), (to_db, to)) => f(&Effect::Copy {
                db: *db,
                key,
                to_db: *to_db,
                to,
            }),
            Op::StrSet((db, key), end, value) => {
                let ttl = end.map_or(Ttl::Keep, Ttl::Set);
                f(&Effect::StrSet {
                    db: *db,
                    key,
                    ttl,
                    value,
                })
            }
            Op::Append((db, key), tail) => f(&Effect::StrAppend { db: *db, key, tail }),
            Op::HashSet((db, key), pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|(a, b)| (&a[..], &b[..])).collect();
                f(&Effect::HashSet {
                    db: *db,
                    key,
                    pairs: pairs.into(),
                })
            }
            Op::HashDel((db, key), fields) => {
                let fields: Vec<_> = fields.iter().map(|field| &field[..]).collect();
                f(&Effect::HashDel {
                    db: *db,
                    key,
                    fields: fields.into(),
                })
            }
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
        let bytes = (i as u32).to_be_bytes();
        bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(3)..].to_vec()
    }

    fn plain(rng: &mut Rng, shape: Shape) -> Plain {
        if rng.one_in(2) {
            return Plain::Str(rng.bytes(shape.value_bytes));
        }
        Plain::Hash(
            (0..=rng.below(shape.fields))
                .map(|i| (Self::field(i), rng.bytes(shape.value_bytes / 8)))
                .collect(),
        )
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
        let held = &self.keys[&old].0;
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
            7 | 8 => match held {
                Plain::Str(_) => Op::Append(old, rng.bytes(shape.value_bytes / 4)),
                Plain::Hash(_) => {
                    let field = match rng.one_in(2) {
                        true => rng.bytes(2),
                        false => Self::field(rng.below(shape.fields)),
                    };
                    Op::HashSet(old, vec![(field, rng.bytes(shape.value_bytes))])
                }
            },
            _ => match held {
                Plain::Str(_) => Op::StrSet(old, None, rng.bytes(8)),
                Plain::Hash(fields) => {
                    let most = fields.len() as u64;
                    // Many at once, or a few from anywhere.
                    let (from, count) = match rng.one_in(2) {
                        true => (0, 1 + rng.below(most)),
                        false => (rng.below(most), 1 + rng.below(3)),
                    };
                    let some = fields
                        .keys()
                        .skip(from as usize)
                        .take(count as usize)
                        .cloned()
                        .collect();
                    Op::HashDel(old, some)
                }
            },
        }
    }

    /// What the effect means, said once more in plain words.
    pub fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::Put(name, plain, end) => drop(self.keys.insert(name, (plain, end))),
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
                self.keys.insert(name, (Plain::Str(value), end.unwrap_or(kept)));
            }
            Op::Append(name, tail) => match &mut self.keys.get_mut(&name).unwrap().0 {
                Plain::Str(bytes) => bytes.extend(tail),
                Plain::Hash(_) => unreachable!(),
            },
            Op::HashSet(name, pairs) => {
                let new = || (Plain::Hash(BTreeMap::new()), NEVER);
                match &mut self.keys.entry(name).or_insert_with(new).0 {
                    Plain::Hash(fields) => fields.extend(pairs),
                    Plain::Str(_) => unreachable!(),
                }
            }
            Op::HashDel(name, gone) => {
                let Plain::Hash(fields) = &mut self.keys.get_mut(&name).unwrap().0 else {
                    unreachable!()
                };
                fields.retain(|field, _| !gone.contains(field));
                if fields.is_empty() {
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
        let plain = |value: &Value| match value {
            Value::Str(bytes) => Plain::Str(bytes.clone()),
            Value::Hash(hash) => Plain::Hash(hash.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect()),
        };
        let keys = store.entries().map(|entry| {
            (
                (store.db_of(entry), entry.key().to_vec()),
                (plain(entry.value()), entry.expire_at()),
            )
        });
        Self { keys: keys.collect() }
    }
}

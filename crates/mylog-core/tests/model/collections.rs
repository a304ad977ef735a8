//! Lists, sets and sorted sets of the model, and effects on parts of values.

use std::collections::BTreeMap;

use mylog_core::effect::{Change, Fields};
use mylog_core::value::{List, Set, Side, Value, ValueRef, ZSet};

use super::{Plain, Rng, Shape};

/// A change to a part of a value.
#[derive(Debug, Clone)]
pub enum PartChange {
    Range(u64, Vec<u8>),
    Push(Side, Vec<Vec<u8>>),
    Pop(Side, u64),
    Set(u64, Vec<u8>),
    Insert(u64, Vec<u8>),
    Remove(u64, u64),
    RemoveAt(Vec<u64>),
    SetAdd(Vec<Vec<u8>>),
    SetRemove(Vec<Vec<u8>>),
    ZSetSet(Vec<(f64, Vec<u8>)>),
    ZSetRemove(Vec<Vec<u8>>),
}

fn borrowed(all: &[Vec<u8>]) -> Fields<'_> {
    all.iter().map(|one| &one[..]).collect()
}

/// A score as the model keeps it: the sign of zero does not count.
pub fn score(score: f64) -> u64 {
    (score + 0.0).to_bits()
}

/// The list, set or sorted set of the model as the store's.
pub fn value(plain: &Plain) -> Option<Value> {
    match plain {
        Plain::Str(_) | Plain::Hash(_) => None,
        Plain::List(elements) => {
            let mut list = List::default();
            elements.iter().for_each(|element| list.push(Side::Tail, element));
            Some(Value::List(list))
        }
        Plain::Set(members) => {
            let mut set = Set::default();
            for member in members {
                assert!(set.add(member));
            }
            Some(Value::Set(set))
        }
        Plain::ZSet(members) => {
            let mut zset = ZSet::default();
            for (member, score) in members {
                assert_eq!(zset.set(member, f64::from_bits(*score)), None);
            }
            Some(Value::ZSet(zset))
        }
    }
}

/// What of it the store holds. Its order is checked.
pub fn plain(value: ValueRef<'_>) -> Option<Plain> {
    match value {
        ValueRef::Str(_) | ValueRef::Hash(_) => None,
        ValueRef::List(list) => Some(Plain::List(list.iter().map(<[u8]>::to_vec).collect())),
        ValueRef::Set(set) => {
            assert_eq!(set.iter().count(), set.len());
            Some(Plain::Set(set.iter().map(|member| member.to_vec()).collect()))
        }
        ValueRef::ZSet(zset) => {
            let all: Vec<_> = zset.iter().collect();
            let before = |a: &(&[u8], f64), b: &(&[u8], f64)| a.1 < b.1 || (a.1 == b.1 && a.0 < b.0);
            assert!(all.windows(2).all(|pair| before(&pair[0], &pair[1])));
            let members = all.iter().map(|(member, of)| (member.to_vec(), score(*of)));
            Some(Plain::ZSet(members.collect()))
        }
    }
}

impl Plain {
    /// A new list, set or sorted set.
    pub fn random_collection(rng: &mut Rng, shape: Shape) -> Self {
        let mut plain = match rng.below(3) {
            0 => Self::List(Vec::new()),
            1 => Self::Set(Default::default()),
            _ => Self::ZSet(BTreeMap::new()),
        };
        for _ in 0..=rng.below(shape.fields) {
            let (name, at) = (Self::member(rng, shape), random_score(rng));
            match &mut plain {
                Self::List(elements) => elements.push(rng.bytes(shape.value_bytes / 8)),
                Self::Set(members) => _ = members.insert(name),
                Self::ZSet(members) => _ = members.insert(name, score(at)),
                _ => {}
            }
        }
        plain
    }

    fn member(rng: &mut Rng, shape: Shape) -> Vec<u8> {
        if rng.one_in(20) {
            return rng.bytes(shape.value_bytes / 8);
        }
        if rng.one_in(4) {
            return Self::edge(rng);
        }
        rng.below(2 * shape.fields).to_string().into_bytes()
    }

    /// An integer of any width, next to where one ends, or what looks like one.
    fn edge(rng: &mut Rng) -> Vec<u8> {
        let bits = 8 * (1 + rng.below(8));
        let reach = ((1i128 << bits) - 1) / (1 + i128::from(rng.one_in(2)));
        let number = (reach + i128::from(rng.one_in(2))) * if rng.one_in(2) { -1 } else { 1 };
        match rng.below(12) {
            0 => b"-0".to_vec(),
            1 => b"007".to_vec(),
            2 => i64::MIN.to_string().into_bytes(),
            3 => i64::MAX.to_string().into_bytes(),
            _ => number.to_string().into_bytes(),
        }
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(fields) => fields.len(),
            Self::List(elements) => elements.len(),
            Self::Set(members) => members.len(),
            Self::ZSet(members) => members.len(),
        }
    }

    /// A change that fits.
    pub fn random_change(&self, rng: &mut Rng, shape: Shape) -> PartChange {
        let few = 1 + if rng.one_in(8) {
            rng.below(shape.fields)
        } else {
            rng.below(3)
        };
        match self {
            Self::Str(bytes) => {
                let offset = rng.below(bytes.len() as u64 + 40);
                PartChange::Range(offset, rng.bytes(shape.value_bytes / 8))
            }
            Self::Hash(_) => unreachable!("the model has its own effects for hashes"),
            Self::List(elements) => list_change(rng, shape, elements.len() as u64, few),
            Self::Set(members) if rng.one_in(2) => PartChange::SetRemove(some(rng, members.iter(), few)),
            Self::Set(_) => PartChange::SetAdd((0..few).map(|_| Self::member(rng, shape)).collect()),
            Self::ZSet(members) if rng.one_in(2) => PartChange::ZSetRemove(some(rng, members.keys(), few)),
            Self::ZSet(_) => {
                let one = |_| (random_score(rng), Self::member(rng, shape));
                PartChange::ZSetSet((0..few).map(one).collect())
            }
        }
    }
}

fn random_score(rng: &mut Rng) -> f64 {
    match rng.below(8) {
        0 => f64::INFINITY,
        1 => -(rng.below(3) as f64),
        2 => rng.below(1000) as f64 / 7.0,
        3 => rng.below(5) as f64 * 1e17,
        _ => rng.below(50) as f64 - 20.0,
    }
}

/// Some that are there, and one that may not be.
fn some<'a>(rng: &mut Rng, names: impl ExactSizeIterator<Item = &'a Vec<u8>>, few: u64) -> Vec<Vec<u8>> {
    let from = rng.below(names.len().max(1) as u64) as usize;
    let mut some: Vec<_> = names.skip(from).take(few as usize).cloned().collect();
    if some.is_empty() || rng.one_in(5) {
        some.push(rng.bytes(3));
    }
    some
}

fn list_change(rng: &mut Rng, shape: Shape, len: u64, few: u64) -> PartChange {
    let side = if rng.one_in(2) { Side::Head } else { Side::Tail };
    let most = few.min(len);
    match rng.below(9) {
        0..3 => PartChange::Push(side, (0..few).map(|_| rng.bytes(shape.value_bytes / 8)).collect()),
        3..5 => PartChange::Pop(side, most),
        5 => PartChange::Set(rng.below(len), rng.bytes(shape.value_bytes / 8)),
        6 => PartChange::Insert(rng.below(len + 1), rng.bytes(shape.value_bytes / 8)),
        7 => PartChange::Remove(rng.below(len - most + 1), most),
        _ => {
            let mut indexes: Vec<u64> = (0..few).map(|_| rng.below(len)).collect();
            indexes.sort_unstable();
            indexes.dedup();
            PartChange::RemoveAt(indexes)
        }
    }
}

impl PartChange {
    /// As the store takes it.
    pub fn change(&self) -> Change<'_> {
        match self {
            Self::Range(offset, bytes) => {
                let offset = *offset;
                Change::StrRange { offset, bytes }
            }
            Self::Push(side, all) => {
                let (side, elements) = (*side, borrowed(all));
                Change::ListPush { side, elements }
            }
            Self::Pop(side, count) => {
                let (side, count) = (*side, *count);
                Change::ListPop { side, count }
            }
            Self::Set(index, element) => {
                let index = *index;
                Change::ListSet { index, element }
            }
            Self::Insert(index, element) => {
                let index = *index;
                Change::ListInsert { index, element }
            }
            Self::Remove(start, count) => {
                let (start, count) = (*start, *count);
                Change::ListRemove { start, count }
            }
            Self::RemoveAt(indexes) => {
                let indexes = indexes.into();
                Change::ListRemoveAt { indexes }
            }
            Self::SetAdd(all) => {
                let members = borrowed(all);
                Change::SetAdd { members }
            }
            Self::SetRemove(all) => {
                let members = borrowed(all);
                Change::SetRemove { members }
            }
            Self::ZSetSet(all) => {
                let members = all.iter().map(|(score, name)| (*score, &name[..])).collect();
                Change::ZSetSet { members }
            }
            Self::ZSetRemove(all) => {
                let members = borrowed(all);
                Change::ZSetRemove { members }
            }
        }
    }

    /// What a name that holds nothing holds before it.
    pub fn beginning(&self) -> Plain {
        match self {
            Self::Range(..) => Plain::Str(Vec::new()),
            Self::SetAdd(_) | Self::SetRemove(_) => Plain::Set(Default::default()),
            Self::ZSetSet(_) | Self::ZSetRemove(_) => Plain::ZSet(BTreeMap::new()),
            _ => Plain::List(Vec::new()),
        }
    }

    /// What it means, said once more in plain words.
    pub fn apply(self, plain: &mut Plain) {
        match (self, plain) {
            (Self::Range(offset, bytes), Plain::Str(held)) => {
                let (from, to) = (offset as usize, offset as usize + bytes.len());
                held.resize(held.len().max(to), 0);
                held[from..to].copy_from_slice(&bytes);
            }
            (Self::Push(side, all), Plain::List(held)) => {
                for element in all {
                    let at = if side == Side::Head { 0 } else { held.len() };
                    held.insert(at, element);
                }
            }
            (Self::Pop(Side::Head, count), Plain::List(held)) => drop(held.drain(..count as usize)),
            (Self::Pop(Side::Tail, count), Plain::List(held)) => held.truncate(held.len() - count as usize),
            (Self::Set(at, element), Plain::List(held)) => held[at as usize] = element,
            (Self::Insert(at, element), Plain::List(held)) => held.insert(at as usize, element),
            (Self::Remove(start, count), Plain::List(held)) => {
                held.drain(start as usize..(start + count) as usize);
            }
            (Self::RemoveAt(indexes), Plain::List(held)) => {
                let mut at = 0;
                held.retain(|_| {
                    at += 1;
                    !indexes.contains(&(at - 1))
                });
            }
            (Self::SetAdd(all), Plain::Set(held)) => held.extend(all),
            (Self::SetRemove(all), Plain::Set(held)) => held.retain(|name| !all.contains(name)),
            (Self::ZSetSet(all), Plain::ZSet(held)) => {
                held.extend(all.into_iter().map(|(of, name)| (name, score(of))));
            }
            (Self::ZSetRemove(all), Plain::ZSet(held)) => held.retain(|name, _| !all.contains(name)),
            (change, plain) => panic!("{change:?} of {plain:?}"),
        }
    }
}

//! What effects on hashes, lists, sets and sorted sets do. Each checks before it changes anything.

use super::apply_error::ApplyError;
use super::discarded::is_large;
use super::keyspace::{Name, Store};
use super::slab::SlotId;
use crate::effect::NEVER;
use crate::value::{Hash, Kind, List, Set, Side, Value, ZSet};

/// Blocks of memory that are too many to be freed here.
const MANY_PIECES: usize = 64;

/// A type that holds elements, as the value of a name.
trait Collection: Default {
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
}

macro_rules! collection {
    ($type:ident, $variant:ident) => {
        impl Collection for $type {
            fn of(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$variant(own) => Some(own),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    };
}

collection!(List, List);
collection!(Set, Set);
collection!(ZSet, ZSet);

impl Store {
    /// Changes a collection that may get elements; a new one if the name holds nothing.
    fn fill<T: Collection>(
        &mut self,
        (db, key): Name<'_>,
        fill: impl FnOnce(&mut T),
    ) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            let mut new = T::default();
            fill(&mut new);
            return self.put((db, key), NEVER, new.into_value());
        };
        self.change(db, id, |value| match T::of(value) {
            Some(own) => {
                fill(own);
                Ok(())
            }
            None => Err(value.kind()),
        })?;
        Ok(id)
    }

    /// Changes a collection that must be there. `change` gives back memory that has left, or `None` if there is
    /// no such place, and then has changed nothing. Without elements the name is gone.
    fn edit<T: Collection>(
        &mut self,
        (db, key): Name<'_>,
        change: impl FnOnce(&mut T) -> Option<Vec<Box<[u8]>>>,
    ) -> Result<Option<SlotId>, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        let (left, kind, empty) = self.change(db, id, |value| match T::of(value) {
            Some(own) => {
                let left = change(own);
                Ok((left, value.kind(), value.is_empty()))
            }
            None => Err(value.kind()),
        })?;
        let left = left.ok_or(ApplyError::Place { db, kind })?;
        if left.len() > MANY_PIECES || left.iter().any(|piece| is_large(piece)) {
            let pieces = left.len();
            self.discards.pieces(left, pieces);
        } else {
            self.discards.count_freed(left.len());
        }
        if empty {
            self.remove((db, key));
        }
        Ok((!empty).then_some(id))
    }

    pub(super) fn hash_set(
        &mut self,
        (db, key): Name<'_>,
        pairs: &[(&[u8], &[u8])],
    ) -> Result<SlotId, ApplyError> {
        let fill = |hash: &mut Hash| {
            let old = pairs
                .iter()
                .filter_map(|(field, value)| hash.replace(field, value).1);
            old.filter(|old| is_large(old)).collect::<Vec<_>>()
        };
        let Some(id) = self.find(db, key) else {
            let mut hash = Hash::default();
            fill(&mut hash);
            return self.put((db, key), NEVER, Value::Hash(hash));
        };
        let left = self.change(db, id, |value| match value {
            Value::Hash(hash) => Ok(fill(hash)),
            other => Err(other.kind()),
        })?;
        self.discards.pieces(left, pairs.len());
        Ok(id)
    }

    pub(super) fn hash_del(
        &mut self,
        (db, key): Name<'_>,
        fields: &[&[u8]],
    ) -> Result<Option<SlotId>, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        let (left, empty) = self.change(db, id, |value| match value {
            Value::Hash(hash) => {
                let left = fields.iter().filter_map(|field| hash.take(field));
                let left = left.filter(|left| is_large(left)).collect::<Vec<_>>();
                Ok((left, hash.is_empty()))
            }
            other => Err(other.kind()),
        })?;
        self.discards.pieces(left, 2 * fields.len());
        if empty {
            self.remove((db, key));
        }
        Ok((!empty).then_some(id))
    }

    pub(super) fn list_push(
        &mut self,
        name: Name<'_>,
        side: Side,
        elements: &[&[u8]],
    ) -> Result<SlotId, ApplyError> {
        self.fill(name, |list: &mut List| {
            elements.iter().for_each(|element| list.push(side, element));
        })
    }

    pub(super) fn list_pop(
        &mut self,
        name: Name<'_>,
        side: Side,
        count: u64,
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |list: &mut List| {
            let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
            let start = match side {
                Side::Head => 0,
                Side::Tail => list.len().checked_sub(count)?,
            };
            list.cut(start, count)
        })
    }

    pub(super) fn list_set(
        &mut self,
        name: Name<'_>,
        index: u64,
        element: &[u8],
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |list: &mut List| {
            let set = list.set(usize::try_from(index).ok()?, element);
            set.then(Vec::new)
        })
    }

    pub(super) fn list_insert(
        &mut self,
        name: Name<'_>,
        index: u64,
        element: &[u8],
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |list: &mut List| {
            let inserted = list.insert(usize::try_from(index).ok()?, element);
            inserted.then(Vec::new)
        })
    }

    pub(super) fn list_remove(
        &mut self,
        name: Name<'_>,
        start: u64,
        count: u64,
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |list: &mut List| {
            let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
            list.cut(usize::try_from(start).ok()?, count)
        })
    }

    pub(super) fn list_remove_at(
        &mut self,
        name: Name<'_>,
        indexes: &[u64],
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |list: &mut List| {
            let rising = indexes.windows(2).all(|pair| pair.first() < pair.last());
            let last = indexes.last()?;
            if !rising || *last >= list.len() as u64 {
                return None;
            }
            let mut left = Vec::new();
            // From the last run down, so that the indexes before it stay right.
            for run in indexes.chunk_by(|a, b| a + 1 == *b).rev() {
                let start = usize::try_from(*run.first()?).ok()?;
                left.extend(list.cut(start, run.len())?);
            }
            Some(left)
        })
    }

    /// Says how many members are new.
    pub(super) fn set_add(
        &mut self,
        name: Name<'_>,
        members: &[&[u8]],
    ) -> Result<(SlotId, usize), ApplyError> {
        let mut new = 0;
        if members.is_empty() {
            // There is no empty set.
            return Err(ApplyError::Place {
                db: name.0,
                kind: Kind::Set,
            });
        }
        let id = self.fill(name, |set: &mut Set| {
            new = members.iter().filter(|member| set.add(member)).count();
        })?;
        Ok((id, new))
    }

    /// Says how many members were there.
    pub(super) fn set_remove(
        &mut self,
        name: Name<'_>,
        members: &[&[u8]],
    ) -> Result<(Option<SlotId>, usize), ApplyError> {
        let mut gone = 0;
        let id = self.edit(name, |set: &mut Set| {
            gone = members.iter().filter(|member| set.remove(member)).count();
            Some(Vec::new())
        })?;
        Ok((id, gone))
    }

    pub(super) fn zset_set(
        &mut self,
        name: Name<'_>,
        members: &[(f64, &[u8])],
    ) -> Result<SlotId, ApplyError> {
        if members.iter().any(|(score, _)| score.is_nan()) {
            let (db, kind) = (name.0, Kind::ZSet);
            return Err(ApplyError::Place { db, kind });
        }
        self.fill(name, |zset: &mut ZSet| {
            for (score, member) in members {
                zset.set(member, *score);
            }
        })
    }

    pub(super) fn zset_remove(
        &mut self,
        name: Name<'_>,
        members: &[&[u8]],
    ) -> Result<Option<SlotId>, ApplyError> {
        self.edit(name, |zset: &mut ZSet| {
            for member in members {
                zset.remove(member);
            }
            Some(Vec::new())
        })
    }
}

//! The one `apply`: live commands, replay and the rewrite child all change a store through it.

use super::apply_error::ApplyError;
use super::keyspace::{Name, Store};
use super::slab::SlotId;
use crate::effect::{Change, Effect};
use crate::value::Value;

/// The outcome of an effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// The entry that the effect wrote, if it is still there.
    pub entry: Option<SlotId>,
    /// Of an effect on the members of a set, how many it added or took out: with none the store is as it was.
    pub members: Option<usize>,
}

impl Store {
    /// Applies an effect. After an error nothing has changed.
    pub fn apply(&mut self, effect: &Effect<'_>) -> Result<Applied, ApplyError> {
        match *effect {
            Effect::Key { db, key, ref change } => return self.apply_change((db, key), change),
            Effect::FlushDb { db } => self.flush(db),
            Effect::FlushAll => self.flush_all(),
            Effect::SwapDb { a, b } => self.swap(a, b)?,
            Effect::Lineage { uuid, seq } => self.take_lineage(uuid, seq),
        }
        Ok(Applied::default())
    }

    fn apply_change(&mut self, name: Name<'_>, change: &Change<'_>) -> Result<Applied, ApplyError> {
        let mut members_changed = None;
        let entry = match *change {
            Change::Put {
                expire_at,
                kind,
                body,
            } => {
                let value = Value::decode_body(kind, body).ok_or(ApplyError::Body { kind })?;
                Some(self.put(name, expire_at, value)?)
            }
            Change::Del => self.delete(name)?,
            Change::Expire { expire_at } => Some(self.expire(name, expire_at)?),
            Change::Rename { to_db, to } => Some(self.rename(name, (to_db, to))?),
            Change::Copy { to_db, to } => Some(self.copy(name, (to_db, to))?),
            Change::StrSet { ttl, value } => Some(self.str_set(name, ttl, value)?),
            Change::StrAppend { tail } => Some(self.str_append(name, tail)?),
            Change::StrRange { offset, bytes } => Some(self.str_range(name, offset, bytes)?),
            Change::HashSet { ref pairs } => Some(self.hash_set(name, pairs)?),
            Change::HashDel { ref fields } => self.hash_del(name, fields)?,
            Change::ListPush { side, ref elements } => Some(self.list_push(name, side, elements)?),
            Change::ListPop { side, count } => self.list_pop(name, side, count)?,
            Change::ListSet { index, element } => self.list_set(name, index, element)?,
            Change::ListInsert { index, element } => self.list_insert(name, index, element)?,
            Change::ListRemove { start, count } => self.list_remove(name, start, count)?,
            Change::ListRemoveAt { ref indexes } => self.list_remove_at(name, indexes)?,
            Change::SetAdd { ref members } => {
                let (id, new) = self.set_add(name, members)?;
                members_changed = Some(new);
                Some(id)
            }
            Change::SetRemove { ref members } => {
                let (id, gone) = self.set_remove(name, members)?;
                members_changed = Some(gone);
                id
            }
            Change::ZSetSet { ref members } => Some(self.zset_set(name, members)?),
            Change::ZSetRemove { ref members } => self.zset_remove(name, members)?,
        };
        Ok(Applied {
            entry,
            members: members_changed,
        })
    }
}

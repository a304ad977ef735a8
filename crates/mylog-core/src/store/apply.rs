//! The one `apply`: live commands, replay and the rewrite child all change a store through it.

use super::apply_error::ApplyError;
use super::keyspace::Store;
use super::slab::SlotId;
use crate::effect::Effect;
use crate::value::Value;

/// What an effect left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The entry that the effect wrote, if it is still there.
    pub entry: Option<SlotId>,
    /// Of an effect on the members of a set, how many it added or took out: with none the store is as it was.
    pub members: Option<usize>,
}

impl Store {
    /// Applies an effect. After an error nothing has changed.
    #[expect(clippy::too_many_lines, reason = "an arm for each effect")]
    pub fn apply(&mut self, effect: &Effect<'_>) -> Result<Applied, ApplyError> {
        let mut members_changed = None;
        let entry = match *effect {
            Effect::Put {
                db,
                key,
                expire_at,
                kind,
                body,
            } => {
                let value = Value::decode_body(kind, body).ok_or(ApplyError::Body { kind })?;
                Some(self.put(db, key, expire_at, value)?)
            }
            Effect::Del { db, key } => {
                self.find(db, key).ok_or(ApplyError::Missing { db })?;
                self.remove(db, key);
                None
            }
            Effect::Expire { db, key, expire_at } => {
                let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
                self.slab.set_expire_at(id.slot, expire_at);
                Some(id)
            }
            Effect::Rename { db, key, to_db, to } => Some(self.rename(db, key, to_db, to)?),
            Effect::Copy { db, key, to_db, to } => {
                let from = self.get(db, key).ok_or(ApplyError::Missing { db })?;
                let (expire_at, value, form) = (from.expire_at, from.value.to_value(), from.form);
                let id = self.put(to_db, to, expire_at, value)?;
                self.set_form(id, form);
                Some(id)
            }
            Effect::FlushDb { db } => {
                self.flush(db);
                None
            }
            Effect::FlushAll => {
                self.flush_all();
                None
            }
            Effect::SwapDb { a, b } => {
                self.swap(a, b)?;
                None
            }
            Effect::Lineage { uuid, seq } => {
                let known = self.lineages.entry(uuid).or_default();
                *known = seq.max(*known);
                None
            }
            Effect::StrSet { db, key, ttl, value } => Some(self.str_set(db, key, ttl, value)?),
            Effect::StrAppend { db, key, tail } => Some(self.str_append(db, key, tail)?),
            Effect::HashSet { db, key, ref pairs } => Some(self.hash_set(db, key, pairs)?),
            Effect::HashDel { db, key, ref fields } => self.hash_del(db, key, fields)?,
            Effect::StrRange {
                db,
                key,
                offset,
                bytes,
            } => Some(self.str_range((db, key), offset, bytes)?),
            Effect::ListPush {
                db,
                key,
                side,
                ref elements,
            } => Some(self.list_push((db, key), side, elements)?),
            Effect::ListPop { db, key, side, count } => self.list_pop((db, key), side, count)?,
            Effect::ListSet {
                db,
                key,
                index,
                element,
            } => self.list_set((db, key), index, element)?,
            Effect::ListInsert {
                db,
                key,
                index,
                element,
            } => self.list_insert((db, key), index, element)?,
            Effect::ListRemove {
                db,
                key,
                start,
                count,
            } => self.list_remove((db, key), start, count)?,
            Effect::ListRemoveAt { db, key, ref indexes } => self.list_remove_at((db, key), indexes)?,
            Effect::SetAdd { db, key, ref members } => {
                let (id, new) = self.set_add((db, key), members)?;
                members_changed = Some(new);
                Some(id)
            }
            Effect::SetRemove { db, key, ref members } => {
                let (id, gone) = self.set_remove((db, key), members)?;
                members_changed = Some(gone);
                id
            }
            Effect::ZSetSet { db, key, ref members } => Some(self.zset_set((db, key), members)?),
            Effect::ZSetRemove { db, key, ref members } => self.zset_remove((db, key), members)?,
        };
        Ok(Applied {
            entry,
            members: members_changed,
        })
    }
}

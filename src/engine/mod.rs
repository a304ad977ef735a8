//! The engine as the event loop sees it: the store, the group being built, and the writer of the log.

#![forbid(unsafe_code)]

pub(crate) mod backpressure;
mod defrag_tables;
pub(crate) mod feed;
pub(crate) mod lazyfree;
pub(crate) mod load_report;
pub(crate) mod own_change;
pub(crate) mod payload;
mod pressure;
pub(crate) mod refusal;
pub(crate) mod resend;
pub(crate) mod string_encoding;
pub(crate) mod value_handle;

use std::sync::Arc;
use std::time::{Duration, Instant};

use module_api::gil::Gil;
use module_api::server;
use module_api::server::event_loop;
use mylog_core::changes::Changes;
use mylog_core::effect::{Change, Db, Effect, ExpireAt};
use mylog_core::group::GroupBuilder;
use mylog_core::log::failure::Healing;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::watermarks::Watermarks;
use mylog_core::log::writer::{WaitOutcome, Writer};
use mylog_core::relocate::Relocate;
use mylog_core::rewrite::schedule::space_needed;
use mylog_core::store::{Applied, ApplyError, Form, SlotId, Store};
use mylog_core::value::Value;

use crate::settings::attention::{self, DOWN};
use crate::settings::{always_keys, config};
use defrag_tables::Tables;
use feed::{Feed, GiveUp};
use pressure::{Gauges, Pressure};
use refusal::Refusal;

/// All state that a change of a durable key changes.
pub(crate) struct Engine {
    /// Every durable value. Changed by [`Engine::commit`] alone.
    pub(crate) store: Store,
    group: GroupBuilder,
    /// Seq of the last change of each key, for readers.
    pub(crate) changes: Changes,
    /// How far the server's defragmentation of `store` and `changes` is.
    defrag: Tables,
    /// Seq of the last effect that is acknowledged as under `always`; 0 before the first.
    strict_seq: u64,
    /// A sync was requested for all seqs up to this one: a client that waits for one of them need not request another.
    /// `<= queued`.
    sync_asked: u64,
    /// Clients that wait for the group being built.
    waiting: u64,
    /// A sync is to be requested after the group being built is sealed.
    sync_wanted: bool,
    /// The group being built is sealed a moment after the turn: the server's AOF has to be written first.
    aof_first: bool,
    pub(crate) writer: Writer,
    /// Where sealed groups go beside the log while a rewrite runs.
    pub(crate) feed: Feed,
    /// Why the rewrite is to be given up at the end of the turn.
    pub(crate) give_up: Option<GiveUp>,
    /// Set while the store takes effects that the log does not get: keys of an RDB or AOF whose lineage the log does not
    /// have, until it is decided whether they are accepted.
    pub(crate) mute: bool,
    /// Why durable writes are refused although the log works.
    pub(crate) refusing: Option<Refusal>,
    /// Whether the disk is too slow for what is written.
    pressure: Pressure,
}

static ENGINE: Gil<Option<Engine>> = Gil::new(None);

/// Runs `f` on the engine. `None` before the engine has started (a callback during a load that failed).
pub(crate) fn with<R>(f: impl FnOnce(&mut Engine) -> R) -> Option<R> {
    ENGINE.with(|engine| engine.as_mut().map(f))
}

/// Puts the engine in place, after the log was loaded.
pub(crate) fn start(store: Store, next_seq: u64, writer: Writer) {
    let group = GroupBuilder::new(next_seq);
    let engine = Engine {
        store,
        group,
        changes: Changes::default(),
        defrag: Tables::default(),
        strict_seq: 0,
        sync_asked: 0,
        waiting: 0,
        sync_wanted: false,
        aof_first: false,
        writer,
        feed: Feed::None,
        give_up: None,
        mute: false,
        refusing: None,
        pressure: Pressure::default(),
    };
    ENGINE.with(|slot| *slot = Some(engine));
}

/// Unix time in ms.
pub(crate) fn wall_ms() -> u64 {
    u64::try_from(server::now_ms()).unwrap_or(0)
}

impl Engine {
    /// Applies an effect to the store and appends it to the group. Returns what the effect left in the store. After an error
    /// nothing has changed, neither in the store nor in the log, and the client must get an error.
    pub(crate) fn commit(&mut self, effect: &Effect<'_>) -> Result<Applied, ApplyError> {
        let driven_out = string_encoding::drives_out(&self.store, effect);
        let applied = self.store.apply(effect)?;
        if let (true, Some(id)) = (driven_out, applied.entry) {
            self.store.set_form(id, Form::Grown);
        }
        // An effect that adds only members that exist, or removes only missing ones, has changed nothing and gets no record.
        if !self.mute && applied.members != Some(0) {
            let seq = self.group.append(effect);
            self.note(effect, applied.entry, seq);
        }
        self.give_back_discarded();
        Ok(applied)
    }

    /// As [`Engine::commit`] of a [`Change::Put`], for a value that was built already: it may be large, and to decode it
    /// from a record again would take as long as loading it did. `record` is the value's record, if it was built already for
    /// another purpose.
    pub(crate) fn commit_value(
        &mut self,
        db: Db,
        key: &[u8],
        expire_at: ExpireAt,
        value: Value,
        record: Option<&[u8]>,
    ) -> Result<SlotId, ApplyError> {
        let id = self.store.put_value(db, key, expire_at, value)?;
        if let (false, Some(entry)) = (self.mute, self.store.entry(id)) {
            let value = entry.value();
            let seq = match record {
                Some(record) => self.group.append_record(record),
                None => self.group.append_put(db, key, expire_at, value),
            };
            let (kind, body) = (value.kind(), &[][..]);
            let effect = Change::Put {
                expire_at,
                kind,
                body,
            }
            .of(db, key);
            self.note(&effect, Some(id), seq);
        }
        self.give_back_discarded();
        Ok(id)
    }

    /// Notes an effect that was applied: the entry that it left, and its seq. The body of a value is not read.
    fn note(&mut self, effect: &Effect<'_>, left: Option<SlotId>, seq: u64) {
        let durable = self.marks().durable();
        self.changes.note(effect, left, seq, durable);
        if always_keys::is_effect(effect) {
            self.strict_seq = seq;
        }
        if effect.spans_databases() {
            self.store_leaves();
        }
        resend::changed(effect);
    }

    fn give_back_discarded(&mut self) {
        let discarded = self.store.take_discarded();
        if !discarded.is_empty() {
            lazyfree::give_back(discarded);
        }
    }

    /// Appends the record of an effect that is in the store already, to a log that lacks it.
    pub(crate) fn append_record(&mut self, record: &[u8]) {
        self.group.append_record(record);
    }

    /// Seq of the last effect committed.
    pub(crate) fn last_seq(&self) -> u64 {
        self.group.last_seq()
    }

    /// Seq of the last effect that is acknowledged as under `always`.
    pub(crate) fn strict_seq(&self) -> u64 {
        self.strict_seq
    }

    /// Whole databases are flushed or swapped, or the store is another one from now on: no child can follow that.
    pub(crate) fn store_leaves(&mut self) {
        if let Err(why) = self.feed.cut_off() {
            self.give_up = Some(why);
        }
    }

    /// The store was replaced by another one, and the log got the difference.
    pub(crate) fn store_replaced(&mut self) {
        self.changes.all_changed(self.last_seq());
    }

    /// Watermarks of the log.
    pub(crate) fn marks(&self) -> &Arc<Watermarks> {
        self.writer.watermarks()
    }

    /// Bytes of the group being built.
    pub(crate) fn building_bytes(&self) -> u64 {
        self.group.bytes() as u64
    }

    /// Bytes of memory that wait to be written, those of the group being built included.
    pub(crate) fn unwritten_bytes(&self) -> u64 {
        self.marks().unwritten_bytes() + self.building_bytes()
    }

    /// Seals the group and hands it to the feed and to the writer. Between two units only.
    pub(crate) fn seal(&mut self) {
        if self.mute {
            return;
        }
        let Some(group) = self.group.seal(wall_ms()) else {
            return;
        };
        let group = Arc::new(group);
        // Ordering 1 of `mylog_core::rewrite::residual`: the residual gets the group before the writer. Otherwise a switch
        // in between would lose the group with the old file.
        if let Err(why) = self.feed.push(&group) {
            self.give_up.get_or_insert(why);
        }
        self.writer.submit_for(group, std::mem::take(&mut self.waiting));
        if std::mem::take(&mut self.sync_wanted) {
            self.sync_sealed();
        }
    }

    /// The group being built deletes values that the server's AOF contains from now on (`release`). The server writes the
    /// AOF only after BEFORE_SLEEP: with the group on disk before that, a crash would leave the values in neither file.
    pub(crate) fn let_aof_go_first(&mut self) {
        self.aof_first = true;
    }

    /// Seals the group at the end of a turn.
    pub(crate) fn end_turn(&mut self) {
        if std::mem::take(&mut self.aof_first) {
            // The event loop runs this after the AOF was written, and does not sleep before.
            return event_loop::run_soon(|| {
                with(Self::seal);
            });
        }
        self.seal();
    }

    /// A client that waited for nothing before waits for `seq`.
    pub(crate) fn client_waits(&mut self, seq: u64) {
        // A client that waits for an earlier group is released before the group being built is durable, and is not counted
        // for it.
        if seq > self.marks().queued() {
            self.waiting += 1;
        }
    }

    /// A client waits for `seq`. Under a policy that would not sync it at once, a sync is requested, once for all clients
    /// that wait.
    pub(crate) fn ask_sync(&mut self, seq: u64) {
        if seq <= self.sync_asked || config::fsync_policy() == FsyncPolicy::Always {
            return;
        }
        if seq > self.marks().queued() {
            self.sync_wanted = true;
        } else {
            self.sync_sealed();
        }
    }

    fn sync_sealed(&mut self) {
        self.writer.sync();
        self.sync_asked = self.marks().queued();
    }

    /// Seals the group if `seq` is in it, and waits on the event loop until `seq` is on disk, or for `max_wait_ms`.
    pub(crate) fn wait_durable(&mut self, seq: u64, max_wait_ms: u64) -> WaitOutcome {
        if seq > self.marks().queued() {
            self.seal();
        }
        self.ask_sync(seq);
        let deadline = Instant::now() + Duration::from_millis(max_wait_ms);
        self.writer.wait_durable(seq, deadline)
    }

    /// Changes the fsync policy; a stricter one syncs at once.
    pub(crate) fn set_fsync_policy(&mut self, policy: FsyncPolicy) {
        // The group being built is sealed after this change of policy. A client that waits for the group under a stricter
        // policy must not wait without end under a weaker one.
        self.sync_wanted = true;
        self.writer.set_policy(policy);
    }

    /// Why no new change becomes durable; `None` while the log works.
    fn trouble(&self) -> Option<Refusal> {
        if !self.marks().is_down() {
            return None;
        }
        let error = self.marks().last_error().unwrap_or_default();
        let (free, needed) = (self.marks().free_bytes(), space_needed(self.store.live_bytes()));
        if self.marks().healing() == Healing::Ready && free < needed {
            return Some(Refusal::DownForRoom { error, free, needed });
        }
        Some(Refusal::Down(error))
    }

    /// True while no new change becomes durable, or none has for longer than `mylog.max-unsynced-age`.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.marks().is_down() || self.pressure.is_old()
    }

    /// Why changes that are not durable yet may never be; `None` while the log is in no trouble.
    pub(crate) fn doubt(&self) -> Option<Refusal> {
        let is_old = || self.pressure.is_old().then(|| self.pressure_reason()).flatten();
        self.trouble().or_else(is_old)
    }

    /// True if no reason to refuse a durable write exists or begins now, which is nearly always so.
    fn takes_all(&self) -> bool {
        self.refusing.is_none()
            && !self.marks().is_down()
            && !self.pressure.is_on()
            && !self.has_too_much_unwritten()
    }

    /// True while more bytes wait to be written than `mylog.max-unwritten`.
    pub(crate) fn has_too_much_unwritten(&self) -> bool {
        let bound = config::max_unwritten();
        bound > 0 && self.unwritten_bytes() > bound
    }

    /// Why durable writes are refused now; `None` while they are not.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        if let Some(refusal) = &self.refusing {
            return Some(refusal.clone());
        }
        self.trouble().or_else(|| self.pressure_reason())
    }

    fn gauges(&self) -> Gauges {
        Gauges::read(self.marks(), self.building_bytes())
    }

    /// Why durable writes are refused because of a slow disk; `None` while they are not.
    fn pressure_reason(&self) -> Option<Refusal> {
        if !self.pressure.is_on() {
            return None;
        }
        self.pressure.reason(self.gauges())
    }

    /// Goes on with the defragmentation of the tables. True once all are done.
    pub(crate) fn relocate_tables(&mut self, mover: &mut impl Relocate) -> bool {
        self.defrag.relocate(&mut self.store, &mut self.changes, mover)
    }
}

/// The log went down, or works again. While it is down, the filter checks for commands that would change durable keys.
pub(crate) fn refresh_attention() {
    let down = with(|engine| engine.refusal().is_some());
    attention::set(DOWN, down == Some(true));
}

/// True for a key that is durable in any database: not every server tells the filter the client's database.
pub(crate) fn is_durable(key: &[u8]) -> bool {
    let found = with(|engine| {
        let dbs = 0..engine.store.dbs();
        !engine.store.is_empty() && dbs.into_iter().any(|db| engine.store.find(db, key).is_some())
    });
    found == Some(true)
}

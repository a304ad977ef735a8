//! A command of ours that runs: its arguments, what it sees and changes, and what replicas get. The order of its steps is in `run`.

use std::ffi::CStr;

use module_api::Ctx;
use module_api::commands::spec::Spec;
use module_api::context::Flags;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::keys::notify::Class;
use module_api::server::log;
use module_api::string::{ArgVector, Args};
use mylog_core::effect::{Change, Effect};
use mylog_core::store::{ApplyError, Form};
use mylog_core::value::{Hash, Kind, ValueRef};

use crate::acks::errors::{NOT_STARTED, WRONG_TYPE};
use crate::acks::read_barrier::Sight;
use crate::acks::reply::{Out, Reply, Unchanged};
use crate::engine;
use crate::engine::refusal::Refusal;
use crate::engine::value_handle::{self, entry_of};
use crate::execute::open_key::{Left, read_as, read_str, report};
pub(crate) use crate::execute::open_key::{OfKind, Target};
use crate::settings::propagation_targets;

/// Whether a command may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads.
    Read,
    /// It writes, or may.
    Write,
}

impl Access {
    /// Tells the server of it.
    pub(crate) const fn mark(self, spec: Spec) -> Spec {
        match self {
            Self::Read => spec.reads(),
            Self::Write => spec.writes(),
        }
    }
}

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Its client has just sent it.
    Sent,
    /// Its client has waited for a key, which exists now.
    Served,
}

/// The error for an effect that the store has rejected: keyspace and store do not agree on this key.
fn unfit(error: &ApplyError) -> Reply {
    let text = Refusal::Unfit(*error).counted();
    log::warning(&text);
    Reply::error_text(&text)
}

/// What replicas and the server's AOF get.
enum Propagation {
    /// Nothing: nothing has changed.
    None,
    /// The command as it was received.
    Verbatim,
    /// Another command, which is deterministic.
    Command(&'static CStr, ArgVector),
}

/// A command that runs.
pub(crate) struct Call<'c> {
    pub(crate) ctx: Ctx<'c>,
    pub(crate) args: Args<'c>,
    pub(crate) db: u32,
    /// The changes that it has seen and that are not durable.
    pub(crate) sight: Sight,
    occasion: Occasion,
    propagation: Propagation,
}

impl<'c> Call<'c> {
    /// A command that begins. It sees what `sight` notes.
    pub(super) fn new(ctx: Ctx<'c>, args: Args<'c>, sight: Sight, occasion: Occasion) -> Self {
        Self {
            ctx,
            args,
            db: ctx.db(),
            sight,
            occasion,
            propagation: Propagation::None,
        }
    }

    /// Has replicas and the server's AOF get what they are to get.
    pub(super) fn propagate(&self) {
        match &self.propagation {
            Propagation::None => {}
            Propagation::Verbatim => self.ctx.replicate_verbatim(),
            Propagation::Command(name, args) => self.ctx.replicate_strings(name, args),
        }
    }

    /// True for a command that has waited for a key.
    pub(crate) fn is_served(&self) -> bool {
        self.occasion == Occasion::Served
    }

    /// Replicates another command than the one that was received, if anything has changed.
    pub(crate) fn replicate_as<'a>(&mut self, name: &'static CStr, args: impl IntoIterator<Item = &'a [u8]>) {
        // Without a replica or an AOF the server counts the change and drops the command, so no other one is built.
        let unheard = self.occasion == Occasion::Sent && !propagation_targets::may_be();
        if unheard || matches!(self.propagation, Propagation::None) {
            return;
        }
        let args = args.into_iter().map(|arg| self.args.share_or_new(arg));
        self.propagation = Propagation::Command(name, args.collect());
    }

    /// Where a read of one key puts its reply.
    pub(crate) fn out(&self) -> Out<'_> {
        Out::new(self.ctx, &self.sight)
    }

    /// Where a read of several keys puts its reply.
    pub(crate) fn out_of_many(&self) -> Out<'_> {
        Out::of_many(self.ctx, &self.sight)
    }

    /// What the keyspace contains under a key, for a read.
    pub(crate) fn look(&self, place: usize) -> Contents {
        self.look_as(place, Mode::Read)
    }

    /// What the keyspace contains under a key, for a command that does not count as a use of the key.
    pub(crate) fn peek(&self, place: usize) -> Contents {
        self.look_as(place, Mode::ReadNoTouch)
    }

    /// As `peek`, for a command that raises no event for a missing key: the server raises one when such a key is opened to
    /// read.
    pub(crate) fn peek_unheard(&self, place: usize) -> Contents {
        let name = self.args.string(place);
        if engine::with(|engine| engine.store.find(self.db, name.bytes()).is_some()) == Some(true) {
            return self.peek(place);
        }
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), Contents::Nothing);
        }
        Contents::Nothing
    }

    fn look_as(&self, place: usize, mode: Mode) -> Contents {
        let name = self.args.string(place);
        let contents = Key::open(self.ctx, name, mode).contents();
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), contents);
        }
        contents
    }

    /// Reads a string; `f` gets `None` if there is no key.
    pub(crate) fn read_str<R>(
        &self,
        place: usize,
        f: impl FnOnce(Option<&[u8]>) -> R,
    ) -> Result<R, Unchanged> {
        read_str(self.look(place), f)
    }

    /// Reads a value of one type; `f` gets `None` if there is no key.
    pub(crate) fn read<T: OfKind, R>(
        &self,
        place: usize,
        f: impl FnOnce(Option<&T>) -> R,
    ) -> Result<R, Unchanged> {
        read_as(self.look(place), f)
    }

    /// Reads a hash; `f` gets `None` if there is no key.
    pub(crate) fn read_hash<R>(
        &self,
        place: usize,
        f: impl FnOnce(Option<&Hash>) -> R,
    ) -> Result<R, Unchanged> {
        self.read(place, f)
    }

    /// Reads several keys at once, each of one of these types; `f` gets their values in order, `None` for a key
    /// that is not there.
    pub(crate) fn read_many<R>(
        &self,
        places: std::ops::Range<usize>,
        kinds: &[Kind],
        f: impl FnOnce(&[Option<ValueRef<'_>>]) -> R,
    ) -> Result<R, Unchanged> {
        let handle = |place| match self.look(place) {
            Contents::Nothing => Ok(None),
            Contents::Ours(kind, handle) if kinds.contains(&kind) => Ok(Some(handle)),
            _ => Err(WRONG_TYPE),
        };
        let handles = places.map(handle).collect::<Result<Vec<_>, Unchanged>>()?;
        value_handle::with_values(&handles, f).ok_or(NOT_STARTED)
    }

    /// True for a client of RESP3, where some replies have another shape.
    pub(crate) fn is_resp3(&self) -> bool {
        self.ctx.flags().any(Flags::RESP3)
    }

    /// Opens a key to write.
    pub(crate) fn open(&self, place: usize) -> Target<'c> {
        let name = self.args.string(place);
        let key = Key::open(self.ctx, name, Mode::Write);
        let contents = key.contents();
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), contents);
        }
        Target {
            key,
            name,
            contents,
            ends_later: false,
        }
    }

    /// Opens a key to write, for a command that returns its value first. The native command opens the key to read, for which
    /// the server reports a miss.
    pub(crate) fn open_to_show(&self, place: usize) -> Target<'c> {
        let target = self.open(place);
        if !target.exists() {
            self.ctx.notify(Class::Miss, c"keymiss", target.name);
        }
        target
    }

    /// Commits a change of an open key, and makes the keyspace follow. Nothing may fail after this. A change that the
    /// store rejects has changed nothing, and is an error for the client.
    pub(crate) fn commit<'v, 'k: 'v>(
        &mut self,
        target: &mut Target<'k>,
        change: Change<'v>,
    ) -> Result<(), Unchanged> {
        self.commit_members(target, change).map(drop)
    }

    /// As `commit`, of a change of the members of a set: returns how many were added or removed, so that the command need
    /// not search for them before. With 0 nothing has happened.
    pub(crate) fn commit_members<'v, 'k: 'v>(
        &mut self,
        target: &mut Target<'k>,
        change: Change<'v>,
    ) -> Result<usize, Unchanged> {
        let effect = change.of(self.db, target.name());
        self.commit_effect(target, &effect)
    }

    /// As `commit`, of an effect that gives the open key the value of another one.
    pub(crate) fn commit_effect(
        &mut self,
        target: &mut Target<'_>,
        effect: &Effect<'_>,
    ) -> Result<usize, Unchanged> {
        let done = engine::with(|engine| {
            if let Contents::Ours(_, handle) = target.contents {
                if let Some(id) = entry_of(handle) {
                    engine.store.guess(id);
                }
            }
            let applied = engine.commit(effect)?;
            let left = applied.entry.and_then(|id| {
                let entry = engine.store.entry(id)?;
                Some(Left {
                    kind: entry.value().kind(),
                    number: id.to_word(),
                    expire_at: entry.expire_at(),
                })
            });
            Ok((left, applied.members))
        });
        let (left, members) = done.ok_or(NOT_STARTED)?.map_err(|error| unfit(&error))?;
        if members != Some(0) {
            target.follow(left);
            if matches!(self.propagation, Propagation::None) {
                self.propagation = Propagation::Verbatim;
            }
        }
        Ok(members.unwrap_or(0))
    }

    /// As `commit`, of a change that gives the key an expire time in the past. The server deletes such a key as soon as it
    /// accesses it, and what it sends to replicas for that must follow the command. So the key gets its expire time only
    /// with `end`.
    pub(crate) fn commit_before_end<'v, 'k: 'v>(
        &mut self,
        target: &mut Target<'k>,
        change: Change<'v>,
    ) -> Result<(), Unchanged> {
        target.ends_later = true;
        self.commit(target, change)
    }

    /// Sets the key's expire time.
    pub(crate) fn end(&self, target: &Target<'_>, expire_at: i64) {
        report(target.key.set_expire_at(expire_at));
    }

    /// Notes how the string of an open key was written, where its effect does not say so, or there was no effect.
    pub(crate) fn written_as(&self, target: &Target<'_>, form: Form) {
        if let Contents::Ours(_, handle) = target.contents {
            if let Some(id) = entry_of(handle) {
                engine::with(|engine| engine.store.set_form(id, form));
            }
        }
    }

    /// Deletes a key of any type: the log has no records of native ones.
    pub(crate) fn delete(&mut self, target: &mut Target<'_>) -> Result<(), Unchanged> {
        if target.is_ours() {
            return self.commit(target, Change::Del);
        }
        target.follow(None);
        if matches!(self.propagation, Propagation::None) {
            self.propagation = Propagation::Verbatim;
        }
        Ok(())
    }

    /// Makes the keyspace follow an effect that moved this key's value to another key.
    pub(crate) fn lost_to_another_name(&self, target: &mut Target<'_>) {
        target.follow(None);
    }

    /// Signals a key to the clients that watch it, then raises the native command's event.
    pub(crate) fn changed(&self, target: &Target<'_>, class: Class, event: &CStr) {
        self.ctx.signal_modified(target.name);
        self.ctx.notify(class, event, target.name);
    }

    /// Raises one more event of the same change.
    pub(crate) fn notify(&self, target: &Target<'_>, event: &CStr) {
        self.ctx.notify(Class::Generic, event, target.name);
    }
}

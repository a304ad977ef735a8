//! A command of the module from the server's entry to the reply. The order of its steps is kept here:
//!
//! 1. Check the arguments, open the keys, compute the effect: all that can fail.
//! 2. Commit. From here on nothing may fail: the log has the effect, and a client that got an error would assume that
//!    nothing was done.
//! 3. Make the keyspace follow. Otherwise a client or callback that is notified next would find another state than the log
//!    has.
//! 4. Signal the key to the clients that watch it, raise the event, replicate.
//! 5. Send the reply, or have it wait for the changes that the command made and saw.

use std::ffi::CStr;

use module_api::Ctx;
use module_api::context::Flags;
use module_api::keys::key::{Holds, Key, Mode};
use module_api::keys::notify::Class;
use module_api::server::server_state;
use module_api::server::{log, server_settings};
use module_api::string::{ArgVector, Args};
use mylog_core::effect::Effect;
use mylog_core::store::{ApplyError, Form};
use mylog_core::value::{Hash, Kind, ValueRef};

use crate::acks::errors::{NOT_STARTED, NOT_STRINGS, WRONG_TYPE};
use crate::acks::held_clients;
use crate::acks::read_barrier::Sight;
use crate::acks::reply::{Out, Reply};
use crate::engine;
use crate::engine::value_handle::{self, entry_of};
use crate::execute::open_key::{Left, read_as, read_str, report};
pub(crate) use crate::execute::open_key::{OfKind, Target};
use crate::execute::{native_fallback, permission};
use crate::keyspace::native_effects;
use crate::lifecycle::startup;
use crate::settings::propagation_targets;

/// What a command does. `Err` is the reply of a command that has changed nothing.
pub(crate) type Handler = fn(&mut Call<'_>) -> Result<Reply, Reply>;

/// Whether a command may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads.
    Read,
    /// It writes, or may.
    Write,
}

/// The server's entry into a command with this handler; with `keys`, a `fn(Ctx, Args) -> Vec<KeyPlace>`, into one that tells
/// the server its keys.
macro_rules! entry {
    ($access:ident, $handler:path $(, $keys:expr)?) => {{
        struct Entered;
        impl module_api::commands::command::Command for Entered {
            $(
                const KEYS: Option<
                    fn(
                        module_api::Ctx<'_>,
                        module_api::string::Args<'_>,
                    ) -> Vec<module_api::commands::command::KeyPlace>,
                > = Some($keys);
            )?

            fn run(ctx: module_api::Ctx<'_>, args: module_api::string::Args<'_>) {
                let access = $crate::execute::invocation::Access::$access;
                $crate::execute::invocation::run(ctx, args, access, $handler);
            }
        }
        module_api::commands::command::Entry::of::<Entered>()
    }};
}
pub(crate) use entry;

/// Runs a command.
pub(crate) fn run<'c>(ctx: Ctx<'c>, args: Args<'c>, access: Access, handler: Handler) {
    let done = perform(ctx, args, access, Occasion::Sent, handler);
    // A client that waits for a key, or for a time to pass, has no reply yet.
    if !matches!(done.reply, Reply::Later) {
        held_clients::finish(ctx, done.reply, done.changed, done.seen);
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

/// What a command did, and the changes that its reply has to wait for.
pub(crate) struct Done {
    pub(crate) reply: Reply,
    /// The last change that it made and for which the reply has to wait.
    pub(crate) changed: Option<u64>,
    /// The last change that it saw and for which the reply has to wait.
    pub(crate) seen: Option<u64>,
}

/// Runs a command up to its reply, which the caller sends.
pub(crate) fn perform<'c>(
    ctx: Ctx<'c>,
    args: Args<'c>,
    access: Access,
    occasion: Occasion,
    handler: impl FnOnce(&mut Call<'c>) -> Result<Reply, Reply>,
) -> Done {
    server_settings::need();
    // Effects of an earlier command of the unit that are not decided yet come before those of this command.
    native_effects::settle(native_effects::Cause::Command);
    let begun = engine::with(|engine| (engine.strict_seq(), Sight::begin(engine)));
    let (before, sight) = begun.unwrap_or_else(|| (0, Sight::none()));
    let mut call = Call {
        ctx,
        args,
        db: ctx.db(),
        sight,
        occasion,
        propagation: Propagation::None,
    };
    let reply = call.handle(access, handler);
    call.propagate();
    // Effects that callbacks committed meanwhile, for a native command that runs inside this one, count as well. Not for a
    // read: it may find an expired key, for whose deletion no client waits, and its reply may have been sent already.
    let changed = match access {
        Access::Read => None,
        Access::Write => engine::with(|engine| engine.strict_seq()).filter(|&after| after != before),
    };
    Done {
        reply,
        changed,
        seen: call.sight.seen(),
    }
}

/// The error for an effect that the store has rejected: keyspace and store do not agree on this key.
fn unfit(error: &ApplyError) -> Reply {
    let text = engine::refused(&format!("the log can't take this: {error}; nothing was done"));
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
    fn handle(&mut self, access: Access, handler: impl FnOnce(&mut Self) -> Result<Reply, Reply>) -> Reply {
        if let Some(denied) = permission::refusal(self.ctx, self.args) {
            return denied;
        }
        if access == Access::Write {
            // The log contains all that the server's AOF could add, so the log wins.
            if server_state::is_loading() {
                if startup::skips_loading_command() {
                    native_fallback::leave_to_the_log(self);
                    return Reply::Null;
                }
            } else if let Some(refusal) = engine::refusal() {
                // A refusal would make a replica differ from its primary, and no client would be notified.
                if !self.ctx.flags().any(Flags::REPLICATED) {
                    return refusal;
                }
            }
        }
        if let Some(answered) = native_fallback::goes_on_natively(self) {
            return answered;
        }
        match handler(self) {
            Err(unchanged) if unchanged == WRONG_TYPE || unchanged == NOT_STRINGS => {
                native_fallback::answer_instead(self, access).unwrap_or(unchanged)
            }
            Ok(reply) | Err(reply) => reply,
        }
    }

    fn propagate(&self) {
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
    pub(crate) fn look(&self, place: usize) -> Holds {
        self.look_as(place, Mode::Read)
    }

    /// What the keyspace contains under a key, for a command that does not count as a use of the key.
    pub(crate) fn peek(&self, place: usize) -> Holds {
        self.look_as(place, Mode::ReadNoTouch)
    }

    /// As `peek`, for a command that raises no event for a missing key: the server raises one when such a key is opened to
    /// read.
    pub(crate) fn peek_unheard(&self, place: usize) -> Holds {
        let name = self.args.string(place);
        if engine::with(|engine| engine.store.find(self.db, name.bytes()).is_some()) == Some(true) {
            return self.peek(place);
        }
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), Holds::Nothing);
        }
        Holds::Nothing
    }

    fn look_as(&self, place: usize, mode: Mode) -> Holds {
        let name = self.args.string(place);
        let holds = Key::open(self.ctx, name, mode).holds();
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), holds);
        }
        holds
    }

    /// Reads a string; `f` gets `None` if there is no key.
    pub(crate) fn read_str<R>(&self, place: usize, f: impl FnOnce(Option<&[u8]>) -> R) -> Result<R, Reply> {
        read_str(self.look(place), f)
    }

    /// Reads a value of one type; `f` gets `None` if there is no key.
    pub(crate) fn read<T: OfKind, R>(
        &self,
        place: usize,
        f: impl FnOnce(Option<&T>) -> R,
    ) -> Result<R, Reply> {
        read_as(self.look(place), f)
    }

    /// Reads a hash; `f` gets `None` if there is no key.
    pub(crate) fn read_hash<R>(&self, place: usize, f: impl FnOnce(Option<&Hash>) -> R) -> Result<R, Reply> {
        self.read(place, f)
    }

    /// Reads several keys at once, each of one of these types; `f` gets their values in order, `None` for a key
    /// that is not there.
    pub(crate) fn read_many<R>(
        &self,
        places: std::ops::Range<usize>,
        kinds: &[Kind],
        f: impl FnOnce(&[Option<ValueRef<'_>>]) -> R,
    ) -> Result<R, Reply> {
        let handle = |place| match self.look(place) {
            Holds::Nothing => Ok(None),
            Holds::Ours(kind, handle) if kinds.contains(&kind) => Ok(Some(handle)),
            _ => Err(WRONG_TYPE),
        };
        let handles = places.map(handle).collect::<Result<Vec<_>, Reply>>()?;
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
        let holds = key.holds();
        if !self.sight.is_clear() {
            self.sight.note(self.db, name.bytes(), holds);
        }
        Target {
            key,
            name,
            holds,
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

    /// Commits an effect on an open key, and makes the keyspace follow. Nothing may fail after this. An effect that the
    /// store rejects has changed nothing, and is an error for the client.
    pub(crate) fn commit(&mut self, target: &mut Target<'_>, effect: &Effect<'_>) -> Result<(), Reply> {
        self.commit_members(target, effect).map(drop)
    }

    /// As `commit`, of an effect on the members of a set: returns how many were added or removed, so that the command need
    /// not search for them before. With 0 nothing has happened.
    pub(crate) fn commit_members(
        &mut self,
        target: &mut Target<'_>,
        effect: &Effect<'_>,
    ) -> Result<usize, Reply> {
        let done = engine::with(|engine| {
            if let Holds::Ours(_, handle) = target.holds {
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

    /// As `commit`, of an effect that gives the key an expire time in the past. The server deletes such a key as soon as it
    /// accesses it, and what it sends to replicas for that must follow the command. So the key gets its expire time only
    /// with `end`.
    pub(crate) fn commit_before_end(
        &mut self,
        target: &mut Target<'_>,
        effect: &Effect<'_>,
    ) -> Result<(), Reply> {
        target.ends_later = true;
        self.commit(target, effect)
    }

    /// Sets the key's expire time.
    pub(crate) fn end(&self, target: &Target<'_>, expire_at: i64) {
        report(target.key.set_expire_at(expire_at));
    }

    /// Notes how the string of an open key was written, where its effect does not say so, or there was no effect.
    pub(crate) fn written_as(&self, target: &Target<'_>, form: Form) {
        if let Holds::Ours(_, handle) = target.holds {
            if let Some(id) = entry_of(handle) {
                engine::with(|engine| engine.store.set_form(id, form));
            }
        }
    }

    /// Deletes a key of any type: the log has no records of native ones.
    pub(crate) fn delete(&mut self, target: &mut Target<'_>) -> Result<(), Reply> {
        if target.is_ours() {
            let key = target.name();
            return self.commit(target, &Effect::Del { db: self.db, key });
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

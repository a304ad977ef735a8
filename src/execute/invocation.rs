//! A command of ours from the server's entry to the reply: the order of its steps is kept here.
//!
//! 1. Check the arguments, open the keys, compute the effect: all that can fail.
//! 2. Commit. From here on nothing may fail: the log has it, and a client that got an error would think
//!    that nothing was done.
//! 3. Make the keyspace follow, so that whoever is told finds what the log says.
//! 4. Tell those who watch the key, raise the event, replicate.
//! 5. Answer, or hold the answer, for what was changed and for what was seen.

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
use crate::engine::value_handle::Word;
use crate::engine::{self, value_handle};
use crate::execute::open_key::{Left, read_as, read_str, report};
pub(crate) use crate::execute::open_key::{OfKind, Target};
use crate::execute::{native_fallback, permission};
use crate::keyspace::native_effects;
use crate::lifecycle::startup;
use crate::settings::propagation_targets;

/// What a command does. `Err` is the reply of one that has done nothing.
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
    // Who waits for a key, or for time to pass, has been told nothing yet.
    if !matches!(done.reply, Reply::Later) {
        held_clients::finish(ctx, done.reply, done.changed, done.seen);
    }
}

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// It was sent just now.
    Sent,
    /// It has waited for a key, which is there now.
    Served,
}

/// What a command did, and what its reply is to be held for.
pub(crate) struct Done {
    pub(crate) reply: Reply,
    /// Its last change whose acknowledgement waits.
    pub(crate) changed: Option<u64>,
    /// The last change that it saw and whose acknowledgement waits.
    pub(crate) seen: Option<u64>,
}

/// Runs a command up to its reply, which is the caller's to give.
pub(crate) fn perform<'c>(
    ctx: Ctx<'c>,
    args: Args<'c>,
    access: Access,
    occasion: Occasion,
    handler: impl FnOnce(&mut Call<'c>) -> Result<Reply, Reply>,
) -> Done {
    server_settings::need();
    // What a command before this one left open in the same unit comes before this one's effects.
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
    // What callbacks committed meanwhile, of a native command run inside this one, counts as well. Not for a
    // read: it may find a key expired, for which nobody waits, and its reply may have left already.
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

/// The error for an effect that the store has not taken: keyspace and store have parted over this name.
fn unfit(error: &ApplyError) -> Reply {
    let text = engine::refused(&format!("the log can't take this: {error}; nothing was done"));
    log::warning(&text);
    Reply::error_text(&text)
}

/// What replicas and the server's AOF get.
enum Propagation {
    /// Nothing: nothing has changed.
    None,
    /// The command as it came.
    Verbatim,
    /// Another one, deterministic.
    Command(&'static CStr, ArgVector),
}

/// A command that runs.
pub(crate) struct Call<'c> {
    pub(crate) ctx: Ctx<'c>,
    pub(crate) args: Args<'c>,
    pub(crate) db: u32,
    /// What it has seen that is not durable.
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
            // The log has all that the server's AOF could bring: it wins.
            if server_state::is_loading() {
                if startup::skips_loading_command() {
                    native_fallback::leave_to_the_log(self);
                    return Reply::Null;
                }
            } else if let Some(refusal) = engine::refusal() {
                // Refusing its primary would part a replica from it, and nobody would hear of that.
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

    /// Replicates another command than the one that came, if anything has changed.
    pub(crate) fn replicate_as<'a>(&mut self, name: &'static CStr, args: impl IntoIterator<Item = &'a [u8]>) {
        // Where nobody listens the server counts the change, and drops the command as it came.
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

    /// What a name holds, for a read.
    pub(crate) fn look(&self, place: usize) -> Holds {
        self.look_as(place, Mode::Read)
    }

    /// What a name holds, for a command that is no use of it.
    pub(crate) fn peek(&self, place: usize) -> Holds {
        self.look_as(place, Mode::ReadNoTouch)
    }

    /// As `peek`, for a command that does not tell of keys that it misses: the server would, if it were asked for one.
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
        let word = |place| match self.look(place) {
            Holds::Nothing => Ok(None),
            Holds::Ours(kind, word) if kinds.contains(&kind) => Ok(Some(word)),
            _ => Err(WRONG_TYPE),
        };
        let words = places.map(word).collect::<Result<Vec<_>, Reply>>()?;
        value_handle::with_values(&words, f).ok_or(NOT_STARTED)
    }

    /// True for a client of RESP3, for whom some replies have another shape.
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

    /// Opens a key to write whose value is shown first. The server tells of a miss if a key is opened to read,
    /// as the native command does it.
    pub(crate) fn open_to_show(&self, place: usize) -> Target<'c> {
        let target = self.open(place);
        if !target.exists() {
            self.ctx.notify(Class::Miss, c"keymiss", target.name);
        }
        target
    }

    /// Commits an effect on an open key, and makes the keyspace follow. Nothing may fail after this. What the store
    /// does not take has changed nothing, and is an error for the client.
    pub(crate) fn commit(&mut self, target: &mut Target<'_>, effect: &Effect<'_>) -> Result<(), Reply> {
        self.commit_members(target, effect).map(drop)
    }

    /// As `commit`, of an effect on the members of a set: says how many came or went, so that nobody has to look for
    /// them before. With none nothing has happened.
    pub(crate) fn commit_members(
        &mut self,
        target: &mut Target<'_>,
        effect: &Effect<'_>,
    ) -> Result<usize, Reply> {
        let done = engine::with(|engine| {
            if let Holds::Ours(_, word) = target.holds {
                if let Word::Entry(id) = Word::read(word) {
                    engine.store.guess(id);
                }
            }
            let applied = engine.commit(effect)?;
            let left = applied.entry.and_then(|id| {
                let entry = engine.store.entry(id)?;
                Some(Left {
                    kind: entry.value().kind(),
                    word: id.to_word() as usize,
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

    /// As `commit`, of an effect that gives the key an end in the past. The server ends such a key as soon as it looks
    /// at it, and what it sends replicas of that must come behind the command: so it gets its end only with `end`.
    pub(crate) fn commit_before_end(
        &mut self,
        target: &mut Target<'_>,
        effect: &Effect<'_>,
    ) -> Result<(), Reply> {
        target.ends_later = true;
        self.commit(target, effect)
    }

    /// Gives the key its end.
    pub(crate) fn end(&self, target: &Target<'_>, expire_at: i64) {
        report(target.key.set_expire_at(expire_at));
    }

    /// Says how the string of an open key was written, where its effect does not say it, or there was none.
    pub(crate) fn written_as(&self, target: &Target<'_>, form: Form) {
        if let Holds::Ours(_, word) = target.holds {
            if let Word::Entry(id) = Word::read(word) {
                engine::with(|engine| engine.store.set_form(id, form));
            }
        }
    }

    /// Takes a key away, of whatever type: of the server's own the log knows nothing.
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

    /// Makes the keyspace follow an effect that gave this key's value another name.
    pub(crate) fn lost_to_another_name(&self, target: &mut Target<'_>) {
        target.follow(None);
    }

    /// Tells those who watch a key that it changed, then raises the native command's event.
    pub(crate) fn changed(&self, target: &Target<'_>, class: Class, event: &CStr) {
        self.ctx.signal_modified(target.name);
        self.ctx.notify(class, event, target.name);
    }

    /// Raises one more event of the same change.
    pub(crate) fn notify(&self, target: &Target<'_>, event: &CStr) {
        self.ctx.notify(Class::Generic, event, target.name);
    }
}

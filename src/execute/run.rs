//! A command of the module from the server's entry to the reply. The order of its steps is kept here:
//!
//! 1. Check the arguments, open the keys, compute the effect: all that can fail.
//! 2. Commit. From here on nothing may fail: the log has the effect, and a client that got an error would assume that
//!    nothing was done.
//! 3. Make the keyspace follow. Otherwise a client or callback that is notified next would find another state than the log
//!    has.
//! 4. Signal the key to the clients that watch it, raise the event, replicate.
//! 5. Send the reply, or have it wait for the changes that the command made and saw.

use module_api::Ctx;
use module_api::context::Flags;
use module_api::server::server_settings;
use module_api::server::server_state;
use module_api::string::Args;

use super::invocation::{Access, Call, Occasion};
use super::{native_fallback, permission};
use crate::acks::acknowledge;
use crate::acks::read_barrier::Sight;
use crate::acks::reply::{Reply, Unchanged};
use crate::engine::{self, backpressure};
use crate::keyspace::{load_state, native_effects};

/// What a command does. `Err` is the reply of a command that has changed nothing.
pub(crate) type Handler = fn(&mut Call<'_>) -> Result<Reply, Unchanged>;

/// What the server is told of a command with this handler; with `keys`, a `fn(Ctx, Args) -> Vec<KeyPlace>`, of one that tells
/// the server its keys.
macro_rules! command {
    ($access:ident, $name:literal, $handler:path $(, $keys:expr)?) => {{
        struct Entered;
        impl module_api::commands::entry::Command for Entered {
            $(
                const KEYS: Option<
                    fn(
                        module_api::Ctx<'_>,
                        module_api::string::Args<'_>,
                    ) -> Vec<module_api::commands::entry::KeyPlace>,
                > = Some($keys);
            )?

            fn run(ctx: module_api::Ctx<'_>, args: module_api::string::Args<'_>) {
                let access = $crate::execute::invocation::Access::$access;
                $crate::execute::run::run(ctx, args, access, $handler);
            }
        }
        $crate::execute::invocation::Access::$access
            .mark(module_api::commands::spec::Spec::of::<Entered>($name))
    }};
}
pub(crate) use command;

/// Runs a command.
pub(crate) fn run<'c>(ctx: Ctx<'c>, args: Args<'c>, access: Access, handler: Handler) {
    let done = perform(ctx, args, access, Occasion::Sent, handler);
    // A client that waits for a key, or for a time to pass, has no reply yet.
    if !matches!(done.reply, Reply::Later) {
        acknowledge::finish(ctx, done.reply, done.changed, done.seen);
    }
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
    handler: impl FnOnce(&mut Call<'c>) -> Result<Reply, Unchanged>,
) -> Done {
    server_settings::need();
    // Effects of an earlier command of the unit that are not decided yet come before those of this command.
    native_effects::settle(native_effects::Cause::Command);
    let begun = engine::with(|engine| (engine.strict_seq(), Sight::begin(engine)));
    let (before, sight) = begun.unwrap_or_else(|| (0, Sight::none()));
    let mut call = Call::new(ctx, args, sight, occasion);
    let reply = handle(&mut call, access, handler);
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

/// All but what surrounds every command.
fn handle<'c>(
    call: &mut Call<'c>,
    access: Access,
    handler: impl FnOnce(&mut Call<'c>) -> Result<Reply, Unchanged>,
) -> Reply {
    if let Some(denied) = permission::refusal(call.ctx, call.args) {
        return denied;
    }
    if access == Access::Write {
        // The log contains all that the server's AOF could add, so the log wins.
        if server_state::is_loading() {
            if load_state::skips_loading_command() {
                native_fallback::leave_to_the_log(call);
                return Reply::Null;
            }
        } else if let Some(refusal) = backpressure::refusal() {
            // A refusal would make a replica differ from its primary, and no client would be notified.
            if !call.ctx.flags().any(Flags::REPLICATED) {
                return refusal.into();
            }
        }
    }
    if let Some(answered) = native_fallback::goes_on_natively(call) {
        return answered;
    }
    match handler(call) {
        Err(Unchanged(wrong @ Reply::WrongType(_))) => {
            native_fallback::answer_instead(call, access).unwrap_or(wrong)
        }
        Ok(reply) | Err(Unchanged(reply)) => reply,
    }
}

//! Runs or refuses a native command that has no durable form and has a captured key, and one that would replace a durable
//! key while the log is down. The decision depends on the values of its keys in the client's database, which the filter does
//! not know.
//!
//! A captured key either is durable, or the command on it is refused. So the command does not run on a durable key, and makes
//! no new native key under a captured prefix. A key that is native under a captured prefix already stays native, and is served.

use module_api::Ctx;
use module_api::commands::entry::KeyPlace;
use module_api::commands::table_words::{READ, UPDATE};
use module_api::keys::key::{Contents, Key, Mode};
use module_api::string::Args;
use redis_grammar::prefixes::Standing;

use crate::acks::reply::{Reply, Unchanged};
use crate::engine::{backpressure, payload, refusal};
use crate::execute::invocation::Call;
use crate::execute::{native_fallback, permission, twins};
use crate::settings::server_commands::{Known, Treatment};
use crate::settings::{captured_keys, server_commands};

const FOR_THE_FILTER: Unchanged = Unchanged(Reply::error(
    c"ERR MYLOG.CHECKED is for native commands that write and have no durable form",
));

/// The keys of the checked command, which the command reports to the server.
pub(super) fn keys(ctx: Ctx<'_>, args: Args<'_>) -> Vec<KeyPlace> {
    let known = server_commands::inspect(ctx, args.after(1));
    let keys = known.map_or_else(Vec::new, |known| known.keys);
    let flags = |reads| if reads { READ } else { UPDATE };
    keys.iter()
        .map(|&(place, reads)| (place + 1, flags(reads)))
        .collect()
}

/// As `checked`, but registered without a permission and without a need for the password, so only the filter may use it.
pub(super) fn checked_for_all(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    match twins::is_check_for_all(call.args.string(0)) {
        true => checked(call),
        false => Err(FOR_THE_FILTER),
    }
}

/// MYLOG.CHECKED command [argument ...]
pub(super) fn checked(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let inner = call.args.after(1);
    let whole: Vec<&[u8]> = inner.from(0).collect();
    if let Some(refusal) = permission::refusal_of(call.ctx, &whole) {
        return Err(refusal.into());
    }
    let known = server_commands::inspect(call.ctx, inner).ok_or(FOR_THE_FILTER)?;
    if known.treatment != Treatment::Checked {
        return Err(FOR_THE_FILTER);
    }
    let command = Checked { known, inner };
    let mut native = false;
    for &(place, reads) in &command.known.keys {
        native |= command.look(call, place, reads)?;
    }
    // The command will run, and may reply with what it finds, so its keys are noted as read. A refusal reveals nothing.
    for &(place, _) in &command.known.keys {
        let name = inner.string(place);
        if !call.sight.is_clear() {
            let contents = Key::open(call.ctx, name, Mode::Write).contents();
            call.sight.note(call.db, name.bytes(), contents);
        }
    }
    if native {
        native_fallback::count();
    }
    Ok(native_fallback::run_inner(call, inner))
}

struct Checked<'c> {
    known: Known,
    inner: Args<'c>,
}

impl Checked<'_> {
    /// Checks one key. True if the key is native under a captured prefix; `Err` if the command must not run on the key.
    fn look(&self, call: &Call<'_>, place: usize, reads: bool) -> Result<bool, Unchanged> {
        let name = self.inner.string(place);
        let key = name.bytes();
        let contents = Key::open(call.ctx, name, Mode::Write).contents();
        if matches!(contents, Contents::Ours(..)) && !reads {
            if let Some(refusal) = backpressure::refusal() {
                return Err(refusal.into());
            }
        }
        let is_restore = matches!(&*self.known.name, "restore" | "restore-asking");
        // A key that was durable when it was excluded stays durable.
        let led = match captured_keys::standing(key) {
            Standing::Matched => true,
            Standing::Excluded => matches!(contents, Contents::Ours(..)),
            Standing::Outside => false,
        };
        if !led {
            return Ok(false);
        }
        match contents {
            Contents::Foreign => Ok(true),
            _ if is_restore => self.check_payload(key, matches!(contents, Contents::Ours(..))),
            Contents::Nothing if reads || self.known.makes_no_key => Ok(false),
            Contents::Nothing | Contents::Ours(..) => Err(self.refusal(key).into()),
        }
    }

    /// RESTORE of a durable value's dump makes a durable key. RESTORE on an existing key fails without REPLACE, and so changes
    /// nothing.
    fn check_payload(&self, key: &[u8], is_there: bool) -> Result<bool, Unchanged> {
        let replaces = || {
            self.inner
                .from(4)
                .any(|word| word.eq_ignore_ascii_case(b"replace"))
        };
        if payload::is_ours(self.inner.get(3)) || (is_there && !replaces()) {
            return Ok(false);
        }
        Err(self.refusal(key).into())
    }

    fn refusal(&self, key: &[u8]) -> Reply {
        let name = self.known.name.replace('|', " ");
        Reply::error_text(&refusal::no_durable_form(&name, &captured_keys::captured_by(key)))
    }
}

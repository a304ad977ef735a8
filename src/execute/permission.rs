//! Whether a user may run a command of the module: only if the user may run the native command for which it stands, in
//! whatever case its name is written. The server itself has checked the permission for the module's command alone.
//!
//! Administration needs the category on every server. Redis 7.0 keeps commands of modules out of all categories: there the
//! permission for a native command of that category is checked in its place.

use module_api::Ctx;
use module_api::commands::acl::Verdict;
use module_api::commands::command;
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::server::config::c_text;
use module_api::server::server_state;
use module_api::string::Args;

use crate::acks::reply::Reply;
use crate::execute::twins;
use crate::settings::server_commands;

/// The native command whose permission stands for that to administrate, on servers where commands of modules have no
/// categories.
const ADMINISTRATION: [&[u8]; 1] = [b"bgrewriteaof"];
/// A user who may run this could gain every permission, so nothing is denied to such a user.
const RULES: [&[u8]; 3] = [b"acl", b"setuser", b"name"];
/// The one native command that takes more arguments than the module's form of it.
const WAIT: [&[u8]; 3] = [b"wait", b"0", b"0"];
/// The one native command that consists of subcommands.
const OBJECT: [&[u8]; 2] = [b"object", b"help"];

/// The error for a user who must not run this command of the module, whose name is the first argument.
pub(crate) fn refusal(ctx: Ctx<'_>, args: Args<'_>) -> Option<Reply> {
    if server_state::is_loading() {
        return None;
    }
    let user = ctx.user()?;
    // A renamed command, for which no rule can be checked, may be denied to any user.
    if user.may_all() && !server_commands::are_renamed() {
        return None;
    }
    let native = twins::native_string(args.string(0))?;
    let name = native.lend().bytes();
    if name == b"wait" {
        return refusal_of(ctx, &WAIT);
    }
    match ctx.verdict_as(&user, native.lend(), args) {
        Verdict::Allowed => None,
        Verdict::Denied => {
            let args: Vec<&[u8]> = args.from(1).collect();
            Some(words(ctx, name, &args))
        }
        Verdict::Unknown => of_unknown(ctx, name),
    }
}

/// As `refusal`, of a native command with these arguments, its name first.
pub(crate) fn refusal_of(ctx: Ctx<'_>, command: &[&[u8]]) -> Option<Reply> {
    let (name, args) = command.split_first()?;
    let denied = !server_state::is_loading() && ctx.verdict(command) == Verdict::Denied;
    denied.then(|| words(ctx, name, args))
}

/// Commands of the module for which there is no native one: their names without the prefix, and whether they administrate.
static OWN: Gil<Vec<(&'static [u8], bool)>> = Gil::new(Vec::new());

/// Notes such a command. In OnLoad.
pub(crate) fn note_own(name: &'static [u8], is_admin: bool) {
    OWN.with(|own| own.push((name, is_admin)));
}

/// Whether such a command administrates; `None` for another one.
fn is_own(name: &[u8]) -> Option<bool> {
    OWN.with(|own| {
        let found = own.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|&(_, is_admin)| is_admin)
    })
}

/// A command for which this server has no native one.
fn of_unknown(ctx: Ctx<'_>, name: &[u8]) -> Option<Reply> {
    if let Some(is_admin) = is_own(name) {
        return match is_admin && !command::has_categories() {
            true => refusal_of(ctx, &ADMINISTRATION),
            false => None,
        };
    }
    // OBJECT is known, and its subcommand is not: the error of the native command says that best.
    if name == b"object" {
        return refusal_of(ctx, &OBJECT);
    }
    // The native command was removed, or renamed so that no rule can be checked for it.
    (ctx.verdict(&RULES) != Verdict::Allowed).then(|| words(ctx, name, &[]))
}

/// The server's error for a user who may not run this native command. The denial is in ACL LOG after that.
fn words(ctx: Ctx<'_>, native: &[u8], args: &[&[u8]]) -> Reply {
    let name = full_name(native, args);
    let reply = ctx.denial(&c_text(&String::from_utf8_lossy(native)), args);
    let said = reply.map_or_else(String::new, |reply| {
        String::from_utf8_lossy(reply.whole().bytes()).into_owned()
    });
    let in_script = ctx.flags().any(Flags::LUA);
    if let Some(reason) = said.strip_prefix("NOPERM ") {
        return of_later_servers(reason, in_script);
    }
    if !said.contains(OF_MODULES) {
        // The native command takes other arguments than the module's, or does not exist: the server has noted no denial.
        ctx.note_denial(name.as_bytes());
    }
    of_first_servers(&name, said.contains(OF_KEYS), in_script)
}

/// With this text Redis 7.0 tells a module why a user may not run a command.
const OF_MODULES: &str = "acl verification failed";
/// The same, if a key is the reason.
const OF_KEYS: &str = "acl verification failed, can't access";

/// The name of a command as the server has it, for OBJECT with the subcommand.
fn full_name(native: &[u8], args: &[&[u8]]) -> String {
    let name = String::from_utf8_lossy(native).to_ascii_lowercase();
    match args.first() {
        Some(sub) if name == "object" => {
            format!("{name}|{}", String::from_utf8_lossy(sub).to_ascii_lowercase())
        }
        _ => name,
    }
}

/// The error of Redis 7.2 and later, and of Valkey.
fn of_later_servers(reason: &str, in_script: bool) -> Reply {
    match in_script {
        true => Reply::error_text(&format!("ERR ACL failure in script: {reason}")),
        false => Reply::error_text(&format!("NOPERM {reason}")),
    }
}

/// The error of Redis 7.0, which gives modules other texts than clients.
fn of_first_servers(name: &str, of_key: bool, in_script: bool) -> Reply {
    match (in_script, of_key) {
        (false, false) => not_permitted(name.as_bytes()),
        (false, true) => {
            Reply::error(c"NOPERM this user has no permissions to access one of the keys used as arguments")
        }
        (true, false) => {
            Reply::error(c"ERR The user executing the script can't run this command or subcommand")
        }
        (true, true) => Reply::error(
            c"ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
        ),
    }
}

/// The text of Redis 7.0, which the module uses also where the server has none.
fn not_permitted(native: &[u8]) -> Reply {
    let native = String::from_utf8_lossy(native);
    Reply::error_text(&format!(
        "NOPERM this user has no permissions to run the '{native}' command"
    ))
}

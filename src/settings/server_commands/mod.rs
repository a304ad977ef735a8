//! The server's own table of commands: which commands write, and where their keys are. The routes have the commands with a
//! durable form. This table has all others, so that a command unknown to the module can't bypass the filter.
//!
//! The table is read when the module is loaded, and when another module is loaded or unloaded. A spelling that is in neither
//! table is looked up when it is first seen: a new command, or a name that `rename-command` has given. The server reports no
//! renames, but `COMMAND INFO` of the new spelling has the original name.

mod command;
mod key_specs;
mod on_purpose;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use module_api::commands::{acl, spelling};
use module_api::gil::Gil;
use module_api::server::log;
use module_api::string::Args;
use module_api::{Ctx, own_context};
use redis_grammar::routes::{self, Twin};

pub(crate) use command::{Command, Treatment};

struct State {
    /// Sorted by name.
    commands: Vec<Command>,
    /// Spellings, in lower case, of commands that have another name in the server's table. There are no more than commands, since
    /// each command has one spelling.
    spelt: Vec<(Box<[u8]>, &'static str)>,
    /// All names that were ever seen; none is freed.
    names: Vec<&'static str>,
}

static STATE: Gil<State> = Gil::new(State {
    commands: Vec::new(),
    spelt: Vec::new(),
    names: Vec::new(),
});

/// Set if a command has another spelling than its name.
static RENAMED: AtomicBool = AtomicBool::new(false);
/// Set if the server does not show its table.
static HIDDEN: AtomicBool = AtomicBool::new(false);

/// The longest name that the table of [`may_have_later_keys`] has.
const LONGEST: usize = 31;
/// The commands that may have a key after their first argument, by the length and the first and last letter of their names.
static LATER: [[AtomicU32; 32]; LONGEST + 1] = [const { [const { AtomicU32::new(0) }; 32] }; LONGEST + 1];

impl State {
    fn intern(names: &mut Vec<&'static str>, name: String) -> &'static str {
        if let Some(known) = names.iter().find(|known| ***known == name) {
            return known;
        }
        let kept: &'static str = Box::leak(name.into_boxed_str());
        names.push(kept);
        kept
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.commands.binary_search_by(|command| {
            let known = command.name.bytes();
            known.cmp(name.iter().map(u8::to_ascii_lowercase))
        })
    }

    fn find(&self, name: &[u8]) -> Option<&Command> {
        self.commands.get(self.place(name).ok()?)
    }

    fn spelt(&self, spelling: &[u8]) -> Option<&'static str> {
        let known = self
            .spelt
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(spelling));
        known.map(|(_, name)| *name).or_else(|| {
            let command = self.find(spelling)?;
            command.as_named.then_some(command.name)
        })
    }
}

/// Reads the table. In OnLoad, and after another module was loaded or unloaded.
pub(crate) fn refresh(ctx: Ctx<'_>) {
    acl::are_other_modules(are_other_modules(ctx));
    let reply = ctx.call(c"COMMAND", "", &[]);
    let mut commands = Vec::new();
    if let Some(reply) = &reply {
        let infos = (0..reply.whole().len()).filter_map(|index| reply.element(index));
        STATE.with(|state| {
            let mut intern = |name| State::intern(&mut state.names, name);
            commands.extend(infos.filter_map(|info| Command::read(info, &mut intern)));
        });
    }
    if commands.is_empty() {
        HIDDEN.store(true, Ordering::Relaxed);
        log::warning(
            "the server does not show its table of commands: COMMAND was renamed or removed. mylog.capture can't be used",
        );
        return;
    }
    HIDDEN.store(false, Ordering::Relaxed);
    commands.sort_unstable_by_key(|command| command.name);
    let spelt = ask_for_names(ctx, &mut commands);
    RENAMED.store(
        commands.iter().any(|command| !command.as_named),
        Ordering::Relaxed,
    );
    commands.iter().for_each(note_shape);
    for command in &commands {
        if !command.as_named {
            spelling::has_gone(command.name);
        }
    }
    STATE.with(|state| {
        state.commands = commands;
        for (spelling, name) in spelt {
            if state.spelt(&spelling) != Some(name) {
                spelling::is(name, &spelling);
                state.spelt.push((spelling, name));
            }
        }
    });
}

/// A part of Redis from 8.0 on that is listed as a module. It calls no commands.
const VECTOR_SETS: &[u8] = b"vectorset";

/// True unless it is known that no other module is loaded. During OnLoad the server does not list this module yet.
fn are_other_modules(ctx: Ctx<'_>) -> bool {
    let Some(reply) = ctx.call(c"MODULE", "", &[b"LIST"]) else {
        return true;
    };
    let is_own = |index| {
        let name = reply.element(index).and_then(|module| module.element(1));
        name.is_some_and(|name| [b"mylog", VECTOR_SETS].contains(&name.bytes()))
    };
    !(0..reply.whole().len()).all(is_own)
}

/// Checks whether each name runs its own command, since `rename-command GET SET` makes a name run another one. Returns the
/// spellings that do.
fn ask_for_names(ctx: Ctx<'_>, commands: &mut [Command]) -> Vec<(Box<[u8]>, &'static str)> {
    let names: Vec<&'static str> = commands.iter().map(|command| command.name).collect();
    let question: Vec<&[u8]> = std::iter::once(&b"INFO"[..])
        .chain(names.iter().map(|name| name.as_bytes()))
        .collect();
    let Some(answers) = ctx.call(c"COMMAND", "", &question) else {
        return Vec::new();
    };
    let mut spelt = Vec::new();
    for (index, command) in commands.iter_mut().enumerate() {
        let answer = answers.element(index).and_then(command::name_of);
        command.as_named = answer.as_deref() == Some(command.name);
        let other = names.iter().find(|name| Some(**name) == answer.as_deref());
        if let (false, Some(other)) = (command.as_named, other) {
            spelt.push((command.name.as_bytes().into(), *other));
        }
    }
    spelt
}

fn note_shape(command: &Command) {
    if command.may_have_later_keys() {
        note_later_keys(command.name.as_bytes());
    }
}

/// Notes that a command of this name may have a key after its first argument. The note stays when the command is removed, and
/// costs such a command one lookup.
pub(crate) fn note_later_keys(name: &[u8]) {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return;
    };
    let lasts = LATER
        .get(name.len())
        .and_then(|firsts| firsts.get(usize::from(first & 31)));
    if let Some(lasts) = lasts {
        lasts.fetch_or(1 << (last & 31), Ordering::Relaxed);
    }
}

/// True if a command of this name, in any case, may have a key after its first argument. True also for names with the same length
/// and the same first and last letter: their route, or [`with`], tells them apart.
#[inline]
pub(crate) fn may_have_later_keys(name: &[u8]) -> bool {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return false;
    };
    let Some(firsts) = LATER.get(name.len()) else {
        return true;
    };
    let lasts = firsts.get(usize::from(first & 31));
    lasts.is_some_and(|lasts| lasts.load(Ordering::Relaxed) >> (last & 31) & 1 == 1)
}

/// True if the server does not show its table. No key can be captured then, since it is not known which commands write.
pub(crate) fn are_hidden() -> bool {
    HIDDEN.load(Ordering::Relaxed)
}

/// True if a command may have another spelling than its name.
pub(crate) fn are_renamed() -> bool {
    RENAMED.load(Ordering::Relaxed)
}

/// The name of the command that runs under a spelling; `None` if there is no such command.
pub(crate) fn name_of(spelling: &[u8]) -> Option<&'static str> {
    STATE
        .with(|state| state.spelt(spelling))
        .or_else(|| ask(spelling))
}

/// Asks the server which command runs under a spelling, and keeps the answer.
fn ask(spelling: &[u8]) -> Option<&'static str> {
    let reply = own_context()?.call(c"COMMAND", "", &[b"INFO", spelling])?;
    let info = reply.element(0)?;
    STATE.with(|state| {
        let mut intern = |name| State::intern(&mut state.names, name);
        let command = Command::read(info, &mut intern)?;
        let name = command.name;
        let as_named = name.as_bytes().eq_ignore_ascii_case(spelling);
        if let Err(place) = state.place(name.as_bytes()) {
            note_shape(&command);
            state.commands.insert(place, Command { as_named, ..command });
        }
        if !as_named {
            spelling::is(name, spelling);
            state.spelt.push((spelling.to_ascii_lowercase().into(), name));
        }
        Some(name)
    })
}

/// Runs `f` with the command of this name, or with its sub-command `word`. `None` if there is no such command.
pub(crate) fn with<R>(name: &[u8], word: Option<&[u8]>, f: impl FnOnce(&Command) -> R) -> Option<R> {
    if STATE.with(|state| state.find(name).is_none()) {
        ask(name)?;
    }
    STATE.with(|state| state.find(name)?.sub(word).map(f))
}

/// A command with its keys.
pub(crate) struct Known {
    /// Its name in the server's table.
    pub(crate) name: String,
    pub(crate) treatment: Treatment,
    pub(crate) makes_no_key: bool,
    /// The places of the keys, and whether the command only reads each of them.
    pub(crate) keys: Vec<(usize, bool)>,
}

/// Finds the command with these arguments, of which the first is its spelling.
pub(crate) fn inspect(ctx: Ctx<'_>, args: Args<'_>) -> Option<Known> {
    let spelling = args.get(0);
    let name = name_of(spelling).unwrap_or_default();
    let name = if name.is_empty() {
        spelling
    } else {
        name.as_bytes()
    };
    let arg = |place| (place < args.len()).then(|| args.get(place));
    let mut keys = Vec::new();
    let mut note = |place, reads| {
        keys.push((place, reads));
        false
    };
    let told = with(name, arg(1), |command| {
        let asked = command.any_key(arg, args.len(), &mut note).is_none();
        (command.treatment(), command.makes_no_key(), asked)
    });
    let (treatment, makes_no_key, asked) = told?;
    if asked {
        keys = args.keys(ctx).iter().map(|key| (key.place, key.reads)).collect();
    }
    Some(Known {
        name: String::from_utf8_lossy(name).to_ascii_lowercase(),
        treatment,
        makes_no_key,
        keys,
    })
}

/// All commands and sub-commands that write, and their treatment.
pub(crate) fn list() -> Vec<(&'static str, Treatment)> {
    let mut list = Vec::new();
    STATE.with(|state| {
        for command in &state.commands {
            let all = std::iter::once(command).chain(&command.subs);
            list.extend(all.map(|command| (command.name, command.treatment)));
        }
    });
    list.retain(|(_, treatment)| *treatment != Treatment::Harmless);
    list
}

/// All commands of the server that write, and how each runs on a captured key, as lines for MYLOG.DEBUG.
pub(crate) fn treatments() -> Vec<String> {
    const BY_NAME: &str = "it acts on names, whatever they hold, and a durable key stays one";
    let treatment = |(name, treatment): (&str, Treatment)| {
        let route = routes::find(name.as_bytes());
        let (what, reason) = match (route.map(|route| route.twin), treatment) {
            (Some(Twin::Runs), _) => ("routed", ""),
            (Some(Twin::Native), _) => ("native", BY_NAME),
            (_, Treatment::Native(reason)) => ("native", reason),
            (Some(Twin::Checked) | None, _) => ("refused", ""),
        };
        format!("{name} {what} {reason}").trim_end().to_owned()
    };
    list().into_iter().map(treatment).collect()
}

//! A command, as the server's own table describes it.

use module_api::commands::rm_call::Part;

use super::key_specs::{Begin, Extent, KeySpec};
use super::on_purpose;

/// How a command without a route runs on captured keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It does not write, or is one of the module's own: it runs natively.
    Harmless,
    /// It writes, but runs natively on purpose, for this reason.
    Native(&'static str),
    /// Its keys are checked before it runs.
    Checked,
}

/// Where the keys of a command are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keys {
    /// The server's key specs describe all of them.
    Described(Vec<KeySpec>),
    /// The server has to be asked for each command.
    Asked,
    /// The table describes none: any argument may be a key.
    Anywhere,
}

/// A command of the server's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// In lower case; a sub-command is named after its container and a bar.
    pub(super) name: &'static str,
    pub(super) treatment: Treatment,
    /// The name included; negative for "at least".
    pub(super) arity: i64,
    pub(super) keys: Keys,
    pub(super) makes_no_key: bool,
    pub(super) subs: Vec<Command>,
    /// The command runs under its name. `rename-command` may have changed that.
    pub(super) as_named: bool,
}

/// The prefix of the module's own commands.
const OWN: &str = "mylog.";

impl Command {
    /// Reads an element of the reply to COMMAND.
    pub(super) fn read(info: Part<'_>, intern: &mut impl FnMut(String) -> &'static str) -> Option<Self> {
        let name = name_of(info)?;
        let flags = info.element(2)?;
        let has = |word: &[u8]| has(flags, word);
        let specs = info.element(8);
        let described = specs.and_then(read_specs);
        let subs = info.element(9).map_or_else(Vec::new, |subs| {
            let subs = (0..subs.len()).filter_map(|index| Self::read(subs.element(index)?, intern));
            subs.collect()
        });
        let keyless = described.as_ref().is_some_and(Vec::is_empty) && !has(b"movablekeys");
        let treatment = match on_purpose::native(&name) {
            _ if !has(b"write") || name.starts_with(OWN) => Treatment::Harmless,
            Some(reason) => Treatment::Native(reason),
            None if keyless && has(b"module") => Treatment::Native(on_purpose::TELLS_OF_NO_KEY),
            None => Treatment::Checked,
        };
        // A module that reports its keys itself (`movablekeys`) may have incomplete key specs.
        let keys = match described {
            _ if has(b"module") && has(b"movablekeys") => Keys::Asked,
            None => Keys::Asked,
            Some(specs) if specs.is_empty() => Keys::Anywhere,
            Some(specs) => Keys::Described(specs),
        };
        Some(Self {
            makes_no_key: on_purpose::makes_no_key(&name),
            name: intern(name),
            treatment,
            arity: info.element(1)?.int(),
            keys,
            subs,
            as_named: true,
        })
    }

    /// The sub-command of this name; the command itself if it has no sub-commands.
    pub(super) fn sub(&self, word: Option<&[u8]>) -> Option<&Self> {
        if self.subs.is_empty() {
            return Some(self);
        }
        let word = word?;
        self.subs.iter().find(|sub| {
            let own = sub.name.split_once('|').map_or("", |(_, own)| own);
            own.as_bytes().eq_ignore_ascii_case(word)
        })
    }

    /// True if the command, or a sub-command, is to be checked and may have a key after its first argument.
    pub(super) fn may_have_later_keys(&self) -> bool {
        let own = self.treatment == Treatment::Checked
            && match &self.keys {
                Keys::Described(specs) => !specs.iter().all(KeySpec::is_first_argument),
                Keys::Asked | Keys::Anywhere => true,
            };
        own || self.subs.iter().any(Self::may_have_later_keys)
    }

    /// True for a number of arguments that the server accepts. For another number the server has the right error.
    pub(crate) fn accepts(&self, len: usize) -> bool {
        let len = len as i64;
        len == self.arity || (self.arity < 0 && len >= -self.arity)
    }

    /// How the command runs on captured keys.
    pub(crate) fn treatment(&self) -> Treatment {
        self.treatment
    }

    /// True if the command never makes a key that does not exist.
    pub(crate) fn makes_no_key(&self) -> bool {
        self.makes_no_key
    }

    /// True for a command that deletes whole slots, whose keys it does not name.
    pub(crate) fn takes_slots(&self) -> bool {
        matches!(self.treatment, Treatment::Native(reason) if on_purpose::takes_slots(reason))
    }

    /// Calls `f` with the place of each key among `len` arguments, and with whether the command only reads the key, until `f`
    /// returns true. Returns whether `f` did so; `None` if the server has to be asked for the keys.
    pub(crate) fn any_key<'a>(
        &self,
        arg: impl Fn(usize) -> Option<&'a [u8]>,
        len: usize,
        mut f: impl FnMut(usize, bool) -> bool,
    ) -> Option<bool> {
        match &self.keys {
            Keys::Described(specs) => {
                let mut specs = specs.iter();
                Some(specs.any(|spec| spec.any(&arg, len, |place| f(place, spec.reads))))
            }
            Keys::Anywhere => Some((1..len).any(|place| f(place, false))),
            Keys::Asked => None,
        }
    }
}

/// The name in an element of the reply to COMMAND.
pub(super) fn name_of(info: Part<'_>) -> Option<String> {
    let name = info.element(0)?.bytes();
    Some(String::from_utf8_lossy(name).to_ascii_lowercase())
}

fn has(flags: Part<'_>, word: &[u8]) -> bool {
    let flag = |index| flags.element(index).is_some_and(|flag| flag.bytes() == word);
    (0..flags.len()).any(flag)
}

/// The key specs; `None` if they do not describe all keys.
fn read_specs(specs: Part<'_>) -> Option<Vec<KeySpec>> {
    let mut read = Vec::new();
    for spec in (0..specs.len()).filter_map(|index| specs.element(index)) {
        let flags = field(spec, b"flags")?;
        if has(flags, b"incomplete") {
            return None;
        }
        if !has(flags, b"not_key") {
            read.push(read_spec(spec, has(flags, b"RO"))?);
        }
    }
    Some(read)
}

fn read_spec(spec: Part<'_>, reads: bool) -> Option<KeySpec> {
    let (begin, find) = (field(spec, b"begin_search")?, field(spec, b"find_keys")?);
    let (how, extent) = (field(begin, b"spec")?, field(find, b"spec")?);
    let int = |of, name| field(of, name).map(Part::int);
    let size = |of, name| usize::try_from(int(of, name)?).ok();
    let begin = match field(begin, b"type")?.bytes() {
        b"index" => Begin::At(size(how, b"index")?),
        b"keyword" => Begin::Behind(field(how, b"keyword")?.bytes().into(), int(how, b"startfrom")?),
        _ => return None,
    };
    let extent = match field(find, b"type")?.bytes() {
        b"range" => Extent::Range {
            last: int(extent, b"lastkey")?,
            step: size(extent, b"keystep")?,
            limit: int(extent, b"limit")?,
        },
        b"keynum" => Extent::Counted {
            number: size(extent, b"keynumidx")?,
            first: size(extent, b"firstkey")?,
            step: size(extent, b"keystep")?,
        },
        _ => return None,
    };
    Some(KeySpec { begin, extent, reads })
}

/// The value of a field, in a map that the server sends as a list.
fn field<'r>(map: Part<'r>, name: &[u8]) -> Option<Part<'r>> {
    let is_it = |index: &usize| map.element(*index).is_some_and(|word| word.bytes() == name);
    let place = (0..map.len()).step_by(2).find(is_it)?;
    map.element(place + 1)
}

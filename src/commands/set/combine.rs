//! Intersections, unions and differences of sets.

use std::collections::HashSet;
use std::ffi::CStr;
use std::ops::Range;

use module_api::keys::notify::Class;
use mylog_core::effect::{Change, NEVER};
use mylog_core::value::{Kind, Member, Set, Value};
use redis_grammar::c_text::option;

use crate::acks::errors::SYNTAX;
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::at_least;
use crate::commands::shared::overwritten;
use crate::execute::invocation::{Call, OfKind};

const TOO_MANY_KEYS: Unchanged = Unchanged(Reply::error(
    c"ERR Number of keys can't be greater than number of args",
));

/// Reads sets and passes them to `f`: `None` for a missing key.
fn read<R>(
    call: &Call<'_>,
    places: Range<usize>,
    f: impl FnOnce(&[Option<&Set>]) -> R,
) -> Result<R, Unchanged> {
    call.read_many(places, &[Kind::Set], |values| {
        let sets: Vec<_> = values.iter().map(|value| value.and_then(Set::of)).collect();
        f(&sets)
    })
}

/// Combines several sets to a list of members; `None` stands for a missing key.
type Combine = for<'s> fn(&[Option<&'s Set>]) -> Vec<Member<'s>>;

/// The members that all sets contain: those of the smallest set that every other set contains.
fn in_all<'s>(sets: &[Option<&'s Set>]) -> impl Iterator<Item = Member<'s>> {
    let mut sets = sets
        .iter()
        .copied()
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default();
    sets.sort_by_key(|set| set.len());
    let smallest = sets.first().copied();
    let members = smallest.into_iter().flat_map(|set| set.iter());
    members.filter(move |member| sets.iter().skip(1).all(|set| set.contains(member)))
}

fn intersection<'s>(sets: &[Option<&'s Set>]) -> Vec<Member<'s>> {
    in_all(sets).collect()
}

fn union<'s>(sets: &[Option<&'s Set>]) -> Vec<Member<'s>> {
    let mut seen = HashSet::new();
    let members = sets.iter().flatten().flat_map(|set| set.iter());
    members.filter(|member| seen.insert(*member)).collect()
}

fn difference<'s>(sets: &[Option<&'s Set>]) -> Vec<Member<'s>> {
    let Some((first, others)) = sets.split_first() else {
        return Vec::new();
    };
    let members = first.iter().flat_map(|set| set.iter());
    let in_others = |member: &[u8]| others.iter().flatten().any(|set| set.contains(member));
    members.filter(|member| !in_others(member)).collect()
}

fn show(call: &Call<'_>, combine: Combine) -> Result<Reply, Unchanged> {
    let mut out = call.out_of_many();
    read(call, 1..call.args.len(), |sets| {
        let members = combine(sets);
        out.put(Reply::Set(members.len()));
        members.into_iter().for_each(|member| out.bulk(&member));
    })?;
    Ok(out.finish())
}

fn store(call: &mut Call<'_>, combine: Combine, event: &CStr) -> Result<Reply, Unchanged> {
    let (len, body) = read(call, 2..call.args.len(), |sets| {
        let (members, mut set, mut body) = (combine(sets), Set::default(), Vec::new());
        for member in &members {
            set.add(member);
        }
        Value::Set(set).encode_body(&mut body);
        (members.len(), body)
    })?;
    let mut target = call.open(1);
    if len > 0 {
        let (expire_at, kind, body) = (NEVER, Kind::Set, &*body);
        #[rustfmt::skip]
        overwritten::commit(call, &mut target, Change::Put { expire_at, kind, body })?;
        call.changed(&target, Class::Set, event);
    } else if target.exists() {
        call.delete(&mut target)?;
        call.changed(&target, Class::Generic, c"del");
    }
    Ok(Reply::Int(len as i64))
}

/// SINTER key [key ...]
pub(super) fn sinter(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(call, intersection)
}

/// SINTERSTORE destination key [key ...]
pub(super) fn sinterstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    store(call, intersection, c"sinterstore")
}

/// SUNION key [key ...]
pub(super) fn sunion(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(call, union)
}

/// SUNIONSTORE destination key [key ...]
pub(super) fn sunionstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    store(call, union, c"sunionstore")
}

/// SDIFF key [key ...]
pub(super) fn sdiff(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(call, difference)
}

/// SDIFFSTORE destination key [key ...]
pub(super) fn sdiffstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    store(call, difference, c"sdiffstore")
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn sintercard(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let args = call.args;
    let keys = at_least(1, args.get(1), c"ERR numkeys should be greater than 0")?;
    if keys > args.len() - 2 {
        return Err(TOO_MANY_KEYS);
    }
    let (mut limit, behind_keys) = (0, keys + 2);
    for place in (behind_keys..args.len()).step_by(2) {
        let word = option(args.get(place));
        if !word.eq_ignore_ascii_case(b"LIMIT") || place + 1 == args.len() {
            return Err(SYNTAX);
        }
        limit = at_least(0, args.get(place + 1), c"ERR LIMIT can't be negative")?;
    }
    let most = if limit == 0 { usize::MAX } else { limit };
    let len = read(call, 2..behind_keys, |sets| in_all(sets).take(most).count())?;
    Ok(Reply::Int(len as i64))
}

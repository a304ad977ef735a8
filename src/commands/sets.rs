//! The set commands that change members that the client names.

use mylog_core::effect::Effect;
use mylog_core::value::Set;

use crate::api::events::Class;
use crate::call::{Call, Target};
use crate::reply::Reply;

/// The named members for which `wanted` holds, each once.
fn named<'c>(call: &Call<'c>, wanted: impl Fn(&[u8]) -> bool) -> Vec<&'c [u8]> {
    let mut members: Vec<_> = call.args.from(2).filter(|member| wanted(member)).collect();
    if members.len() > 1 {
        members.sort_unstable();
        members.dedup();
    }
    members
}

/// SADD key member [member ...]
pub(super) fn sadd(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let mut target = call.open(1);
    let mut before = 0;
    let any_new = target.read(|set: Option<&Set>| {
        before = set.map_or(0, Set::len);
        call.args
            .from(2)
            .any(|member| !set.is_some_and(|set| set.contains(member)))
    })?;
    if !any_new {
        return Err(Reply::Int(0));
    }
    // In the order they came: a small set keeps it. Those that are there already change nothing.
    let one = [call.args.get(2)];
    let members = match call.args.len() {
        3 => one[..].into(),
        _ => call.args.from(2).collect::<Vec<_>>().into(),
    };
    let (db, key) = (call.db, target.name());
    call.commit(&mut target, &Effect::SetAdd { db, key, members });
    let after = target.read(|set: Option<&Set>| set.map_or(0, Set::len));
    call.changed(&target, Class::Set, c"sadd");
    Ok(Reply::Int(after.unwrap_or(before).saturating_sub(before) as i64))
}

/// Takes members out that are there.
pub(super) fn remove(call: &mut Call<'_>, target: &mut Target<'_>, members: &[&[u8]]) {
    let (db, key, members) = (call.db, target.name(), members.into());
    call.commit(target, &Effect::SetRemove { db, key, members });
}

/// SREM key member [member ...]
pub(super) fn srem(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let mut target = call.open(1);
    let members = target.read(|set: Option<&Set>| match set {
        Some(set) => named(call, |member| set.contains(member)),
        None => Vec::new(),
    })?;
    if members.is_empty() {
        return Err(Reply::Int(0));
    }
    let removed = members.len();
    remove(call, &mut target, &members);
    call.changed(&target, Class::Set, c"srem");
    if !target.exists() {
        call.notify(&target, c"del");
    }
    Ok(Reply::Int(removed as i64))
}

/// SMOVE source destination member
pub(super) fn smove(call: &mut Call<'_>) -> Result<Reply, Reply> {
    let member = call.args.get(3);
    let has = |set: Option<&Set>| set.map(|set| set.contains(member));
    let mut source = call.open(1);
    if !source.exists() {
        return Err(Reply::Int(0));
    }
    let in_source = source.read(has)?.unwrap_or(false);
    if call.args.get(1) == call.args.get(2) {
        return Err(Reply::Int(i64::from(in_source)));
    }
    let mut target = call.open(2);
    let in_target = target.read(has)?.unwrap_or(false);
    if !in_source {
        return Err(Reply::Int(0));
    }
    remove(call, &mut source, &[member]);
    if !in_target {
        let (db, key, members) = (call.db, target.name(), [member]);
        let members = members[..].into();
        call.commit(&mut target, &Effect::SetAdd { db, key, members });
    }
    call.changed(&source, Class::Set, c"srem");
    if !source.exists() {
        call.notify(&source, c"del");
    }
    if !in_target {
        call.changed(&target, Class::Set, c"sadd");
    }
    Ok(Reply::Int(1))
}

//! The set commands that change members named by the client.

use module_api::keys::notify::Class;
use mylog_core::effect::Change;
use mylog_core::value::Set;

use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::{Call, Target};

/// The named members that `wanted` accepts, each once.
fn named<'c>(call: &Call<'c>, wanted: impl Fn(&[u8]) -> bool) -> Vec<&'c [u8]> {
    let mut members: Vec<_> = call.args.from(2).filter(|member| wanted(member)).collect();
    if members.len() > 1 {
        members.sort_unstable();
        members.dedup();
    }
    members
}

/// SADD key member [member ...]
pub(super) fn sadd(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    target.read(|_: Option<&Set>| ())?;
    // In the client's order, which a small set keeps. Members that the set already contains change nothing.
    let one = [call.args.get(2)];
    let members = match call.args.len() {
        3 => one[..].into(),
        _ => call.args.from(2).collect::<Vec<_>>().into(),
    };
    match call.commit_members(&mut target, Change::SetAdd { members })? {
        0 => Err(Unchanged(Reply::Int(0))),
        new => {
            call.changed(&target, Class::Set, c"sadd");
            Ok(Reply::Int(new as i64))
        }
    }
}

/// Removes those of the members that the set contains, and returns their number. The set exists.
pub(super) fn remove(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    members: &[&[u8]],
) -> Result<usize, Unchanged> {
    let members = members.into();
    call.commit_members(target, Change::SetRemove { members })
}

/// SREM key member [member ...]
pub(super) fn srem(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let one = [call.args.get(2)];
    let some: Vec<&[u8]>;
    let members = match call.args.len() {
        3 => target.read(|set: Option<&Set>| set.map_or(&[][..], |_| &one[..]))?,
        // The log gets only members that the set contains.
        _ => {
            some = target.read(|set: Option<&Set>| match set {
                Some(set) => named(call, |member| set.contains(member)),
                None => Vec::new(),
            })?;
            &some
        }
    };
    if members.is_empty() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let removed = remove(call, &mut target, members)?;
    if removed == 0 {
        return Err(Unchanged(Reply::Int(0)));
    }
    call.changed(&target, Class::Set, c"srem");
    if !target.exists() {
        call.notify(&target, c"del");
    }
    Ok(Reply::Int(removed as i64))
}

/// SMOVE source destination member
pub(super) fn smove(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let member = call.args.get(3);
    let has = |set: Option<&Set>| set.map(|set| set.contains(member));
    let mut source = call.open(1);
    if !source.exists() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let in_source = source.read(has)?.unwrap_or(false);
    if call.args.get(1) == call.args.get(2) {
        return Err(Unchanged(Reply::Int(i64::from(in_source))));
    }
    let mut target = call.open(2);
    let in_target = target.read(has)?.unwrap_or(false);
    if !in_source {
        return Err(Unchanged(Reply::Int(0)));
    }
    remove(call, &mut source, &[member])?;
    if !in_target {
        let members = [member];
        let members = members[..].into();
        call.commit(&mut target, Change::SetAdd { members })?;
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

//! The set commands that return or remove random members.

use module_api::keys::notify::Class;
use module_api::random::Random;
use mylog_core::value::Set;

use super::write::remove;
use crate::acks::errors::{NOT_POSITIVE, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::{at_least, either_way};
use crate::commands::shared::random::some_below;
use crate::execute::invocation::{Call, Target};

const TOO_MANY: Unchanged = Unchanged(Reply::error(c"ERR value is out of range"));

/// The largest number of members in a reply that may repeat members: the event loop builds such a reply in one piece.
const MOST_REPEATED: usize = 100_000_000;

/// The members at these places. Places outside of the set are left out.
fn members_at(set: &Set, places: &[usize]) -> Vec<Vec<u8>> {
    let members = places.iter().filter_map(|&place| set.nth(place));
    members.map(|member| member.to_vec()).collect()
}

/// SPOP key [count]
pub(super) fn spop(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    match call.args.len() {
        2 => pop_one(call),
        3 => {
            let count = at_least(0, call.args.get(2), NOT_POSITIVE)?;
            pop_some(call, count)
        }
        _ => Err(SYNTAX),
    }
}

fn pop_one(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let taken = target.read(|set: Option<&Set>| {
        let set = set?;
        let member = set.nth(Random::of_server().below(set.len()))?;
        Some((member.to_vec(), set.len()))
    })?;
    let (member, len) = taken.ok_or(Unchanged(Reply::Null))?;
    take(call, &mut target, &[&member], len)?;
    Ok(Reply::Bulk(member))
}

fn pop_some(call: &mut Call<'_>, count: usize) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let taken = target.read(|set: Option<&Set>| {
        set.map(|set| {
            let places = some_below(set.len(), count);
            (members_at(set, &places), set.len())
        })
    })?;
    let (members, len) = taken.ok_or(Reply::Set(0))?;
    if members.is_empty() {
        return Err(Unchanged(Reply::Set(0)));
    }
    let names: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
    take(call, &mut target, &names, len)?;
    let head = Reply::Set(members.len());
    let members = members.into_iter().map(Reply::Bulk);
    Ok(Reply::Parts(std::iter::once(head).chain(members).collect()))
}

/// Removes members from a set of `len` members, and sends the events. Replicas get a command that names the removed members.
fn take(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    members: &[&[u8]],
    len: usize,
) -> Result<(), Unchanged> {
    let key = target.name();
    if members.len() == len {
        call.delete(target)?;
        call.replicate_as(c"MYLOG.DEL", [key]);
    } else {
        remove(call, target, members)?;
        call.replicate_as(c"MYLOG.SREM", std::iter::once(key).chain(members.iter().copied()));
    }
    call.changed(target, Class::Set, c"spop");
    if !target.exists() {
        call.notify(target, c"del");
    }
    Ok(())
}

/// SRANDMEMBER key [count]
pub(super) fn srandmember(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(either_way(call.args.get(2))?),
        _ => return Err(SYNTAX),
    };
    let mut out = call.out();
    call.read(1, |set: Option<&Set>| {
        let mut random = Random::of_server();
        let len = set.map_or(0, Set::len);
        let nth = |place| set.and_then(|set| set.nth(place));
        let Some(count) = count else {
            let place = random.below(len);
            out.bulk_or_null(nth(place).as_deref());
            return Ok(());
        };
        let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count < 0 && len > 0 {
            // With repetitions, and as many as the client asked for.
            if wanted > MOST_REPEATED {
                return Err(TOO_MANY);
            }
            out.put(Reply::Array(wanted));
            for _ in 0..wanted {
                out.bulk(nth(random.below(len)).as_deref().unwrap_or_default());
            }
        } else {
            out.put(Reply::Array(wanted.min(len)));
            let places = some_below(len, wanted);
            for place in places {
                out.bulk(nth(place).as_deref().unwrap_or_default());
            }
        }
        Ok(())
    })??;
    Ok(out.finish())
}

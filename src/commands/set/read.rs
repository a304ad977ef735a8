//! The set commands that read one set.

use mylog_core::value::Set;

use crate::acks::reply::{Reply, Unchanged};
use crate::commands::hash::read::Scan;
use crate::execute::invocation::Call;

/// SISMEMBER key member
pub(super) fn sismember(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let member = call.args.get(2);
    let is_in = call.read(1, |set: Option<&Set>| set.is_some_and(|set| set.contains(member)))?;
    Ok(Reply::Int(i64::from(is_in)))
}

/// SMISMEMBER key member [member ...]
pub(super) fn smismember(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read(1, |set: Option<&Set>| {
        out.put(Reply::Array(call.args.len() - 2));
        for member in call.args.from(2) {
            let is_in = set.is_some_and(|set| set.contains(member));
            out.put(Reply::Int(i64::from(is_in)));
        }
    })?;
    Ok(out.finish())
}

/// SCARD key
pub(super) fn scard(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let len = call.read(1, |set: Option<&Set>| set.map_or(0, Set::len))?;
    Ok(Reply::Int(len as i64))
}

/// SMEMBERS key
pub(super) fn smembers(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read(1, |set: Option<&Set>| {
        out.put(Reply::Set(set.map_or(0, Set::len)));
        set.iter()
            .flat_map(|set| set.iter())
            .for_each(|member| out.bulk(&member));
    })?;
    Ok(out.finish())
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn sscan(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let from = Scan::cursor(call)?;
    let mut out = call.out();
    call.read(1, |set: Option<&Set>| {
        let mut shown = Vec::new();
        let next = match set {
            // The native command parses the options only if the key exists.
            Some(set) => {
                let scan = Scan::read(call, true)?;
                set.scan(from, scan.count, |member| {
                    if scan.shows(&member) {
                        shown.push(member);
                    }
                })
            }
            None => 0,
        };
        out.put(Reply::Array(2));
        out.bulk(next.to_string().as_bytes());
        out.put(Reply::Array(shown.len()));
        shown.into_iter().for_each(|member| out.bulk(&member));
        Ok::<(), Unchanged>(())
    })??;
    Ok(out.finish())
}

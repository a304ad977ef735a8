//! The sorted set commands that change one key, except those that pop.

use std::collections::HashMap;
use std::ffi::CStr;

use module_api::double;
use module_api::keys::notify::Class;
use mylog_core::effect::Change;
use mylog_core::value::ZSet;
use redis_grammar::c_text::option;

use super::bounds::{Bounds, By};
use crate::acks::errors::{NOT_A_FLOAT, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::{Call, Target};

const NX_AND_XX: Unchanged = Unchanged(Reply::error(
    c"ERR XX and NX options at the same time are not compatible",
));
const GT_LT_NX: Unchanged = Unchanged(Reply::error(
    c"ERR GT, LT, and/or NX options at the same time are not compatible",
));
const ONE_INCREMENT: Unchanged = Unchanged(Reply::error(
    c"ERR INCR option supports a single increment-element pair",
));
const NOT_A_SCORE: Unchanged = Unchanged(Reply::error(c"ERR resulting score is not a number (NaN)"));

/// Up to this number of changes a command searches them one by one; more are found by hash.
const FEW: usize = 8;

/// The options of ZADD, between the key and the scores.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    /// The reply counts changed scores, too.
    ch: bool,
    incr: bool,
}

impl Options {
    /// Parses the options from place 2 on, and returns the place of the first score.
    fn read(call: &Call<'_>, incr: bool) -> (Self, usize) {
        let (mut options, mut place) = (
            Self {
                incr,
                ..Self::default()
            },
            2,
        );
        while place < call.args.len() {
            let word = option(call.args.get(place));
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("nx") => options.nx = true,
                () if is("xx") => options.xx = true,
                () if is("gt") => options.gt = true,
                () if is("lt") => options.lt = true,
                () if is("ch") => options.ch = true,
                () if is("incr") => options.incr = true,
                () => break,
            }
            place += 1;
        }
        (options, place)
    }

    /// Refuses options that exclude each other, in the native command's order.
    fn check(self, members: usize) -> Result<(), Unchanged> {
        if self.nx && self.xx {
            return Err(NX_AND_XX);
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            return Err(GT_LT_NX);
        }
        if self.incr && members > 1 {
            return Err(ONE_INCREMENT);
        }
        Ok(())
    }
}

/// The changes that a ZADD makes, computed before any of them is made.
struct Additions<'c> {
    /// Scores that differ from those in the set, in the order of the arguments. For a member that is given twice the later one
    /// counts.
    changes: Vec<(f64, &'c [u8])>,
    /// The last score of each member, once there are more than `FEW` changes.
    by_name: HashMap<&'c [u8], f64>,
    added: usize,
    updated: usize,
    /// The last member's new score; `None` if the options forbid its change.
    last: Option<f64>,
}

impl<'c> Additions<'c> {
    fn new() -> Self {
        Self {
            changes: Vec::new(),
            by_name: HashMap::new(),
            added: 0,
            updated: 0,
            last: None,
        }
    }

    /// The score that this command has given to a member so far.
    fn given(&self, member: &[u8]) -> Option<f64> {
        if self.changes.len() > FEW {
            return self.by_name.get(member).copied();
        }
        let given = self.changes.iter().rev().find(|(_, name)| *name == member);
        given.map(|(score, _)| *score)
    }

    fn change(&mut self, member: &'c [u8], score: f64) {
        self.changes.push((score, member));
        if self.changes.len() == FEW + 1 {
            self.by_name = self.changes.iter().map(|(score, name)| (*name, *score)).collect();
        } else if self.changes.len() > FEW {
            self.by_name.insert(member, score);
        }
    }

    fn add(
        &mut self,
        zset: Option<&ZSet>,
        options: Options,
        member: &'c [u8],
        score: f64,
    ) -> Result<(), Unchanged> {
        let held = self
            .given(member)
            .or_else(|| zset.and_then(|zset| zset.score(member)));
        self.last = None;
        let Some(held) = held else {
            if !options.xx {
                self.change(member, score);
                self.added += 1;
                self.last = Some(score);
            }
            return Ok(());
        };
        if options.nx {
            return Ok(());
        }
        let score = if options.incr { held + score } else { score };
        if score.is_nan() {
            return Err(NOT_A_SCORE);
        }
        if (options.lt && score >= held) || (options.gt && score <= held) {
            return Ok(());
        }
        self.last = Some(score);
        if score != held {
            self.change(member, score);
            self.updated += 1;
        }
        Ok(())
    }
}

fn add(call: &mut Call<'_>, incr: bool) -> Result<Reply, Unchanged> {
    let (options, first) = Options::read(call, incr);
    let rest = call.args.len() - first;
    if rest % 2 == 1 || rest == 0 {
        return Err(SYNTAX);
    }
    options.check(rest / 2)?;
    let places = (first..call.args.len()).step_by(2);
    let scores = places
        .clone()
        .map(|place| double::read(call.args.string(place)).ok_or(NOT_A_FLOAT))
        .collect::<Result<Vec<_>, Unchanged>>()?;
    let mut target = call.open(1);
    let args = call.args;
    let additions = target.read(|zset: Option<&ZSet>| {
        let mut additions = Additions::new();
        for (place, score) in places.zip(scores) {
            additions.add(zset, options, args.get(place + 1), score)?;
        }
        Ok::<_, Unchanged>(additions)
    })??;
    let reply = match (options.incr, additions.last) {
        (true, Some(score)) => Reply::Double(score),
        (true, None) => Reply::Null,
        (false, _) if options.ch => Reply::Int((additions.added + additions.updated) as i64),
        (false, _) => Reply::Int(additions.added as i64),
    };
    if additions.changes.is_empty() {
        return Err(reply.into());
    }
    let members = additions.changes.into();
    call.commit(&mut target, Change::ZSetSet { members })?;
    call.changed(
        &target,
        Class::ZSet,
        if options.incr { c"zincr" } else { c"zadd" },
    );
    Ok(reply)
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
pub(super) fn zadd(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    add(call, false)
}

/// ZINCRBY key increment member
pub(super) fn zincrby(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    add(call, true)
}

/// Removes members from a sorted set that contains all of them, at least one, and sends the events.
pub(super) fn take_out(
    call: &mut Call<'_>,
    target: &mut Target<'_>,
    members: &[&[u8]],
    event: &CStr,
) -> Result<(), Unchanged> {
    let members = members.into();
    call.commit(target, Change::ZSetRemove { members })?;
    call.changed(target, Class::ZSet, event);
    if !target.exists() {
        call.notify(target, c"del");
    }
    Ok(())
}

/// ZREM key member [member ...]
pub(super) fn zrem(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut target = call.open(1);
    let members = target.read(|zset: Option<&ZSet>| {
        let mut members: Vec<&[u8]> = Vec::new();
        if let Some(zset) = zset {
            members.extend(call.args.from(2).filter(|member| zset.score(member).is_some()));
            members.sort_unstable();
            members.dedup();
        }
        members
    })?;
    if members.is_empty() {
        return Err(Unchanged(Reply::Int(0)));
    }
    take_out(call, &mut target, &members, c"zrem")?;
    Ok(Reply::Int(members.len() as i64))
}

fn remove_range(call: &mut Call<'_>, by: By, event: &CStr) -> Result<Reply, Unchanged> {
    let bounds = Bounds::read(by, call.args.string(2), call.args.string(3))?;
    let mut target = call.open(1);
    let members = target.read(|zset: Option<&ZSet>| {
        let members = zset.map(|zset| zset.by_rank(bounds.ranks(zset, false), false));
        let names = members.into_iter().flatten().map(|(member, _)| member.to_vec());
        names.collect::<Vec<_>>()
    })?;
    if members.is_empty() {
        return Err(Unchanged(Reply::Int(0)));
    }
    let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
    take_out(call, &mut target, &members, event)?;
    Ok(Reply::Int(members.len() as i64))
}

/// ZREMRANGEBYRANK key start stop
pub(super) fn zremrangebyrank(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    remove_range(call, By::Rank, c"zremrangebyrank")
}

/// ZREMRANGEBYSCORE key min max
pub(super) fn zremrangebyscore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    remove_range(call, By::Score, c"zremrangebyscore")
}

/// ZREMRANGEBYLEX key min max
pub(super) fn zremrangebylex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    remove_range(call, By::Lex, c"zremrangebylex")
}

//! The sorted set commands that return, count or store a range.

use std::ops::Range;

use mylog_core::value::ZSet;
use mylog_core::value::integer;
use redis_grammar::c_text::option;

use super::bounds::{Bounds, By};
use super::store::store;
use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Out, Reply, Unchanged};
use crate::execute::invocation::Call;

const LIMIT_BY_RANK: Unchanged = Unchanged(Reply::error(
    c"ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
));
const SCORES_BY_LEX: Unchanged = Unchanged(Reply::error(
    c"ERR syntax error, WITHSCORES not supported in combination with BYLEX",
));

/// What the command's name determines; `None` where its arguments do.
#[derive(Debug, Clone, Copy)]
struct Form {
    by: Option<By>,
    rev: Option<bool>,
}

/// The range that a command asks for, with its options.
struct Asked<'c> {
    bounds: Bounds<'c>,
    rev: bool,
    scores: bool,
    offset: i64,
    limit: i64,
}

impl<'c> Asked<'c> {
    /// Parses the arguments from the source's place on; `store` if the range is stored instead of returned.
    fn read(call: &Call<'c>, source: usize, form: Form, store: bool) -> Result<Self, Unchanged> {
        let (mut by, mut rev) = (form.by, form.rev);
        let (mut scores, mut offset, mut limit) = (false, 0, -1);
        let mut place = source + 3;
        while place < call.args.len() {
            let word = option(call.args.get(place));
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if !store && is("withscores") => scores = true,
                () if is("limit") && place + 2 < call.args.len() => {
                    offset = integer(call.args.get(place + 1)).ok_or(NOT_AN_INTEGER)?;
                    limit = integer(call.args.get(place + 2)).ok_or(NOT_AN_INTEGER)?;
                    place += 2;
                }
                () if rev.is_none() && is("rev") => rev = Some(true),
                () if by.is_none() && is("bylex") => by = Some(By::Lex),
                () if by.is_none() && is("byscore") => by = Some(By::Score),
                () => return Err(SYNTAX),
            }
            place += 1;
        }
        let (by, rev) = (by.unwrap_or(By::Rank), rev.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_BY_RANK);
        }
        if scores && by == By::Lex {
            return Err(SCORES_BY_LEX);
        }
        let (mut min, mut max) = (call.args.string(source + 1), call.args.string(source + 2));
        if rev && by != By::Rank {
            std::mem::swap(&mut min, &mut max);
        }
        Ok(Self {
            bounds: Bounds::read(by, min, max)?,
            rev,
            scores,
            offset,
            limit,
        })
    }

    /// The ranks of the range, after offset and limit.
    fn ranks(&self, zset: &ZSet) -> Range<usize> {
        let ranks = self.bounds.ranks(zset, self.rev);
        if matches!(self.bounds, Bounds::Rank(..)) {
            return ranks;
        }
        // A negative offset leaves no member, a negative limit leaves all.
        let offset = usize::try_from(self.offset)
            .unwrap_or(usize::MAX)
            .min(ranks.len());
        let left = ranks.len() - offset;
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(left);
        match self.rev {
            true => ranks.end - offset - count..ranks.end - offset,
            false => ranks.start + offset..ranks.start + offset + count,
        }
    }
}

/// Writes members to a reply, with their scores if `scores`: in RESP3 each pair as an array of its own, in RESP2 flat.
pub(super) fn put_members<'a>(
    out: &mut Out<'_>,
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)>,
    scores: bool,
    resp3: bool,
) {
    let flat = scores && !resp3;
    out.put(Reply::Array(if flat { 2 * members.len() } else { members.len() }));
    for (member, score) in members {
        if scores && resp3 {
            out.put(Reply::Array(2));
        }
        out.bulk(member);
        if scores {
            out.double(score);
        }
    }
}

fn show(call: &mut Call<'_>, form: Form) -> Result<Reply, Unchanged> {
    let asked = Asked::read(call, 1, form, false)?;
    let (mut out, resp3) = (call.out(), call.is_resp3());
    call.read(1, |zset: Option<&ZSet>| match zset {
        None => out.put(Reply::Array(0)),
        Some(zset) => {
            let members = zset.by_rank(asked.ranks(zset), asked.rev);
            put_members(&mut out, members, asked.scores, resp3);
        }
    })?;
    Ok(out.finish())
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
pub(super) fn zrange(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(call, Form { by: None, rev: None })
}

/// ZREVRANGE key start stop [WITHSCORES]
pub(super) fn zrevrange(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(
        call,
        Form {
            by: Some(By::Rank),
            rev: Some(true),
        },
    )
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
pub(super) fn zrangebyscore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(
        call,
        Form {
            by: Some(By::Score),
            rev: Some(false),
        },
    )
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
pub(super) fn zrevrangebyscore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(
        call,
        Form {
            by: Some(By::Score),
            rev: Some(true),
        },
    )
}

/// ZRANGEBYLEX key min max [LIMIT offset count]
pub(super) fn zrangebylex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(
        call,
        Form {
            by: Some(By::Lex),
            rev: Some(false),
        },
    )
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]
pub(super) fn zrevrangebylex(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    show(
        call,
        Form {
            by: Some(By::Lex),
            rev: Some(true),
        },
    )
}

/// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
pub(super) fn zrangestore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let asked = Asked::read(call, 2, Form { by: None, rev: None }, true)?;
    let body = call.read(2, |zset: Option<&ZSet>| {
        let members = zset.map(|zset| zset.by_rank(asked.ranks(zset), false))?;
        let len = members.len();
        (len > 0).then(|| (len, ZSet::body_of(members)))
    })?;
    store(call, body, c"zrangestore")
}

fn count(call: &mut Call<'_>, by: By) -> Result<Reply, Unchanged> {
    let bounds = Bounds::read(by, call.args.string(2), call.args.string(3))?;
    let count = call.read(1, |zset: Option<&ZSet>| {
        zset.map_or(0, |zset| bounds.ranks(zset, false).len())
    })?;
    Ok(Reply::Int(count as i64))
}

/// ZCOUNT key min max
pub(super) fn zcount(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    count(call, By::Score)
}

/// ZLEXCOUNT key min max
pub(super) fn zlexcount(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    count(call, By::Lex)
}

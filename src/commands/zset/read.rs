//! The sorted set commands that read single members.

use module_api::random::Random;
use module_api::{double, server};
use mylog_core::value::ZSet;
use mylog_core::value::integer;
use redis_grammar::c_text::option;
use redis_grammar::glob;

use super::range::put_members;
use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::commands::shared::number::cursor;
use crate::commands::shared::random::some_below;
use crate::execute::invocation::Call;

/// Number of members that a step of ZSCAN visits without COUNT.
const SCAN_COUNT: usize = 10;
/// The first Redis that parses cursors strictly, and that knows NOVALUES, but not for ZSCAN. Every supported Valkey has a
/// higher version number.
const SCANS_CHANGED_IN: i32 = 0x0007_0400;
/// The largest number of members in a reply that may repeat members: the event loop builds such a reply in one piece.
const MOST_REPEATED: usize = 100_000_000;
/// The number of significant digits that distinguishes any two doubles.
const DIGITS: i32 = 17;

const INVALID_CURSOR: Unchanged = Unchanged(Reply::error(c"ERR invalid cursor"));
const NO_NOVALUES: Unchanged = Unchanged(Reply::error(c"ERR NOVALUES option can only be used in HSCAN"));
const OUT_OF_RANGE: Unchanged = Unchanged(Reply::error(c"ERR value is out of range"));
const NOT_A_COUNT: Unchanged = Unchanged(Reply::error(
    c"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
));
/// The errors for too many arguments, with the native names. The tables set no upper limit, so the command checks it itself.
const TOO_MANY: [Reply; 2] = [
    Reply::error(c"ERR wrong number of arguments for 'zrank' command"),
    Reply::error(c"ERR wrong number of arguments for 'zrevrank' command"),
];

/// ZCARD key
pub(super) fn zcard(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let len = call.read(1, |zset: Option<&ZSet>| zset.map_or(0, ZSet::len))?;
    Ok(Reply::Int(len as i64))
}

fn score(zset: Option<&ZSet>, member: &[u8]) -> Reply {
    let score = zset.and_then(|zset| zset.score(member));
    score.map_or(Reply::Null, Reply::Double)
}

/// ZSCORE key member
pub(super) fn zscore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let member = call.args.get(2);
    call.read(1, |zset| score(zset, member))
}

/// ZMSCORE key member [member ...]
pub(super) fn zmscore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut out = call.out();
    call.read(1, |zset| {
        out.put(Reply::Array(call.args.len() - 2));
        call.args.from(2).for_each(|member| out.put(score(zset, member)));
    })?;
    Ok(out.finish())
}

fn rank(call: &mut Call<'_>, rev: bool) -> Result<Reply, Unchanged> {
    if call.args.len() > 4 {
        let [up, down] = TOO_MANY;
        return Err(Unchanged(if rev { down } else { up }));
    }
    let with_score = call.args.len() == 4;
    if with_score && !option(call.args.get(3)).eq_ignore_ascii_case(b"withscore") {
        return Err(SYNTAX);
    }
    let member = call.args.get(2);
    let found = call.read(1, |zset: Option<&ZSet>| {
        let zset = zset?;
        Some((zset.rank(member, rev)? as i64, zset.score(member)?))
    })?;
    Ok(match (found, with_score) {
        (Some((rank, score)), true) => {
            Reply::Parts(vec![Reply::Array(2), Reply::Int(rank), Reply::Double(score)])
        }
        (Some((rank, _)), false) => Reply::Int(rank),
        (None, true) => Reply::NullArray,
        (None, false) => Reply::Null,
    })
}

/// ZRANK key member [WITHSCORE]
pub(super) fn zrank(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    rank(call, false)
}

/// ZREVRANK key member [WITHSCORE]
pub(super) fn zrevrank(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    rank(call, true)
}

/// Random members of a sorted set, possibly repeated.
struct Drawn<'a> {
    zset: &'a ZSet,
    random: Random,
    left: usize,
}

impl<'a> Iterator for Drawn<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.zset.get(self.random.below(self.zset.len()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Drawn<'_> {}

/// ZRANDMEMBER key [count [WITHSCORES]]
pub(super) fn zrandmember(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let mut random = Random::of_server();
    let mut out = call.out();
    if call.args.len() == 2 {
        call.read(1, |zset: Option<&ZSet>| {
            let member = zset.and_then(|zset| zset.get(random.below(zset.len())));
            out.bulk_or_null(member.map(|(member, _)| member));
        })?;
        return Ok(out.finish());
    }
    let count = integer(call.args.get(2)).ok_or(NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(NOT_A_COUNT);
    }
    let scores = call.args.len() == 4 && option(call.args.get(3)).eq_ignore_ascii_case(b"withscores");
    if call.args.len() > 4 || (call.args.len() == 4 && !scores) {
        return Err(SYNTAX);
    }
    if scores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(OUT_OF_RANGE);
    }
    let (resp3, left) = (
        call.is_resp3(),
        usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    );
    call.read(1, |zset: Option<&ZSet>| {
        match zset {
            None => out.put(Reply::Array(0)),
            Some(_) if count < 0 && left > MOST_REPEATED => return Err(OUT_OF_RANGE),
            Some(zset) if count < 0 => put_members(&mut out, Drawn { zset, random, left }, scores, resp3),
            Some(zset) if left >= zset.len() => put_members(&mut out, zset.iter(), scores, resp3),
            Some(zset) => {
                let ranks = some_below(zset.len(), left);
                let members: Vec<_> = ranks.into_iter().filter_map(|rank| zset.get(rank)).collect();
                put_members(&mut out, members.into_iter(), scores, resp3);
            }
        }
        Ok::<(), Unchanged>(())
    })??;
    Ok(out.finish())
}

/// A score as a scan returns it: the server formats the scores of small (packed) sorted sets in another way than others.
fn scanned(score: f64, small: bool) -> Vec<u8> {
    match small.then(|| double::write(score)).flatten() {
        Some(text) => text.lend().bytes().to_vec(),
        None => general(score).into_bytes(),
    }
}

/// A double in C's format `%.17g`.
fn general(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        let sign = if value.is_sign_negative() { "-" } else { "" };
        return format!("{sign}{}", if value == 0.0 { "0" } else { "inf" });
    }
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    let scientific = format!("{value:.*e}", DIGITS as usize - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        return trimmed(&format!("{value:.*}", (DIGITS - 1 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.unsigned_abs())
}

/// The options of ZSCAN: the pattern of the returned members, and the number of members to visit.
fn scan_options<'c>(call: &Call<'c>) -> Result<(Option<&'c [u8]>, usize), Unchanged> {
    let (mut pattern, mut count, mut place) = (None, SCAN_COUNT, 3);
    while place < call.args.len() {
        let word = option(call.args.get(place));
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let value = (place + 1 < call.args.len()).then(|| call.args.get(place + 1));
        match value {
            Some(value) if is("count") => {
                let wanted = integer(value).ok_or(NOT_AN_INTEGER)?;
                let wanted = usize::try_from(wanted).ok().filter(|wanted| *wanted > 0);
                count = wanted.ok_or(SYNTAX)?;
            }
            Some(value) if is("match") => pattern = Some(value),
            _ if is("novalues") && server::version() >= SCANS_CHANGED_IN => return Err(NO_NOVALUES),
            _ => return Err(SYNTAX),
        }
        place += 2;
    }
    Ok((pattern, count))
}

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn zscan(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    let strict = server::version() >= SCANS_CHANGED_IN;
    let from = cursor(call.args.get(2), strict).ok_or(INVALID_CURSOR)?;
    let mut out = call.out();
    call.read(1, |zset: Option<&ZSet>| {
        let (mut shown, mut next) = (Vec::new(), 0);
        // The native command parses the options only if the key exists.
        if let Some(zset) = zset {
            let (pattern, count) = scan_options(call)?;
            next = zset.scan(from, count, |member, score| {
                if pattern.is_none_or(|pattern| glob::matches(pattern, member)) {
                    shown.push((member, score));
                }
            });
        }
        let small = zset.is_some_and(ZSet::is_small);
        out.put(Reply::Array(2));
        out.bulk(next.to_string().as_bytes());
        out.put(Reply::Array(2 * shown.len()));
        for (member, score) in shown {
            out.bulk(member);
            out.bulk(&scanned(score, small));
        }
        Ok::<(), Unchanged>(())
    })??;
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn doubles_are_written_as_c_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (-1e17, "-1e+17"),
            (1e16, "10000000000000000"),
            (1e30, "1e+30"),
            (5e-324, "4.9406564584124654e-324"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(general(value), text);
        }
    }
}

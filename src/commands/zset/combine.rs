//! ZUNION, ZINTER, ZDIFF, their storing forms, and ZINTERCARD. A set counts as a sorted set whose scores are 1.

use std::collections::HashMap;
use std::ffi::CStr;

use module_api::double;
use mylog_core::value::integer;
use mylog_core::value::{Kind, Member, Set, ValueRef, ZSet};
use redis_grammar::c_text::option;

use super::range::put_members;
use super::store::store;
use crate::acks::errors::{NOT_AN_INTEGER, SYNTAX};
use crate::acks::reply::{Reply, Unchanged};
use crate::execute::invocation::Call;

const NOT_A_WEIGHT: Unchanged = Unchanged(Reply::error(c"ERR weight value is not a float"));
const NEGATIVE_LIMIT: Unchanged = Unchanged(Reply::error(c"ERR LIMIT can't be negative"));

/// The operation on the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Union,
    Inter,
    Diff,
}

/// The use of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The result is the reply.
    Show,
    /// The result is stored under argument 1.
    Store,
    /// The members of the result are counted.
    Count,
}

/// How the scores of one member are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, score: f64, other: f64) -> f64 {
        match self {
            // The sum of both infinities is zero.
            Self::Sum => Some(score + other).filter(|sum| !sum.is_nan()).unwrap_or(0.0),
            Self::Min if other < score => other,
            Self::Max if other > score => other,
            Self::Min | Self::Max => score,
        }
    }
}

/// The options after the sources.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    scores: bool,
    /// 0: no limit.
    limit: usize,
}

impl Options {
    fn read(
        call: &Call<'_>,
        mut place: usize,
        sources: usize,
        op: Op,
        form: Form,
    ) -> Result<Self, Unchanged> {
        let mut options = Self {
            weights: vec![1.0; sources],
            aggregate: Aggregate::Sum,
            scores: false,
            limit: 0,
        };
        let combines = op != Op::Diff && form != Form::Count;
        while place < call.args.len() {
            let (word, left) = (option(call.args.get(place)), call.args.len() - place);
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if combines && left > sources && is("weights") {
                for (weight, place) in options.weights.iter_mut().zip(place + 1..) {
                    *weight = double::read(call.args.string(place)).ok_or(NOT_A_WEIGHT)?;
                }
                place += sources;
            } else if combines && left > 1 && is("aggregate") {
                place += 1;
                options.aggregate = match option(call.args.get(place)) {
                    word if word.eq_ignore_ascii_case(b"sum") => Aggregate::Sum,
                    word if word.eq_ignore_ascii_case(b"min") => Aggregate::Min,
                    word if word.eq_ignore_ascii_case(b"max") => Aggregate::Max,
                    _ => return Err(SYNTAX),
                };
            } else if form == Form::Show && is("withscores") {
                options.scores = true;
            } else if form == Form::Count && left > 1 && is("limit") {
                place += 1;
                let limit = integer(call.args.get(place)).and_then(|limit| usize::try_from(limit).ok());
                options.limit = limit.ok_or(NEGATIVE_LIMIT)?;
            } else {
                return Err(SYNTAX);
            }
            place += 1;
        }
        Ok(options)
    }
}

/// The members of a source, with or without scores.
#[derive(Debug, Clone, Copy)]
enum Members<'a> {
    None,
    ZSet(&'a ZSet),
    Set(&'a Set),
}

#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    members: Members<'a>,
    weight: f64,
}

impl<'a> Source<'a> {
    fn new(value: Option<ValueRef<'a>>, weight: f64) -> Self {
        let members = match value {
            Some(ValueRef::ZSet(zset)) => Members::ZSet(zset),
            Some(ValueRef::Set(set)) => Members::Set(set),
            _ => Members::None,
        };
        Self { members, weight }
    }

    fn len(&self) -> usize {
        match self.members {
            Members::None => 0,
            Members::ZSet(zset) => zset.len(),
            Members::Set(set) => set.len(),
        }
    }

    /// The score of a member, without the weight.
    fn score(&self, member: &[u8]) -> Option<f64> {
        match self.members {
            Members::None => None,
            Members::ZSet(zset) => zset.score(member),
            Members::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// All members with their scores, without the weight.
    fn iter(&self) -> impl Iterator<Item = (Member<'a>, f64)> + use<'a> {
        let (zset, set) = match self.members {
            Members::None => (None, None),
            Members::ZSet(zset) => (Some(zset.iter()), None),
            Members::Set(set) => (None, Some(set.iter())),
        };
        let alone = set.into_iter().flatten().map(|member| (member, 1.0));
        let scored = zset.into_iter().flatten();
        scored
            .map(|(member, score)| (Member::Bytes(member), score))
            .chain(alone)
    }

    /// As `iter`, with the weight. Zero times infinity is zero.
    fn weighted(&self) -> impl Iterator<Item = (Member<'a>, f64)> + use<'a> {
        let weight = self.weight;
        self.iter().map(move |(member, score)| {
            let score = weight * score;
            (member, if score.is_nan() { 0.0 } else { score })
        })
    }
}

type Scored<'a> = Vec<(Member<'a>, f64)>;

fn union<'a>(sources: &[Source<'a>], aggregate: Aggregate) -> Scored<'a> {
    let most = sources.iter().map(Source::len).max().unwrap_or(0);
    let mut all: HashMap<Member<'_>, f64> = HashMap::with_capacity(most);
    for (member, score) in sources.iter().flat_map(Source::weighted) {
        all.entry(member)
            .and_modify(|held| *held = aggregate.of(*held, score))
            .or_insert(score);
    }
    all.into_iter().collect()
}

/// The members of the first source that all others contain, with their combined scores.
fn inter<'a, 's>(
    sources: &'s [Source<'a>],
    aggregate: Aggregate,
) -> impl Iterator<Item = (Member<'a>, f64)> + use<'a, 's> {
    let (first, others) = sources
        .split_first()
        .map_or((None, sources), |(first, others)| (Some(first), others));
    let members = first.into_iter().flat_map(Source::weighted);
    members.filter_map(move |(member, score)| {
        let score = others.iter().try_fold(score, |score, other| {
            Some(aggregate.of(score, other.score(&member)? * other.weight))
        })?;
        Some((member, score))
    })
}

fn diff<'a>(sources: &[Source<'a>]) -> Scored<'a> {
    let Some((first, others)) = sources.split_first() else {
        return Vec::new();
    };
    let members = first.iter();
    members
        .filter(|(member, _)| others.iter().all(|other| other.score(member).is_none()))
        .collect()
}

/// The result of the operation, in the order of a sorted set.
fn combined<'a>(mut sources: Vec<Source<'a>>, op: Op, aggregate: Aggregate) -> Scored<'a> {
    if op != Op::Diff {
        // The native command adds the scores up in this order, and sums of doubles depend on it.
        sources.sort_by_key(Source::len);
    }
    let mut members = match op {
        Op::Union => union(&sources, aggregate),
        Op::Inter => inter(&sources, aggregate).collect(),
        Op::Diff => diff(&sources),
    };
    members.sort_unstable_by(|(a, left), (b, right)| {
        let by_score = left.partial_cmp(right);
        by_score
            .unwrap_or(std::cmp::Ordering::Equal)
            .then_with(|| a.cmp(b))
    });
    members
}

/// The number of members that all sources contain, counted up to `limit`.
fn shared(mut sources: Vec<Source<'_>>, limit: usize) -> usize {
    sources.sort_by_key(Source::len);
    let most = if limit == 0 { usize::MAX } else { limit };
    inter(&sources, Aggregate::Sum).take(most).count()
}

fn combine(call: &mut Call<'_>, op: Op, form: Form, name: &str, event: &CStr) -> Result<Reply, Unchanged> {
    let place = if form == Form::Store { 2 } else { 1 };
    let count = integer(call.args.get(place)).ok_or(NOT_AN_INTEGER)?;
    if count < 1 {
        return Err(Unchanged(Reply::error_text(&format!(
            "ERR at least 1 input key is needed for '{name}' command"
        ))));
    }
    let rest = call.args.len() - place - 1;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= rest)
        .ok_or(SYNTAX)?;
    let (first, end) = (place + 1, place + 1 + count);
    let (mut out, resp3) = (call.out(), call.is_resp3());
    let done = call.read_many(first..end, &[Kind::ZSet, Kind::Set], |values| {
        let options = Options::read(call, end, count, op, form)?;
        let sources = values.iter().zip(&options.weights);
        let sources = sources
            .map(|(value, weight)| Source::new(*value, *weight))
            .collect();
        if form == Form::Count {
            out.put(Reply::Int(shared(sources, options.limit) as i64));
            return Ok::<_, Unchanged>(None);
        }
        let members = combined(sources, op, options.aggregate);
        let members = members.iter().map(|(member, score)| (&**member, *score));
        if form == Form::Show {
            put_members(&mut out, members, options.scores, resp3);
            return Ok(None);
        }
        let len = members.len();
        Ok((len > 0).then(|| (len, ZSet::body_of(members))))
    })??;
    match form {
        Form::Store => {
            drop(out);
            store(call, done, event)
        }
        Form::Show | Form::Count => Ok(out.finish()),
    }
}

/// ZUNION numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zunion(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Union, Form::Show, "zunion", c"")
}

/// ZINTER numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
pub(super) fn zinter(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Inter, Form::Show, "zinter", c"")
}

/// ZDIFF numkeys key [key ...] [WITHSCORES]
pub(super) fn zdiff(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Diff, Form::Show, "zdiff", c"")
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn zintercard(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Inter, Form::Count, "zintercard", c"")
}

/// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zunionstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Union, Form::Store, "zunionstore", c"zunionstore")
}

/// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM | MIN | MAX]
pub(super) fn zinterstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Inter, Form::Store, "zinterstore", c"zinterstore")
}

/// ZDIFFSTORE destination numkeys key [key ...]
pub(super) fn zdiffstore(call: &mut Call<'_>) -> Result<Reply, Unchanged> {
    combine(call, Op::Diff, Form::Store, "zdiffstore", c"zdiffstore")
}

//! The sorted set: members with scores, ordered by score and then by bytes. One packed block in that order while
//! it is small; once it is large, scores by member and the order under counting branches (`zset/order.rs`).
//!
//! All that is asked by score, by name or from an end comes down to ranks: `ranks_by_score`, `ranks_by_lex` and
//! `rank` find them in steps of the logarithm, and `by_rank` walks from any of them.

mod order;
mod score;

use std::ops::{Bound, Range};
use std::sync::Arc;

use super::element::room;
use super::members::Members;
use super::packed::{self, Packed, take_items};
use super::walk::Pairs;
use crate::relocate::{self, Relocate};
use crate::varint::{self, put, put_bytes, take_bytes};
use order::{Edge, Order, Spot};

/// Most members of a small sorted set, as `zset-max-listpack-entries` is by default.
const SMALL_MEMBERS: usize = 128;
/// Longest member of a small sorted set, as `zset-max-listpack-value` is by default.
const SMALL_BYTES: usize = 64;

/// In the number of a step of `relocate`: the scores are done, and the rest is a rank.
const BY_RANK: u64 = 1 << 63;

/// Members by score. A score is never NaN, and -0.0 is kept as 0.0: a form that kept the sign, beside one that does
/// not, would make another value of it in a snapshot.
#[derive(Debug, Clone, Default)]
pub struct ZSet(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Member, score, member, score ... in order.
    Small(Packed),
    Large(Box<Large>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Packed::default())
    }
}

#[derive(Debug, Clone, Default)]
struct Large {
    scores: Members<f64, Arc<[u8]>>,
    /// The same members in order. Their bytes are there once only.
    order: Order,
    /// Sum of the lengths of all members.
    bytes: usize,
}

impl PartialEq for ZSet {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl ZSet {
    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len() / 2,
            Form::Large(large) => large.scores.len(),
        }
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if it is one packed block, as a listpack is in the server.
    pub fn is_small(&self) -> bool {
        matches!(self.0, Form::Small(_))
    }

    /// A member's score.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Small(packed) => score::decode(packed.at(packed.find::<2>(member)?.1)?),
            Form::Large(large) => large.scores.get(member).copied(),
        }
    }

    /// Gives a member a score and says what it had. A NaN is not taken.
    pub fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        if score.is_nan() {
            return None;
        }
        let score = without_sign_of_zero(score);
        if let Form::Small(packed) = &mut self.0 {
            if let Some((place, held)) = find_packed(packed, member) {
                change_packed(packed, (place, member), (held, score));
                return Some(held);
            }
            if packed.len() < 2 * SMALL_MEMBERS && member.len() <= SMALL_BYTES {
                add_packed(packed, member, score);
                return None;
            }
            let mut large = Large::default();
            for (member, score) in Pairs(packed.iter()) {
                large.set(member, score::decode(score).unwrap_or_default());
            }
            large.set(member, score);
            self.0 = Form::Large(Box::new(large));
            return None;
        }
        match &mut self.0 {
            Form::Large(large) => large.set(member, score),
            Form::Small(_) => None,
        }
    }

    /// Removes a member and says what score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Form::Small(packed) => {
                let (place, score) = find_packed(packed, member)?;
                packed.splice(place, 2, &[]);
                Some(score)
            }
            Form::Large(large) => {
                let score = large.scores.remove(member)?;
                large.bytes -= member.len();
                large.order.remove(score, member);
                Some(score)
            }
        }
    }

    /// A member's place in the order, from 0; with `rev` counted from the end.
    pub fn rank(&self, member: &[u8], rev: bool) -> Option<usize> {
        let score = self.score(member)?;
        let rank = self.position(Spot {
            score: Some(score),
            edge: Edge::Before(member),
        });
        Some(if rev { self.len() - 1 - rank } else { rank })
    }

    /// The member of a rank, with its score: any rank below the length is one, for a random member too.
    pub fn get(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.by_rank(rank..rank.checked_add(1)?, false).next()
    }

    /// The ranks of the scores between two bounds. Empty if there are none.
    pub fn ranks_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let spot = |score, edge| Spot {
            score: Some(score),
            edge,
        };
        let from = match min {
            Bound::Unbounded => 0,
            Bound::Included(score) => self.position(spot(score, Edge::Start)),
            Bound::Excluded(score) => self.position(spot(score, Edge::End)),
        };
        let to = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(score) => self.position(spot(score, Edge::End)),
            Bound::Excluded(score) => self.position(spot(score, Edge::Start)),
        };
        from..to.max(from)
    }

    /// The ranks of the members between two bounds, where all scores are the same. Empty if there are none.
    pub fn ranks_by_lex(&self, min: Bound<&[u8]>, max: Bound<&[u8]>) -> Range<usize> {
        let spot = |edge| Spot { score: None, edge };
        let from = match min {
            Bound::Unbounded => 0,
            Bound::Included(member) => self.position(spot(Edge::Before(member))),
            Bound::Excluded(member) => self.position(spot(Edge::Behind(member))),
        };
        let to = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(member) => self.position(spot(Edge::Behind(member))),
            Bound::Excluded(member) => self.position(spot(Edge::Before(member))),
        };
        from..to.max(from)
    }

    /// How many scores are between two bounds.
    pub fn count_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> usize {
        self.ranks_by_score(min, max).len()
    }

    /// How many members are between two bounds, where all scores are the same.
    pub fn count_by_lex(&self, min: Bound<&[u8]>, max: Bound<&[u8]>) -> usize {
        self.ranks_by_lex(min, max).len()
    }

    /// The members of these ranks, as far as there are; with `rev` the highest first.
    pub fn by_rank(&self, ranks: Range<usize>, rev: bool) -> Iter<'_> {
        let to = ranks.end.min(self.len());
        let from = ranks.start.min(to);
        match &self.0 {
            Form::Small(packed) => Iter(Walk::Small(Pairs(packed.range(2 * from, 2 * to)), rev)),
            Form::Large(large) => Iter(Walk::Large(large.order.range(from, to, rev))),
        }
    }

    /// The members with scores between two bounds, without the first `offset`, at most `limit`; with `rev` the
    /// highest first, and `offset` is counted from there.
    pub fn by_score(
        &self,
        (min, max): (Bound<f64>, Bound<f64>),
        rev: bool,
        offset: usize,
        limit: Option<usize>,
    ) -> Iter<'_> {
        self.by_rank(limited(self.ranks_by_score(min, max), rev, offset, limit), rev)
    }

    /// As `by_score`, between two members.
    pub fn by_lex(
        &self,
        (min, max): (Bound<&[u8]>, Bound<&[u8]>),
        rev: bool,
        offset: usize,
        limit: Option<usize>,
    ) -> Iter<'_> {
        self.by_rank(limited(self.ranks_by_lex(min, max), rev, offset, limit), rev)
    }

    /// The members of the lowest scores, the lowest first.
    pub fn lowest(&self, count: usize) -> Iter<'_> {
        self.by_rank(0..count, false)
    }

    /// The members of the highest scores, the highest first.
    pub fn highest(&self, count: usize) -> Iter<'_> {
        self.by_rank(self.len().saturating_sub(count)..self.len(), true)
    }

    /// All members in order.
    pub fn iter(&self) -> Iter<'_> {
        self.by_rank(0..self.len(), false)
    }

    /// A step of a scan: visits about `count` members and returns the next cursor, 0 at the end. A full scan
    /// from 0 visits every member that is there all the while; one may come twice.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], f64)) -> u64 {
        match &self.0 {
            Form::Small(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(large) => large
                .scores
                .scan(cursor, count, |member, &score| visit(member, score)),
        }
    }

    /// True if a scan that stands at `cursor`, not at its end, has still to come to this member, whether it
    /// is there or not.
    pub fn is_ahead(&self, cursor: u64, member: &[u8]) -> bool {
        match &self.0 {
            Form::Small(_) => false,
            Form::Large(large) => large.scores.is_ahead(cursor, member),
        }
    }

    /// How many members stand before this spot.
    fn position(&self, spot: Spot<'_>) -> usize {
        match &self.0 {
            Form::Small(packed) => position(packed, spot).0,
            Form::Large(large) => large.order.position(spot),
        }
    }

    /// Bytes of the members and scores, about, without taking them one by one.
    pub fn data_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.data_bytes() + 4 * packed.len(),
            Form::Large(large) => large.bytes + 8 * large.scores.len(),
        }
    }

    /// A step of moving its blocks to others. See [`Value::relocate`](super::Value::relocate).
    pub(super) fn relocate(&mut self, from: u64, by: &mut impl Relocate) -> u64 {
        if from == 0 {
            self.0 = match std::mem::take(&mut self.0) {
                Form::Small(mut packed) => {
                    relocate::bytes(packed.block_mut(), by);
                    Form::Small(packed)
                }
                Form::Large(large) => Form::Large(by.boxed(large)),
            };
        }
        match &mut self.0 {
            Form::Small(_) => 0,
            Form::Large(large) => large.relocate(from, by),
        }
    }

    /// Blocks of memory, about.
    pub(super) fn blocks(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(large) => 2 + large.scores.len(),
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.memory(),
            Form::Large(large) => {
                let shared = large.scores.len() * 2 * size_of::<usize>();
                size_of::<Large>() + large.bytes + shared + large.scores.memory() + large.order.memory()
            }
        }
    }

    pub(super) fn body_len(&self) -> usize {
        let len = |member: &[u8]| varint::len(member.len() as u64) + member.len() + size_of::<f64>();
        varint::len(self.len() as u64) + self.iter().map(|(member, _)| len(member)).sum::<usize>()
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        encode(self.iter(), out);
    }

    /// The bytes of a sorted set of these members, as `Value::encode_body` writes it. Each comes once, and no
    /// score is a NaN.
    pub fn body_of<'a>(members: impl ExactSizeIterator<Item = (&'a [u8], f64)>) -> Vec<u8> {
        let mut body = Vec::new();
        encode(members, &mut body);
        body
    }

    pub(super) fn decode_body(body: &[u8]) -> Option<Self> {
        let members = take_items(body, |rest| Some((take_bytes(rest)?, varint::take_score(rest)?)))?;
        let mut zset = Self::default();
        let distinct = members
            .into_iter()
            .all(|(member, score)| zset.set(member, score).is_none());
        distinct.then_some(zset)
    }
}

/// The same score, but 0.0 for -0.0.
fn without_sign_of_zero(score: f64) -> f64 {
    if score == 0.0 { 0.0 } else { score }
}

fn encode<'a>(members: impl ExactSizeIterator<Item = (&'a [u8], f64)>, out: &mut Vec<u8>) {
    put(out, members.len() as u64);
    for (member, score) in members {
        put_bytes(out, member);
        varint::put_score(out, score);
    }
}

/// The part of these ranks that an offset and a limit leave.
fn limited(ranks: Range<usize>, rev: bool, offset: usize, limit: Option<usize>) -> Range<usize> {
    let left = ranks.len().saturating_sub(offset);
    let count = left.min(limit.unwrap_or(left));
    if rev {
        let end = ranks.end.saturating_sub(offset).max(ranks.start);
        end - count..end
    } else {
        let start = (ranks.start + offset.min(ranks.len())).min(ranks.end);
        start..start + count
    }
}

/// How many members stand before this spot, and where the next one begins.
fn position(packed: &Packed, spot: Spot<'_>) -> (usize, usize) {
    let mut pairs = Pairs(packed.iter());
    // Scores that rise with time, and those of a queue, come to the end.
    let is_before =
        |(member, of): (&[u8], &[u8])| spot.is_behind(score::decode(of).unwrap_or_default(), member);
    if pairs.clone().next_back().is_none_or(is_before) {
        return (packed.len() / 2, packed.bytes());
    }
    let (mut count, mut place) = (0, packed::HEAD);
    while let Some((member, of)) = pairs.next().filter(|pair| is_before(*pair)) {
        count += 1;
        place += room(member.len()) + room(of.len());
    }
    (count, place)
}

/// Where a member is, and its score.
fn find_packed(packed: &Packed, member: &[u8]) -> Option<(usize, f64)> {
    let (place, behind) = packed.find::<2>(member)?;
    Some((place, score::decode(packed.at(behind)?)?))
}

/// Adds a member that there is not.
fn add_packed(packed: &mut Packed, member: &[u8], score: f64) {
    let spot = Spot {
        score: Some(score),
        edge: Edge::Before(member),
    };
    let (bytes, len) = score::encode(score);
    let score = bytes.get(..len).unwrap_or(&bytes);
    packed.splice(position(packed, spot).1, 0, &[member, score]);
}

/// Gives the member at a place another score.
fn change_packed(packed: &mut Packed, (place, member): (usize, &[u8]), (held, score): (f64, f64)) {
    if held != score {
        packed.splice(place, 2, &[]);
        add_packed(packed, member, score);
    }
}

impl Large {
    /// The rows of the scores first, then the order with the members themselves.
    fn relocate(&mut self, from: u64, by: &mut impl Relocate) -> u64 {
        if from & BY_RANK == 0 {
            let next = self.scores.relocate(from, relocate::STEP, by, |_, _, _| {});
            return if next == 0 { BY_RANK } else { next };
        }
        let scores = &mut self.scores;
        let next = self.order.relocate((from & !BY_RANK) as usize, by, |member, by| {
            if let Some(name) = scores.name_mut(member) {
                // A copy of the value owns it too, as long as neither was moved.
                if Arc::strong_count(member) > 2 {
                    *member = (&**member).into();
                    *name = Arc::clone(member);
                }
                by.shared(member, name);
            }
        });
        if next == 0 { 0 } else { BY_RANK | next as u64 }
    }

    fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        if let Some((name, &old)) = self.scores.find(member) {
            if old.to_bits() != score.to_bits() {
                let name = Arc::clone(name);
                if let Some(held) = self.scores.get_mut(member) {
                    *held = score;
                }
                self.order.change(old, name, score);
            }
            return Some(old);
        }
        let name: Arc<[u8]> = member.into();
        self.bytes += member.len();
        self.order.insert(score, Arc::clone(&name));
        self.scores.add(name, score);
        None
    }
}

/// Members with their scores, one way.
#[derive(Debug, Clone)]
pub struct Iter<'a>(Walk<'a>);

#[derive(Debug, Clone)]
enum Walk<'a> {
    Small(Pairs<'a>, bool),
    Large(order::Iter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let (member, score) = match &mut self.0 {
            Walk::Small(pairs, false) => pairs.next()?,
            Walk::Small(pairs, true) => pairs.next_back()?,
            Walk::Large(iter) => return iter.next(),
        };
        Some((member, score::decode(score)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Walk::Small(pairs, _) => pairs.size_hint(),
            Walk::Large(iter) => iter.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_keeps_the_sign_of_zero() {
        let mut zset = ZSet::default();
        zset.set(b"zero", -0.0);
        assert_eq!(zset.score(b"zero").map(f64::to_bits), Some(0));
        zset.set(&[b'x'; SMALL_BYTES + 1], 1.0);
        assert!(!zset.is_small());
        zset.set(b"other", -0.0);
        zset.set(b"zero", -0.0);
        assert!(zset.lowest(2).all(|(_, score)| score.to_bits() == 0));
    }
}

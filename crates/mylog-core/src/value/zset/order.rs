//! The order of a large sorted set: scores with members in leaves, under branches that count.

use std::sync::Arc;

use super::super::counted::{At, Child, Counted, Grown, Leaf, Seek};
use crate::relocate::{self, Relocate};

/// Most items of a leaf.
const LEAF_ITEMS: usize = 64;
/// Room that a full leaf gets at once.
const ROOM_STEP: usize = 8;

type Item = (f64, Arc<[u8]>);

/// A leaf: items in order.
#[derive(Debug, Clone, Default)]
struct Row(Vec<Item>);

impl Row {
    fn insert(&mut self, at: usize, item: Item) {
        if self.0.len() == self.0.capacity() {
            // Doubling would leave a third of the memory unused on average.
            self.0.reserve_exact(ROOM_STEP);
        }
        self.0.insert(at.min(self.0.len()), item);
    }
}

impl Leaf for Row {
    /// The score.
    type Mark = f64;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn mark(&self) -> f64 {
        self.0.first().map_or(0.0, |first| first.0)
    }

    fn is_full(&self) -> bool {
        self.0.len() > LEAF_ITEMS
    }

    fn fits_with(&self, next: &Self) -> bool {
        self.0.len() + next.0.len() <= LEAF_ITEMS * 3 / 4
    }

    fn split(&mut self, grown: Grown) -> Self {
        let at = match grown {
            Grown::Front => 1,
            Grown::Back => self.0.len() - 1,
            Grown::Inside => self.0.len() / 2,
        };
        let upper = self.0.split_off(at);
        self.0.shrink_to_fit();
        Self(upper)
    }

    fn join(&mut self, next: Self) {
        self.0.reserve_exact(next.0.len());
        self.0.extend(next.0);
    }

    fn cut(&mut self, from: usize, count: usize) {
        let to = (from + count).min(self.0.len());
        self.0.drain(from.min(to)..to);
    }
}

/// A place in the order, between two items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'k> {
    /// Of the items around it; none if all have the same.
    pub(super) score: Option<f64>,
    /// Where among those of this score.
    pub(super) edge: Edge<'k>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Edge<'k> {
    /// Before all.
    Start,
    /// Before this member, whether it is there or not.
    Before(&'k [u8]),
    /// Behind this member, whether it is there or not.
    Behind(&'k [u8]),
    /// Behind all.
    End,
}

impl Spot<'_> {
    /// True if it is behind such an item.
    pub(super) fn is_behind(self, score: f64, member: &[u8]) -> bool {
        self.is_behind_score(score)
            .unwrap_or_else(|| self.is_behind_member(member))
    }

    /// `None` if the member decides.
    fn is_behind_score(self, score: f64) -> Option<bool> {
        let own = self.score.filter(|own| *own != score)?;
        Some(score < own)
    }

    fn is_behind_member(self, member: &[u8]) -> bool {
        match self.edge {
            Edge::Start => false,
            Edge::Before(own) => member < own,
            Edge::Behind(own) => member <= own,
            Edge::End => true,
        }
    }

    fn place_in(self, row: &Row) -> usize {
        row.0
            .partition_point(|(score, member)| self.is_behind(*score, member))
    }
}

impl Seek<Row> for Spot<'_> {
    /// The last child whose first item is before the spot: the spot is in it or at its end.
    fn child(&mut self, children: &[Child<Row>]) -> usize {
        let behind = children.partition_point(|child| {
            self.is_behind_score(child.mark()).unwrap_or_else(|| {
                let first = child.first().and_then(|row| row.0.first());
                first.is_some_and(|(_, member)| self.is_behind_member(member))
            })
        });
        behind.saturating_sub(1)
    }
}

/// Members in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Order(Counted<Row>);

impl Order {
    /// How many items stand before a spot.
    pub(super) fn position(&self, mut spot: Spot<'_>) -> usize {
        let Some((row, before)) = self.0.find(&mut spot) else {
            return 0;
        };
        before + spot.place_in(row)
    }

    /// Adds a member that there is not.
    pub(super) fn insert(&mut self, score: f64, member: Arc<[u8]>) {
        let name = Arc::clone(&member);
        let spot = spot_of(score, &name);
        let grown = self.side(spot);
        self.0.edit(spot, grown, |row, spot| {
            let at = spot.place_in(row);
            row.insert(at, (score, member));
        });
    }

    /// Where the sequence grows with an item at this spot.
    fn side(&self, spot: Spot<'_>) -> Grown {
        let at = |index: usize, place: fn(&[Item]) -> Option<&Item>| {
            let (row, _) = self.0.leaf_of(index)?;
            place(&row.0).map(|(score, member)| spot.is_behind(*score, member))
        };
        if at(self.0.len().wrapping_sub(1), |row| row.last()) == Some(true) {
            Grown::Back
        } else if at(0, |row| row.first()) == Some(false) {
            Grown::Front
        } else {
            Grown::Inside
        }
    }

    pub(super) fn remove(&mut self, score: f64, member: &[u8]) {
        let rank = self.position(spot_of(score, member));
        self.0.edit(At(rank), Grown::Inside, |row, at| {
            if at.0 < row.0.len() {
                row.0.remove(at.0);
            }
        });
    }

    /// Gives a member another score. Where its place stays the same, that is all that changes.
    pub(super) fn change(&mut self, old: f64, member: Arc<[u8]>, score: f64) {
        let rank = self.position(spot_of(old, &member));
        let spot = spot_of(score, &member);
        let stays = self.0.edit(At(rank), Grown::Inside, |row, at| {
            let around = (
                at.0.checked_sub(1).and_then(|before| row.0.get(before)),
                row.0.get(at.0 + 1),
            );
            let stays = match around {
                (Some(before), Some(behind)) => {
                    spot.is_behind(before.0, &before.1) && !spot.is_behind(behind.0, &behind.1)
                }
                _ => false,
            };
            match row.0.get_mut(at.0) {
                Some(item) if stays => item.0 = score,
                Some(_) => drop(row.0.remove(at.0)),
                None => {}
            }
            stays
        });
        if stays == Some(false) {
            self.insert(score, member);
        }
    }

    /// The items of these ranks, which are there; with `rev` the highest first.
    pub(super) fn range(&self, from: usize, to: usize, rev: bool) -> Iter<'_> {
        Iter {
            order: self,
            row: [].iter(),
            next: if rev { to.wrapping_sub(1) } else { from },
            left: to.saturating_sub(from),
            rev,
        }
    }

    /// Moves the leaf of a rank and the branches above it, and its members by `one`. The first rank behind it, 0 if there
    /// is none.
    pub(super) fn relocate<R: Relocate>(
        &mut self,
        rank: usize,
        by: &mut R,
        mut one: impl FnMut(&mut Arc<[u8]>, &mut R),
    ) -> usize {
        self.0.relocate(rank, by, |row, by| {
            relocate::items(&mut row.0, by);
            row.0.iter_mut().for_each(|(_, member)| one(member, by));
        })
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        // Leaves are some three quarters full, and their branch knows each of them.
        self.0.len() * size_of::<Item>() * 4 / 3 + self.0.len() / LEAF_ITEMS * 2 * size_of::<Child<Row>>()
    }
}

fn spot_of(score: f64, member: &[u8]) -> Spot<'_> {
    Spot {
        score: Some(score),
        edge: Edge::Before(member),
    }
}

/// Items one way.
#[derive(Debug, Clone)]
pub(super) struct Iter<'a> {
    order: &'a Order,
    row: std::slice::Iter<'a, Item>,
    /// The next item's rank.
    next: usize,
    left: usize,
    rev: bool,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if self.row.as_slice().is_empty() {
            let (row, before) = self.order.0.leaf_of(self.next)?;
            let at = self.next - before;
            let part = if self.rev {
                row.0.get(..=at)
            } else {
                row.0.get(at..)
            };
            self.row = part?.iter();
        }
        let (score, member) = if self.rev {
            self.next = self.next.wrapping_sub(1);
            self.row.next_back()?
        } else {
            self.next += 1;
            self.row.next()?
        };
        Some((member, *score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

//! A sequence in leaves, under branches that count what is below them: any place is found, and anything put
//! there or taken out, in steps of the logarithm of its length. No step moves more than a leaf and some
//! branches.

use crate::relocate::{self, Relocate};

/// Most children of a branch.
const FAN: usize = 32;

/// A piece of the sequence.
pub(super) trait Leaf: Default {
    /// What a branch knows of a leaf without looking at it.
    type Mark: Copy + std::fmt::Debug;
    /// Number of items.
    fn len(&self) -> usize;
    /// The mark, of its first item; anything if it has none.
    fn mark(&self) -> Self::Mark;
    /// True if it is to be split. Never with one item.
    fn is_full(&self) -> bool;
    /// True if this and the next one may be one leaf that is far from full.
    fn fits_with(&self, next: &Self) -> bool;
    /// Takes its upper part off. Both are left with an item at least.
    fn split(&mut self, grown: Grown) -> Self;
    /// Adds the items of the next leaf.
    fn join(&mut self, next: Self);
    /// Takes some of its items out, not all.
    fn cut(&mut self, from: usize, count: usize);
}

/// Where a leaf has grown: one at an end of the sequence that was filled from that side stays full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grown {
    /// At the beginning of the sequence.
    Front,
    /// At its end.
    Back,
    /// Anywhere else.
    Inside,
}

#[derive(Debug, Clone)]
enum Node<L: Leaf> {
    Leaf(L),
    Branch(Vec<Child<L>>),
}

/// A node as its branch knows it. Never empty.
#[derive(Debug, Clone)]
pub(super) struct Child<L: Leaf> {
    len: usize,
    mark: L::Mark,
    node: Node<L>,
}

impl<L: Leaf> Child<L> {
    fn of(leaf: L) -> Self {
        Self {
            len: leaf.len(),
            mark: leaf.mark(),
            node: Node::Leaf(leaf),
        }
    }

    /// A branch of children, which are not none.
    fn branch(children: Vec<Self>, mark: L::Mark) -> Self {
        let mut branch = Self {
            len: 0,
            mark,
            node: Node::Branch(children),
        };
        branch.count();
        branch
    }

    /// The mark of its first leaf.
    pub(super) fn mark(&self) -> L::Mark {
        self.mark
    }

    /// Its first leaf.
    pub(super) fn first(&self) -> Option<&L> {
        let mut child = self;
        loop {
            match &child.node {
                Node::Leaf(leaf) => return Some(leaf),
                Node::Branch(children) => child = children.first()?,
            }
        }
    }

    /// Something below it has changed.
    fn count(&mut self) {
        match &self.node {
            Node::Leaf(leaf) => {
                self.len = leaf.len();
                if self.len > 0 {
                    self.mark = leaf.mark();
                }
            }
            Node::Branch(children) => {
                self.len = children.iter().map(|child| child.len).sum();
                if let Some(first) = children.first() {
                    self.mark = first.mark;
                }
            }
        }
    }

    /// Splits it until none of its parts is full; the others come behind it.
    fn split(&mut self, grown: Grown) -> Vec<Self> {
        let mut parts = Vec::new();
        match &mut self.node {
            Node::Leaf(leaf) => {
                let mut behind = Vec::new();
                if leaf.is_full() {
                    behind.push(leaf.split(grown));
                }
                while leaf.is_full() {
                    behind.push(leaf.split(Grown::Inside));
                }
                while let Some(mut part) = behind.pop() {
                    while part.is_full() {
                        behind.push(part.split(Grown::Inside));
                    }
                    parts.push(Self::of(part));
                }
            }
            Node::Branch(children) if children.len() > FAN => {
                let at = match grown {
                    Grown::Front => children.len() - FAN * 3 / 4,
                    Grown::Back => FAN * 3 / 4,
                    Grown::Inside => children.len() / 2,
                };
                let upper = children.split_off(at);
                if let Some(mark) = upper.first().map(|child| child.mark) {
                    parts.push(Self::branch(upper, mark));
                }
            }
            Node::Branch(_) => {}
        }
        if !parts.is_empty() {
            self.count();
        }
        parts
    }

    /// Takes the next one's items in, if both may be one.
    fn join(&mut self, next: Self) -> Option<Self> {
        let left = match (&mut self.node, next.node) {
            (Node::Leaf(leaf), Node::Leaf(behind)) if leaf.fits_with(&behind) => {
                leaf.join(behind);
                None
            }
            (Node::Branch(children), Node::Branch(behind))
                if children.len() + behind.len() <= FAN * 3 / 4 =>
            {
                children.extend(behind);
                None
            }
            (_, node) => Some(node),
        };
        if left.is_none() {
            self.count();
        }
        left.map(|node| Self { node, ..next })
    }

    /// Gives its leaves to `out`.
    fn into_leaves(self, out: &mut Vec<L>) {
        match self.node {
            Node::Leaf(leaf) => out.push(leaf),
            Node::Branch(children) => children.into_iter().for_each(|child| child.into_leaves(out)),
        }
    }
}

/// How to find a place.
pub(super) trait Seek<L: Leaf> {
    /// Which of the children it is in; those before it are passed by.
    fn child(&mut self, children: &[Child<L>]) -> usize;
}

/// A place by its number; that of the length is behind the last item. What is left of it in the leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) usize);

impl<L: Leaf> Seek<L> for At {
    fn child(&mut self, children: &[Child<L>]) -> usize {
        for (at, child) in children.iter().enumerate() {
            if self.0 < child.len || at + 1 == children.len() {
                return at;
            }
            self.0 -= child.len;
        }
        0
    }
}

/// The sequence.
#[derive(Debug, Clone)]
pub(super) struct Counted<L: Leaf> {
    /// The uppermost branch.
    root: Vec<Child<L>>,
    len: usize,
}

impl<L: Leaf> Default for Counted<L> {
    fn default() -> Self {
        Self {
            root: Vec::new(),
            len: 0,
        }
    }
}

impl<L: Leaf> Counted<L> {
    /// Number of items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The leaf of a place, and the number of items before it.
    pub(super) fn find(&self, seek: &mut impl Seek<L>) -> Option<(&L, usize)> {
        let (mut children, mut before) = (&self.root, 0);
        loop {
            let at = seek.child(children);
            before += children.iter().take(at).map(|child| child.len).sum::<usize>();
            match &children.get(at)?.node {
                Node::Leaf(leaf) => return Some((leaf, before)),
                Node::Branch(below) => children = below,
            }
        }
    }

    /// The leaf of the item of this number, and the number of items before it.
    pub(super) fn leaf_of(&self, index: usize) -> Option<(&L, usize)> {
        if index >= self.len {
            return None;
        }
        self.find(&mut At(index))
    }

    /// Changes the leaf of a place: items may come and go. `None` only if `seek` leads nowhere.
    pub(super) fn edit<S: Seek<L>, R>(
        &mut self,
        mut seek: S,
        grown: Grown,
        change: impl FnOnce(&mut L, &S) -> R,
    ) -> Option<R> {
        if self.root.is_empty() {
            self.root.push(Child::of(L::default()));
        }
        let done = edit_below(&mut self.root, &mut seek, grown, change);
        self.settle(grown);
        done
    }

    /// Adds a leaf at the end. It may not be empty.
    pub(super) fn push_leaf(&mut self, leaf: L) {
        let end = self.len;
        self.edit(At(end), Grown::Back, |last, _| last.join(leaf));
    }

    /// Takes items out, and gives back the leaves that had no others.
    pub(super) fn cut(&mut self, from: usize, count: usize) -> Vec<L> {
        let mut out = Vec::new();
        cut_below(&mut self.root, from, count, &mut out);
        self.settle(Grown::Inside);
        out
    }

    /// Moves the branches above the item of this number, and what its leaf holds: by `visit`. The number of the first
    /// item behind that leaf, 0 if there is none.
    pub(super) fn relocate<R: Relocate>(
        &mut self,
        index: usize,
        by: &mut R,
        visit: impl FnOnce(&mut L, &mut R),
    ) -> usize {
        let (mut children, mut left, mut end) = (&mut self.root, index, 0);
        loop {
            relocate::items(children, by);
            let at = children.iter().position(|child| {
                let is_in = left < child.len;
                if !is_in {
                    left -= child.len;
                    end += child.len;
                }
                is_in
            });
            match at.and_then(|at| children.get_mut(at)) {
                Some(Child {
                    node: Node::Branch(below),
                    ..
                }) => children = below,
                Some(Child {
                    node: Node::Leaf(leaf),
                    len,
                    ..
                }) => {
                    end += *len;
                    visit(leaf, by);
                    return if end < self.len { end } else { 0 };
                }
                None => return 0,
            }
        }
    }

    /// The one leaf, if there is one only.
    pub(super) fn only_leaf(&self) -> Option<&L> {
        match self.root.as_slice() {
            [only] => match &only.node {
                Node::Leaf(leaf) => Some(leaf),
                Node::Branch(_) => None,
            },
            _ => None,
        }
    }

    /// After a change: the root is a branch of its own, and no higher than need be.
    fn settle(&mut self, grown: Grown) {
        self.len = self.root.iter().map(|child| child.len).sum();
        if self.root.len() > FAN {
            let children = std::mem::take(&mut self.root);
            if let Some(mark) = children.first().map(|child| child.mark) {
                let mut lower = Child::branch(children, mark);
                let behind = lower.split(grown);
                self.root.push(lower);
                self.root.extend(behind);
            }
        }
        while let [only] = self.root.as_mut_slice() {
            let Node::Branch(children) = &mut only.node else {
                return;
            };
            self.root = std::mem::take(children);
        }
    }
}

fn edit_below<L: Leaf, S: Seek<L>, R>(
    children: &mut Vec<Child<L>>,
    seek: &mut S,
    grown: Grown,
    change: impl FnOnce(&mut L, &S) -> R,
) -> Option<R> {
    let at = seek.child(children);
    let child = children.get_mut(at)?;
    let before = child.len;
    let done = match &mut child.node {
        Node::Leaf(leaf) => Some(change(leaf, seek)),
        Node::Branch(below) => edit_below(below, seek, grown, change),
    };
    child.count();
    if child.len == 0 {
        children.remove(at);
        return done;
    }
    if child.len < before {
        join_around(children, at);
        return done;
    }
    let behind = child.split(grown);
    if !behind.is_empty() {
        children.splice(at + 1..at + 1, behind);
    }
    done
}

/// Joins a child with its neighbours if they fit.
fn join_around<L: Leaf>(children: &mut Vec<Child<L>>, at: usize) {
    for left in [at, at.wrapping_sub(1)] {
        if left < children.len() && left + 1 < children.len() {
            let next = children.remove(left + 1);
            if let Some(next) = children.get_mut(left).and_then(|child| child.join(next)) {
                children.insert(left + 1, next);
            }
        }
    }
}

fn cut_below<L: Leaf>(children: &mut Vec<Child<L>>, mut from: usize, mut count: usize, out: &mut Vec<L>) {
    let mut at = 0;
    let mut touched = None;
    while let Some(child) = children.get_mut(at).filter(|_| count > 0) {
        if from >= child.len {
            from -= child.len;
            at += 1;
            continue;
        }
        touched.get_or_insert(at);
        let here = count.min(child.len - from);
        count -= here;
        if here == child.len {
            children.remove(at).into_leaves(out);
            continue;
        }
        match &mut child.node {
            Node::Leaf(leaf) => leaf.cut(from, here),
            Node::Branch(below) => cut_below(below, from, here, out),
        }
        child.count();
        from = 0;
        at += 1;
    }
    if let Some(first) = touched {
        // The two that were cut in part, and those around them.
        join_around(children, first);
        join_around(children, first.saturating_sub(1));
    }
}

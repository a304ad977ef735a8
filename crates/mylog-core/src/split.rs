//! A table that never stops to grow as a whole: it is a tree of leaves, by the bits of the hash from the
//! highest down, and a leaf that is full is split into 64. So no step moves more than a leaf, while a single
//! table of some millions moves all of them at once, and the event loop waits.

use crate::relocate::Relocate;

/// Most items of a leaf: what a table of 16 Ki places holds. The longest step moves so many.
pub(crate) const LEAF_ITEMS: usize = 14_336;
/// Bits of the hash that one level uses up.
const LEVEL_BITS: u32 = 6;
const FAN: usize = 1 << LEVEL_BITS;
/// Leaves at this depth grow without bound: there would be thousands of millions of items.
const DEEPEST: u32 = 3;

/// What a leaf is: a small table of items, each with its hash.
pub(crate) trait Leaf: Default {
    /// What it holds.
    type Item;
    /// An empty one with room for so many.
    fn with_room(items: usize) -> Self;
    /// Number of items.
    fn len(&self) -> usize;
    /// Adds an item that it does not hold.
    fn put(&mut self, hash: u32, item: Self::Item);
    /// All items with their hashes.
    fn into_items(self) -> impl Iterator<Item = (u32, Self::Item)>;
}

#[derive(Debug, Clone)]
enum Node<L> {
    Leaf(L),
    Split(Box<Branch<L>>),
}

#[derive(Debug, Clone)]
struct Branch<L> {
    children: [Node<L>; FAN],
    /// Items below each of them.
    items: [u32; FAN],
}

impl<L: Leaf> Default for Node<L> {
    fn default() -> Self {
        Self::Leaf(L::default())
    }
}

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct Split<L> {
    root: Node<L>,
    /// Items in all leaves.
    len: usize,
}

impl<L: Leaf> Default for Split<L> {
    fn default() -> Self {
        Self {
            root: Node::default(),
            len: 0,
        }
    }
}

/// Which of a node's children a hash belongs to.
fn place(hash: u32, depth: u32) -> usize {
    (hash >> (u32::BITS - LEVEL_BITS * (depth + 1))) as usize % FAN
}

impl<L> Branch<L> {
    #[expect(clippy::indexing_slicing, reason = "a place is below FAN")]
    fn child(&self, hash: u32, depth: u32) -> &Node<L> {
        &self.children[place(hash, depth)]
    }

    #[expect(clippy::indexing_slicing, reason = "a place is below FAN")]
    fn child_mut(&mut self, hash: u32, depth: u32) -> (&mut Node<L>, &mut u32) {
        let place = place(hash, depth);
        (&mut self.children[place], &mut self.items[place])
    }
}

impl<L: Leaf> Node<L> {
    fn put(&mut self, depth: u32, hash: u32, item: L::Item) {
        if let Self::Leaf(leaf) = self {
            if leaf.len() < LEAF_ITEMS || depth == DEEPEST {
                return leaf.put(hash, item);
            }
            let full = std::mem::take(leaf);
            // A little more than the average, so that few of them grow at once.
            let room = LEAF_ITEMS / FAN * 9 / 8;
            let children = std::array::from_fn(|_| Self::Leaf(L::with_room(room)));
            let items = [0; FAN];
            *self = Self::Split(Box::new(Branch { children, items }));
            for (hash, item) in full.into_items() {
                self.put(depth, hash, item);
            }
        }
        match self {
            Self::Leaf(leaf) => leaf.put(hash, item),
            Self::Split(branch) => {
                let (child, items) = branch.child_mut(hash, depth);
                *items += 1;
                child.put(depth + 1, hash, item);
            }
        }
    }

    fn remove<T>(&mut self, depth: u32, hash: u32, take: impl FnOnce(&mut L) -> Option<T>) -> Option<T> {
        match self {
            Self::Leaf(leaf) => take(leaf),
            Self::Split(branch) => {
                let (child, items) = branch.child_mut(hash, depth);
                let taken = child.remove(depth + 1, hash, take)?;
                *items -= 1;
                Some(taken)
            }
        }
    }
}

impl<L: Leaf> Split<L> {
    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The leaf where an item of this hash is, if it is in the table.
    pub(crate) fn leaf(&self, hash: u32) -> &L {
        self.leaf_with_depth(hash).0
    }

    fn leaf_with_depth(&self, hash: u32) -> (&L, u32) {
        let (mut node, mut depth) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return (leaf, depth),
                Node::Split(branch) => node = branch.child(hash, depth),
            }
            depth += 1;
        }
    }

    /// As `leaf`, to change an item in place. Items come and go by `put` and `remove`.
    pub(crate) fn leaf_mut(&mut self, hash: u32) -> &mut L {
        let (mut node, mut depth) = (&mut self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return leaf,
                Node::Split(branch) => node = branch.child_mut(hash, depth).0,
            }
            depth += 1;
        }
    }

    /// As `leaf_with_depth`; moves the branches on the way.
    fn leaf_and_way(&mut self, hash: u32, by: &mut impl Relocate) -> (&mut L, u32) {
        let (mut node, mut depth) = (&mut self.root, 0);
        loop {
            *node = match std::mem::take(node) {
                Node::Split(branch) => Node::Split(by.boxed(branch)),
                leaf => leaf,
            };
            match node {
                Node::Leaf(leaf) => return (leaf, depth),
                Node::Split(branch) => node = branch.child_mut(hash, depth).0,
            }
            depth += 1;
        }
    }

    /// Moves the blocks of about `count` items: as `scan`, but that `visit` gets the leaf to move what it holds.
    pub(crate) fn relocate<R: Relocate>(
        &mut self,
        cursor: Cursor,
        count: usize,
        by: &mut R,
        mut visit: impl FnMut(&mut L, std::ops::Range<usize>, &mut R),
    ) -> Option<Cursor> {
        let (mut at, mut count) = (cursor, count.max(1));
        loop {
            let (leaf, depth) = self.leaf_and_way(at.from, by);
            if depth != at.depth {
                at = Cursor::at_leaf(at.from, depth);
            }
            let end = leaf.len().min(at.left as usize);
            let start = end.saturating_sub(count);
            visit(leaf, start..end, by);
            if start > 0 {
                at.left = start as u32;
                return Some(at);
            }
            let next = at.end()?;
            at = Cursor::at_leaf(next, self.leaf_with_depth(next).1);
            count = count.saturating_sub((end - start).max(1));
            if count == 0 {
                return Some(at);
            }
        }
    }

    /// Adds an item that the table does not hold.
    pub(crate) fn put(&mut self, hash: u32, item: L::Item) {
        self.root.put(0, hash, item);
        self.len += 1;
    }

    /// Lets `take` take an item of this hash out of its leaf.
    pub(crate) fn remove<T>(&mut self, hash: u32, take: impl FnOnce(&mut L) -> Option<T>) -> Option<T> {
        let taken = self.root.remove(0, hash, take)?;
        self.len -= 1;
        Some(taken)
    }

    /// The leaf of the item of this number, in the order of the leaves, and its place there.
    pub(crate) fn nth(&self, index: usize) -> Option<(&L, usize)> {
        let (mut node, mut index) = (&self.root, index);
        loop {
            match node {
                Node::Leaf(leaf) => return (index < leaf.len()).then_some((leaf, index)),
                Node::Split(branch) => {
                    let counted = branch.children.iter().zip(&branch.items);
                    let mut below = counted.map(|(child, &items)| (child, items as usize));
                    node = below.find_map(|(child, items)| {
                        if index < items {
                            return Some(child);
                        }
                        index -= items;
                        None
                    })?;
                }
            }
        }
    }

    /// All leaves, in the order of the hash.
    pub(crate) fn leaves(&self) -> Leaves<'_, L> {
        let mut open = [const { None }; DEEPEST as usize + 1];
        if let Some(first) = open.first_mut() {
            *first = Some(std::slice::from_ref(&self.root).iter());
        }
        Leaves { open, depth: 0 }
    }

    /// A step of a scan over all items, which ends after about `count` of them. `visit` gets a leaf and which
    /// places of it to visit, from the last down.
    ///
    /// Items may come and go between two steps, if a leaf fills the hole of an item with its last one: then
    /// a full scan visits every item that is there all the while; it may visit one twice.
    pub(crate) fn scan<'a>(
        &'a self,
        cursor: Cursor,
        count: usize,
        mut visit: impl FnMut(&'a L, std::ops::Range<usize>),
    ) -> Option<Cursor> {
        let (mut at, mut count) = (cursor, count.max(1));
        loop {
            let (leaf, depth) = self.leaf_with_depth(at.from);
            if depth != at.depth {
                // It was split since, and its items are in another order: all of it once more.
                at = Cursor::at_leaf(at.from, depth);
            }
            let end = leaf.len().min(at.left as usize);
            let start = end.saturating_sub(count);
            visit(leaf, start..end);
            if start > 0 {
                at.left = start as u32;
                return Some(at);
            }
            let next = at.end()?;
            at = Cursor::at_leaf(next, self.leaf_with_depth(next).1);
            // An empty leaf is a step too: there may be thousands in a row.
            count = count.saturating_sub((end - start).max(1));
            if count == 0 {
                return Some(at);
            }
        }
    }
}

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The lowest hash of the leaf.
    from: u32,
    /// The leaf's depth when it was begun.
    depth: u32,
    /// Places of the leaf that are not visited yet: those below it.
    left: u32,
}

impl Cursor {
    /// Before the first item.
    pub(crate) const START: Self = Self {
        from: 0,
        depth: 0,
        left: u32::MAX,
    };

    fn at_leaf(hash: u32, depth: u32) -> Self {
        let size = Self::size(depth);
        Self {
            from: hash - (u64::from(hash) % size) as u32,
            depth,
            left: u32::MAX,
        }
    }

    /// Hashes of a leaf.
    fn size(depth: u32) -> u64 {
        1 << (u32::BITS - LEVEL_BITS * depth.min(DEEPEST))
    }

    /// The lowest hash behind the leaf; `None` if there is none.
    fn end(self) -> Option<u32> {
        u32::try_from(u64::from(self.from) + Self::size(self.depth)).ok()
    }

    /// True if all items of this hash are still to come. Some may have been visited before: the part of a leaf that the
    /// scan stands in is visited again when it is split.
    pub(crate) fn is_before(self, hash: u32) -> bool {
        self.end().is_some_and(|end| hash >= end)
    }

    /// It as a number, never 0.
    pub(crate) fn to_number(self) -> u64 {
        let leaf = u64::from(self.from >> (u32::BITS - LEVEL_BITS * DEEPEST));
        leaf << 34 | u64::from(self.depth) << 32 | u64::from(self.left)
    }

    /// The cursor of a number; that of 0 is the start. Whatever the number, a scan goes on from somewhere.
    pub(crate) fn from_number(number: u64) -> Self {
        if number == 0 {
            return Self::START;
        }
        let leaf = (number >> 34) as u32 & ((1 << (LEVEL_BITS * DEEPEST)) - 1);
        Self {
            from: leaf << (u32::BITS - LEVEL_BITS * DEEPEST),
            depth: (number >> 32) as u32 & 3,
            left: number as u32,
        }
    }
}

/// Iterator over leaves.
pub(crate) struct Leaves<'a, L> {
    /// What is left of the nodes that are being walked, from the root down.
    open: [Option<std::slice::Iter<'a, Node<L>>>; DEEPEST as usize + 1],
    depth: usize,
}

impl<'a, L> Iterator for Leaves<'a, L> {
    type Item = &'a L;

    fn next(&mut self) -> Option<&'a L> {
        loop {
            match self.open.get_mut(self.depth)?.as_mut()?.next() {
                Some(Node::Leaf(leaf)) => return Some(leaf),
                Some(Node::Split(branch)) => {
                    self.depth += 1;
                    *self.open.get_mut(self.depth)? = Some(branch.children.iter());
                }
                None => self.depth = self.depth.checked_sub(1)?,
            }
        }
    }
}

//! The list: one packed block while it is small, packed nodes under counting branches once it is large.

use super::counted::{At, Counted, Grown, Leaf};
use super::element;
use super::packed::{self, Packed};
use super::side::Side;
use super::walk;
use crate::relocate::{self, Relocate};
use crate::varint::{self, put, put_bytes, take_bytes};

/// Most bytes of a small list and of a node, as `list-max-listpack-size` is by default (-2). A longer element is
/// alone in its node.
const NODE_BYTES: usize = 8 << 10;

/// Elements in order.
#[derive(Debug, Clone, Default)]
pub struct List(Form);

#[derive(Debug, Clone)]
enum Form {
    Small(Packed),
    Large(Box<Nodes>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Packed::default())
    }
}

#[derive(Debug, Clone, Default)]
struct Nodes {
    nodes: Counted<Packed>,
    /// Bytes of the nodes' elements with their lengths.
    bytes: usize,
}

impl Leaf for Packed {
    type Mark = ();

    fn len(&self) -> usize {
        self.len()
    }

    fn mark(&self) {}

    fn is_full(&self) -> bool {
        self.bytes() > NODE_BYTES && self.len() > 1
    }

    fn fits_with(&self, next: &Self) -> bool {
        self.bytes() + next.bytes() <= NODE_BYTES * 3 / 4
    }

    fn split(&mut self, grown: Grown) -> Self {
        let last = self.len() - 1;
        match grown {
            Grown::Front => self.split_off(1),
            Grown::Back => self.split_off(last),
            Grown::Inside => {
                let (half, mut bytes, mut at) = (self.bytes() / 2, 0, 0);
                for element in self.iter() {
                    bytes += element::room(element.len());
                    if bytes > half {
                        break;
                    }
                    at += 1;
                }
                self.split_off(at.clamp(1, last))
            }
        }
    }

    fn join(&mut self, next: Self) {
        if self.len() == 0 {
            *self = next;
        } else {
            self.append(&next);
        }
    }

    fn cut(&mut self, from: usize, count: usize) {
        self.splice(self.place(from), count, &[]);
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}
impl Eq for List {}

impl List {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len(),
            Form::Large(large) => large.nodes.len(),
        }
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if it is one packed block, as a listpack is in the server.
    pub fn is_small(&self) -> bool {
        matches!(self.0, Form::Small(_))
    }

    /// The element at a place, from 0.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.0 {
            Form::Small(packed) => packed.get(index),
            Form::Large(large) => {
                let (node, before) = large.nodes.leaf_of(index)?;
                node.get(index - before)
            }
        }
    }

    /// All elements, from the first on.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_from(0, false)
    }

    /// The elements from a place on: to the end, or with `rev` to the beginning. None past the end.
    pub fn iter_from(&self, index: usize, rev: bool) -> Iter<'_> {
        let len = self.len();
        let left = match rev {
            _ if index >= len => 0,
            true => index + 1,
            false => len - index,
        };
        let (from, to) = if rev { (0, index + 1) } else { (index, len) };
        let node = match &self.0 {
            Form::Small(packed) if left > 0 => packed.range(from, to),
            _ => walk::Iter::default(),
        };
        Iter {
            list: self,
            node,
            next: index,
            left,
            rev,
        }
    }

    /// Adds an element at an end.
    pub fn push(&mut self, side: Side, element: &[u8]) {
        let at = match side {
            Side::Head => 0,
            Side::Tail => self.len(),
        };
        self.insert(at, element);
    }

    /// Puts an element at a place: the one there, and all behind it, move up. False past the end.
    pub fn insert(&mut self, index: usize, element: &[u8]) -> bool {
        let len = self.len();
        if index > len {
            return false;
        }
        match &mut self.0 {
            Form::Small(packed) if packed.bytes() + element::room(element.len()) <= NODE_BYTES => {
                packed.splice(packed.place(index), 0, &[element]);
                return true;
            }
            Form::Small(_) => self.grow(),
            Form::Large(_) => {}
        }
        let Form::Large(large) = &mut self.0 else {
            return false;
        };
        let grown = match index {
            0 => Grown::Front,
            at if at == len => Grown::Back,
            _ => Grown::Inside,
        };
        large.bytes += element::room(element.len());
        let add = |node: &mut Packed, at: &At| node.splice(node.place(at.0), 0, &[element]);
        large.nodes.edit(At(index), grown, add);
        true
    }

    /// Gives the element at a place other bytes. False past the end.
    pub fn set(&mut self, index: usize, element: &[u8]) -> bool {
        let Some(held) = self.get(index).map(|held| element::room(held.len())) else {
            return false;
        };
        let room = element::room(element.len());
        match &mut self.0 {
            Form::Small(packed) if packed.bytes() - held + room <= NODE_BYTES => {
                packed.replace(packed.place(index), element);
                return true;
            }
            Form::Small(_) => self.grow(),
            Form::Large(_) => {}
        }
        let Form::Large(large) = &mut self.0 else {
            return false;
        };
        large.bytes = large.bytes - held + room;
        let change = |node: &mut Packed, at: &At| node.replace(node.place(at.0), element);
        large.nodes.edit(At(index), Grown::Inside, change);
        true
    }

    /// Takes elements out from a place on. False if there are fewer, and then none has left.
    pub fn remove(&mut self, index: usize, count: usize) -> bool {
        self.cut(index, count).is_some()
    }

    /// As `remove`; gives back blocks of memory that are worth freeing elsewhere.
    pub(crate) fn cut(&mut self, index: usize, count: usize) -> Option<Vec<Box<[u8]>>> {
        if index.checked_add(count).is_none_or(|end| end > self.len()) {
            return None;
        }
        if count == 0 {
            return Some(Vec::new());
        }
        let left = match &mut self.0 {
            Form::Small(packed) => {
                packed.splice(packed.place(index), count, &[]);
                Vec::new()
            }
            Form::Large(large) => large.cut(index, count),
        };
        self.shrink();
        Some(left)
    }

    fn grow(&mut self) {
        if let Form::Small(packed) = &mut self.0 {
            let mut large = Box::new(Nodes::default());
            let node = std::mem::take(packed);
            if node.len() > 0 {
                large.bytes = node.iter().map(|element| element::room(element.len())).sum();
                large.nodes.push_leaf(node);
            }
            self.0 = Form::Large(large);
        }
    }

    /// Makes it small once one node is left, half of it empty: not at the limit, or it would go to and fro.
    fn shrink(&mut self) {
        if let Form::Large(large) = &self.0 {
            if large.nodes.len() == 0 {
                self.0 = Form::default();
            } else if let Some(node) = large
                .nodes
                .only_leaf()
                .filter(|node| node.bytes() <= NODE_BYTES / 2)
            {
                self.0 = Form::Small(node.clone());
            }
        }
    }

    /// Bytes of the elements and their lengths, about, in one step.
    pub fn data_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.data_bytes() + packed.len(),
            Form::Large(large) => large.bytes - large.nodes.len(),
        }
    }

    /// A step of moving its blocks to others: those of a node. See [`Value::relocate`](super::Value::relocate).
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
            Form::Large(large) => {
                let visit = |node: &mut Packed, by: &mut _| relocate::bytes(node.block_mut(), by);
                large.nodes.relocate(from as usize, by, visit) as u64
            }
        }
    }

    /// Blocks of memory, about.
    pub(super) fn blocks(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(large) => 2 + large.bytes / NODE_BYTES,
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.memory(),
            Form::Large(large) => size_of::<Nodes>() + large.bytes * 17 / 16,
        }
    }

    pub(super) fn body_len(&self) -> usize {
        body_len(self.len(), self.iter())
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        self.iter().for_each(|element| put_bytes(out, element));
    }

    pub(super) fn decode_body(body: &[u8]) -> Option<Self> {
        let elements = packed::take_items(body, take_bytes)?;
        let room: usize = elements.iter().map(|element| element::room(element.len())).sum();
        if packed::HEAD + room <= NODE_BYTES {
            return Some(Self(Form::Small(Packed::of(elements.into_iter()))));
        }
        let mut list = Self::default();
        elements.iter().for_each(|element| list.push(Side::Tail, element));
        Some(list)
    }
}

/// Bytes of a body that is a list of elements.
pub(super) fn body_len<'a>(count: usize, elements: impl Iterator<Item = &'a [u8]>) -> usize {
    let len = |element: &[u8]| varint::len(element.len() as u64) + element.len();
    varint::len(count as u64) + elements.map(len).sum::<usize>()
}

impl Nodes {
    fn cut(&mut self, index: usize, count: usize) -> Vec<Box<[u8]>> {
        let room = |node: walk::Iter<'_>| node.map(|element| element::room(element.len())).sum::<usize>();
        // The nodes that lose a part of their elements are two at most.
        let (mut gone, mut at, end) = (0, index, index + count);
        while let Some((node, before)) = self.nodes.leaf_of(at).filter(|_| at < end) {
            let to = end.min(before + node.len());
            gone += if to - at == node.len() {
                node.bytes() - packed::HEAD
            } else {
                room(node.range(at - before, to - before))
            };
            at = to;
        }
        self.bytes -= gone;
        let whole = self.nodes.cut(index, count);
        whole.into_iter().map(Packed::into_block).collect()
    }
}

/// Elements of a list, one way.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    list: &'a List,
    /// What is left of the present node.
    node: walk::Iter<'a>,
    /// The next element's place.
    next: usize,
    left: usize,
    rev: bool,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        if self.node.len() == 0 {
            let Form::Large(large) = &self.list.0 else {
                return None;
            };
            let (node, before) = large.nodes.leaf_of(self.next)?;
            self.node = match self.rev {
                true => node.range(0, self.next - before + 1),
                false => node.range(self.next - before, node.len()),
            };
        }
        if self.rev {
            self.next = self.next.wrapping_sub(1);
            self.node.next_back()
        } else {
            self.next += 1;
            self.node.next()
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

//! The set: integers alone in one block, in their order, while they are not many; other members in one packed block,
//! in the order they came, while they are few and short; in rows by name once they are neither. It goes that way
//! only. See the hash for the order and for scans.

use super::decimal::{Decimal, integer};
use super::integers::{self, Integers};
use super::member::Member;
use super::members::Members;
use super::packed::{self, Packed};
use super::walk;
use crate::relocate::{self, Relocate};
use crate::varint::{self, put, put_bytes, take_bytes};

/// Most members of a small set, as `set-max-listpack-entries` is by default.
const SMALL_MEMBERS: usize = 128;
/// Longest member of a small set, as `set-max-listpack-value` is by default.
const SMALL_BYTES: usize = 64;

/// Members without an order.
#[derive(Debug, Clone, Default)]
pub struct Set(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Or integers in such a block: a third form beside would make every value larger.
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
    members: Members<()>,
    /// Sum of the lengths of all members.
    bytes: usize,
}

/// What a set is made of.
enum View<'a> {
    Integers(Integers<'a>),
    Packed(&'a Packed),
    Large(&'a Large),
}

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.contains(&member))
    }
}
impl Eq for Set {}

impl Set {
    #[inline]
    fn view(&self) -> View<'_> {
        match &self.0 {
            Form::Small(packed) => match Integers::of(packed.block()) {
                Some(integers) => View::Integers(integers),
                None => View::Packed(packed),
            },
            Form::Large(large) => View::Large(large),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self.view() {
            View::Integers(integers) => integers.len(),
            View::Packed(packed) => packed.len(),
            View::Large(large) => large.members.len(),
        }
    }

    /// True without members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if it is one block, as a listpack or a set of integers is in the server.
    pub fn is_small(&self) -> bool {
        matches!(self.0, Form::Small(_))
    }

    /// True if it has this member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.view() {
            View::Integers(integers) => integer(member).is_some_and(|value| integers.find(value).is_ok()),
            View::Packed(packed) => packed.find::<1>(member).is_some(),
            View::Large(large) => large.members.get(member).is_some(),
        }
    }

    /// Adds a member and says whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        let integers = match self.view() {
            View::Large(large) if large.members.get(member).is_some() => return false,
            View::Packed(packed) if packed.find::<1>(member).is_some() => return false,
            View::Packed(packed) if packed.len() == 0 => Some(Integers::none()),
            View::Integers(integers) => Some(integers),
            View::Packed(_) | View::Large(_) => None,
        };
        let place = match integers.zip(integer(member)) {
            Some((integers, value)) => match integers.find(value) {
                Ok(_) => return false,
                Err(index) => (integers.len() < integers::MOST).then_some((index, value)),
            },
            None => None,
        };
        match (&mut self.0, place) {
            (Form::Small(packed), Some((index, value))) => integers::insert(packed.block_mut(), index, value),
            (Form::Small(_), None) => self.add_bytes(member),
            (Form::Large(large), _) => large.add(member),
        }
        true
    }

    /// Adds to a small set a member that there is not, and that its integers can't take.
    fn add_bytes(&mut self, member: &[u8]) {
        let is_small = self.len() < SMALL_MEMBERS && member.len() <= SMALL_BYTES;
        match (&mut self.0, is_small) {
            (Form::Small(packed), true) => {
                if let Some(integers) = Integers::of(packed.block()) {
                    *packed = Packed::of(integers.iter().map(Decimal::of));
                }
                packed.push(member);
            }
            _ => {
                let mut large = Large::default();
                self.iter().for_each(|member| large.add(&member));
                large.add(member);
                self.0 = Form::Large(Box::new(large));
            }
        }
    }

    /// Removes a member and says whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Small(packed) => match Integers::of(packed.block()) {
                Some(integers) => {
                    let Some(Ok(index)) = integer(member).map(|value| integers.find(value)) else {
                        return false;
                    };
                    integers::remove(packed.block_mut(), index);
                    true
                }
                None => {
                    let Some((place, _)) = packed.find::<1>(member) else {
                        return false;
                    };
                    packed.splice(place, 1, &[]);
                    true
                }
            },
            Form::Large(large) => {
                let gone = large.members.remove(member).is_some();
                large.bytes -= if gone { member.len() } else { 0 };
                gone
            }
        }
    }

    /// The members: of a small set integers in their order, others in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let (integers, packed, large) = match self.view() {
            View::Integers(integers) => (Some(integers.iter()), walk::Iter::default(), None),
            View::Packed(packed) => (None, packed.iter(), None),
            View::Large(large) => (None, walk::Iter::default(), Some(large.members.iter())),
        };
        let integers = integers.into_iter().flatten().map(Member::of_number);
        let large = large.into_iter().flatten().map(|(member, ())| member);
        integers.chain(packed.chain(large).map(Member::Bytes))
    }

    /// A member by its number, in one step or a few, for a random one: every number below the length names
    /// one, as long as the set does not change.
    pub fn nth(&self, index: usize) -> Option<Member<'_>> {
        match self.view() {
            View::Integers(integers) => integers.get(index).map(Member::of_number),
            View::Packed(packed) => packed.get(index).map(Member::Bytes),
            View::Large(large) => large.members.nth(index).map(|(member, ())| Member::Bytes(member)),
        }
    }

    /// A step of a scan: visits about `count` members and returns the next cursor, 0 at the end. A full scan
    /// from 0 visits every member that is there all the while; one may come twice.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Member<'a>)) -> u64 {
        match &self.0 {
            Form::Small(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Large(large) => large
                .members
                .scan(cursor, count, |member, ()| visit(Member::Bytes(member))),
        }
    }

    /// True if a scan that stands at `cursor`, not at its end, has still to come to this member, whether it
    /// is there or not.
    pub fn is_ahead(&self, cursor: u64, member: &[u8]) -> bool {
        match &self.0 {
            Form::Small(_) => false,
            Form::Large(large) => large.members.is_ahead(cursor, member),
        }
    }

    /// Bytes of the members alone, without taking them one by one.
    pub fn data_bytes(&self) -> usize {
        match self.view() {
            View::Integers(integers) => integers.text_bytes(),
            View::Packed(packed) => packed.data_bytes(),
            View::Large(large) => large.bytes,
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
            Form::Large(large) => large
                .members
                .relocate(from, relocate::STEP, by, |member, (), by| {
                    relocate::bytes(member, by);
                }),
        }
    }

    /// Blocks of memory, about.
    pub(super) fn blocks(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(large) => 2 + large.members.len(),
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.memory(),
            Form::Large(large) => size_of::<Large>() + large.bytes + large.members.memory(),
        }
    }

    pub(super) fn body_len(&self) -> usize {
        let len = |member: Member<'_>| varint::len(member.len() as u64);
        varint::len(self.len() as u64) + self.data_bytes() + self.iter().map(len).sum::<usize>()
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        self.iter().for_each(|member| put_bytes(out, &member));
    }

    pub(super) fn decode_body(body: &[u8]) -> Option<Self> {
        let members = packed::take_items(body, take_bytes)?;
        if members.len() <= integers::MOST {
            let values = members.iter().map(|member| integer(member));
            if let Some(mut values) = values.collect::<Option<Vec<_>>>() {
                values.sort_unstable();
                values.dedup();
                let small = Form::Small(Packed::holding(integers::of_sorted(&values)));
                return (values.len() == members.len()).then_some(Self(small));
            }
        }
        let longest = members.iter().map(|member| member.len()).max().unwrap_or(0);
        if members.len() <= SMALL_MEMBERS && longest <= SMALL_BYTES {
            let distinct = packed::are_distinct(members.iter().copied());
            return distinct.then(|| Self(Form::Small(Packed::of(members.into_iter()))));
        }
        let mut set = Self::default();
        let distinct = members.into_iter().all(|member| set.add(member));
        distinct.then_some(set)
    }
}

impl Large {
    /// Adds a member that there is not.
    fn add(&mut self, member: &[u8]) {
        self.members.add(member.into(), ());
        self.bytes += member.len();
    }
}

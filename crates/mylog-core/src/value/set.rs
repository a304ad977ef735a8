//! The set: members in one packed block, in the order they came, while they are few and short; in rows by name
//! once they are not. See the hash for the order and for scans.

use super::list::body_len;
use super::members::Members;
use super::packed::{self, Packed};
use crate::effect::varint::{put, put_bytes, take_bytes};

/// Most members of a small set, as `set-max-listpack-entries` is by default.
const SMALL_MEMBERS: usize = 128;
/// Longest member of a small set, as `set-max-listpack-value` is by default.
const SMALL_BYTES: usize = 64;

/// Members without an order.
#[derive(Debug, Clone, Default)]
pub struct Set(Form);

#[derive(Debug, Clone)]
enum Form {
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

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.contains(member))
    }
}
impl Eq for Set {}

impl Set {
    /// Number of members.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len(),
            Form::Large(large) => large.members.len(),
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

    /// True if it has this member.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Small(packed) => packed.find::<1>(member).is_some(),
            Form::Large(large) => large.members.get(member).is_some(),
        }
    }

    /// Adds a member and says whether it is new.
    pub fn add(&mut self, member: &[u8]) -> bool {
        if self.contains(member) {
            return false;
        }
        if let Form::Small(packed) = &mut self.0 {
            if packed.len() < SMALL_MEMBERS && member.len() <= SMALL_BYTES {
                packed.push(member);
                return true;
            }
            let mut large = Large::default();
            packed.iter().for_each(|member| large.add(member));
            self.0 = Form::Large(Box::new(large));
        }
        if let Form::Large(large) = &mut self.0 {
            large.add(member);
        }
        true
    }

    /// Removes a member and says whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Small(packed) => {
                let Some(place) = packed.find::<1>(member).map(|(place, _)| place) else {
                    return false;
                };
                packed.splice(place, 1, &[]);
                true
            }
            Form::Large(large) => {
                let gone = large.members.remove(member).is_some();
                large.bytes -= if gone { member.len() } else { 0 };
                gone
            }
        }
    }

    /// The members: of a small set in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let (small, large) = match &self.0 {
            Form::Small(packed) => (packed.iter(), None),
            Form::Large(large) => (packed::Iter::default(), Some(large.members.iter())),
        };
        small.chain(large.into_iter().flatten().map(|(member, ())| member))
    }

    /// A member by its number, in one step or a few, for a random one: every number below the length names
    /// one, as long as the set does not change.
    pub fn nth(&self, index: usize) -> Option<&[u8]> {
        match &self.0 {
            Form::Small(packed) => packed.get(index),
            Form::Large(large) => large.members.nth(index).map(|(member, ())| member),
        }
    }

    /// A step of a scan: visits about `count` members and returns the next cursor, 0 at the end. A full scan
    /// from 0 visits every member that is there all the while; one may come twice.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8])) -> u64 {
        match &self.0 {
            Form::Small(packed) => {
                packed.iter().for_each(visit);
                0
            }
            Form::Large(large) => large.members.scan(cursor, count, |member, ()| visit(member)),
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
        match &self.0 {
            Form::Small(packed) => packed.data_bytes(),
            Form::Large(large) => large.bytes,
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
        body_len(self.len(), self.iter())
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        self.iter().for_each(|member| put_bytes(out, member));
    }

    pub(super) fn decode_body(body: &[u8]) -> Option<Self> {
        let members = packed::take_items(body, take_bytes)?;
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

//! One element in a packed block: its bytes between two copies of their number, the second written backwards.

use crate::varint;

/// What an element of `len` bytes takes.
pub(super) fn room(len: usize) -> usize {
    len + 2 * varint::len(len as u64)
}

/// Writes an element, with its lengths, to the front of a place that has its room, and gives back what is behind it.
pub(super) fn put<'p>(place: &'p mut [u8], element: &[u8]) -> &'p mut [u8] {
    if element.len() < 0x80 {
        let len = element.len();
        let Some((own, rest)) = place.split_at_mut_checked(len + 2) else {
            return Default::default();
        };
        if let [first, bytes @ .., last] = own {
            (*first, *last) = (len as u8, len as u8);
            bytes.copy_from_slice(element);
        }
        return rest;
    }
    put_long(place, element)
}

#[cold]
fn put_long<'p>(place: &'p mut [u8], element: &[u8]) -> &'p mut [u8] {
    let mut len = Vec::with_capacity(10);
    varint::put(&mut len, element.len() as u64);
    let end = len.len() + element.len();
    let Some((own, rest)) = place.split_at_mut_checked(end + len.len()) else {
        return Default::default();
    };
    let (before, behind) = own.split_at_mut(end);
    let (first, bytes) = before.split_at_mut(len.len());
    first.copy_from_slice(&len);
    bytes.copy_from_slice(element);
    len.reverse();
    behind.copy_from_slice(&len);
    rest
}

/// Splits the first element off.
pub(super) fn take_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    // Nearly all are short: a node is walked over hundreds of them.
    if first < 0x80 {
        let (element, rest) = rest.split_at_checked(usize::from(first))?;
        return Some((element, rest.get(1..)?));
    }
    rest = bytes;
    let len = varint::take(&mut rest)? as usize;
    let (element, rest) = rest.split_at_checked(len)?;
    Some((element, rest.get(varint::len(len as u64)..)?))
}

/// Where the element behind the one at `at` begins.
#[inline]
pub(super) fn next_place(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        short @ 0..0x80 => Some(at + usize::from(short) + 2),
        _ => behind_long(bytes, at),
    }
}

/// Not in line: it would take the registers of the loop that passes the short ones.
#[cold]
#[inline(never)]
pub(super) fn behind_long(bytes: &[u8], at: usize) -> Option<usize> {
    let (_, rest) = take_first(bytes.get(at..)?)?;
    Some(bytes.len() - rest.len())
}

/// Where the element that ends at `end` begins.
#[inline]
pub(super) fn place_before(bytes: &[u8], end: usize) -> Option<usize> {
    match *bytes.get(end.checked_sub(1)?)? {
        short @ 0..0x80 => end.checked_sub(usize::from(short) + 2),
        _ => take_last(bytes.get(..end)?).map(|(_, rest)| rest.len()),
    }
}

/// Splits the last element off; what is before it comes second.
pub(super) fn take_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&last, rest) = bytes.split_last()?;
    if last < 0x80 {
        let (rest, element) = rest.split_at_checked(rest.len().checked_sub(usize::from(last))?)?;
        return Some((element, rest.get(..rest.len().checked_sub(1)?)?));
    }
    let (mut len, mut shift, mut rest) = (0, 0, bytes);
    loop {
        let (&byte, before) = rest.split_last()?;
        rest = before;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let (rest, element) = rest.split_at_checked(rest.len().checked_sub(len)?)?;
    let rest = rest.get(..rest.len().checked_sub(varint::len(len as u64))?)?;
    Some((element, rest))
}

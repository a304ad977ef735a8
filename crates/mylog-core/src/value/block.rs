//! A block of memory that is as large as the allocator makes it anyway: what comes to a small value goes into the
//! room that is left, and most changes move it nowhere.

/// Most room that is left: its number is kept in one byte.
pub(super) const MOST_ROOM: usize = 255;

/// The size that the server's allocator gives for so many bytes. Another one's differ little.
fn size_given(bytes: usize) -> usize {
    if bytes <= 64 {
        return bytes.next_multiple_of(8);
    }
    // Four sizes for each doubling.
    bytes.next_multiple_of(bytes.next_power_of_two() / 8)
}

/// How large a block for so many bytes is made.
pub(super) fn size_for(bytes: usize) -> usize {
    size_given(bytes).min(bytes + MOST_ROOM)
}

/// Makes a block of `size_for(bytes)`, if it is too small for so many or has much more room than that.
pub(super) fn fit(block: &mut Box<[u8]>, bytes: usize) {
    let held = block.len();
    let left = held.checked_sub(bytes);
    // Not at once when a smaller one would do, or it would go to and fro.
    if left.is_some_and(|left| left <= MOST_ROOM && left <= held / 4) {
        return;
    }
    let size = size_for(bytes);
    if size == held {
        return;
    }
    let mut vec = std::mem::take(block).into_vec();
    vec.reserve_exact(size.saturating_sub(held));
    vec.resize(size, 0);
    *block = vec.into_boxed_slice();
}

/// Moves what is from `end` on, up to `used`, to `to`: the bytes between are gone, or new ones to be written.
pub(super) fn move_tail(block: &mut [u8], end: usize, used: usize, to: usize) {
    if end != to && end < used && to + (used - end) <= block.len() {
        block.copy_within(end..used, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_allocator() {
        for (bytes, size) in [
            (1, 8),
            (57, 64),
            (65, 80),
            (113, 128),
            (129, 160),
            (257, 320),
            (512, 512),
            (513, 640),
            (1793, 2048),
            (2049, 2049 + MOST_ROOM),
        ] {
            assert_eq!(size_for(bytes), size, "{bytes}");
        }
        for bytes in 1..20_000 {
            assert!((bytes..=bytes + MOST_ROOM).contains(&size_for(bytes)), "{bytes}");
        }
    }

    #[test]
    fn a_block_has_room_and_gives_much_of_it_back() {
        let mut block = Box::default();
        for bytes in (1..9000).chain((1..9000).rev()) {
            fit(&mut block, bytes);
            let left = block.len() - bytes;
            assert!(left <= MOST_ROOM && (left <= block.len() / 4 || block.len() == size_for(bytes)));
        }
    }
}

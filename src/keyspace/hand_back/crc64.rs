//! The checksum at the end of a dumped value: CRC-64 with the polynomial of Jones.

/// The polynomial with its bits reflected: the checksum takes the lowest bit of each byte first.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// The change that each byte makes to the checksum. The compiler computes the table, so an index out of bounds would be a
/// compile error.
#[allow(clippy::indexing_slicing, reason = "runs in the compiler only")]
const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u64, 0);
        while bit < 8 {
            let low = sum & 1;
            sum = (sum >> 1) ^ (POLYNOMIAL * low);
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

/// The checksum of these bytes.
pub(super) fn of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        TABLE.get(usize::from(low ^ byte)).unwrap_or(&0) ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_sum_of_the_usual_digits_is_the_known_one() {
        assert_eq!(of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(of(b""), 0);
    }
}

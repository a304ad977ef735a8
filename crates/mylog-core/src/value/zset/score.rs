//! A score in a packed block: whole numbers in as few bytes as they need, any other in eight.

/// Whole numbers below it are exact, and shorter than eight bytes.
const EXACT: f64 = (1u64 << 53) as f64;

/// The score's bytes, and how many of them count. The sign of zero is lost.
pub(super) fn encode(score: f64) -> ([u8; 8], usize) {
    if score.fract() != 0.0 || score.abs() >= EXACT {
        return (score.to_le_bytes(), 8);
    }
    let whole = score as i64;
    let fits = |bytes: &usize| sign_extended(whole, *bytes) == whole;
    (whole.to_le_bytes(), (0..8).find(fits).unwrap_or(8))
}

/// The score of these bytes; `None` if they are too many.
pub(super) fn decode(bytes: &[u8]) -> Option<f64> {
    if let Ok(&all) = <&[u8; 8]>::try_from(bytes) {
        return Some(f64::from_le_bytes(all));
    }
    let mut whole = [0; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(sign_extended(i64::from_le_bytes(whole), bytes.len()) as f64)
}

/// What is left of a number of which only so many bytes are kept, fewer than eight.
fn sign_extended(whole: i64, bytes: usize) -> i64 {
    if bytes == 0 {
        return 0;
    }
    let shift = 64 - 8 * bytes as u32;
    whole << shift >> shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_score_comes_back() {
        let mut scores = vec![0.0, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, 0.1, 1e300, EXACT];
        for shift in 0..63 {
            let whole = (1i64 << shift) as f64;
            scores.extend([whole - 1.0, whole, whole + 1.0, whole + 0.5]);
        }
        for score in scores.into_iter().flat_map(|score| [score, -score]) {
            let (bytes, len) = encode(score);
            assert_eq!(decode(&bytes[..len]), Some(score));
        }
        assert_eq!((encode(0.0).1, encode(-128.0).1, encode(128.0).1), (0, 1, 2));
        assert_eq!(encode(EXACT - 1.0).1, 7);
    }
}

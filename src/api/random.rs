//! Random numbers for answers that are random by name. Nothing that is kept depends on them.

use super::api;

/// A generator, begun with bytes of the server's.
pub(crate) struct Random(u64);

impl Random {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut seed = [0u8; 8];
        // SAFETY: the buffer is alive and of that length.
        unsafe { api!(RedisModule_GetRandomBytes)(seed.as_mut_ptr(), seed.len()) };
        Self(u64::from_le_bytes(seed))
    }

    /// A number below `end`, each as likely as the others; 0 if `end` is.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // SplitMix64, and the high half of a product: its bias is below one in 2^32 for any collection there is.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((u128::from(bits) * end as u128) >> 64) as usize
    }
}

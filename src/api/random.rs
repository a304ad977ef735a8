//! The server's random bytes, and a cheap sequence that begins with them.

use super::api;

/// Random numbers for one command. Good enough to pick members with; not for secrets.
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own.
    pub(crate) fn new() -> Self {
        let mut seed = [0u8; 8];
        // SAFETY: the buffer is alive and of that length; the call takes nothing else.
        unsafe { api!(RedisModule_GetRandomBytes)(seed.as_mut_ptr(), seed.len()) };
        Self(u64::from_le_bytes(seed))
    }

    /// A number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // The upper half of the product spreads over the range as evenly as 64 bits can.
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// SplitMix64: every state is a good one, so any seed will do.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

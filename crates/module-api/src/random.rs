//! Random numbers for answers that are random by name. Nothing that is kept depends on them.

use super::api;
use crate::gil::Gil;

/// A generator.
pub struct Random(u64);

/// Where new ones come from. It is begun with bytes of the server's, once: they cost the server a hash of 64 bytes,
/// more than all else of a command that shows one member.
static SOURCE: Gil<Option<Random>> = Gil::new(None);

impl Random {
    /// A new one.
    pub fn of_server() -> Self {
        SOURCE.with(|source| Self(source.get_or_insert_with(Self::seeded).bits()))
    }

    fn seeded() -> Self {
        let mut seed = [0u8; 8];
        // SAFETY: the buffer is alive and of that length.
        unsafe { api!(RedisModule_GetRandomBytes)(seed.as_mut_ptr(), seed.len()) };
        Self(u64::from_le_bytes(seed))
    }

    /// A number below `end`, each as likely as the others; 0 if `end` is.
    pub fn below(&mut self, end: usize) -> usize {
        // The high half of a product: its bias is below one in 2^32 for any collection there is.
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// The next 64 bits, by SplitMix64.
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

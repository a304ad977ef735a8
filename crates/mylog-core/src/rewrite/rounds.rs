//! How often the child goes over what changed behind it. Each round should leave less than the one before, as
//! in the live migration of a virtual machine; where it does not, more of them gain nothing, and the rewrite
//! would never end.

/// A round of no more bytes than this is left to the end.
const LITTLE: u64 = 64 << 10;
/// Most rounds, however well they go: meanwhile the server has no child for anything else.
const MOST: u64 = 16;

/// The rounds of one rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    before: u64,
    done: u64,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            before: u64::MAX,
            done: 0,
        }
    }
}

impl Rounds {
    /// Counts and allows another round over the `left` bytes that the file lacks; or says that
    /// they are to be left to the end: little is left, or not half as much as before, or enough is enough.
    pub fn another(&mut self, left: u64) -> bool {
        let goes_on = left > LITTLE && left <= self.before / 2 && self.done < MOST;
        if goes_on {
            self.before = left;
            self.done += 1;
        }
        goes_on
    }

    /// Rounds so far.
    pub fn done(&self) -> u64 {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(left: impl IntoIterator<Item = u64>) -> u64 {
        let mut rounds = Rounds::default();
        let _ = left.into_iter().all(|left| rounds.another(left << 10));
        rounds.done()
    }

    #[test]
    fn rounds_end_where_one_is_not_half_the_one_before() {
        assert_eq!(rounds([1000, 500, 251]), 2);
        assert_eq!(rounds([1000, 1000, 1000]), 1);
        assert_eq!(rounds([1000, 500, 250, 125, 62]), 4);
    }

    #[test]
    fn little_is_left_to_the_end() {
        assert_eq!(rounds([64, 32]), 0);
        assert_eq!(rounds([65, 64]), 1);
    }

    #[test]
    fn rounds_end_however_well_they_go() {
        assert_eq!(rounds((0..40).map(|n| u64::MAX >> (n + 11))), 16);
    }
}

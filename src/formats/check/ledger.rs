//! Whether two lists say the same, where each is too long to be held: an index and the data that it is about, or a file
//! and its mirror image.
//!
//! Every entry is a pair of numbers that is hashed to 64 bits; one list adds its entries, the other takes them away. The
//! sums are kept for sections of the lists, and a sum that is not zero in the end tells in which section they differ. The
//! order of the entries is of no account, so each list is read as it lies in its file.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sums over the sections of two lists.
pub(super) struct Ledger(Vec<AtomicU64>);

impl Ledger {
    /// Sums of zero for so many sections.
    pub(super) fn new(sections: usize) -> Self {
        Ledger((0..sections).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds to a section; a section that there is not is left out.
    pub(super) fn add(&self, section: usize, sum: u64) {
        if let Some(slot) = self.0.get(section) {
            slot.fetch_add(sum, Ordering::Relaxed);
        }
    }

    /// Takes away from a section.
    pub(super) fn take(&self, section: usize, sum: u64) {
        self.add(section, sum.wrapping_neg());
    }

    /// The sections in which the lists differ.
    pub(super) fn differing(&self) -> Vec<usize> {
        let open = self.0.iter().enumerate().filter(|(_, sum)| sum.load(Ordering::Relaxed) != 0);
        open.map(|(section, _)| section).collect()
    }
}

/// Spreads a number over 64 bits: neighbours have nothing in common.
pub(super) fn spread(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The hash of an entry, whose second number was [spread](spread) before: it is often the same for many entries.
pub(super) fn entry(first: u64, second: u64) -> u64 {
    spread(first.wrapping_add(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_say_the_same_leave_nothing() {
        let pairs = [(0, 7), (1, 7), (2, 9), (3, 4)];
        let ledger = Ledger::new(2);
        pairs.iter().for_each(|&(a, b)| ledger.add(a as usize / 2, entry(a, spread(b))));
        pairs.iter().rev().for_each(|&(a, b)| ledger.take(a as usize / 2, entry(a, spread(b))));
        assert!(ledger.differing().is_empty());
        // Two entries that change their places.
        ledger.add(1, entry(2, spread(4)).wrapping_add(entry(3, spread(9))));
        ledger.take(1, entry(2, spread(9)).wrapping_add(entry(3, spread(4))));
        ledger.add(5, 1);
        assert_eq!(ledger.differing(), [1]);
    }
}
